//! The arguments of the scripts.

use cloakroom::Timestamp;
use cloakroom::store::{Action, Commit, Edit, Expect, Guard, Lifetimes, Payload, Rotation};

use super::{envelope, field, head, idle, nonce, persistent};
use crate::namespace::hex;

/// What the script of a commit is given.
pub(crate) fn commit_arguments(commit: &Commit) -> Vec<Vec<u8>> {
    let next = commit.base.saturating_add(1);
    let mut arguments = vec![millis(commit.now), digits(commit.base), digits(next), nonce(commit.nonce)];
    arguments.extend(guarded(commit.guard));
    arguments.push(if commit.exact_base { b"exact".to_vec() } else { Vec::new() });
    arguments.push(digits(commit.edits.len() as u64));
    commit.edits.iter().for_each(|edit| arguments.extend(edit_arguments(edit, next)));
    if commit.lifetimes.is_some() || commit.rotation.is_some() {
        arguments.extend(lifetime_arguments(commit.lifetimes.as_ref()));
        rotation_arguments(commit.rotation.as_ref(), &mut arguments);
    }
    arguments
}

/// The value's field, the beginning of what must be there, and what it will be if the commit's base is up to date.
fn edit_arguments(edit: &Edit, next: u64) -> [Vec<u8>; 3] {
    let expected = match edit.expect {
        Expect::Version(0) => b"none".to_vec(),
        Expect::Version(version) => head(version),
        _ => b"any".to_vec(),
    };
    let value = match &edit.action {
        Action::Put { payload, fresh_until } => envelope(next, payload, *fresh_until),
        _ => envelope(next, &Payload::Removed, None),
    };
    [field(&edit.key), expected, value]
}

fn lifetime_arguments(lifetimes: Option<&Lifetimes>) -> [Vec<u8>; 3] {
    lifetimes.map_or_else(Default::default, |lifetimes| {
        [idle(lifetimes).into_bytes(), millis(lifetimes.absolute), persistent(lifetimes).into()]
    })
}

fn rotation_arguments(rotation: Option<&Rotation>, arguments: &mut Vec<Vec<u8>>) {
    let Some(rotation) = rotation else { return };
    arguments.push(hex(rotation.verifier.as_bytes()).into_bytes());
    arguments.extend(rotation.previous.map_or_else(<[Vec<u8>; 2]>::default, |previous| {
        [hex(previous.verifier.as_bytes()).into_bytes(), millis(previous.until)]
    }));
    arguments.extend(rotation.authentication.as_ref().map_or_else(<[Vec<u8>; 4]>::default, |authentication| {
        [
            b"login".to_vec(),
            authentication.principal.as_str().into(),
            millis(authentication.at),
            authentication.label.as_ref().map(|label| format!("+{label}").into_bytes()).unwrap_or_default(),
        ]
    }));
    if let Some(kept) = &rotation.keep_only {
        arguments.push(b"only".to_vec());
        arguments.extend(kept.iter().map(|key| field(key)));
    }
}

/// The guard's word, and the verifier that was shown.
pub(crate) fn guarded(guard: Guard) -> [Vec<u8>; 2] {
    let (word, shown) = match guard {
        Guard::Holder(shown) => ("holder", hex(shown.as_bytes())),
        Guard::Current(shown) => ("current", hex(shown.as_bytes())),
        _ => ("anyone", String::new()),
    };
    [word.into(), shown.into()]
}

pub(crate) fn millis(at: Timestamp) -> Vec<u8> {
    at.as_millis().to_string().into_bytes()
}

fn digits(number: u64) -> Vec<u8> {
    number.to_string().into_bytes()
}
