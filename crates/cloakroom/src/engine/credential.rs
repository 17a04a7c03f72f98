//! The credential of a client, and the guards that it is checked by on each tier.

use crate::cache::SecretLineage;
use crate::token::{Fingerprint, Guard, Secret, Selector, Token, Verifier, VerifierHasher, VersionHint};

use crate::engine::Engine;

/// Credential of a client: the parts of its token, and the newest version that it may have seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credential {
    pub(crate) selector: Selector,
    pub(crate) secret: Secret,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) client_version: Option<VersionHint>,
    /// `true` if this credential has already opened the session in this request. A later mismatch
    /// is then not token reuse.
    pub(crate) has_opened: bool,
    /// Lineage of the secrets that admitted the client in this request, by which it stays admitted
    /// when they are renewed.
    pub(crate) lineage: Option<SecretLineage>,
}

impl Credential {
    pub(crate) const fn token(&self) -> Token {
        Token { selector: self.selector, secret: self.secret, hint: self.client_version }
    }

    /// Records that the client has seen this version.
    pub(crate) fn observe(&mut self, hint: Option<VersionHint>) {
        let version = |hint: Option<VersionHint>| hint.map_or(0, |hint| hint.version);
        if version(hint) > version(self.client_version) {
            self.client_version = hint;
        }
    }
}

impl Engine {
    /// Returns the credential in a token that a client presented.
    pub(crate) fn credential(&self, token: &Token) -> Credential {
        let fingerprint = self.fingerprints.fingerprint(&token.secret);
        // Without a shared tier there is one copy, which is always the newest.
        let seen = token.hint.filter(|_| self.store.is_some());
        Credential {
            selector: token.selector,
            secret: token.secret,
            fingerprint,
            client_version: seen,
            has_opened: false,
            lineage: None,
        }
    }

    /// Returns an author that may write only while the client's secret is the current one.
    pub(super) fn current_secret_of(&self, credential: &Credential) -> ChangeAuthor {
        ChangeAuthor::CurrentSecret(
            credential.fingerprint,
            self.verifier_hasher.hash(&credential.selector, &credential.secret),
        )
    }
}

/// Author of a change, from which the guard of each tier is derived.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChangeAuthor {
    /// The application itself.
    Application,
    /// A client with the current secret, or with the previous one during its grace period.
    Client(Credential),
    /// A client that was admitted under a secret since renewed to this one.
    RenewedClient(Fingerprint, Verifier),
    /// Any author, provided that the secret is still this one.
    CurrentSecret(Fingerprint, Verifier),
}

impl ChangeAuthor {
    /// Returns `true` if a client's request writes, which counts as activity of the session.
    pub(crate) const fn is_client(&self) -> bool {
        matches!(self, Self::Client(_) | Self::RenewedClient(..))
    }

    /// Returns the guard for the local tier.
    pub(crate) const fn local(&self) -> Guard<Fingerprint> {
        match self {
            Self::Application => Guard::Anyone,
            Self::Client(credential) => Guard::Holder(credential.fingerprint),
            Self::RenewedClient(fingerprint, _) | Self::CurrentSecret(fingerprint, _) => Guard::Current(*fingerprint),
        }
    }

    /// Returns the guard for the shared tier.
    pub(crate) fn shared(&self, verifiers: &VerifierHasher) -> Guard {
        match self {
            Self::Application => Guard::Anyone,
            Self::Client(credential) => Guard::Holder(verifiers.hash(&credential.selector, &credential.secret)),
            Self::RenewedClient(_, verifier) | Self::CurrentSecret(_, verifier) => Guard::Current(*verifier),
        }
    }
}
