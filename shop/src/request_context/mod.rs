//! The request level: what one request knows, asked at most once.

mod ask;
mod slots;

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use cloakroom::Session;

pub(crate) use self::ask::Loaded;
pub(crate) use self::slots::Slots;
use crate::accept::Accept;
use crate::error::{Problem, ShopError};
use crate::language::Language;
use crate::shop::Shop;
use crate::trace::Trace;
use crate::{devices, pages, trace_panel};

/// One visitor's one request. Handlers take it as an extractor and ask it for everything.
///
/// Every value is read once and then stays as it was for the rest of the request, so that the
/// parts of one page never disagree.
#[derive(Clone)]
pub(crate) struct RequestContext(Arc<Inner>);

struct Inner {
    shop: Shop,
    session: Session,
    began: Instant,
    line: String,
    accept: Accept,
    accepted: Option<Language>,
    device: String,
    trace: Trace,
    slots: Slots,
}

impl RequestContext {
    fn new(shop: Shop, session: Session, request: &Request) -> Self {
        let headers = request.headers();
        Self(Arc::new(Inner {
            shop,
            session,
            began: Instant::now(),
            line: format!("{} {}", request.method(), request.uri().path()),
            accept: Accept::of(headers),
            accepted: text(headers, &header::ACCEPT_LANGUAGE).and_then(Language::accepted),
            device: devices::label(text(headers, &header::USER_AGENT).unwrap_or_default()),
            trace: Trace::default(),
            slots: Slots::default(),
        }))
    }

    pub(crate) fn shop(&self) -> &Shop {
        &self.0.shop
    }

    pub(crate) fn session(&self) -> &Session {
        &self.0.session
    }

    pub(crate) fn began(&self) -> Instant {
        self.0.began
    }

    /// Method and path, for the panel; a query could hold something private.
    pub(crate) fn line(&self) -> &str {
        &self.0.line
    }

    pub(crate) fn wants(&self) -> Accept {
        self.0.accept
    }

    /// The language that the browser asked for.
    pub(crate) fn accepted(&self) -> Option<Language> {
        self.0.accepted
    }

    /// What the visitor is using, such as "Firefox on Linux".
    pub(crate) fn device(&self) -> &str {
        &self.0.device
    }

    pub(crate) fn trace(&self) -> &Trace {
        &self.0.trace
    }

    pub(crate) fn slots(&self) -> &Slots {
        &self.0.slots
    }

    /// Whether there is a session; asking creates none.
    pub(crate) async fn has_session(&self) -> Result<bool, ShopError> {
        Ok(self.session().exists().await?)
    }

    /// Whether the visitor came back with the cookie of a session that is no more.
    pub(crate) async fn session_is_over(&self) -> Result<bool, ShopError> {
        Ok(self.session().has_token() && !self.has_session().await?)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::Internal)
    }
}

/// Wraps every request that may use a session: begins its visit, dresses its errors, records its trace.
pub(crate) async fn receive(State(shop): State<Shop>, session: Session, mut request: Request, next: Next) -> Response {
    let visit = RequestContext::new(shop, session, &request);
    request.extensions_mut().insert(visit.clone());
    let response = pages::dress(&visit, next.run(request).await).await;
    trace_panel::record(&visit, response.status()).await;
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
