//! Login, renewal, logout and "remember me", with what they mean for the client's token.

use std::time::Duration;

use crate::cache::{Cell, EndReason, Refused};
use crate::sessions::{
    Access, Bearer, CommitError, Delivery, LoginRequest, PrincipalSessions, Proposal, SessionError, SessionErrorKind,
    remembered_within,
};
use crate::store::Destroyed;
use crate::sync::Arc;

use super::handle::Handle;
use super::held::{Held, News, Standing};

/// A live session, and what its client holds of it.
type Present = (Bearer, Arc<Cell>);

/// A session that was created for a login, and what becomes of it if its client never gets its token.
type Created = (Bearer, Arc<Cell>, Arc<Delivery>);

impl Handle {
    /// Logs in, in a new session if the client's token opens none.
    pub(super) async fn login(&self, request: &LoginRequest) -> Result<(), SessionError> {
        request.check()?;
        let _turn = self.turn().await;
        self.may_get_a_new_token()?;
        self.can_give_token()?;
        let mut created = None;
        let outcome = self.log_in(request, &mut created).await;
        if let Some((bearer, cell, made)) = created {
            if outcome.is_err() {
                self.engine().end_in_time(&bearer.tag, cell, EndReason::Logout).await;
            }
            made.done();
        }
        outcome
    }

    /// Logs in on the present session, on one that is `created` for it, or with another request that does the same.
    async fn log_in(&self, request: &LoginRequest, created: &mut Option<Created>) -> Result<(), SessionError> {
        let mut is_superseded = false;
        let mut patience = self.engine().patience();
        loop {
            let present = if created.is_some() || is_superseded { None } else { self.present().await? };
            let (bearer, cell) = match (present, &*created) {
                (Some(present), _) => present,
                (None, Some((bearer, cell, _))) => self.created_before(bearer, cell).await?,
                (None, None) if self.join_other_login(request).await? => return Ok(()),
                (None, None) => self.create_for(request, created).await?,
            };
            if request.ends_others {
                self.end_others(request, &cell).await?;
            }
            match self.engine().login(&bearer, &cell, request).await {
                Ok((bearer, made)) => {
                    self.with_held(|held| held.adopt(bearer, cell, made));
                    return Ok(());
                }
                // Another request logged in or out with the same token meanwhile: this one joins it, or gets a session
                // of its own.
                Err(CommitError::Refused(Refused::Superseded)) if created.is_none() => {
                    is_superseded = true;
                    self.with_held(Held::superseded);
                }
                Err(CommitError::Refused(Refused::Ended(_))) if created.is_none() => {
                    self.with_held(Held::forget);
                }
                Err(error) => self.before_retry(error, &mut patience).await?,
            }
        }
    }

    /// First, so that a fault leaves nobody logged in and the whole can be repeated.
    async fn end_others(&self, request: &LoginRequest, kept: &Cell) -> Result<(), SessionError> {
        let all = PrincipalSessions::new(Arc::clone(self.engine()), request.principal.clone());
        all.revoke_all_but(Some(kept.tag)).await.map(drop)
    }

    /// The session that was created for this login, whose copy may have fallen into doubt since.
    async fn created_before(&self, bearer: &Bearer, cell: &Arc<Cell>) -> Result<Present, SessionError> {
        match self.engine().open(bearer, Some(cell)).await? {
            Access::Open((cell, _)) | Access::Fetched((cell, _)) => Ok((*bearer, cell)),
            Access::Superseded | Access::RolledBack | Access::Nothing => {
                Err(SessionError::new(SessionErrorKind::Ended))
            }
        }
    }

    /// Takes the token that another request of this process got for the very same login a moment ago, under which the
    /// client's token was replaced. Whichever answer arrives last, the client has it.
    async fn join_other_login(&self, request: &LoginRequest) -> Result<bool, SessionError> {
        let Some(bearer) = self.replaced_bearer() else { return Ok(false) };
        let engine = self.engine();
        let Some((joined, made)) = engine.same_login(&bearer, request) else { return Ok(false) };
        let cell = engine.tier.get(&joined.tag);
        let access = engine.open(&joined, cell.as_ref()).await?;
        let (Access::Open((cell, state)) | Access::Fetched((cell, state))) = access else { return Ok(false) };
        // Renewed since, it is in its grace, and the client would not be told of it.
        if state.snapshot().is_none_or(|snapshot| snapshot.fingerprint != joined.fingerprint) {
            return Ok(false);
        }
        if request.ends_others {
            self.end_others(request, &cell).await?;
        }
        cell.see(engine.now());
        self.with_held(|held| held.join(joined, cell, made));
        Ok(true)
    }

    /// A new session for a login, with what the login keeps of the one that the client's token opened until another login
    /// of the same principal replaced it.
    async fn create_for(&self, request: &LoginRequest, created: &mut Option<Created>) -> Result<Present, SessionError> {
        let engine = self.engine();
        let kept = match self.replaced_bearer() {
            Some(bearer) => Box::pin(engine.kept_by_other_login(&bearer, request)).await?,
            None => Vec::new(),
        };
        let (bearer, cell, _) = created.insert(engine.create(&kept).await?);
        Ok((*bearer, Arc::clone(cell)))
    }

    /// What the client showed, if a rotation has replaced it.
    fn replaced_bearer(&self) -> Option<Bearer> {
        self.with_held(|held| held.bearer.filter(|_| held.standing == Standing::Superseded))
    }

    /// The session whose token this request may replace. `None` if its client has none.
    async fn present_to_rotate(&self) -> Result<Option<Present>, SessionError> {
        let Some((cell, _)) = self.open_to_write().await? else { return Ok(None) };
        Ok(self.with_held(|held| held.bearer).map(|bearer| (bearer, cell)))
    }

    /// The session that the client's token opens, with what the client holds of it.
    async fn present(&self) -> Result<Option<Present>, SessionError> {
        let Some((cell, _)) = self.open().await? else { return Ok(None) };
        Ok(self.with_held(|held| held.bearer).map(|bearer| (bearer, cell)))
    }

    /// The same where what is in it does not read, which is no reason to keep it.
    async fn present_or_unreadable(&self) -> Result<Option<(Bearer, Option<Arc<Cell>>)>, SessionError> {
        match self.present().await {
            Ok(present) => Ok(present.map(|(bearer, cell)| (bearer, Some(cell)))),
            Err(error) if error.kind().is_unreadable() => {
                Ok(self.with_held(|held| held.bearer).map(|bearer| (bearer, None)))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn renew(&self) -> Result<(), SessionError> {
        let _turn = self.turn().await;
        let mut patience = self.engine().patience();
        loop {
            let Some((bearer, cell)) = self.present_to_rotate().await? else { return Ok(()) };
            self.can_give_token()?;
            match self.engine().renew(&bearer, &cell).await {
                Ok(None) => return Ok(()),
                Ok(Some((renewed, made))) => {
                    self.with_held(|held| held.adopt(renewed, cell, made));
                    return Ok(());
                }
                Err(error) => self.before_retry(error, &mut patience).await?,
            }
        }
    }

    pub(super) async fn elevate(&self) -> Result<(), SessionError> {
        let _turn = self.turn().await;
        let mut patience = self.engine().patience();
        loop {
            let Some((bearer, cell)) = self.present_to_rotate().await? else { return Ok(()) };
            self.can_give_token()?;
            match self.engine().elevate(&bearer, &cell).await {
                Ok((elevated, made)) => {
                    self.with_held(|held| held.adopt(elevated, cell, made));
                    return Ok(());
                }
                Err(error) => self.before_retry(error, &mut patience).await?,
            }
        }
    }

    pub(super) async fn destroy(&self) -> Result<(), SessionError> {
        let _turn = self.turn().await;
        let Some((bearer, cell)) = self.present_or_unreadable().await? else { return self.has_no_session() };
        let outcome = self.engine().log_out(&bearer, cell).await?;
        self.with_held(|held| match outcome {
            // The client may hold the newer token already, which is not this request's to take away.
            Destroyed::Superseded => held.superseded(),
            Destroyed::Done | Destroyed::Gone => held.log_out(),
        });
        self.has_no_session()
    }

    /// Whether a logout that ended nothing, or is done, may say that the session is over.
    fn has_no_session(&self) -> Result<(), SessionError> {
        self.may_get_a_new_token()?;
        match self.with_held(|held| held.standing) {
            Standing::Superseded => Err(SessionError::new(SessionErrorKind::Ended)),
            Standing::Anonymous | Standing::Opened => Ok(()),
        }
    }

    pub(super) async fn remember(&self, lifetime: Duration) -> Result<(), SessionError> {
        let mut patience = self.engine().patience();
        loop {
            let ended = || SessionError::new(SessionErrorKind::Ended);
            let (cell, state) = self.open_to_write().await?.ok_or_else(ended)?;
            self.can_give_token()?;
            let snapshot = state.snapshot().ok_or_else(ended)?;
            let term = Some(remembered_within(lifetime, self.engine().now(), snapshot));
            match self.commit(&cell, Proposal { term, ..Proposal::default() }).await {
                Ok(()) => {
                    // The same token again, to be kept for longer.
                    self.with_held(|held| {
                        if held.news == News::None {
                            held.news = News::KeptLonger;
                        }
                    });
                    return Ok(());
                }
                Err(error) => self.before_retry(error, &mut patience).await?,
            }
        }
    }
}
