//! Login, renewal, logout and "remember me", with what they mean for the client's token.

use std::time::Duration;

use crate::cache::{Cell, EndReason, Refused};
use crate::sessions::{
    Access, Bearer, CommitError, LoginRequest, PrincipalSessions, Proposal, SessionError, SessionErrorKind, remembered,
};
use crate::store::Destroyed;
use crate::sync::Arc;

use super::handle::Handle;
use super::held::{Held, News, Standing};

/// A live session, and what its client holds of it.
type Present = (Bearer, Arc<Cell>);

impl Handle {
    /// Logs in, in a new session if the client's token opens none.
    pub(super) async fn login(&self, request: &LoginRequest) -> Result<(), SessionError> {
        let _turn = self.turn().await;
        self.may_get_a_new_token()?;
        let mut created = None;
        let outcome = self.log_in(request, &mut created).await;
        if let (Err(_), Some((bearer, cell))) = (&outcome, created) {
            self.engine().end_in_time(&bearer.tag, cell, EndReason::Logout).await;
        }
        outcome
    }

    /// Logs in on the present session, or on one that is `created` for it.
    async fn log_in(&self, request: &LoginRequest, created: &mut Option<Present>) -> Result<(), SessionError> {
        let mut patience = self.engine().patience();
        loop {
            let (bearer, cell) = self.present_or_created(created).await?;
            if request.ends_others {
                // First, so that a fault leaves nobody logged in and the whole can be repeated.
                let all = PrincipalSessions::new(Arc::clone(self.engine()), request.principal.clone());
                all.revoke_all_but(Some(cell.tag)).await?;
            }
            match self.engine().login(&bearer, &cell, request).await {
                Ok(bearer) => {
                    self.with_held(|held| held.adopt(bearer, cell));
                    return Ok(());
                }
                // Another request logged in or out with the same token meanwhile: this one gets a session of its own.
                Err(CommitError::Refused(Refused::Superseded | Refused::Ended(_))) if created.is_none() => {
                    self.with_held(|held| *held = Held::default());
                }
                Err(error) => self.before_retry(error, &mut patience).await?,
            }
        }
    }

    async fn present_or_created(&self, created: &mut Option<Present>) -> Result<Present, SessionError> {
        if let Some((bearer, cell)) = created {
            // Its copy may have fallen into doubt since.
            return match self.engine().open(bearer, Some(cell)).await? {
                Access::Open((cell, _)) | Access::Fetched((cell, _)) => Ok((*bearer, cell)),
                Access::Superseded | Access::RolledBack | Access::Nothing => {
                    Err(SessionError::new(SessionErrorKind::Ended))
                }
            };
        }
        if let Some(present) = self.present().await? {
            return Ok(present);
        }
        Ok(created.insert(self.engine().create(&[]).await?).clone())
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
            match self.engine().renew(&bearer, &cell).await {
                Ok(None) => return Ok(()),
                Ok(Some(renewed)) => {
                    self.with_held(|held| held.adopt(renewed, cell));
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
            match self.engine().elevate(&bearer, &cell).await {
                Ok(elevated) => {
                    self.with_held(|held| held.adopt(elevated, cell));
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
            Destroyed::Done | Destroyed::Gone => *held = Held::logged_out(),
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
            let (cell, _) = self.open_to_write().await?.ok_or_else(ended)?;
            let term = Some(remembered(lifetime, self.engine().now()));
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
