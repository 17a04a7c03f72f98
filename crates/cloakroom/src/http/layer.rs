use http::HeaderMap;
use tower_layer::Layer;

use crate::session::Desks;
use crate::sessions::{OnStoreError, Sessions};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::arrival::Arrival;
use super::channel::Channels;
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
    choices: Choices,
    channels: Channels,
    pub(super) desks: Desks,
}

/// What was chosen for a layer.
#[derive(Clone, Debug, Default)]
struct Choices {
    transport: Transport,
    plain_tokens_until: Option<Timestamp>,
    on_store_error: OnStoreError,
    always_refresh: bool,
}

impl SessionLayer {
    /// A layer with the safe default cookie: `__Host-session`, for HTTPS.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self::with(sessions, Choices::default())
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
        let choices = self.0.choices.clone();
        Self::with(self.0.sessions.clone(), Choices { transport, ..choices })
    }

    /// For turning [keys](crate::SessionsBuilder::keys) on while visitors are logged in: until this instant, tokens
    /// without a MAC work too, and their clients get them again with one. Default: never.
    ///
    /// Give it the time of the restart plus the absolute timeout, after which no such token lives, and take it out then. While
    /// it lasts, forged tokens are looked up as they are without keys; the counter `tokens_plain` says how many
    /// such tokens still come. Means nothing where the sessions have no keys.
    #[must_use]
    pub fn accept_plain_tokens_until(self, end: Timestamp) -> Self {
        if self.0.sessions.engine().keys.is_some() {
            tracing::warn!(until_unix_ms = end.as_millis(), "session tokens without a MAC are accepted");
        }
        let choices = self.0.choices.clone();
        Self::with(self.0.sessions.clone(), Choices { plain_tokens_until: Some(end), ..choices })
    }

    /// What requests get that only read while the shared tier cannot be asked. Default: [`OnStoreError::Fail`].
    ///
    /// Of no consequence where the sessions have no shared tier. Routes that want another answer get a
    /// layer of their own, further in.
    #[must_use]
    pub fn on_store_error(self, answer: OnStoreError) -> Self {
        let choices = self.0.choices.clone();
        Self::with(self.0.sessions.clone(), Choices { on_store_error: answer, ..choices })
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
        let choices = self.0.choices.clone();
        Self::with(self.0.sessions.clone(), Choices { always_refresh: true, ..choices })
    }

    fn with(sessions: Sessions, choices: Choices) -> Self {
        let engine = sessions.engine();
        let channels = Channels::new(&choices.transport, engine.keys.as_ref(), choices.plain_tokens_until);
        let desks = Desks::new(engine, choices.on_store_error, choices.always_refresh, &channels);
        Self(Arc::new(Settings { sessions, choices, channels, desks }))
    }
}

impl Settings {
    /// What the request shows, and by which way.
    pub(super) fn receive(&self, headers: &HeaderMap) -> Arrival {
        self.channels.receive(headers, self.sessions.engine())
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService::new(inner, Arc::clone(&self.0))
    }
}
