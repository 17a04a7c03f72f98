//! Atomic changes of a snapshot.

use std::borrow::Cow;

use crate::lifetimes::Lifetimes;
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Authentication, Fingerprint, Guard, PreviousSecret, PreviousSecretState, Verifier};

use super::EndReason;
use super::account::Account;
use super::limits::TooLarge;
use super::snapshot::{LoginState, Snapshot};
use super::value::{ValueEntry, ValueKey, ValueState};
use super::values::{Values, find, version_of};

/// One atomic change of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    /// The secret that the writer must have presented.
    pub(crate) guard: Guard<Fingerprint>,
    pub(crate) edits: &'a [ValueEdit],
    pub(crate) rotation: Option<&'a SecretRotation>,
    pub(crate) lifetimes: Option<Lifetimes>,
    /// The session version that the change requires; `None` for any.
    pub(crate) base: Option<u64>,
    pub(crate) now: Timestamp,
    /// Amount by which the change raises the version.
    pub(crate) step: u64,
}

/// A change of one value.
#[derive(Clone, Debug)]
pub(crate) struct ValueEdit {
    pub(crate) key: ValueKey,
    /// The version that the value must have; `None` for any, 0 for a value that never existed.
    pub(crate) expect: Option<u64>,
    pub(crate) state: ValueState,
    pub(crate) fresh_until: Timestamp,
    pub(crate) size: u32,
    /// The encoding of `state`, if it is known.
    pub(crate) encoded: Option<Arc<[u8]>>,
}

impl ValueEdit {
    pub(crate) const fn remove(key: ValueKey, expect: Option<u64>) -> Self {
        Self { key, expect, state: ValueState::Removed, fresh_until: Timestamp::MAX, size: 0, encoded: None }
    }
}

/// A new secret for the session.
#[derive(Clone, Debug)]
pub(crate) struct SecretRotation {
    pub(crate) verifier: Verifier,
    pub(crate) fingerprint: Fingerprint,
    /// State of the old secret: accepted for a grace period, or dead.
    pub(crate) previous: PreviousSecretState,
    /// A login replaces the authentication and may drop values.
    pub(crate) login: Option<LoginChange>,
}

/// Changes that a login makes in addition to the secret.
#[derive(Clone, Debug)]
pub(crate) struct LoginChange {
    pub(crate) authentication: Authentication,
    /// Keys of the values that are kept; `None` keeps all.
    pub(crate) keep_only: Option<Vec<Cow<'static, str>>>,
    /// The account that the session's bytes are added to from now on.
    pub(crate) account: Option<Arc<Account>>,
}

/// Why the local tier did not make a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChangeError {
    Ended(EndReason),
    /// There is no copy to change.
    Invalidated,
    /// The secret of the change's author no longer opens the session.
    Superseded,
    /// A value is not at the version that its author knew.
    Conflict,
    TooLarge(TooLarge),
    /// Memory is full and nothing may be evicted.
    Full,
}

impl Snapshot {
    /// Returns this snapshot with the change applied, or why it cannot be applied.
    pub(crate) fn apply(&self, change: &Change<'_>) -> Result<Self, ChangeError> {
        if !self.satisfies(change.guard, change.now) {
            return Err(ChangeError::Superseded);
        }
        if change.base.is_some_and(|base| base != self.version) {
            return Err(ChangeError::Conflict);
        }
        let entries = self.values.unpacked();
        if change
            .edits
            .iter()
            .any(|edit| edit.expect.is_some_and(|version| version != version_of(&entries, edit.key.as_str())))
        {
            return Err(ChangeError::Conflict);
        }
        let version = self.version.saturating_add(change.step);
        let mut next = self.with_rotation(change);
        next.version = version;
        next.values = apply_edits(&entries, change, version);
        if let Some(lifetimes) = change.lifetimes {
            next.lifetimes = lifetimes.with_created_at(self.lifetimes.created_at());
        }
        Ok(next)
    }

    /// Returns `true` if a writer with this guard may change or end the session.
    pub(super) fn satisfies(&self, guard: Guard<Fingerprint>, now: Timestamp) -> bool {
        match guard {
            Guard::Anyone => true,
            Guard::Holder(fingerprint) => self.admits(fingerprint, now, || now),
            Guard::Current(fingerprint) => self.fingerprint == fingerprint,
        }
    }

    /// Copies everything but the values, with the rotation of the change applied.
    fn with_rotation(&self, change: &Change<'_>) -> Self {
        let mut next = Self {
            values: Values::None,
            login_state: self.login_state.clone(),
            store_meta: self.store_meta.clone(),
            ..*self
        };
        if let Some(rotation) = change.rotation {
            let login = rotation.login.as_ref().map(|login| &login.authentication).or(self.authentication());
            next.login_state = Some(Arc::new(LoginState {
                authentication: login.cloned(),
                previous: Some((PreviousSecret::new(self.verifier, rotation.previous), self.fingerprint)),
                account: match &rotation.login {
                    Some(login) => login.account.clone(),
                    None => self.login_state.as_ref().and_then(|login_state| login_state.account.clone()),
                },
                renewed_from: matches!(rotation.previous, PreviousSecretState::Renewed { .. }).then(|| self.lineage()),
            }));
            next.verifier = rotation.verifier;
            next.fingerprint = rotation.fingerprint;
        }
        next
    }
}

fn apply_edits(entries: &[ValueEntry], change: &Change<'_>, version: u64) -> Values {
    let keep_only = change.rotation.and_then(|r| r.login.as_ref()).and_then(|login| login.keep_only.as_deref());
    let kept = |value_entry: &ValueEntry| keep_only.is_none_or(|keys| keys.iter().any(|key| key == value_entry.name()));
    let present = entries.iter().map(|value_entry| {
        match change.edits.iter().find(|edit| edit.key.as_str() == value_entry.name()) {
            Some(edit) => apply_edit(edit, version),
            None if kept(value_entry) || value_entry.is_removed() => value_entry.clone(),
            None => apply_edit(&ValueEdit::remove(value_entry.key(), None), version),
        }
    });
    let new = change.edits.iter().filter(|edit| find(entries, edit.key.as_str()).is_none());
    present.chain(new.map(|edit| apply_edit(edit, version))).collect()
}

fn apply_edit(edit: &ValueEdit, version: u64) -> ValueEntry {
    ValueEntry::new(edit.key.clone(), version, edit.fresh_until, edit.size, edit.state.clone())
}
