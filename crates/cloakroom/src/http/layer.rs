use tower_layer::Layer;

use crate::session::Desks;
use crate::sessions::Sessions;
use crate::sync::Arc;

use super::cookie_config::CookieConfig;
use super::service::SessionService;

/// Gives every request its [`Session`](crate::Session).
///
/// ```
/// use axum::Router;
/// use cloakroom::{SessionLayer, Sessions};
///
/// let sessions = Sessions::in_memory();
/// let app: Router = Router::new().layer(SessionLayer::new(sessions));
/// ```
///
/// Works on any `tower` service of `http` requests. One layer around the whole application is the
/// usual thing; two layers with different cookies keep two kinds of sessions apart, the inner one
/// winning for the handlers that it wraps.
#[derive(Clone, Debug)]
pub struct SessionLayer(Arc<Settings>);

/// What every request of a layer needs, behind one reference count.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) sessions: Sessions,
    pub(super) cookie: CookieConfig,
    pub(super) desks: Desks,
}

impl SessionLayer {
    /// A layer with the safe default cookie: `__Host-session`, for HTTPS.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self::with(sessions, CookieConfig::default())
    }

    /// Another cookie, such as [`CookieConfig::insecure_for_localhost`].
    #[must_use]
    pub fn cookie(self, cookie: CookieConfig) -> Self {
        Self::with(self.0.sessions.clone(), cookie)
    }

    fn with(sessions: Sessions, cookie: CookieConfig) -> Self {
        let desks = Desks::new(sessions.engine(), &cookie);
        Self(Arc::new(Settings { sessions, cookie, desks }))
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService::new(inner, Arc::clone(&self.0))
    }
}
