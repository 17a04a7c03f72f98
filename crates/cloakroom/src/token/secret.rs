use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random::{RandomError, RandomSource};
use crate::time::Timestamp;

use super::{Selector, head, labelled_digest, random_bytes};

/// The private half of a token. It has no `Display`, its `Debug` is redacted, and it never
/// reaches a store.
#[derive(Clone, Copy)]
pub(crate) struct Secret([u8; 16]);

impl Secret {
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn generate(random: &dyn RandomSource) -> Result<Self, RandomError> {
        random_bytes(random).map(Self)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// What a store keeps of a secret: 128 bits of a labelled SHA-256 of one of namespace, tag and secret.
///
/// A secret is 128 random bits, so a longer digest would not make it harder to guess, and a
/// plain hash needs no salt or stretching.
#[derive(Clone, Copy)]
pub struct Verifier([u8; 16]);

impl Verifier {
    /// A verifier from its bytes, as a store kept them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Compared in constant time, so that a wrong guess says nothing about how wrong it was.
impl PartialEq for Verifier {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Verifier {}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(..)")
    }
}

/// Makes the verifiers of one namespace.
///
/// A verifier is bound to namespace and tag, so that a record proves which session it is: copied to another
/// tag or another application's keys, it is opened by nobody's secret.
#[derive(Clone)]
pub(crate) struct VerifierHasher(Sha256);

impl VerifierHasher {
    pub(crate) fn new(namespace: &str) -> Self {
        // Without a namespace, what is digested is 55 bytes long, which is as much as takes one round.
        let begun = Sha256::new().chain_update(b"cloakroom/v1/secret");
        Self(begun.chain_update((namespace.len() as u32).to_be_bytes()).chain_update(namespace))
    }

    pub(crate) fn hash(&self, selector: &Selector, secret: &Secret) -> Verifier {
        self.csrf_secret(selector, secret).verifier()
    }

    pub(crate) fn csrf_secret(&self, selector: &Selector, secret: &Secret) -> CsrfSecret {
        CsrfSecret(head(self.0.clone().chain_update(selector.as_bytes()).chain_update(secret.0)))
    }
}

impl fmt::Debug for VerifierHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifiers(..)")
    }
}

/// The part of a ticket that stays in the book, by which the ticket is known again: half way from a secret to its
/// verifier.
///
/// Who has the secret can compute it, and who has it can be checked against the verifier. It opens
/// nothing, and a store cannot compute it. So a page of the session may carry it, and a form show it.
#[derive(Clone, Copy)]
pub(crate) struct CsrfSecret([u8; 16]);

impl CsrfSecret {
    pub(crate) const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    pub(crate) fn verifier(self) -> Verifier {
        Verifier(labelled_digest(b"cloakroom/v1/verify", &self.0))
    }
}

impl fmt::Debug for CsrfSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counterfoil(..)")
    }
}

/// A secret that a rotation replaced, and whether it still opens the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviousSecret {
    /// What the store kept of the old secret.
    pub verifier: Verifier,
    /// Whether it still opens the session.
    pub state: PreviousSecretState,
}

/// Whether a secret that a rotation replaced still opens its session.
///
/// Two states and not one instant: an instant is written by the clock of one node and compared with the clock of
/// another, which may be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreviousSecretState {
    /// A login or a rotation replaced it: it opens nothing on any node, whatever any clock says.
    Replaced {
        /// When that was, on the clock of the node that did it. Only used to tell a late request from a theft; it
        /// never decides whether the secret opens anything.
        at: Timestamp,
    },
    /// A renewal replaced it: requests that are under way may still use it.
    Renewed {
        /// From this instant on it opens nothing either.
        until: Timestamp,
    },
}

impl PreviousSecret {
    /// A replaced secret in the given state.
    #[must_use]
    pub const fn new(verifier: Verifier, state: PreviousSecretState) -> Self {
        Self { verifier, state }
    }

    /// A secret that opens nothing any more, since a login or a rotation at `at`.
    #[must_use]
    pub const fn replaced(verifier: Verifier, at: Timestamp) -> Self {
        Self::new(verifier, PreviousSecretState::Replaced { at })
    }

    /// A secret that was renewed and still works until `until`.
    #[must_use]
    pub const fn renewed(verifier: Verifier, until: Timestamp) -> Self {
        Self::new(verifier, PreviousSecretState::Renewed { until })
    }

    /// Returns `true` if the secret still opens the session at `now`.
    #[must_use]
    pub fn is_accepted_at(&self, now: Timestamp) -> bool {
        self.accepted_until().is_some_and(|until| now < until)
    }

    /// Until when the secret opens the session; `None` if it opens nothing whatever the time is.
    #[must_use]
    pub const fn accepted_until(&self) -> Option<Timestamp> {
        match self.state {
            PreviousSecretState::Renewed { until } => Some(until),
            PreviousSecretState::Replaced { .. } => None,
        }
    }

    /// Since when the secret opens nothing, on the clock of the node that replaced it.
    #[must_use]
    pub const fn dead_since(&self) -> Timestamp {
        match self.state {
            PreviousSecretState::Renewed { until } => until,
            PreviousSecretState::Replaced { at } => at,
        }
    }
}
