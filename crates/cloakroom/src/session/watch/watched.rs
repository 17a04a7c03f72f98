use crate::engine::{Engine, OpenSession};
use crate::error::SessionError;
use crate::session::detached::DetachedSession;
use crate::session::request::RequestSession;
use crate::sync::Arc;

/// The session as whoever watches it may read it.
pub(super) enum Watched {
    /// The session of a client, for as long as the client's token opens it.
    OfClient(RequestSession),
    Detached(DetachedSession),
}

impl Watched {
    /// Opens the session without counting as activity.
    pub(super) async fn open(&self) -> Result<Option<OpenSession>, SessionError> {
        match self {
            Self::OfClient(request) => request.open_passively().await,
            Self::Detached(session) => session.open().await,
        }
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        match self {
            Self::OfClient(request) => request.engine(),
            Self::Detached(session) => session.engine(),
        }
    }
}
