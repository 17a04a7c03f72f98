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

/// A `tower` layer that gives every request its [`Session`].
///
/// ```
/// use axum::Router;
/// use cloakroom::{SessionLayer, Sessions};
///
/// let sessions = Sessions::in_memory();
/// let app: Router = Router::new().layer(SessionLayer::new(sessions));
/// ```
///
/// Works on any `tower` service of `http` requests. Usually one layer wraps the whole application.
///
/// The request headers that carry tokens are marked as
/// [sensitive](http::HeaderValue::is_sensitive), so that inner services that print headers with
/// `Debug`, such as a tracing layer, do not print tokens. This does not affect outer services, or
/// those that read the value itself.
///
/// # Nested layers
///
/// An inner layer changes options for the routes that it wraps, as in
/// [`always_refresh`](Self::always_refresh). Give it clones of the same `Sessions` and the same
/// transport. It then continues the session that the outer layer gave the request: a middleware
/// between the two and the handler write to one session, and the response has one `Set-Cookie`.
/// Options that the inner layer does not set are those of the outer one.
///
/// Two layers with different cookies, or one with a cookie and one with bearer tokens, keep two
/// separate kinds of sessions. Handlers get the session of the innermost layer.
///
/// | the inner layer has | the request's session is |
/// |---|---|
/// | the same `Sessions` and the same transport | the outer one's |
/// | the same `Sessions`, and a cookie of the same name with other attributes, or another header for tokens | the outer one's. The outer layer's settings apply, and a warning is logged |
/// | [`either`](Transport::either) where the outer one has one of the two | the outer one's if the request uses the carrier that both accept; otherwise a separate one. A warning is logged |
/// | the same `Sessions`, and a cookie of another name, or bearer tokens instead of a cookie | a separate one |
/// | other `Sessions` | a separate one. If they use one cookie, a warning is logged: neither can work |
#[derive(Clone, Debug)]
pub struct SessionLayer(Arc<LayerState>);

/// The shared state of all requests of a layer, behind one reference count.
#[derive(Debug)]
pub(super) struct LayerState {
    sessions: Sessions,
    config: LayerConfig,
    pub(super) carriers: Carriers,
    contexts: LayerContexts,
    /// Set once the warning about a conflict with an outer layer was logged.
    pub(super) has_warned: AtomicBool,
}

/// The settings of a layer.
#[derive(Clone, Debug, Default)]
struct LayerConfig {
    transport: Transport,
    unsigned_until: Option<Timestamp>,
    options: LayerOptions,
}

impl SessionLayer {
    /// A layer with the secure default cookie: `__Host-session`, for HTTPS.
    #[must_use]
    pub fn new(sessions: Sessions) -> Self {
        Self::with(sessions, LayerConfig::default())
    }

    /// Sets another cookie, such as [`CookieConfig::insecure_for_localhost`].
    ///
    /// Short for a [`transport`](Self::transport) with only that cookie.
    #[must_use]
    pub fn cookie(self, cookie: CookieConfig) -> Self {
        self.transport(Transport::cookie(cookie))
    }

    /// Sets the carriers of tokens: a cookie, `Authorization: Bearer`, or either. Default: the
    /// default cookie.
    #[must_use]
    pub fn transport(self, transport: Transport) -> Self {
        let choices = self.0.config.clone();
        Self::with(self.0.sessions.clone(), LayerConfig { transport, ..choices })
    }

    /// Accepts tokens without a MAC until this instant, and reissues them with one. Default: never.
    ///
    /// For the introduction of [keys](crate::application::SessionsBuilder::keys) while visitors are
    /// logged in. Set it to the time of the restart plus the absolute timeout, after which no such
    /// token is valid, and remove it then. Until then, forged tokens cost a lookup, as they do
    /// without keys; the counter `tokens_unsigned` shows how many unsigned tokens still arrive. Has no
    /// effect if the sessions have no keys.
    #[cfg(feature = "keys")]
    #[must_use]
    pub fn accept_unsigned_until(self, end: Timestamp) -> Self {
        if self.0.sessions.engine().keys().is_some() {
            tracing::warn!(until_unix_ms = end.as_millis(), "session tokens without a MAC are accepted");
        }
        let choices = self.0.config.clone();
        Self::with(self.0.sessions.clone(), LayerConfig { unsigned_until: Some(end), ..choices })
    }

    /// Sets the result of read-only requests while the shared tier is unavailable. Default:
    /// [`OnStoreError::Fail`].
    ///
    /// Has no effect if the sessions have no shared tier. For routes that need another result, nest
    /// another layer.
    #[must_use]
    pub fn on_store_error(self, answer: OnStoreError) -> Self {
        let choices = self.0.config.clone();
        let options = LayerOptions { on_store_error: Some(answer), ..choices.options };
        Self::with(self.0.sessions.clone(), LayerConfig { options, ..choices })
    }

    /// Sets the result of a request with an invalid token. Default: [`OnInvalidToken::Reject`] for
    /// a bearer token, [`OnInvalidToken::Anonymous`] for a cookie.
    #[must_use]
    pub fn on_invalid_token(self, answer: OnInvalidToken) -> Self {
        let choices = self.0.config.clone();
        let options = LayerOptions { on_invalid_token: Some(answer), ..choices.options };
        Self::with(self.0.sessions.clone(), LayerConfig { options, ..choices })
    }

    /// Makes every request that uses its session read it from the store first, ignoring cached
    /// copies. Default: cached copies are served while their lease is valid.
    ///
    /// A session that was ended or changed on another node is then ended or changed here at once.
    /// For the routes of administrators, for example, as a nested layer: one round trip per
    /// request. Has no effect if the sessions have no shared tier. Within a handler,
    /// [`Session::refresh`](crate::Session::refresh) does the same.
    #[must_use]
    pub fn always_refresh(self) -> Self {
        let choices = self.0.config.clone();
        let options = LayerOptions { always_refresh: true, ..choices.options };
        Self::with(self.0.sessions.clone(), LayerConfig { options, ..choices })
    }

    /// Does not count requests as activity of their session. Default: they count, even while they
    /// are in progress.
    ///
    /// For the routes of polls, for example, as a nested layer. A page that polls every minute
    /// would otherwise keep a visitor logged in who has left. Writes of such a request still count
    /// as activity. Within a handler,
    /// [`Session::without_activity`](crate::Session::without_activity) does the same.
    #[must_use]
    pub fn without_activity(self) -> Self {
        let choices = self.0.config.clone();
        let options = LayerOptions { without_activity: true, ..choices.options };
        Self::with(self.0.sessions.clone(), LayerConfig { options, ..choices })
    }

    fn with(sessions: Sessions, choices: LayerConfig) -> Self {
        let engine = sessions.engine();
        let carriers = Carriers::new(&choices.transport, engine.keys(), choices.unsigned_until);
        let contexts = LayerContexts::new(engine, choices.options, &carriers);
        let has_warned = AtomicBool::new(false);
        Self(Arc::new(LayerState { sessions, config: choices, carriers, contexts, has_warned }))
    }
}

impl LayerState {
    /// Gives the request its session. Returns the request session for the response, unless an outer
    /// layer responds for it.
    pub(super) fn admit<B>(&self, request: &mut Request<B>) -> Option<RequestSession> {
        self.carriers.hide_tokens(request.headers_mut());
        if let Some(present) = Session::from_extensions(request.extensions()) {
            return self.nest(present, request);
        }
        let handle = self.begin(self.receive(request.headers()));
        request.extensions_mut().insert(Session::new(handle.clone()));
        Some(handle)
    }

    /// Extracts the request's token and its carrier.
    pub(super) fn receive(&self, headers: &HeaderMap) -> RequestToken {
        self.carriers.extract(headers, self.engine())
    }

    /// Begins the session of a request with this token.
    pub(super) fn begin(&self, RequestToken { presented, carrier }: RequestToken) -> RequestSession {
        RequestSession::new(Arc::clone(self.contexts.local()), &presented, carrier)
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
