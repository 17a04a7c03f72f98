//! What is sealed of a record, and to what each seal is bound.
//!
//! Every value is sealed for its session, its key, its version and its age. The record as a whole has a seal too:
//! an empty envelope under [`RECORD`], written with every commit and bound to everything that the record
//! states, the versions of its values among it. So whoever can write to the store can end a session, or put a
//! whole record back as it once was, and nothing in between.

mod statement;

use crate::cache::{Slot, Snapshot, State};
use crate::identity::Tag;
use crate::keys::{KeysInUse, Live};
use crate::seal::{OVERHEAD, Place, Seals, Unopened};
use crate::store::{Action, Commit, Edit, Expect, Lease, Payload, Record, StoredValue};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::convert;
use super::engine::Engine;
use super::error::{SessionError, SessionErrorKind};
use super::policy::SealPolicy;
use statement::Statement;

/// Where the seal of a record lies: a key that no value's type can have.
const RECORD: &str = "*";

/// The keys that seal, and what may be done without.
#[derive(Debug)]
pub(super) struct Sealing {
    seals: Arc<Live<Seals>>,
    policy: SealPolicy,
}

impl Sealing {
    pub(super) fn new(policy: SealPolicy, keys: &KeysInUse, namespace: &str) -> Self {
        if policy.is_lenient() {
            tracing::warn!(?policy, "sessions that are not sealed are read from the store as well");
        }
        let namespace = namespace.to_owned();
        Self { seals: keys.derived(move |ring| Seals::new(ring, namespace.as_bytes())), policy }
    }

    /// Whether the record is as it was sealed. `Ok(false)` if it is not sealed, which the policy allows.
    fn check(&self, tag: &Tag, record: &Record) -> Result<bool, Unopened> {
        let seal = record.values.iter().find(|value| &*value.key == RECORD);
        match seal.map(|seal| (&seal.payload, seal.version)) {
            // Written by the last commit: then it speaks of this very record.
            Some((Payload::Sealed(envelope), version)) if version == record.version => {
                self.seals.present().open(&Statement::of_record(record).place(tag), envelope).map(|_| true)
            }
            _ if self.policy.is_lenient() => Ok(false),
            _ => Err(Unopened::Unsealed),
        }
    }

    fn open(&self, tag: &Tag, value: &StoredValue, envelope: &[u8]) -> Result<Slot, Unopened> {
        let place = place(tag, &value.key, value.version, value.fresh_until);
        self.seals.present().open(&place, envelope).map(|plain| Slot::Encoded(plain.into()))
    }
}

/// Where a value belongs.
fn place(tag: &Tag, key: &str, version: u64, fresh_until: Option<Timestamp>) -> Place {
    let fresh_until = fresh_until.unwrap_or(Timestamp::MAX).as_millis();
    Place::new("value").bytes(tag.as_bytes()).text(key).number(version).number(fresh_until)
}

/// On the way out.
impl Engine {
    /// Seals the values of a new record, and the record.
    pub(super) fn seal_record(&self, tag: &Tag, record: &mut Record) -> Result<(), SessionError> {
        let Some(sealing) = self.sealing.as_ref().filter(|sealing| sealing.policy.writes()) else { return Ok(()) };
        let seal = self.seal(sealing, &Statement::of_record(record).place(tag), &[])?;
        for value in &mut record.values {
            if let Payload::Present(plain) = &value.payload {
                let place = place(tag, &value.key, value.version, value.fresh_until);
                value.payload = self.seal(sealing, &place, plain)?;
            }
        }
        record.values.push(StoredValue::new(RECORD.into(), record.version, None, seal));
        Ok(())
    }

    /// Seals what a commit writes, and the record that it makes, which is `next`. It only holds for that one then.
    pub(super) fn seal_commit(&self, tag: &Tag, next: &Snapshot, commit: &mut Commit) -> Result<(), SessionError> {
        let Some(sealing) = self.sealing.as_ref().filter(|sealing| sealing.policy.writes()) else { return Ok(()) };
        for edit in &mut commit.edits {
            if let Action::Put { payload, fresh_until } = &mut edit.action
                && let Payload::Present(plain) = payload
            {
                *payload = self.seal(sealing, &place(tag, &edit.key, next.version, *fresh_until), plain)?;
            }
        }
        let payload = self.seal(sealing, &Statement::of_snapshot(next).place(tag), &[])?;
        commit.edits.push(Edit::new(RECORD.into(), Expect::Any, Action::Put { payload, fresh_until: None }));
        commit.exact_base = true;
        Ok(())
    }

    fn seal(&self, sealing: &Sealing, place: &Place, plain: &[u8]) -> Result<Payload, SessionError> {
        Ok(Payload::Sealed(sealing.seals.present().seal(&*self.random, place, plain)?.into()))
    }
}

/// On the way in. What comes from a store is hostile until it has proved itself.
impl Engine {
    /// The snapshot of a record that the shared tier gave out, if a node of ours can have put it there.
    pub(super) fn take_in(
        &self,
        tag: &Tag,
        mut record: Record,
        lease: Lease,
        former: &State,
    ) -> Result<Snapshot, SessionError> {
        let bytes: usize = record.values.iter().map(|value| value.payload.len().saturating_sub(OVERHEAD)).sum();
        if bytes > self.policy.max_session_bytes {
            return Err(too_large());
        }
        if let Some(sealing) = &self.sealing {
            let sealed = sealing.check(tag, &record).inspect_err(|why| self.ledger.unopened(*why, tag))?;
            if !sealed {
                self.ledger.unsealed();
            }
            record.values.retain(|value| &*value.key != RECORD);
        }
        let mut snapshot = convert::snapshot(record, lease, former, |value| self.slot(tag, value));
        if let Some(former) = former.last_known() {
            snapshot.succeed(former);
        }
        self.tier.check(&snapshot).map_err(|_| too_large())?;
        Ok(snapshot)
    }

    fn slot(&self, tag: &Tag, value: &StoredValue) -> Slot {
        let slot = match (&value.payload, &self.sealing) {
            (Payload::Absent, _) => return Slot::Absent,
            (Payload::Removed, _) => return Slot::Removed,
            (Payload::Sealed(envelope), Some(sealing)) => sealing.open(tag, value, envelope),
            (Payload::Sealed(_), None) => Err(Unopened::NoKeys),
            (Payload::Present(_), Some(sealing)) if !sealing.policy.is_lenient() => Err(Unopened::Unsealed),
            (Payload::Present(plain), _) => Ok(Slot::Encoded(Arc::clone(plain))),
        };
        slot.unwrap_or_else(|why| {
            self.ledger.unopened(why, tag);
            Slot::Closed(why)
        })
    }
}

/// No node wrote this. Taking it in would let the store decide what this process may take.
fn too_large() -> SessionError {
    SessionError::with_source(SessionErrorKind::Decode, "the record exceeds the limits of a session")
}
