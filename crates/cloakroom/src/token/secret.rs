use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::random::{RandomError, RandomSource};
use crate::time::Timestamp;

use super::{Selector, head, labelled_digest};

/// The private half of a token.
///
/// It has no `Display`, its `Debug` is redacted, and it never reaches a store.
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
        let mut bytes = [0; 16];
        random.fill(&mut bytes)?;
        Ok(Self(bytes))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The hash of a secret that a store keeps: 128 bits of a labelled SHA-256 digest over namespace,
/// selector and secret.
///
/// A secret is 128 random bits, so a longer digest would not make it harder to guess, and a plain
/// hash needs no salt or stretching.
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

/// Compares in constant time, so that timing reveals nothing about a wrong guess.
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

/// Computes the verifiers of one namespace.
///
/// A verifier is bound to namespace and selector: if a record is copied to another selector or into
/// another application's keys, no secret opens it.
#[derive(Clone)]
pub(crate) struct VerifierHasher(Sha256);

impl VerifierHasher {
    pub(crate) fn new(namespace: &str) -> Self {
        // With an empty namespace the input is 55 bytes long, the maximum for one round of SHA-256.
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
        f.write_str("VerifierHasher(..)")
    }
}

/// The intermediate hash between a secret and its verifier.
///
/// It can be computed from the secret and checked against the verifier, so it proves knowledge of
/// the secret. It cannot open the session, and a store cannot compute it. A page of the session may
/// therefore contain it, and a form may submit it.
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
        f.write_str("CsrfSecret(..)")
    }
}

/// A secret that a rotation replaced, and its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviousSecret {
    /// The verifier of the old secret.
    pub verifier: Verifier,
    /// The state of the old secret.
    pub state: PreviousSecretState,
}

/// The state of a secret that a rotation replaced: rejected, or accepted until an instant.
///
/// Two states instead of one instant: an instant is written by the clock of one node and compared
/// with the clock of another, which may be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PreviousSecretState {
    /// Replaced by a login or a rotation: the secret is rejected on every node, whatever any clock
    /// shows.
    Replaced {
        /// The time of the replacement, on the clock of the node that did it. Only used to
        /// distinguish a late request from a theft; it never decides whether the secret is
        /// accepted.
        at: Timestamp,
    },
    /// Replaced by a renewal: requests in progress may still use it.
    Renewed {
        /// The secret is rejected from this instant on.
        until: Timestamp,
    },
}

impl PreviousSecret {
    /// A replaced secret in the given state.
    #[must_use]
    pub const fn new(verifier: Verifier, state: PreviousSecretState) -> Self {
        Self { verifier, state }
    }

    /// A secret that is rejected since a login or a rotation at `at`.
    #[must_use]
    pub const fn replaced(verifier: Verifier, at: Timestamp) -> Self {
        Self::new(verifier, PreviousSecretState::Replaced { at })
    }

    /// A secret that was renewed and is accepted until `until`.
    #[must_use]
    pub const fn renewed(verifier: Verifier, until: Timestamp) -> Self {
        Self::new(verifier, PreviousSecretState::Renewed { until })
    }

    /// Returns `true` if the secret still opens the session at `now`.
    #[must_use]
    pub fn is_accepted_at(&self, now: Timestamp) -> bool {
        self.accepted_until().is_some_and(|until| now < until)
    }

    /// The instant until which the secret opens the session; `None` if it is always rejected.
    #[must_use]
    pub const fn accepted_until(&self) -> Option<Timestamp> {
        match self.state {
            PreviousSecretState::Renewed { until } => Some(until),
            PreviousSecretState::Replaced { .. } => None,
        }
    }

    /// The instant since which the secret is rejected, on the clock of the node that replaced it.
    #[must_use]
    pub const fn dead_since(&self) -> Timestamp {
        match self.state {
            PreviousSecretState::Renewed { until } => until,
            PreviousSecretState::Replaced { at } => at,
        }
    }
}
