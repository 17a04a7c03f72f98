//! Encryption of records, and what each ciphertext is bound to.
//!
//! Every value is encrypted for its session, its key, its version and its age. The record as a
//! whole is sealed too: an empty ciphertext under [`RECORD`], written with every commit and bound
//! to everything in the record, including the versions of its values. An attacker who can write to
//! the store can therefore end a session, or restore a whole former record, and nothing in between.

mod aad;

use crate::cache::{Snapshot, ValueState};
use crate::crypto::{ActiveKeyRing, AssociatedData, Cipher, FollowsRing, OpenError, SealPolicy};
use crate::store::{Action, Commit, Edit, Expect, Payload, Record, StoredValue};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::Selector;

use crate::engine::Engine;
use crate::error::SessionError;
use aad::RecordAad;

/// Key of a record's seal, which no type of value can have.
const RECORD: &str = "*";

/// Encrypts and decrypts records, and decides whether unencrypted ones are accepted.
#[derive(Debug)]
pub(super) struct RecordCipher {
    seals: Arc<FollowsRing<Cipher>>,
    policy: SealPolicy,
}

impl RecordCipher {
    pub(super) fn new(policy: SealPolicy, keys: &ActiveKeyRing, namespace: &str) -> Self {
        if policy.is_lenient() {
            tracing::warn!(?policy, "unencrypted session data in the store is accepted (allowed by `SealPolicy`)");
        }
        let namespace = namespace.to_owned();
        Self { seals: keys.derive(move |ring| Cipher::new(ring, namespace.as_bytes())), policy }
    }

    /// Returns `true` if data without a seal is accepted.
    pub(super) const fn is_lenient(&self) -> bool {
        self.policy.is_lenient()
    }

    /// Verifies the seal of a record, and removes it. `Ok(false)` if there is none and the policy
    /// allows that.
    pub(super) fn unseal(&self, selector: &Selector, record: &mut Record) -> Result<bool, OpenError> {
        let sealed = self.check(selector, record)?;
        record.values.retain(|value| &*value.key != RECORD);
        Ok(sealed)
    }

    fn check(&self, selector: &Selector, record: &Record) -> Result<bool, OpenError> {
        let seal = record.values.iter().find(|value| &*value.key == RECORD);
        match seal.map(|seal| (&seal.payload, seal.version)) {
            // A seal covers this record only if the last commit wrote it.
            Some((Payload::Sealed(envelope), version)) if version == record.version => {
                self.seals.get().open(&RecordAad::of_record(record).aad(selector), envelope).map(|_| true)
            }
            _ if self.policy.is_lenient() => Ok(false),
            _ => Err(OpenError::Unsealed),
        }
    }

    pub(super) fn open(
        &self,
        selector: &Selector,
        value: &StoredValue,
        envelope: &[u8],
    ) -> Result<ValueState, OpenError> {
        let value_aad = value_aad(selector, &value.key, value.version, value.fresh_until);
        self.seals.get().open(&value_aad, envelope).map(|plain| ValueState::Encoded(plain.into()))
    }
}

/// Returns the associated data of a value: the place it belongs to.
fn value_aad(selector: &Selector, key: &str, version: u64, fresh_until: Option<Timestamp>) -> AssociatedData {
    let fresh_until = fresh_until.unwrap_or(Timestamp::MAX).as_millis();
    AssociatedData::new("value").bytes(selector.as_bytes()).text(key).number(version).number(fresh_until)
}

/// Encryption of data for the store.
impl Engine {
    /// Encrypts the values of a new record, and seals the record.
    pub(super) fn seal_record(&self, selector: &Selector, record: &mut Record) -> Result<(), SessionError> {
        let Some(sealing) = self.cipher.as_ref().filter(|sealing| sealing.policy.writes()) else { return Ok(()) };
        let seal = self.seal(sealing, &RecordAad::of_record(record).aad(selector), &[])?;
        for value in &mut record.values {
            if let Payload::Present(plain) = &value.payload {
                let value_aad = value_aad(selector, &value.key, value.version, value.fresh_until);
                value.payload = self.seal(sealing, &value_aad, plain)?;
            }
        }
        record.values.push(StoredValue::new(RECORD.into(), record.version, None, seal));
        Ok(())
    }

    /// Encrypts the values that a commit writes, and seals the record that it makes, `next`. The
    /// seal holds for that record only, so the commit then requires its exact base.
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
                *payload = self.seal(sealing, &value_aad(selector, &edit.key, next.version, *fresh_until), plain)?;
            }
        }
        let payload = self.seal(sealing, &RecordAad::of_snapshot(next).aad(selector), &[])?;
        commit.edits.push(Edit::new(RECORD.into(), Expect::Any, Action::Put { payload, fresh_until: None }));
        commit.exact_base = true;
        Ok(())
    }

    fn seal(&self, sealing: &RecordCipher, value_aad: &AssociatedData, plain: &[u8]) -> Result<Payload, SessionError> {
        Ok(Payload::Sealed(sealing.seals.get().seal(&*self.random, value_aad, plain)?.into()))
    }
}
