use tower_layer::Layer;

use crate::session::Desks;
use crate::sessions::{OnStoreError, Sessions};
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
    on_store_error: OnStoreError,
    always_refresh: bool,
    pub(super) desks: Desks,
}

impl SessionLayer {
    /// A layer with the safe default cookie: `__Host-session`, for HTTPS.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self::with(sessions, CookieConfig::default(), OnStoreError::default(), false)
    }

    /// Another cookie, such as [`CookieConfig::insecure_for_localhost`].
    #[must_use]
    pub fn cookie(self, cookie: CookieConfig) -> Self {
        Self::with(self.0.sessions.clone(), cookie, self.0.on_store_error, self.0.always_refresh)
    }

    /// What requests get that only read while the shared tier cannot be asked. Default: [`OnStoreError::Fail`].
    ///
    /// Of no consequence where the sessions have no shared tier. Routes that want another answer get a
    /// layer of their own, further in.
    #[must_use]
    pub fn on_store_error(self, answer: OnStoreError) -> Self {
        Self::with(self.0.sessions.clone(), self.0.cookie.clone(), answer, self.0.always_refresh)
    }

    /// Has every request that uses its session ask the shared tier first, whatever is in memory, so that a session
    /// that was ended or changed anywhere is so here, at once. Default: memory answers for as long as the
    /// store vouches for it.
    ///
    /// For the routes of administrators and the like, as a layer of their own further in: one round trip a request.
    /// Of no consequence where the sessions have no shared tier. In the middle of a handler,
    /// [`Session::refresh`](crate::Session::refresh) does the same.
    #[must_use]
    pub fn always_refresh(self) -> Self {
        Self::with(self.0.sessions.clone(), self.0.cookie.clone(), self.0.on_store_error, true)
    }

    fn with(sessions: Sessions, cookie: CookieConfig, on_store_error: OnStoreError, always_refresh: bool) -> Self {
        let desks = Desks::new(sessions.engine(), on_store_error, always_refresh, &cookie);
        Self(Arc::new(Settings { sessions, cookie, on_store_error, always_refresh, desks }))
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService::new(inner, Arc::clone(&self.0))
    }
}
