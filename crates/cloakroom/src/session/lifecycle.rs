//! Login, renewal, rotation, logout and "remember me", with their effects on the client's token.

use std::time::Duration;

use crate::application::PrincipalSessions;
use crate::cache::{ChangeError, EndReason, Entry};
use crate::engine::{
    CommitError, Credential, LoginRequest, Lookup, OpenSession, OtherLogin, PendingDelivery, ProposedChange,
    remember_me_lifetimes,
};
use crate::error::{SessionError, SessionErrorKind};
use crate::store::Destroyed;
use crate::sync::Arc;

use super::client_token::ClientToken;
use super::request::RequestSession;

/// A live session, and its client's credential.
type Present = (Credential, Arc<Entry>);

/// A session that was created for a login.
struct Created {
    credential: Credential,
    entry: Arc<Entry>,
    /// Ends the session if its client never gets the token.
    delivery: Arc<PendingDelivery>,
    /// The login of the same client on another node, if there is one.
    other: Option<OtherLogin>,
}

impl RequestSession {
    /// Logs in, in a new session if the client's token opens none.
    pub(super) async fn login(&self, request: &LoginRequest) -> Result<(), SessionError> {
        request.check()?;
        let _turn = self.lock().await;
        self.check_may_issue()?;
        self.check_response_not_begun()?;
        let mut created = None;
        let outcome = self.log_in(request, &mut created).await;
        if let Some(created) = created {
            if outcome.is_err() {
                self.engine().end_eventually(&created.credential.selector, created.entry, EndReason::Logout).await;
            }
            created.delivery.disarm();
        }
        outcome
    }

    /// Logs in to the present session, to one that is `created` for the login, or together with
    /// another request that does the same.
    async fn log_in(&self, request: &LoginRequest, created: &mut Option<Created>) -> Result<(), SessionError> {
        let mut is_superseded = false;
        let mut backoff = self.engine().conflict_backoff();
        loop {
            let present = if created.is_some() || is_superseded { None } else { self.present().await? };
            let (credential, entry) = match (present, &*created) {
                (Some(present), _) => present,
                (None, Some(created)) => self.created_before(&created.credential, &created.entry).await?,
                (None, None) if self.join_other_login(request).await? => return Ok(()),
                (None, None) => self.create_for(request, created).await?,
            };
            if request.ends_others {
                self.end_others(request, &entry).await?;
            }
            match self.engine().login(&credential, &entry, request).await {
                Ok((credential, delivery)) => {
                    if let Some(other) = created.as_ref().and_then(|created| created.other.as_ref()) {
                        self.engine().remember_duplicate(other, &credential, request, &delivery);
                    }
                    self.with_token(|token| token.replace_token(credential, entry, delivery));
                    return Ok(());
                }
                // Another request logged in or out with the same token meanwhile: this one joins
                // it, or gets a session of its own.
                Err(CommitError::Refused(ChangeError::Superseded)) if created.is_none() => {
                    is_superseded = true;
                    self.with_token(ClientToken::superseded);
                }
                Err(CommitError::Refused(ChangeError::Ended(_))) if created.is_none() => {
                    self.with_token(ClientToken::forget);
                }
                Err(error) => self.before_retry(error, &mut backoff).await?,
            }
        }
    }

    /// Ends the principal's other sessions. Runs first, so that after a failure nobody is logged in
    /// and the login can be repeated.
    async fn end_others(&self, request: &LoginRequest, kept: &Entry) -> Result<(), SessionError> {
        let all = PrincipalSessions::new(Arc::clone(self.engine()), request.principal.clone());
        all.revoke_all_but(Some(kept.selector)).await.map(drop)
    }

    /// Opens the session that was created for this login, whose copy may have been invalidated
    /// since.
    async fn created_before(&self, credential: &Credential, entry: &Arc<Entry>) -> Result<Present, SessionError> {
        match self.engine().open(credential, Some(entry)).await? {
            Lookup::Open(OpenSession { entry, .. }) | Lookup::Fetched(OpenSession { entry, .. }) => {
                Ok((*credential, entry))
            }
            Lookup::Superseded | Lookup::RolledBack | Lookup::Missing => {
                Err(SessionError::new(SessionErrorKind::Ended))
            }
        }
    }

    /// Takes the token that another request of this process got for the same login a moment ago,
    /// which replaced the client's token. Whichever response arrives last, the client has a valid
    /// token.
    async fn join_other_login(&self, request: &LoginRequest) -> Result<bool, SessionError> {
        let Some(credential) = self.replaced_credential() else { return Ok(false) };
        let engine = self.engine();
        let Some((joined, delivery)) = engine.same_login(&credential, request) else { return Ok(false) };
        let access = engine.open_by_token(&joined).await?;
        let (Lookup::Open(open) | Lookup::Fetched(open)) = access else { return Ok(false) };
        // If the joined token has been renewed since, it is in its grace period, and the client
        // would not learn of the new one.
        let entry = open.entry;
        if open.state.snapshot().is_none_or(|snapshot| snapshot.fingerprint != joined.fingerprint) {
            return Ok(false);
        }
        if request.ends_others {
            self.end_others(request, &entry).await?;
        }
        entry.touch(engine.now());
        self.with_token(|token| token.share_token(joined, entry, delivery));
        Ok(true)
    }

    /// Creates a session for a login. It keeps the values that the login names from the session
    /// that the client's token opened until another login of the same principal replaced that
    /// token.
    async fn create_for(&self, request: &LoginRequest, created: &mut Option<Created>) -> Result<Present, SessionError> {
        let engine = self.engine();
        let other = match self.replaced_credential() {
            Some(credential) => Box::pin(engine.other_login(&credential, request)).await?,
            None => None,
        };
        let kept = other.as_ref().map_or(&[][..], |other| &other.kept);
        let (credential, entry, delivery) = engine.create(kept).await?;
        *created = Some(Created { credential, entry: Arc::clone(&entry), delivery, other });
        Ok((credential, entry))
    }

    /// Returns the credential that the client presented, if a rotation has replaced it.
    fn replaced_credential(&self) -> Option<Credential> {
        self.with_token(|token| token.superseded_credential())
    }

    /// Returns the session whose token this request may replace. `None` if the client has no
    /// session.
    async fn present_to_rotate(&self) -> Result<Option<Present>, SessionError> {
        let Some(OpenSession { entry, .. }) = self.open_to_write().await? else { return Ok(None) };
        Ok(self.credential().map(|credential| (credential, entry)))
    }

    /// Returns the session that the client's token opens, with the client's credential.
    async fn present(&self) -> Result<Option<Present>, SessionError> {
        let Some(OpenSession { entry, .. }) = self.open().await? else { return Ok(None) };
        Ok(self.credential().map(|credential| (credential, entry)))
    }

    /// Like `present`, but also returns a session whose record cannot be decoded, so that it can
    /// still be destroyed.
    async fn present_or_unreadable(&self) -> Result<Option<(Credential, Option<Arc<Entry>>)>, SessionError> {
        match self.present().await {
            Ok(present) => Ok(present.map(|(credential, entry)| (credential, Some(entry)))),
            Err(error) if error.kind().is_unreadable() => Ok(self.credential().map(|credential| (credential, None))),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn renew(&self) -> Result<(), SessionError> {
        let _turn = self.lock().await;
        let mut backoff = self.engine().conflict_backoff();
        loop {
            let Some((credential, entry)) = self.present_to_rotate().await? else { return Ok(()) };
            self.check_response_not_begun()?;
            match self.engine().renew(&credential, &entry).await {
                Ok(None) => return Ok(()),
                Ok(Some((renewed, delivery))) => {
                    self.with_token(|token| token.replace_token(renewed, entry, delivery));
                    return Ok(());
                }
                Err(error) => self.before_retry(error, &mut backoff).await?,
            }
        }
    }

    pub(super) async fn rotate(&self) -> Result<(), SessionError> {
        let _turn = self.lock().await;
        let mut backoff = self.engine().conflict_backoff();
        loop {
            let Some((credential, entry)) = self.present_to_rotate().await? else { return Ok(()) };
            self.check_response_not_begun()?;
            match self.engine().rotate_secret(&credential, &entry).await {
                Ok((rotated, delivery)) => {
                    self.with_token(|token| token.replace_token(rotated, entry, delivery));
                    return Ok(());
                }
                Err(error) => self.before_retry(error, &mut backoff).await?,
            }
        }
    }

    pub(super) async fn destroy(&self, reason: EndReason) -> Result<(), SessionError> {
        let _turn = self.lock().await;
        let Some((credential, entry)) = self.present_or_unreadable().await? else { return self.has_no_session() };
        let outcome = self.engine().end_by_client(&credential, entry, reason).await?;
        self.with_token(|token| match outcome {
            // The client may already have the newer token, which this request must not take away.
            Destroyed::Superseded => token.superseded(),
            Destroyed::Done | Destroyed::Gone => token.log_out(),
        });
        self.has_no_session()
    }

    /// Checks that a logout, done or without effect, may report that the session has ended.
    fn has_no_session(&self) -> Result<(), SessionError> {
        self.check_may_issue()?;
        match self.replaced_credential() {
            Some(_) => Err(SessionError::new(SessionErrorKind::Ended)),
            None => Ok(()),
        }
    }

    pub(super) async fn remember(&self, lifetime: Duration) -> Result<(), SessionError> {
        let mut backoff = self.engine().conflict_backoff();
        loop {
            let ended = || SessionError::new(SessionErrorKind::Ended);
            let OpenSession { entry, state } = self.open_to_write().await?.ok_or_else(ended)?;
            self.check_response_not_begun()?;
            let snapshot = state.snapshot().ok_or_else(ended)?;
            let lifetimes = Some(remember_me_lifetimes(lifetime, self.engine().now(), snapshot));
            match self.commit(&entry, ProposedChange { lifetimes, ..ProposedChange::default() }).await {
                Ok(()) => {
                    self.with_token(ClientToken::keep_longer);
                    return Ok(());
                }
                Err(error) => self.before_retry(error, &mut backoff).await?,
            }
        }
    }
}
