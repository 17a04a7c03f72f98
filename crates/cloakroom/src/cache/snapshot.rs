//! The content of a session at one version, and which secrets open it.

use crate::lifetimes::Lifetimes;
use crate::sync::Arc;
use crate::time::{SKEW, Timestamp, whole_millis};
use crate::token::{Authentication, PreviousSecret, Principal, Verifier, VersionHint};
use crate::writers::Writers;

use super::account::Account;
use super::values::Values;
use crate::token::Fingerprint;

/// The content of a session at one version. Every transition makes a new one from a copy, which
/// shares the values and everything else that is large.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) version: u64,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) verifier: Verifier,
    pub(crate) fingerprint: Fingerprint,
    /// Present only if the session is logged in or rotated.
    pub(crate) login_state: Option<Arc<LoginState>>,
    /// Present only if there is a shared tier.
    pub(crate) store_meta: Option<Arc<StoreMeta>>,
    pub(crate) values: Values,
}

/// The login of a session, and its previous secret.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoginState {
    pub(crate) authentication: Option<Authentication>,
    pub(crate) previous: Option<(PreviousSecret, Fingerprint)>,
    /// The memory account of the principal, if it has several sessions.
    pub(crate) account: Option<Arc<Account>>,
    /// The lineage that the secret was renewed from, as far as this process has seen the renewals.
    pub(crate) renewed_from: Option<SecretLineage>,
}

impl LoginState {
    /// Bytes that a login or a rotation adds, not counting its texts.
    const OVERHEAD: u64 = 152;

    fn weight(&self) -> u64 {
        let text = |authentication: &Authentication| {
            authentication.principal.as_str().len() + authentication.label.as_ref().map_or(0, |label| label.len())
        };
        Self::OVERHEAD + self.authentication.as_ref().map_or(0, text) as u64
    }
}

/// Secrets that replaced one another by renewals, identified by the first one that this process
/// knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SecretLineage(u64);

impl SecretLineage {
    fn from_verifier(verifier: Verifier) -> Self {
        let [a, b, c, d, e, f, g, h, ..] = *verifier.as_bytes();
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Returns the half of the lineage that an entry stores beside its request count.
    pub(super) const fn high_bits(self) -> u64 {
        self.0 >> 32
    }
}

/// Relation of a copy to the record it was read from.
#[derive(Clone, Debug)]
pub(crate) struct StoreMeta {
    pub(crate) lease: u64,
    pub(crate) nonce: u64,
    /// Deadline at which the shared tier drops the record, counted from the last touch that it is
    /// known to have received.
    pub(crate) store_deadline: Timestamp,
    pub(crate) writers: Writers,
}

/// Result of matching a secret against a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretMatch {
    /// The current secret of the session.
    Current,
    /// The previous secret, renewed recently and still accepted.
    Grace,
    /// The previous secret, no longer accepted.
    Reused,
    /// Neither the current nor the previous secret.
    Wrong,
}

impl Snapshot {
    /// Bytes that a session takes in addition to its values: entry, snapshot, table and timer
    /// slots.
    const OVERHEAD: u64 = 256;

    pub(crate) fn weight(&self) -> u64 {
        let store_meta = self.store_meta.as_ref().map_or(0, |store_meta| store_meta.writers.weight());
        let login_state = self.login_state.as_deref().map_or(0, LoginState::weight);
        Self::OVERHEAD + login_state + store_meta + self.values.weight()
    }

    /// Returns the memory account of the principal, if it has several sessions.
    pub(crate) fn account(&self) -> Option<&Arc<Account>> {
        self.login_state.as_ref()?.account.as_ref()
    }

    pub(crate) fn authentication(&self) -> Option<&Authentication> {
        self.login_state.as_ref()?.authentication.as_ref()
    }

    /// Returns the last activity that the record of this copy shows, or an earlier instant if the
    /// absolute deadline comes before the idle one. `None` without a shared tier.
    pub(crate) fn last_reported(&self) -> Option<Timestamp> {
        let idle = whole_millis(self.lifetimes.store_idle_timeout());
        let deadline = self.store_meta.as_ref()?.store_deadline.as_millis();
        Some(Timestamp::from_millis(deadline.saturating_sub(idle)))
    }

    /// Returns the version hint of a client that was served from this copy. `None` without a shared
    /// tier.
    pub(crate) fn version_hint(&self) -> Option<VersionHint> {
        let nonce = self.store_meta.as_ref()?.nonce as u16;
        Some(VersionHint { version: self.version, nonce })
    }

    pub(crate) fn principal(&self) -> Option<&Principal> {
        self.authentication().map(|authentication| &authentication.principal)
    }

    pub(crate) fn is_anonymous(&self) -> bool {
        self.authentication().is_none()
    }

    /// Returns `true` if the secret with this fingerprint opens the session now. A session created
    /// further in the future than clocks may differ is refused, because a clock is wrong.
    ///
    /// `latest` returns the latest instant known of the session. It is called only for the previous
    /// secret.
    pub(crate) fn admits(&self, fingerprint: Fingerprint, now: Timestamp, latest: impl FnOnce() -> Timestamp) -> bool {
        now.after(SKEW) >= self.lifetimes.created_at()
            && (self.fingerprint == fingerprint || self.grace_admits(fingerprint, latest))
    }

    fn grace_admits(&self, fingerprint: Fingerprint, latest: impl FnOnce() -> Timestamp) -> bool {
        self.previous().is_some_and(|(previous, old)| *old == fingerprint && previous.is_accepted_at(latest()))
    }

    /// Matches a secret, given by fingerprint and verifier, against the session. The verifier is
    /// computed only if the fingerprint does not decide.
    pub(crate) fn match_secret(
        &self,
        fingerprint: Fingerprint,
        verifier: impl FnOnce() -> Verifier,
        now: Timestamp,
    ) -> SecretMatch {
        if self.fingerprint == fingerprint {
            return SecretMatch::Current;
        }
        let verifier = verifier();
        if self.verifier == verifier {
            return SecretMatch::Current;
        }
        match self.previous() {
            Some((previous, _)) if previous.verifier == verifier && previous.is_accepted_at(now) => SecretMatch::Grace,
            Some((previous, _)) if previous.verifier == verifier => SecretMatch::Reused,
            _ => SecretMatch::Wrong,
        }
    }

    /// Returns `true` if a secret with this verifier opens the session now, including the previous
    /// one during its grace period.
    pub(crate) fn is_verified_by(&self, verifier: Verifier, now: Timestamp) -> bool {
        let lingers = |previous: &PreviousSecret| previous.verifier == verifier && previous.is_accepted_at(now);
        self.verifier == verifier || self.previous().is_some_and(|(previous, _)| lingers(previous))
    }

    /// Returns the lineage of the current secret. Renewals continue it; a login or a rotation
    /// begins a new one.
    pub(crate) fn lineage(&self) -> SecretLineage {
        self.login_state
            .as_ref()
            .and_then(|login_state| login_state.renewed_from)
            .unwrap_or(SecretLineage::from_verifier(self.verifier))
    }

    /// Continues the lineage of `former`, if the secret is the same or was renewed from that one.
    pub(crate) fn continue_lineage(&mut self, former: &Self) {
        let previous = self.previous().map(|(previous, _)| *previous);
        let is_renewal =
            |previous: PreviousSecret| previous.verifier == former.verifier && previous.accepted_until().is_some();
        if (self.verifier == former.verifier || previous.is_some_and(is_renewal)) && self.lineage() != former.lineage()
        {
            let login_state = self.login_state.as_deref().cloned().unwrap_or_default();
            self.login_state = Some(Arc::new(LoginState { renewed_from: Some(former.lineage()), ..login_state }));
        }
    }

    /// Stores the fingerprint of a secret that matched the verifier of a record.
    pub(crate) fn remember_fingerprint(&mut self, proof: SecretMatch, fingerprint: Fingerprint) {
        match (proof, &self.login_state) {
            (SecretMatch::Current, _) => self.fingerprint = fingerprint,
            (SecretMatch::Grace, Some(login_state)) => {
                let previous = login_state.previous.map(|(previous, _)| (previous, fingerprint));
                self.login_state = Some(Arc::new(LoginState { previous, ..LoginState::clone(login_state) }));
            }
            _ => {}
        }
    }

    /// Returns the previous secret and its fingerprint, if the current secret replaced one.
    pub(crate) fn previous(&self) -> Option<&(PreviousSecret, Fingerprint)> {
        self.login_state.as_ref()?.previous.as_ref()
    }
}
