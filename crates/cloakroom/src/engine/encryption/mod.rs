//! What is sealed of a record, and to what each seal is bound.
//!
//! Every value is sealed for its session, its key, its version and its age. The record as a whole has a seal too:
//! an empty envelope under [`RECORD`], written with every commit and bound to everything that the record
//! states, the versions of its values among it. So whoever can write to the store can end a session, or put a
//! whole record back as it once was, and nothing in between.

mod aad;

use crate::cache::{EntryState, Snapshot, ValueState};
use crate::crypto::{ActiveKeyRing, FollowsRing};
use crate::crypto::{AssociatedData, Cipher, OVERHEAD, OpenError};
use crate::store::{Action, Commit, Edit, Expect, Lease, Payload, Record, StoredValue};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::Selector;

use super::convert;
use crate::config::SealPolicy;
use crate::engine::Engine;
use crate::error::{SessionError, SessionErrorKind};
use aad::RecordAad;

/// Where the seal of a record lies: a key that no value's type can have.
const RECORD: &str = "*";

/// The keys that seal, and what may be done without.
#[derive(Debug)]
pub(super) struct RecordCipher {
    seals: Arc<FollowsRing<Cipher>>,
    policy: SealPolicy,
}

impl RecordCipher {
    pub(super) fn new(policy: SealPolicy, keys: &ActiveKeyRing, namespace: &str) -> Self {
        if policy.is_lenient() {
            tracing::warn!(?policy, "sessions that are not sealed are read from the store as well");
        }
        let namespace = namespace.to_owned();
        Self { seals: keys.derive(move |ring| Cipher::new(ring, namespace.as_bytes())), policy }
    }

    /// Whether the record is as it was sealed. `Ok(false)` if it is not sealed, which the policy allows.
    fn check(&self, selector: &Selector, record: &Record) -> Result<bool, OpenError> {
        let seal = record.values.iter().find(|value| &*value.key == RECORD);
        match seal.map(|seal| (&seal.payload, seal.version)) {
            // Written by the last commit: then it speaks of this very record.
            Some((Payload::Sealed(envelope), version)) if version == record.version => {
                self.seals.present().open(&RecordAad::of_record(record).aad(selector), envelope).map(|_| true)
            }
            _ if self.policy.is_lenient() => Ok(false),
            _ => Err(OpenError::Unsealed),
        }
    }

    fn open(&self, selector: &Selector, value: &StoredValue, envelope: &[u8]) -> Result<ValueState, OpenError> {
        let place = place(selector, &value.key, value.version, value.fresh_until);
        self.seals.present().open(&place, envelope).map(|plain| ValueState::Encoded(plain.into()))
    }
}

/// Where a value belongs.
fn place(selector: &Selector, key: &str, version: u64, fresh_until: Option<Timestamp>) -> AssociatedData {
    let fresh_until = fresh_until.unwrap_or(Timestamp::MAX).as_millis();
    AssociatedData::new("value").bytes(selector.as_bytes()).text(key).number(version).number(fresh_until)
}

/// On the way out.
impl Engine {
    /// Seals the values of a new record, and the record.
    pub(super) fn seal_record(&self, selector: &Selector, record: &mut Record) -> Result<(), SessionError> {
        let Some(sealing) = self.cipher.as_ref().filter(|sealing| sealing.policy.writes()) else { return Ok(()) };
        let seal = self.seal(sealing, &RecordAad::of_record(record).aad(selector), &[])?;
        for value in &mut record.values {
            if let Payload::Present(plain) = &value.payload {
                let place = place(selector, &value.key, value.version, value.fresh_until);
                value.payload = self.seal(sealing, &place, plain)?;
            }
        }
        record.values.push(StoredValue::new(RECORD.into(), record.version, None, seal));
        Ok(())
    }

    /// Seals what a commit writes, and the record that it makes, which is `next`. It only holds for that one then.
    pub(super) fn seal_commit(
        &self,
        selector: &Selector,
        next: &Snapshot,
        commit: &mut Commit,
    ) -> Result<(), SessionError> {
        let Some(sealing) = self.cipher.as_ref().filter(|sealing| sealing.policy.writes()) else { return Ok(()) };
        for edit in &mut commit.edits {
            if let Action::Put { payload, fresh_until } = &mut edit.action
                && let Payload::Present(plain) = payload
            {
                *payload = self.seal(sealing, &place(selector, &edit.key, next.version, *fresh_until), plain)?;
            }
        }
        let payload = self.seal(sealing, &RecordAad::of_snapshot(next).aad(selector), &[])?;
        commit.edits.push(Edit::new(RECORD.into(), Expect::Any, Action::Put { payload, fresh_until: None }));
        commit.exact_base = true;
        Ok(())
    }

    fn seal(&self, sealing: &RecordCipher, place: &AssociatedData, plain: &[u8]) -> Result<Payload, SessionError> {
        Ok(Payload::Sealed(sealing.seals.present().seal(&*self.random, place, plain)?.into()))
    }
}

/// On the way in. What comes from a store is hostile until it has proved itself.
impl Engine {
    /// The snapshot of a record that the shared tier gave out, if a node of ours can have put it there.
    pub(super) fn decode(
        &self,
        selector: &Selector,
        mut record: Record,
        lease: Lease,
        former: &EntryState,
    ) -> Result<Snapshot, SessionError> {
        let bytes: usize = record.values.iter().map(|value| value.payload.len().saturating_sub(OVERHEAD)).sum();
        if bytes > self.policy.max_session_bytes {
            return Err(too_large());
        }
        if let Some(sealing) = &self.cipher {
            let sealed = sealing.check(selector, &record).inspect_err(|why| self.telemetry.unopened(*why, selector))?;
            if !sealed {
                self.telemetry.unsealed();
            }
            record.values.retain(|value| &*value.key != RECORD);
        }
        let mut snapshot = convert::snapshot(record, lease, former, |value| self.slot(selector, value));
        if let Some(former) = former.last_known() {
            snapshot.continue_lineage(former);
        }
        self.cache.check(&snapshot).map_err(|_| too_large())?;
        Ok(snapshot)
    }

    fn slot(&self, selector: &Selector, value: &StoredValue) -> ValueState {
        let slot = match (&value.payload, &self.cipher) {
            (Payload::Absent, _) => return ValueState::Absent,
            (Payload::Removed, _) => return ValueState::Removed,
            (Payload::Sealed(envelope), Some(sealing)) => sealing.open(selector, value, envelope),
            (Payload::Sealed(_), None) => Err(OpenError::NoKeys),
            (Payload::Present(_), Some(sealing)) if !sealing.policy.is_lenient() => Err(OpenError::Unsealed),
            (Payload::Present(plain), _) => Ok(ValueState::Encoded(Arc::clone(plain))),
        };
        slot.unwrap_or_else(|why| {
            self.telemetry.unopened(why, selector);
            ValueState::Closed(why)
        })
    }
}

/// No node wrote this. Taking it in would let the store decide what this process may take.
fn too_large() -> SessionError {
    SessionError::with_source(SessionErrorKind::Decode, "the record exceeds the limits of a session")
}
