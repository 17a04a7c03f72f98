use http::{HeaderMap, Request};
use tower_layer::Layer;

use crate::application::Sessions;
use crate::config::{OnInvalidToken, OnStoreError};
use crate::engine::Engine;
use crate::session::{LayerContexts, LayerOptions, RequestSession, Session};
use crate::sync::{Arc, AtomicBool};
use crate::time::Timestamp;

use super::carriers::Carriers;
use super::cookie_config::CookieConfig;
use super::request::RequestToken;
use super::service::SessionService;
use super::transport::Transport;

/// Gives every request its [`Session`].
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
/// usual thing.
///
/// The request headers that carry tokens are marked as [sensitive](http::HeaderValue::is_sensitive), so that what is further in
/// and prints headers with `Debug`, such as a tracing layer, does not write tokens down. It does not help against
/// what is further out, or reads the text itself.
///
/// # Layers inside of layers
///
/// A layer further in changes options for the routes that it wraps, as in
/// [`always_refresh`](Self::always_refresh). Give it clones of the same `Sessions` and the same
/// transport. Then it takes up the session that the outer layer gave the request: what a middleware between the two
/// writes and what the handler writes is in one session, and the response has one `Set-Cookie`. Options that
/// the inner layer does not name are as the outer one says.
///
/// Two layers with different cookies, or one with a cookie and one with bearer tokens, keep two kinds of sessions
/// apart. Handlers get the session of the innermost layer.
///
/// | the inner layer has | the request's session is |
/// |---|---|
/// | the same `Sessions` and the same transport | the outer one's |
/// | the same `Sessions`, and a cookie of the same name with other attributes, or another header for tokens | the outer one's. The outer layer's settings hold, and the log has a warning |
/// | [`either`](Transport::either) where the outer one has one of the two | the outer one's if the request uses what both take; otherwise one of its own. The log has a warning |
/// | the same `Sessions`, and a cookie of another name, or bearer tokens in place of a cookie | one of its own |
/// | other `Sessions` | one of its own. If they use one cookie, the log has a warning: neither can work |
#[derive(Clone, Debug)]
pub struct SessionLayer(Arc<LayerState>);

/// What every request of a layer needs, behind one reference count.
#[derive(Debug)]
pub(super) struct LayerState {
    sessions: Sessions,
    config: LayerConfig,
    pub(super) carriers: Carriers,
    contexts: LayerContexts,
    /// That the layer does not go with one outside of it was said once.
    pub(super) has_warned: AtomicBool,
}

/// What was chosen for a layer.
#[derive(Clone, Debug, Default)]
struct LayerConfig {
    transport: Transport,
    plain_tokens_until: Option<Timestamp>,
    options: LayerOptions,
}

impl SessionLayer {
    /// A layer with the safe default cookie: `__Host-session`, for HTTPS.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self::with(sessions, LayerConfig::default())
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
        let choices = self.0.config.clone();
        Self::with(self.0.sessions.clone(), LayerConfig { transport, ..choices })
    }

    /// For turning [keys](crate::application::SessionsBuilder::keys) on while visitors are logged in: until this instant, tokens
    /// without a MAC work too, and their clients get them again with one. Default: never.
    ///
    /// Give it the time of the restart plus the absolute timeout, after which no such token lives, and take it out then. While
    /// it lasts, forged tokens are looked up as they are without keys; the counter `tokens_plain` says how many
    /// such tokens still come. Means nothing where the sessions have no keys.
    #[must_use]
    pub fn accept_unsigned_until(self, end: Timestamp) -> Self {
        if self.0.sessions.engine().keys.is_some() {
            tracing::warn!(until_unix_ms = end.as_millis(), "session tokens without a MAC are accepted");
        }
        let choices = self.0.config.clone();
        Self::with(self.0.sessions.clone(), LayerConfig { plain_tokens_until: Some(end), ..choices })
    }

    /// What requests get that only read while the shared tier cannot be asked. Default: [`OnStoreError::Fail`].
    ///
    /// Of no consequence where the sessions have no shared tier. Routes that want another answer get a
    /// layer of their own, further in.
    #[must_use]
    pub fn on_store_error(self, answer: OnStoreError) -> Self {
        let choices = self.0.config.clone();
        let options = LayerOptions { on_store_error: Some(answer), ..choices.options };
        Self::with(self.0.sessions.clone(), LayerConfig { options, ..choices })
    }

    /// What a request gets that shows a token which opens nothing. Default: [`OnInvalidToken::Reject`] where the
    /// token came as a bearer token, [`OnInvalidToken::Anonymous`] where it came as a cookie.
    #[must_use]
    pub fn on_invalid_token(self, answer: OnInvalidToken) -> Self {
        let choices = self.0.config.clone();
        let options = LayerOptions { on_invalid_token: Some(answer), ..choices.options };
        Self::with(self.0.sessions.clone(), LayerConfig { options, ..choices })
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
        let choices = self.0.config.clone();
        let options = LayerOptions { always_refresh: true, ..choices.options };
        Self::with(self.0.sessions.clone(), LayerConfig { options, ..choices })
    }

    /// Requests do not count as activity of their session: for the routes of polls and the like, as a layer of their own
    /// further in. Default: they do, also while they are in progress.
    ///
    /// A page that asks on its own every minute would otherwise keep a visitor logged in who has left. What such a request
    /// writes counts all the same. In the middle of a handler,
    /// [`Session::without_activity`](crate::Session::without_activity) does the same.
    #[must_use]
    pub fn without_activity(self) -> Self {
        let choices = self.0.config.clone();
        let options = LayerOptions { without_activity: true, ..choices.options };
        Self::with(self.0.sessions.clone(), LayerConfig { options, ..choices })
    }

    fn with(sessions: Sessions, choices: LayerConfig) -> Self {
        let engine = sessions.engine();
        let channels = Carriers::new(&choices.transport, engine.keys.as_ref(), choices.plain_tokens_until);
        let desks = LayerContexts::new(engine, choices.options, &channels);
        let has_warned = AtomicBool::new(false);
        Self(Arc::new(LayerState { sessions, config: choices, carriers: channels, contexts: desks, has_warned }))
    }
}

impl LayerState {
    /// Gives the request its session. Returns what the response is to be answered with, unless a layer outside does that.
    pub(super) fn admit<B>(&self, request: &mut Request<B>) -> Option<RequestSession> {
        self.carriers.hide_tokens(request.headers_mut());
        if let Some(present) = Session::from_extensions(request.extensions()) {
            return self.nest(present, request);
        }
        let handle = self.begin(self.receive(request.headers()));
        request.extensions_mut().insert(Session::new(handle.clone()));
        Some(handle)
    }

    /// What the request shows, and by which way.
    pub(super) fn receive(&self, headers: &HeaderMap) -> RequestToken {
        self.carriers.extract(headers, self.engine())
    }

    /// The session of a request that came with this.
    pub(super) fn begin(&self, RequestToken { presented: shown, carrier: way }: RequestToken) -> RequestSession {
        RequestSession::new(Arc::clone(self.contexts.local()), &shown, way)
    }

    pub(super) fn options(&self) -> LayerOptions {
        self.config.options
    }

    pub(super) const fn engine(&self) -> &Arc<Engine> {
        self.sessions.engine()
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService::new(inner, Arc::clone(&self.0))
    }
}
