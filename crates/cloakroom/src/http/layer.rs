use http::HeaderMap;
use tower_layer::Layer;

use crate::session::Desks;
use crate::sessions::{OnStoreError, Sessions};
use crate::sync::Arc;

use super::arrival::Arrival;
use super::cookie_config::CookieConfig;
use super::service::SessionService;
use super::transport::Transport;

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
    sessions: Sessions,
    transport: Transport,
    on_store_error: OnStoreError,
    pub(super) desks: Desks,
}

impl SessionLayer {
    /// A layer with the safe default cookie: `__Host-session`, for HTTPS.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self::with(sessions, Transport::default(), OnStoreError::default())
    }

    /// Another cookie, such as [`CookieConfig::insecure_for_localhost`]. Short for a [`transport`](Self::transport) by
    /// that cookie alone.
    #[must_use]
    pub fn cookie(self, cookie: CookieConfig) -> Self {
        self.transport(Transport::cookie(cookie))
    }

    /// How tokens come and go: by cookie, by `Authorization: Bearer`, or by either. Default: the default cookie.
    #[must_use]
    pub fn transport(self, transport: Transport) -> Self {
        Self::with(self.0.sessions.clone(), transport, self.0.on_store_error)
    }

    /// What requests get that only read while the shared tier cannot be asked. Default: [`OnStoreError::Fail`].
    ///
    /// Of no consequence where the sessions have no shared tier. Routes that want another answer get a
    /// layer of their own, further in.
    #[must_use]
    pub fn on_store_error(self, answer: OnStoreError) -> Self {
        Self::with(self.0.sessions.clone(), self.0.transport.clone(), answer)
    }

    fn with(sessions: Sessions, transport: Transport, on_store_error: OnStoreError) -> Self {
        let desks = Desks::new(sessions.engine(), on_store_error, &transport);
        Self(Arc::new(Settings { sessions, transport, on_store_error, desks }))
    }
}

impl Settings {
    /// What the request shows, and by which way.
    pub(super) fn receive(&self, headers: &HeaderMap) -> Arrival {
        self.transport.receive(headers, &self.sessions.engine().ledger)
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService::new(inner, Arc::clone(&self.0))
    }
}
