//! Without the feature `keys`, records are neither sealed nor opened.

use crate::cache::{Snapshot, ValueState};
use crate::crypto::{ActiveKeyRing, OpenError, SealPolicy};
use crate::engine::Engine;
use crate::error::SessionError;
use crate::store::{Commit, Record, StoredValue};
use crate::token::Selector;

#[derive(Debug)]
pub(super) enum RecordCipher {}

impl RecordCipher {
    pub(super) const fn new(policy: SealPolicy, _: &ActiveKeyRing, _: &str) -> Self {
        match policy {}
    }

    pub(super) const fn is_lenient(&self) -> bool {
        match *self {}
    }

    pub(super) const fn unseal(&self, _: &Selector, _: &mut Record) -> Result<bool, OpenError> {
        match *self {}
    }

    pub(super) const fn open(&self, _: &Selector, _: &StoredValue, _: &[u8]) -> Result<ValueState, OpenError> {
        match *self {}
    }
}

#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "the signatures of the module `encryption`")]
impl Engine {
    pub(super) const fn seal_record(&self, _: &Selector, _: &mut Record) -> Result<(), SessionError> {
        Ok(())
    }

    pub(super) const fn seal_commit(&self, _: &Selector, _: &Snapshot, _: &mut Commit) -> Result<(), SessionError> {
        Ok(())
    }
}
