use std::task::{Context, Poll};

use http::{HeaderMap, Request, Response};
use tower_service::Service;

use crate::identity::Token;
use crate::session::{Handle, Session};
use crate::sessions::EventKind;
use crate::sync::Arc;

use super::cookie::{self, Found};
use super::future::SessionFuture;
use super::layer::Settings;

/// The service that [`SessionLayer`](super::SessionLayer) makes.
#[derive(Clone, Debug)]
pub struct SessionService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S> SessionService<S> {
    pub(super) const fn new(inner: S, settings: Arc<Settings>) -> Self {
        Self { inner, settings }
    }
}

impl<S, RequestBody, ResponseBody> Service<Request<RequestBody>> for SessionService<S>
where
    S: Service<Request<RequestBody>, Response = Response<ResponseBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = SessionFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<RequestBody>) -> Self::Future {
        let token = self.settings.token(request.headers());
        let handle = Handle::new(Arc::clone(self.settings.desks.mine()), token.as_ref());
        request.extensions_mut().insert(Session::new(handle.clone()));
        SessionFuture::new(self.inner.call(request), handle)
    }
}

impl Settings {
    /// The token that the request carries, if it carries exactly one that is well-formed.
    fn token(&self, headers: &HeaderMap) -> Option<Token> {
        let ledger = &self.sessions.engine().ledger;
        match cookie::find(headers, self.cookie.name()) {
            Found::Absent => None,
            Found::One(value) => {
                let token = Token::parse(value);
                if token.is_none() {
                    ledger.counters.tokens_malformed.count();
                }
                token
            }
            Found::Ambiguous => {
                ledger.counters.cookies_ambiguous.count();
                ledger.record(EventKind::CookiesAmbiguous, None, None);
                None
            }
            Found::Oversized => {
                ledger.counters.cookies_oversized.count();
                None
            }
        }
    }
}
