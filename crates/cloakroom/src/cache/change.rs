use crate::identity::{Authentication, Previous, PreviousState, Verifier};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::account::Account;
use super::entry::{Entry, Key, Slot};
use super::fingerprint::Fingerprint;
use super::snapshot::{Snapshot, Standing, Term};
use super::values::{Values, find, version_of};

/// One atomic change of a session.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) guard: Guard,
    pub(crate) edits: &'a [Edit],
    pub(crate) rotation: Option<&'a Rotation>,
    pub(crate) term: Option<Term>,
    /// The session's version that the change holds for; `None` for any.
    pub(crate) base: Option<u64>,
    pub(crate) now: Timestamp,
    /// By how much it raises the version.
    pub(crate) step: u64,
}

/// Which secret a writer must have shown.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guard {
    /// None: the application itself writes.
    Anyone,
    /// The present one, or the previous one in its grace.
    Holder(Fingerprint),
    /// The present one only.
    Current(Fingerprint),
}

/// A change of one value.
#[derive(Clone, Debug)]
pub(crate) struct Edit {
    pub(crate) key: Key,
    /// The version that must be there; `None` for any, 0 for none ever.
    pub(crate) expect: Option<u64>,
    pub(crate) slot: Slot,
    pub(crate) fresh_until: Timestamp,
    pub(crate) size: u32,
    /// The encoding of what is in the slot, where that is known.
    pub(crate) encoded: Option<Arc<[u8]>>,
}

impl Edit {
    pub(crate) const fn remove(key: Key, expect: Option<u64>) -> Self {
        Self { key, expect, slot: Slot::Removed, fresh_until: Timestamp::MAX, size: 0, encoded: None }
    }
}

/// A new secret for the session.
#[derive(Clone, Debug)]
pub(crate) struct Rotation {
    pub(crate) verifier: Verifier,
    pub(crate) fingerprint: Fingerprint,
    /// Whether the old secret still works.
    pub(crate) previous: PreviousState,
    /// A login replaces the authentication and may drop values.
    pub(crate) login: Option<Login>,
}

/// What a login changes beside the secret.
#[derive(Clone, Debug)]
pub(crate) struct Login {
    pub(crate) authentication: Authentication,
    /// Every value not listed goes; `None` keeps all.
    pub(crate) keep_only: Option<Vec<&'static str>>,
    /// Where what the session takes is booked from now on.
    pub(crate) account: Option<Arc<Account>>,
}

/// Why a change was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The writer's secret no longer opens the session.
    Superseded,
    /// A value is not at the version the writer knew.
    Conflict,
}

impl Snapshot {
    /// This snapshot with the change made, or why it cannot be.
    pub(crate) fn apply(&self, change: &Change<'_>) -> Result<Self, Refusal> {
        if !self.satisfies(change.guard, change.now) {
            return Err(Refusal::Superseded);
        }
        if change.base.is_some_and(|base| base != self.version) {
            return Err(Refusal::Conflict);
        }
        let unpacked;
        let entries = match &self.values {
            Values::Live(entries) => entries,
            Values::Packed(packed) => {
                unpacked = packed.unpack();
                &unpacked
            }
        };
        if change
            .edits
            .iter()
            .any(|edit| edit.expect.is_some_and(|version| version != version_of(entries, edit.key.as_str())))
        {
            return Err(Refusal::Conflict);
        }
        let version = self.version.saturating_add(change.step);
        let mut next = self.with_rotation(change);
        next.version = version;
        next.values = Values::Live(edited(entries, change, version));
        if let Some(term) = change.term {
            next.adopt(term);
        }
        Ok(next)
    }

    fn adopt(&mut self, term: Term) {
        self.idle = term.idle;
        self.absolute = term.absolute;
        if self.is_persistent() != term.persistent {
            let standing = self.standing.as_deref().cloned().unwrap_or_default();
            self.standing = Some(Arc::new(Standing { persistent: term.persistent, ..standing }));
        }
    }

    /// Whether whoever comes under this guard may change or end the session.
    pub(super) fn satisfies(&self, guard: Guard, now: Timestamp) -> bool {
        match guard {
            Guard::Anyone => true,
            Guard::Holder(fingerprint) => self.admits(fingerprint, now, || now),
            Guard::Current(fingerprint) => self.fingerprint == fingerprint,
        }
    }

    /// Everything but the values, with the change's rotation made.
    fn with_rotation(&self, change: &Change<'_>) -> Self {
        let mut next =
            Self { values: Values::none(), standing: self.standing.clone(), origin: self.origin.clone(), ..*self };
        if let Some(rotation) = change.rotation {
            let login = rotation.login.as_ref().map(|login| &login.authentication).or(self.authentication());
            next.standing = Some(Arc::new(Standing {
                authentication: login.cloned(),
                previous: Some((Previous::new(self.verifier, rotation.previous), self.fingerprint)),
                persistent: self.is_persistent(),
                account: match &rotation.login {
                    Some(login) => login.account.clone(),
                    None => self.standing.as_ref().and_then(|standing| standing.account.clone()),
                },
                renewed_from: matches!(rotation.previous, PreviousState::Renewed { .. }).then(|| self.lineage()),
            }));
            next.verifier = rotation.verifier;
            next.fingerprint = rotation.fingerprint;
        }
        next
    }
}

fn edited(entries: &[Entry], change: &Change<'_>, version: u64) -> Box<[Entry]> {
    let keep_only = change.rotation.and_then(|r| r.login.as_ref()).and_then(|login| login.keep_only.as_deref());
    let kept = |entry: &Entry| keep_only.is_none_or(|keys| keys.contains(&entry.key.as_str()));
    let new = |edit: &&Edit| find(entries, edit.key.as_str()).is_none();
    // Exactly as many, because every commit would otherwise move them once more on the way into the box.
    let added = change.edits.iter().filter(new).count();
    let mut next = Vec::with_capacity(entries.len() + added);
    for entry in entries {
        next.push(match change.edits.iter().find(|edit| edit.key.as_str() == entry.key.as_str()) {
            Some(edit) => written(edit, version),
            None if kept(entry) || entry.is_removed() => entry.clone(),
            None => written(&Edit::remove(entry.key.clone(), None), version),
        });
    }
    next.extend(change.edits.iter().filter(new).map(|edit| written(edit, version)));
    next.into_boxed_slice()
}

fn written(edit: &Edit, version: u64) -> Entry {
    Entry { key: edit.key.clone(), version, fresh_until: edit.fresh_until, size: edit.size, slot: edit.slot.clone() }
}
