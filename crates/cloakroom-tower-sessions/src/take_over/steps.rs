//! The steps of a take-over, and why they are in this order.
//!
//! 1. If the successor is confirmed, the session was taken over before.
//! 2. Otherwise it is created from the old session, unconfirmed, unless it exists.
//! 3. It is confirmed, but only if the old session still exists after that. A request that was slow
//!    may have read the old session before another one took it over, and created the successor again
//!    after a logout had ended it. A logout comes after the deletion of the old session.
//! 4. The old session is deleted. Only then is the request served, so that nothing that the request
//!    does, such as a logout, can be undone by sending the old cookie again.
//!
//! Every step may be repeated by any number of requests, so a failure at any point is followed by
//! the same steps with the next request, and does not log the visitor out.

use cloakroom::{Session, SessionError, SessionErrorKind, Successor};

use super::OldSession;
use super::layer::Settings;

/// Number of times that a session may end while it is taken over.
const ATTEMPTS: usize = 3;

/// Why a session was not taken over.
#[derive(Debug, thiserror::Error)]
pub(super) enum TakeOverError {
    #[error("the new session failed")]
    New(#[from] SessionError),
    #[error("the store of the old sessions failed")]
    Old(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the new session ended repeatedly while it was made")]
    Ended,
}

impl TakeOverError {
    pub(super) fn kind(&self) -> SessionErrorKind {
        match self {
            Self::New(error) => error.kind(),
            Self::Old(_) | Self::Ended => SessionErrorKind::StoreUnavailable,
        }
    }
}

/// Gives the request the session that continues the old one, if there is an old one.
pub(super) async fn take_over(settings: &Settings, session: &Session, id: &str) -> Result<(), TakeOverError> {
    // The visitor has a session already: the response that was to remove the old cookie was lost.
    if !session.exists().await? {
        open_successor(settings, session, id).await?;
    }
    settings.store.delete(id).await.map_err(TakeOverError::Old)
}

async fn open_successor(settings: &Settings, session: &Session, id: &str) -> Result<(), TakeOverError> {
    let successor = settings.key.successor(settings.cookie.name(), id);
    for _ in 0..ATTEMPTS {
        if session.open_successor(&successor).await? {
            return Ok(());
        }
        let Some(old) = load(settings, id).await? else { return open_after_another(session, &successor).await };
        let (values, login) = (settings.convert)(&old).into_parts();
        session.create_successor(&successor, values).await?;
        if load(settings, id).await?.is_none() {
            session.discard_successor(&successor).await?;
            return open_after_another(session, &successor).await;
        }
        match session.confirm_successor(&successor, login).await {
            // Another request has discarded it, or it was revoked.
            Err(error) if error.kind() == SessionErrorKind::Ended => {}
            confirmed => confirmed?,
        }
    }
    if session.open_successor(&successor).await? { Ok(()) } else { Err(TakeOverError::Ended) }
}

async fn load(settings: &Settings, id: &str) -> Result<Option<OldSession>, TakeOverError> {
    settings.store.load(id).await.map_err(TakeOverError::Old)
}

/// The old session is gone: there was none, or another request has taken it over meanwhile.
async fn open_after_another(session: &Session, successor: &Successor) -> Result<(), TakeOverError> {
    session.open_successor(successor).await?;
    Ok(())
}
