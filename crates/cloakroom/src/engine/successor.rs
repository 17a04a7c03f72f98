//! Sessions that continue a session of another library, under a token that follows from the id that
//! the client has.
//!
//! However many requests present that id, on however many nodes, they arrive at one session: its
//! selector follows from the id, and a store creates a selector once. Until the session is
//! confirmed, it has a secret that no client has, so nothing can be done with it. Confirming it
//! replaces that secret, which succeeds once.

use crate::cache::{ChangeError, EndReason, ValueEdit};
use crate::token::{Secret, Selector, Token};

use super::authenticate::Lookup;
use super::commit::CommitError;
use super::credential::Credential;
use super::rotate::{LoginRequest, NewSecret};
use crate::engine::Engine;
use crate::error::{SessionError, SessionErrorKind};

/// The identity of a session that continues another one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SuccessorIdentity {
    pub(crate) selector: Selector,
    /// The secret until the session is confirmed.
    pub(crate) unconfirmed: Secret,
    /// The secret that clients get.
    pub(crate) confirmed: Secret,
}

impl Engine {
    /// Creates the session, unconfirmed, with these values. Does nothing if it exists.
    pub(crate) async fn create_successor(
        &self,
        identity: &SuccessorIdentity,
        edits: &[ValueEdit],
    ) -> Result<(), SessionError> {
        self.ensure_maintenance();
        // Never undone: no client gets this token, and the session is confirmed or discarded. An end
        // that is late could meet another creation under the same selector.
        self.create_once((identity.selector, identity.unconfirmed), edits, None).await.map(drop)
    }

    /// Returns `true` if the session exists and was confirmed, whatever its secret is now.
    ///
    /// Looks at the record and not at a copy, which may be outdated or invalidated: the answer
    /// decides whether the old session may be deleted.
    pub(crate) async fn is_confirmed(&self, identity: &SuccessorIdentity) -> Result<bool, SessionError> {
        let verifier = match &self.store {
            None => self
                .cache
                .get(&identity.selector)
                .and_then(|entry| entry.read(|state| Some(state.snapshot()?.verifier))),
            Some(store) => {
                let loaded = self.load_record(&**store, identity.selector).await?;
                loaded.map(|loaded| loaded.record.verifier)
            }
        };
        let unconfirmed = self.verifier_hasher.hash(&identity.selector, &identity.unconfirmed);
        Ok(verifier.is_some_and(|verifier| verifier != unconfirmed))
    }

    /// Gives the session the secret that clients get, and logs it in. Does nothing if that has
    /// happened.
    ///
    /// Is not undone if no client gets the token: any client that has the id can ask for it again.
    pub(crate) async fn confirm_successor(
        &self,
        identity: &SuccessorIdentity,
        login: Option<&LoginRequest>,
    ) -> Result<(), SessionError> {
        let credential = self.unconfirmed_credential(identity);
        let new = NewSecret { secret: identity.confirmed, undo: None };
        let mut backoff = self.conflict_backoff();
        loop {
            let entry = match self.open_by_token(&credential).await? {
                Lookup::Open(open) | Lookup::Fetched(open) => open.entry,
                Lookup::Superseded => return Ok(()),
                Lookup::RolledBack | Lookup::Missing => return Err(SessionError::new(SessionErrorKind::Ended)),
            };
            let confirmed = match login {
                Some(request) => self.login_with(&credential, &entry, request, new).await,
                None => self.rotate_secret_with(&credential, &entry, new).await,
            };
            match confirmed {
                Ok(_) | Err(CommitError::Refused(ChangeError::Superseded)) => return Ok(()),
                Err(error @ CommitError::Refused(ChangeError::Conflict | ChangeError::Invalidated)) => {
                    if !backoff.wait().await {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Ends the session unless it was confirmed.
    pub(crate) async fn discard_successor(&self, identity: &SuccessorIdentity) -> Result<(), SessionError> {
        let unconfirmed = self.current_secret_of(&self.unconfirmed_credential(identity));
        self.end_as(&unconfirmed, &identity.selector, None, EndReason::Undelivered).await.map(drop)
    }

    fn unconfirmed_credential(&self, identity: &SuccessorIdentity) -> Credential {
        let token = Token { selector: identity.selector, secret: identity.unconfirmed, hint: None };
        // Another request may confirm the session meanwhile, which does not make this one a thief.
        Credential { has_opened: true, ..self.credential(&token) }
    }
}
