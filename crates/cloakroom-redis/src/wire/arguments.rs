//! The arguments of the scripts, written directly into the command.

use std::io::Write;

use cloakroom::Timestamp;
use cloakroom::store::{
    Action, Authentication, Commit, Edit, Expect, Guard, Head, Lifetimes, Payload, Record, Rotation,
};
use redis::{Cmd, RedisWrite, ToRedisArgs};

use super::head;
use super::{VALUE, digits, fields, identity, persistent, replaced, until, value, whole_millis};
use crate::keyspace::{Hex, hex};
use crate::record_format::RecordFormat;

/// Placeholder for a missing argument.
const NOTHING: &str = "";

/// Appends the arguments of the script that creates a record.
pub(crate) fn write_record(record: &Record, format: RecordFormat, arguments: &mut Cmd) {
    let lifetimes = &record.lifetimes;
    let (field, content) = identity(record, format);
    arguments
        .arg(field)
        .arg(content)
        .arg(whole_millis(lifetimes.idle_timeout()))
        .arg(lifetimes.absolute_deadline().as_millis());
    arguments.arg(fields(record, format));
}

/// Appends the arguments of the script that commits.
///
/// `server` is the time of the server, if it is known.
pub(crate) fn write_commit(commit: &Commit, format: RecordFormat, server: Option<Timestamp>, arguments: &mut Cmd) {
    let next = commit.next_version();
    write_heads(commit, server, arguments);
    arguments.arg(commit.base).arg(next).arg(digits(commit.nonce));
    arguments.arg(GuardArguments(commit.guard)).arg(conditions(commit, format)).arg(commit.edits.len());
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

/// Appends the head that the caller knows, its successor, the time, and how long the record is kept.
fn write_heads(commit: &Commit, server: Option<Timestamp>, arguments: &mut Cmd) {
    if let Some((known, server)) = commit.head.as_ref().filter(|head| is_plain(commit, head)).zip(server)
        && let Some((command, argument)) = head::keep(&known.lifetimes, commit.now, server)
    {
        let next = known.after(commit.nonce, commit.next_version());
        head::write(known, &mut arguments.writer_for_next_arg());
        head::write(&next, &mut arguments.writer_for_next_arg());
        arguments.arg(commit.now.as_millis()).arg(command).arg(argument);
    } else {
        arguments.arg(&[NOTHING; 2]).arg(commit.now.as_millis()).arg(&[NOTHING; 2]);
    }
}

/// Returns `true` if the commit changes values only, under the record's current secret.
fn is_plain(commit: &Commit, head: &Head) -> bool {
    let is_current = match commit.guard {
        Guard::Anyone => true,
        Guard::Holder(presented) | Guard::Current(presented) => presented == head.verifier,
    };
    is_current && head.version == commit.base && commit.rotation.is_none() && commit.lifetimes.is_none()
}

const fn conditions(commit: &Commit, format: RecordFormat) -> &'static str {
    match (commit.exact_base, commit.is_retry, format) {
        (false, false, RecordFormat::V1) => NOTHING,
        (true, false, RecordFormat::V1) => "exact",
        (false, true, RecordFormat::V1) => "retry",
        (true, true, RecordFormat::V1) => "exact retry",
        (false, false, RecordFormat::V2) => "upgrade",
        (true, false, RecordFormat::V2) => "exact upgrade",
        (false, true, RecordFormat::V2) => "retry upgrade",
        (true, true, RecordFormat::V2) => "exact retry upgrade",
    }
}

/// The value's field, the expected prefix of its present content, and its new content if the
/// commit's base is up to date.
fn write_edit(edit: &Edit, next: u64, arguments: &mut Cmd) {
    write_field(&edit.key, arguments);
    match edit.expect {
        Expect::Version(0) => drop(arguments.arg("none")),
        Expect::Version(version) => value::write_prefix(version, &mut arguments.writer_for_next_arg()),
        Expect::Any => drop(arguments.arg("any")),
    };
    let (payload, fresh_until) = match &edit.action {
        Action::Put { payload, fresh_until } => (payload, *fresh_until),
        Action::Remove => (&Payload::Removed, None),
    };
    value::write(next, payload, fresh_until, &mut arguments.writer_for_next_arg());
}

/// The field of the value under a key.
fn write_field(key: &str, arguments: &mut Cmd) {
    let mut out = arguments.writer_for_next_arg();
    // To memory, which never fails.
    let _infallible = out.write_all(VALUE).and_then(|()| out.write_all(key.as_bytes()));
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
            write_field(key, arguments);
        }
    }
}

/// The guard of a change as two arguments: its word, and the verifier of the secret that was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GuardArguments(pub(crate) Guard);

impl ToRedisArgs for GuardArguments {
    fn write_redis_args<W: ?Sized + RedisWrite>(&self, out: &mut W) {
        let (word, presented) = match self.0 {
            Guard::Holder(presented) => ("holder", Some(hex(presented.as_bytes()))),
            Guard::Current(presented) => ("current", Some(hex(presented.as_bytes()))),
            Guard::Anyone => ("anyone", None),
        };
        out.write_arg(word.as_bytes());
        out.write_arg(presented.as_ref().map_or(&[], Hex::as_bytes));
    }
}
