//! The legal states of a client's token in a request, and the transitions between them.

use crate::cache::Entry;
use crate::engine::Credential;
use crate::sync::Arc;

/// The client's token, as far as this request knows it.
///
/// | in this state | opened | superseded | rolled back | issued | kept longer | logged out | forgotten |
/// |---|---|---|---|---|---|---|---|
/// | `Missing` | | | | `Issued` | | `Removed` | |
/// | `Presented` | `Open` | `Superseded` | | `Issued` | | `Removed` | `Missing` |
/// | `Open` | | `Superseded` | `Presented`¹ | `Issued` | `KeptLonger` | `Removed` | `Missing` |
/// | `KeptLonger` | | `Superseded` | `Presented`¹ | `Issued` | | `Removed` | `Missing` |
/// | `Issued` | | `Superseded` | `Presented`¹ | `Issued` | | `Removed` | `Missing` |
/// | `Superseded` | `Open` | | `Presented`¹ | `Issued` | | `Removed` | `Missing` |
/// | `Removed` | | | | `Issued` | | | `Missing` |
///
/// An empty cell leaves the state unchanged. ¹ Only if the request has not been given the session;
/// otherwise the token stays known but is not sent: `KeptLonger` and `Issued` become `Open`.
///
/// The verbs cause these transitions:
///
/// - `get`, `update` and all other accesses look the token up: *opened*, *superseded*, *rolled
///   back*, or nothing if the session is missing. The result of a lookup under another token than
///   the present one is ignored.
/// - `update` without a session, `login`, `renew` and `rotate`: *issued*.
/// - `login` and `destroy` that find the token replaced: *superseded*. `login` that finds the
///   session ended: *forgotten*.
/// - `remember`: *kept longer*.
/// - `destroy`: *logged out*.
#[derive(Clone, Debug, Default)]
pub(super) enum TokenState {
    /// There is no token. A write may create a session.
    #[default]
    Missing,
    /// The token has opened nothing so far. A write may create a session. The entry is the one that
    /// the first lookup found.
    Presented(Credential, Option<Arc<Entry>>),
    /// The token has opened a session. If that session ends meanwhile, a write must not silently
    /// start another.
    Open(Credential, Arc<Entry>),
    /// Like `Open`, and this request extended the lifetime of the token.
    KeptLonger(Credential, Arc<Entry>),
    /// This request made the token.
    Issued(Credential, Arc<Entry>),
    /// A rotation has replaced the token. A write must not start a session whose cookie would
    /// overwrite the newer one that the client may be receiving right now.
    Superseded(Credential, Option<Arc<Entry>>),
    /// This request logged the client out.
    Removed,
}

impl TokenState {
    /// Returns the state at the start of a request with a token, from a lookup without I/O.
    pub(super) fn presented(credential: Credential, entry: Option<Arc<Entry>>, opens: bool) -> Self {
        match entry {
            Some(entry) if opens => Self::Open(credential, entry),
            entry => Self::Presented(credential, entry),
        }
    }

    pub(super) const fn credential(&self) -> Option<&Credential> {
        match self {
            Self::Missing | Self::Removed => None,
            Self::Presented(credential, _)
            | Self::Open(credential, _)
            | Self::KeptLonger(credential, _)
            | Self::Issued(credential, _)
            | Self::Superseded(credential, _) => Some(credential),
        }
    }

    pub(super) const fn credential_mut(&mut self) -> Option<&mut Credential> {
        match self {
            Self::Missing | Self::Removed => None,
            Self::Presented(credential, _)
            | Self::Open(credential, _)
            | Self::KeptLonger(credential, _)
            | Self::Issued(credential, _)
            | Self::Superseded(credential, _) => Some(credential),
        }
    }

    pub(super) const fn entry(&self) -> Option<&Arc<Entry>> {
        match self {
            Self::Missing | Self::Removed => None,
            Self::Presented(_, entry) | Self::Superseded(_, entry) => entry.as_ref(),
            Self::Open(_, entry) | Self::KeptLonger(_, entry) | Self::Issued(_, entry) => Some(entry),
        }
    }

    /// Returns `true` if a write may create a session for this client.
    pub(super) const fn may_create(&self) -> bool {
        matches!(self, Self::Missing | Self::Presented(..) | Self::Removed)
    }

    pub(super) const fn is_removed(&self) -> bool {
        matches!(self, Self::Removed)
    }

    pub(super) const fn is_superseded(&self) -> bool {
        matches!(self, Self::Superseded(..))
    }

    pub(super) const fn is_issued(&self) -> bool {
        matches!(self, Self::Issued(..))
    }

    /// Returns `true` if the client must receive the token because of an act of this request.
    pub(super) const fn must_send(&self) -> bool {
        matches!(self, Self::Issued(..) | Self::KeptLonger(..))
    }

    /// The token opened this entry.
    pub(super) fn opened(&mut self, entry: &Arc<Entry>) {
        let is_same = |known: &Arc<Entry>| Arc::ptr_eq(known, entry);
        match self {
            Self::Open(_, known) | Self::KeptLonger(_, known) | Self::Issued(_, known) => {
                if !is_same(known) {
                    *known = Arc::clone(entry);
                }
            }
            Self::Presented(credential, _) | Self::Superseded(credential, _) => {
                *self = Self::Open(*credential, Arc::clone(entry));
            }
            Self::Missing | Self::Removed => {}
        }
    }

    /// The known entry, if there is one, was read under the token.
    pub(super) fn opened_known_entry(&mut self) {
        if let Self::Presented(credential, Some(entry)) | Self::Superseded(credential, Some(entry)) = self {
            *self = Self::Open(*credential, Arc::clone(entry));
        }
    }

    /// The token was replaced: the response must not send it.
    pub(super) fn superseded(&mut self) {
        if let Some(credential) = self.credential().copied() {
            *self = Self::Superseded(credential, self.entry().cloned());
        }
    }

    /// The shared tier has lost the state that the token names. As without a token, a write may
    /// start a session under a token of its own, unless this request has already used that state.
    pub(super) fn rolled_back(&mut self) {
        let Some(credential) = self.credential().copied() else { return };
        if !credential.has_opened {
            *self = Self::Presented(credential, self.entry().cloned());
        } else if let Self::KeptLonger(_, entry) | Self::Issued(_, entry) = self {
            *self = Self::Open(credential, Arc::clone(entry));
        }
    }

    /// The request made this token, or adopted it from another request of the same client.
    pub(super) fn issued(&mut self, credential: Credential, entry: Arc<Entry>) {
        *self = Self::Issued(credential, entry);
    }

    /// The request extended the lifetime of the token.
    pub(super) fn kept_longer(&mut self) {
        if let Self::Open(credential, entry) = self {
            *self = Self::KeptLonger(*credential, Arc::clone(entry));
        }
    }

    /// The request logged the client out.
    pub(super) fn logged_out(&mut self) {
        *self = Self::Removed;
    }

    /// The session of the token has ended, so that the client counts as one without a token.
    pub(super) fn forgotten(&mut self) {
        *self = Self::Missing;
    }
}
