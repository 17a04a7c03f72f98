use crate::cache::{LocalGuard, SecretLineage};
use crate::store;
use crate::token::Fingerprint;
use crate::token::{Secret, Selector, Token, Verifier, VerifierHasher, VersionHint};

use crate::engine::Engine;

/// What a client holds: the parts of its token, and the newest version that it may have seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credential {
    pub(crate) selector: Selector,
    pub(crate) secret: Secret,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) client_version: Option<VersionHint>,
    /// It has opened the session in this request already: what became of it since is not its client's doing.
    pub(crate) has_opened: bool,
    /// Of the secrets that admitted it in this request. It goes on as the same client when they are renewed.
    pub(crate) lineage: Option<SecretLineage>,
}

impl Credential {
    pub(crate) const fn token(&self) -> Token {
        Token { selector: self.selector, secret: self.secret, hint: self.client_version }
    }

    /// The client has now seen this version.
    pub(crate) fn observe(&mut self, hint: Option<VersionHint>) {
        let version = |hint: Option<VersionHint>| hint.map_or(0, |hint| hint.version);
        if version(hint) > version(self.client_version) {
            self.client_version = hint;
        }
    }
}

impl Engine {
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

    /// The bearer, provided that its secret is the present one.
    pub(super) fn current_secret_of(&self, credential: &Credential) -> ChangeAuthor {
        ChangeAuthor::CurrentSecret(
            credential.fingerprint,
            self.verifier_hasher.hash(&credential.selector, &credential.secret),
        )
    }
}

/// Who may make a change, in the words of both tiers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ChangeAuthor {
    /// The application itself.
    Application,
    /// Who shows the present secret, or the previous one in its grace.
    Client(Credential),
    /// Who was admitted under a secret that was renewed to this one since.
    RenewedClient(Fingerprint, Verifier),
    /// Anybody, provided that the secret is still this one.
    CurrentSecret(Fingerprint, Verifier),
}

impl ChangeAuthor {
    /// Whether a client's request writes: that counts as activity of the session.
    pub(crate) const fn is_client(&self) -> bool {
        matches!(self, Self::Client(_) | Self::RenewedClient(..))
    }

    pub(crate) const fn local(&self) -> LocalGuard {
        match self {
            Self::Application => LocalGuard::Anyone,
            Self::Client(credential) => LocalGuard::Holder(credential.fingerprint),
            Self::RenewedClient(fingerprint, _) | Self::CurrentSecret(fingerprint, _) => {
                LocalGuard::Current(*fingerprint)
            }
        }
    }

    pub(crate) fn shared(&self, verifiers: &VerifierHasher) -> store::Guard {
        match self {
            Self::Application => store::Guard::Anyone,
            Self::Client(credential) => store::Guard::Holder(verifiers.hash(&credential.selector, &credential.secret)),
            Self::RenewedClient(_, verifier) | Self::CurrentSecret(_, verifier) => store::Guard::Current(*verifier),
        }
    }
}
