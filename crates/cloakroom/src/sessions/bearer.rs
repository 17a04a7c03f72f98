use crate::cache::{Fingerprint, Guard, Lineage};
use crate::identity::{Hint, Secret, Tag, Token, Verifier, Verifiers};
use crate::store;

use super::engine::Engine;

/// What a client holds: the parts of its token, and the newest version that it may have seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bearer {
    pub(crate) tag: Tag,
    pub(crate) secret: Secret,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) seen: Option<Hint>,
    /// It has opened the session in this request already: what became of it since is not its client's doing.
    pub(crate) opened: bool,
    /// Of the secrets that admitted it in this request. It goes on as the same client when they are renewed.
    pub(crate) lineage: Option<Lineage>,
}

impl Bearer {
    pub(crate) const fn token(&self) -> Token {
        Token { tag: self.tag, secret: self.secret, hint: self.seen }
    }

    /// The client has now seen this version.
    pub(crate) fn saw(&mut self, hint: Option<Hint>) {
        let version = |hint: Option<Hint>| hint.map_or(0, |hint| hint.version);
        if version(hint) > version(self.seen) {
            self.seen = hint;
        }
    }
}

impl Engine {
    pub(crate) fn bearer(&self, token: &Token) -> Bearer {
        let fingerprint = self.fingerprints.fingerprint(&token.secret);
        // Without a shared tier there is one copy, which is always the newest.
        let seen = token.hint.filter(|_| self.store.is_some());
        Bearer { tag: token.tag, secret: token.secret, fingerprint, seen, opened: false, lineage: None }
    }

    /// The bearer, provided that its secret is the present one.
    pub(super) fn unrotated(&self, bearer: &Bearer) -> Writer {
        Writer::Unrotated(bearer.fingerprint, self.verifiers.of(&bearer.tag, &bearer.secret))
    }
}

/// Who may make a change, in the words of both tiers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Writer {
    /// The application itself.
    Application,
    /// Who shows the present secret, or the previous one in its grace.
    Holder(Bearer),
    /// Who was admitted under a secret that was renewed to this one since.
    Follower(Fingerprint, Verifier),
    /// Anybody, provided that the secret is still this one.
    Unrotated(Fingerprint, Verifier),
}

impl Writer {
    /// Whether a client's request writes: that counts as activity of the session.
    pub(crate) const fn is_client(&self) -> bool {
        matches!(self, Self::Holder(_) | Self::Follower(..))
    }

    pub(crate) const fn local(&self) -> Guard {
        match self {
            Self::Application => Guard::Anyone,
            Self::Holder(bearer) => Guard::Holder(bearer.fingerprint),
            Self::Follower(fingerprint, _) | Self::Unrotated(fingerprint, _) => Guard::Current(*fingerprint),
        }
    }

    pub(crate) fn shared(&self, verifiers: &Verifiers) -> store::Guard {
        match self {
            Self::Application => store::Guard::Anyone,
            Self::Holder(bearer) => store::Guard::Holder(verifiers.of(&bearer.tag, &bearer.secret)),
            Self::Follower(_, verifier) | Self::Unrotated(_, verifier) => store::Guard::Current(*verifier),
        }
    }
}
