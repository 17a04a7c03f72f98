//! The associated data that seals a record.

use crate::cache::{Snapshot, ValueRef};
use crate::crypto::AssociatedData;
use crate::lifetimes::Lifetimes;
use crate::store::{Payload, Record};
use crate::time::{Timestamp, whole_millis};
use crate::token::{Authentication, PreviousSecret, Selector, Verifier};

use super::RECORD;

/// Everything in a record that its seal is bound to: all but the time when the session was last
/// seen, which changes without a commit.
///
/// Equal for a record that was read and for the snapshot that the commit made.
pub(super) struct RecordAad<'a> {
    header: Header<'a>,
    values: Vec<ValueAad<'a>>,
}

/// A session without its values.
struct Header<'a> {
    version: u64,
    verifier: Verifier,
    previous: Option<PreviousSecret>,
    lifetimes: Lifetimes,
    authentication: Option<&'a Authentication>,
}

/// Key, version, freshness deadline and kind of a value.
type ValueAad<'a> = (&'a str, u64, Timestamp, &'static str);

impl<'a> RecordAad<'a> {
    pub(super) fn of_record(record: &'a Record) -> Self {
        let kind = |payload: &Payload| match payload {
            Payload::Present(_) | Payload::Sealed(_) => "present",
            Payload::Absent => "absent",
            Payload::Removed => "removed",
        };
        let values = record.values.iter().filter(|value| &*value.key != RECORD);
        let values = values.map(|value| {
            (&*value.key, value.version, value.fresh_until.unwrap_or(Timestamp::MAX), kind(&value.payload))
        });
        let header = Header {
            version: record.version,
            verifier: record.verifier,
            previous: record.previous,
            lifetimes: record.lifetimes,
            authentication: record.authentication.as_ref(),
        };
        Self { header, values: values.collect() }
    }

    /// Expects a snapshot that a change has just made, whose values are therefore not packed.
    pub(super) fn of_snapshot(snapshot: &'a Snapshot) -> Self {
        let kind = |state| match state {
            ValueRef::Decoded(_) | ValueRef::Encoded(_) | ValueRef::Unreadable(_) => "present",
            ValueRef::Absent => "absent",
            ValueRef::Removed => "removed",
        };
        let entries = snapshot.values.entries().unwrap_or_default();
        let values = entries.iter().map(|entry| (entry.name(), entry.version, entry.fresh_until, kind(entry.state())));
        let header = Header {
            version: snapshot.version,
            verifier: snapshot.verifier,
            previous: snapshot.previous().map(|(previous, _)| *previous),
            lifetimes: snapshot.lifetimes,
            authentication: snapshot.authentication(),
        };
        Self { header, values: values.collect() }
    }

    /// Returns the associated data that the seal of the session's record is bound to.
    pub(super) fn aad(mut self, selector: &Selector) -> AssociatedData {
        self.values.sort_unstable();
        let aad = self.header.write(AssociatedData::new("record").bytes(selector.as_bytes()));
        let aad = aad.number(self.values.len() as u64);
        self.values.iter().fold(aad, |aad, (key, version, fresh_until, kind)| {
            aad.text(key).number(*version).number(fresh_until.as_millis()).text(kind)
        })
    }
}

impl Header<'_> {
    /// Appends the header to the associated data of its record.
    fn write(&self, aad: AssociatedData) -> AssociatedData {
        let aad = aad
            .number(self.version)
            .bytes(self.verifier.as_bytes())
            .number(self.lifetimes.created_at().as_millis())
            .number(whole_millis(self.lifetimes.idle_timeout()))
            .number(self.lifetimes.absolute_deadline().as_millis())
            .number(self.lifetimes.is_persistent().into());
        let aad = match self.previous {
            // Kept compatible with stored records: 0 for a secret that is no longer accepted. The
            // instant when it was replaced grants nothing, and is left out.
            Some(previous) => {
                let until = previous.accepted_until().unwrap_or_default();
                aad.bytes(previous.verifier.as_bytes()).number(until.as_millis())
            }
            None => aad.text("no previous"),
        };
        match self.authentication {
            Some(Authentication { principal, at, label }) => {
                let aad = aad.text(principal.as_str()).number(at.as_millis());
                match label {
                    Some(label) => aad.text("labelled").text(label),
                    None => aad.text("unlabelled"),
                }
            }
            None => aad.text("nobody").text(""),
        }
    }
}
