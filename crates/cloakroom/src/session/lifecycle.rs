//! Login, renewal, logout and "remember me", with what they mean for the client's token.

use std::time::Duration;

use crate::cache::{Cell, EndReason, Refused};
use crate::sessions::{Bearer, CommitError, LoginRequest, Proposal, SessionError, SessionErrorKind, remembered};
use crate::sync::Arc;

use super::handle::Handle;
use super::held::{Held, News};

impl Handle {
    /// Logs in, in a new session if the client's token opens none.
    pub(super) async fn login(&self, request: &LoginRequest) -> Result<(), SessionError> {
        let _turn = self.turn().await;
        let mut attempt = 0;
        loop {
            let present = self.present().await?;
            let new = present.is_none();
            let (bearer, cell) = match present {
                Some(present) => present,
                None => self.engine().create(&[]).await?,
            };
            match self.engine().login(&bearer, &cell, request).await {
                Ok(bearer) => {
                    self.with_held(|held| held.adopt(bearer, cell));
                    return Ok(());
                }
                Err(error) if new => {
                    self.engine().end(&bearer.tag, Some(cell), EndReason::Logout).await?;
                    return Err(error.into());
                }
                // Another request logged in or out with the same token meanwhile: this one gets a session of its own.
                Err(CommitError::Refused(Refused::Superseded | Refused::Ended(_))) => {
                    self.with_held(|held| *held = Held::default());
                }
                Err(error) => self.before_retry(error, attempt).await?,
            }
            attempt += 1;
        }
    }

    /// The session that the client's token opens, with what the client holds of it.
    async fn present(&self) -> Result<Option<(Bearer, Arc<Cell>)>, SessionError> {
        let Some((cell, _)) = self.open().await? else { return Ok(None) };
        Ok(self.with_held(|held| held.bearer).map(|bearer| (bearer, cell)))
    }

    pub(super) async fn renew(&self) -> Result<(), SessionError> {
        let _turn = self.turn().await;
        let mut attempt = 0;
        loop {
            let Some((bearer, cell)) = self.present().await? else { return Ok(()) };
            match self.engine().renew(&bearer, &cell).await {
                Ok(None) => return Ok(()),
                Ok(Some(renewed)) => {
                    self.with_held(|held| held.adopt(renewed, cell));
                    return Ok(());
                }
                Err(error) => self.before_retry(error, attempt).await?,
            }
            attempt += 1;
        }
    }

    pub(super) async fn destroy(&self) -> Result<(), SessionError> {
        let _turn = self.turn().await;
        let Some((cell, _)) = self.open().await? else { return Ok(()) };
        self.engine().end(&cell.tag, Some(Arc::clone(&cell)), EndReason::Logout).await?;
        self.with_held(|held| *held = Held::logged_out());
        Ok(())
    }

    pub(super) async fn remember(&self, lifetime: Duration) -> Result<(), SessionError> {
        let mut attempt = 0;
        loop {
            let ended = || SessionError::new(SessionErrorKind::Ended);
            let (cell, _) = self.open().await?.ok_or_else(ended)?;
            let term = Some(remembered(lifetime, self.engine().now()));
            match self.commit(&cell, Proposal { term, ..Proposal::default() }).await {
                Ok(()) => {
                    // The same token again, to be kept for longer.
                    self.with_held(|held| held.news = News::NewToken);
                    return Ok(());
                }
                Err(error) => self.before_retry(error, attempt).await?,
            }
            attempt += 1;
        }
    }
}
