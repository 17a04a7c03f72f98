//! The associated data that seals a record.

use crate::cache::{Snapshot, ValueState};
use crate::crypto::AssociatedData;
use crate::store::{Payload, Record};
use crate::time::{Timestamp, whole_millis};
use crate::token::{Authentication, PreviousSecret, Selector, Verifier};

use super::RECORD;

/// Metadata of a record: everything but the time when the session was last seen, which changes
/// without a commit.
///
/// Equal for a record that was read and for the snapshot that the commit made.
pub(super) struct RecordAad<'a> {
    version: u64,
    verifier: Verifier,
    previous: Option<PreviousSecret>,
    created_at: Timestamp,
    idle: u64,
    absolute: Timestamp,
    persistent: bool,
    authentication: Option<&'a Authentication>,
    values: Vec<ValueAad<'a>>,
}

/// Key, version, freshness deadline and kind of a value.
type ValueAad<'a> = (&'a str, u64, Timestamp, &'static str);

impl<'a> RecordAad<'a> {
    /// Returns the metadata of a record.
    pub(super) fn of_record(record: &'a Record) -> Self {
        let kind = |payload: &Payload| match payload {
            Payload::Present(_) | Payload::Sealed(_) => "present",
            Payload::Absent => "absent",
            Payload::Removed => "removed",
        };
        let values = record.values.iter().filter(|value| &*value.key != RECORD);
        let held = values.map(|value| {
            (&*value.key, value.version, value.fresh_until.unwrap_or(Timestamp::MAX), kind(&value.payload))
        });
        Self {
            version: record.version,
            verifier: record.verifier,
            previous: record.previous,
            created_at: record.lifetimes.created_at,
            idle: whole_millis(record.lifetimes.idle_timeout),
            absolute: record.lifetimes.absolute_deadline,
            persistent: record.lifetimes.persistent,
            authentication: record.authentication.as_ref(),
            values: held.collect(),
        }
    }

    /// Returns the metadata of a snapshot that a change has just made, whose values are therefore
    /// not packed.
    pub(super) fn of_snapshot(snapshot: &'a Snapshot) -> Self {
        let kind = |slot: &ValueState| match slot {
            ValueState::Decoded(_) | ValueState::Encoded(_) | ValueState::Unreadable(_) => "present",
            ValueState::Absent => "absent",
            ValueState::Removed => "removed",
        };
        let entries = snapshot.values.entries().unwrap_or_default();
        let held =
            entries.iter().map(|entry| (entry.key.as_str(), entry.version, entry.fresh_until, kind(&entry.slot)));
        Self {
            version: snapshot.version,
            verifier: snapshot.verifier,
            previous: snapshot.previous().map(|(previous, _)| *previous),
            created_at: snapshot.created_at,
            idle: snapshot.idle,
            absolute: snapshot.absolute,
            persistent: snapshot.is_persistent(),
            authentication: snapshot.authentication(),
            values: held.collect(),
        }
    }

    /// Returns the associated data that the seal of the session's record is bound to.
    pub(super) fn aad(mut self, selector: &Selector) -> AssociatedData {
        let mut value_aad = AssociatedData::new("record")
            .bytes(selector.as_bytes())
            .number(self.version)
            .bytes(self.verifier.as_bytes())
            .number(self.created_at.as_millis())
            .number(self.idle)
            .number(self.absolute.as_millis())
            .number(self.persistent.into());
        value_aad = match self.previous {
            // Kept compatible with stored records: 0 for a secret that is no longer accepted. The
            // instant when it was replaced grants nothing, and is left out.
            Some(previous) => {
                let until = previous.accepted_until().unwrap_or_default();
                value_aad.bytes(previous.verifier.as_bytes()).number(until.as_millis())
            }
            None => value_aad.text("no previous"),
        };
        value_aad = match self.authentication {
            Some(Authentication { principal, at, label }) => {
                let value_aad = value_aad.text(principal.as_str()).number(at.as_millis());
                match label {
                    Some(label) => value_aad.text("labelled").text(label),
                    None => value_aad.text("unlabelled"),
                }
            }
            None => value_aad.text("nobody").text(""),
        };
        self.values.sort_unstable();
        value_aad = value_aad.number(self.values.len() as u64);
        self.values.iter().fold(value_aad, |value_aad, (key, version, fresh_until, kind)| {
            value_aad.text(key).number(*version).number(fresh_until.as_millis()).text(kind)
        })
    }
}
