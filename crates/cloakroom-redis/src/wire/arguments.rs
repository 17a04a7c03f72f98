//! The arguments of the scripts, written directly into the command.

use cloakroom::store::{Action, Authentication, Commit, Edit, Expect, Guard, Lifetimes, Payload, Record, Rotation};
use redis::Cmd;

use super::{digits, envelope, field, fields, head, nonce, persistent, replaced, until, whole_millis};
use crate::namespace::hex;

/// Placeholder for a missing argument.
const NOTHING: &str = "";

/// Appends the arguments of the script that creates a record.
pub(crate) fn write_record(record: &Record, arguments: &mut Cmd) {
    let lifetimes = &record.lifetimes;
    arguments
        .arg(nonce(record.nonce))
        .arg(whole_millis(lifetimes.idle_timeout()))
        .arg(lifetimes.absolute_deadline().as_millis());
    arguments.arg(fields(record));
}

/// Appends the arguments of the script that commits.
pub(crate) fn write_commit(commit: &Commit, arguments: &mut Cmd) {
    let next = commit.next_version();
    let (guard, presented) = guarded(commit.guard);
    arguments.arg(commit.now.as_millis()).arg(commit.base).arg(next).arg(digits(commit.nonce));
    arguments.arg(guard).arg(presented).arg(conditions(commit)).arg(commit.edits.len());
    for edit in &commit.edits {
        write_edit(edit, next, arguments);
    }
    if commit.lifetimes.is_some() || commit.rotation.is_some() {
        write_lifetimes(commit.lifetimes.as_ref(), arguments);
    }
    if let Some(rotation) = &commit.rotation {
        write_rotation(rotation, arguments);
    }
}

const fn conditions(commit: &Commit) -> &'static str {
    match (commit.exact_base, commit.is_retry) {
        (true, true) => "exact retry",
        (true, false) => "exact",
        (false, true) => "retry",
        (false, false) => NOTHING,
    }
}

/// The value's field, the expected prefix of its present content, and its new content if the
/// commit's base is up to date.
fn write_edit(edit: &Edit, next: u64, arguments: &mut Cmd) {
    arguments.arg(field(&edit.key));
    match edit.expect {
        Expect::Version(0) => arguments.arg("none"),
        Expect::Version(version) => arguments.arg(head(version)),
        Expect::Any => arguments.arg("any"),
    };
    arguments.arg(match &edit.action {
        Action::Put { payload, fresh_until } => envelope(next, payload, *fresh_until),
        Action::Remove => envelope(next, &Payload::Removed, None),
    });
}

fn write_lifetimes(lifetimes: Option<&Lifetimes>, arguments: &mut Cmd) {
    match lifetimes {
        Some(lifetimes) => arguments
            .arg(whole_millis(lifetimes.idle_timeout()))
            .arg(lifetimes.absolute_deadline().as_millis())
            .arg(persistent(lifetimes)),
        None => arguments.arg(&[NOTHING; 3]),
    };
}

fn write_rotation(rotation: &Rotation, arguments: &mut Cmd) {
    arguments.arg(hex(rotation.verifier.as_bytes()));
    match &rotation.previous {
        Some(previous) => {
            arguments.arg(hex(previous.verifier.as_bytes())).arg(until(previous).as_millis());
            match replaced(previous) {
                Some(at) => arguments.arg(at.as_millis()),
                None => arguments.arg(NOTHING),
            }
        }
        None => arguments.arg(&[NOTHING; 3]),
    };
    match &rotation.authentication {
        Some(Authentication { principal, at, label, .. }) => {
            let label = label.as_ref().map(|label| format!("+{label}")).unwrap_or_default();
            arguments.arg("login").arg(principal.as_str()).arg(at.as_millis()).arg(label)
        }
        None => arguments.arg(&[NOTHING; 4]),
    };
    if let Some(kept) = &rotation.keep_only {
        arguments.arg("only");
        for key in kept {
            arguments.arg(field(key));
        }
    }
}

/// The guard's word and the verifier of the secret that was sent.
pub(crate) fn guarded(guard: Guard) -> (&'static str, String) {
    match guard {
        Guard::Holder(presented) => ("holder", hex(presented.as_bytes())),
        Guard::Current(presented) => ("current", hex(presented.as_bytes())),
        Guard::Anyone => ("anyone", String::new()),
    }
}
