//! The arguments of the scripts.

use cloakroom::Timestamp;
use cloakroom::store::{Action, Commit, Edit, Expect, Guard, Payload};

use super::{idle, nonce, persistent, tail};
use crate::namespace::hex;

/// What the script of a commit is given.
pub(crate) fn commit_arguments(commit: &Commit) -> Vec<Vec<u8>> {
    let mut arguments =
        vec![millis(commit.now), commit.base.to_string().into_bytes(), nonce(commit.nonce).into_bytes()];
    arguments.extend(guarded(commit.guard));
    let none = Vec::new;
    match &commit.lifetimes {
        Some(lifetimes) => {
            arguments.extend([idle(lifetimes).into_bytes(), millis(lifetimes.absolute), persistent(lifetimes).into()]);
        }
        None => arguments.extend([none(), none(), none()]),
    }
    let rotation = commit.rotation.as_ref();
    match rotation {
        Some(rotation) => arguments.push(hex(rotation.verifier.as_bytes()).into_bytes()),
        None => arguments.push(none()),
    }
    match rotation.and_then(|rotation| rotation.previous) {
        Some(previous) => {
            arguments.extend([hex(previous.verifier.as_bytes()).into_bytes(), millis(previous.until)]);
        }
        None => arguments.extend([none(), none()]),
    }
    match rotation.and_then(|rotation| rotation.authentication.as_ref()) {
        Some(authentication) => arguments.extend([
            b"login".to_vec(),
            authentication.principal.as_str().into(),
            millis(authentication.at),
            authentication.label.as_ref().map(|label| format!("+{label}").into_bytes()).unwrap_or_default(),
        ]),
        None => arguments.extend([none(), none(), none(), none()]),
    }
    let exact = if commit.exact_base { b"exact".to_vec() } else { none() };
    match rotation.and_then(|rotation| rotation.keep_only.as_ref()) {
        Some(kept) => {
            arguments.extend([kept.len().to_string().into_bytes(), exact]);
            arguments.extend(kept.iter().map(|key| key.as_bytes().to_vec()));
        }
        None => arguments.extend([none(), exact]),
    }
    commit.edits.iter().for_each(|edit| arguments.extend(edit_arguments(edit)));
    arguments
}

fn edit_arguments(edit: &Edit) -> [Vec<u8>; 3] {
    let expected = match edit.expect {
        Expect::Version(version) => version.to_string(),
        _ => "*".to_owned(),
    };
    let tail = match &edit.action {
        Action::Put { payload, fresh_until } => tail(payload, *fresh_until),
        _ => tail(&Payload::Removed, None),
    };
    [edit.key.as_bytes().to_vec(), expected.into_bytes(), tail]
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
