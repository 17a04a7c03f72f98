//! The context of one request, and the request level of the caches.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use axum::middleware::Next;
use axum::response::Response;
use cloakroom::{Session, SessionValue};

use crate::db::{Db, DbError};
use crate::error::{Problem, ShopError};
use crate::language::Language;
use crate::shop::{Shop, Sources};
use crate::trace::{self, Level, Lookup, Meter, Trace};
use crate::{devices, pages};

/// The context of one request: an extractor through which handlers read every value.
///
/// The methods below wrap calls of [`Session`] in order to record, for the panel, which level
/// answered. An application without a panel calls `session.get_or_load(…)` directly.
#[derive(Clone)]
pub(crate) struct RequestContext(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) shop: Shop,
    pub(crate) session: Session,
    pub(crate) started: Instant,
    /// Method and path. The query is left out, as it could contain something private.
    pub(crate) request_line: String,
    /// The anchor of the button with which something was added to the cart.
    pub(crate) added_at: Option<String>,
    /// The address of the client, if the server knows it.
    pub(crate) address: Option<IpAddr>,
    pub(crate) accept: Accept,
    /// The language that the browser prefers.
    pub(crate) accept_language: Option<Language>,
    /// Browser and system, such as "Firefox on Linux".
    pub(crate) device: String,
    pub(crate) trace: Trace,
    pub(crate) memo: Memo,
}

/// The request level: the values that this request has read, one per type.
///
/// It exists so that the panel can compare three levels, and to keep the parts of one page
/// consistent. Speed is no reason for it: reading a session value again takes microseconds.
#[derive(Default)]
pub(crate) struct Memo(Mutex<Extensions>);

impl Memo {
    pub(crate) fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get().cloned()
    }

    pub(crate) fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(value);
    }
}

impl Deref for RequestContext {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl RequestContext {
    fn new(shop: Shop, session: Session, request: &Request) -> Self {
        let headers = request.headers();
        let text = |name| headers.get(name)?.to_str().ok();
        Self(Arc::new(Inner {
            shop,
            session,
            started: Instant::now(),
            request_line: format!("{} {}", request.method(), request.uri().path()),
            added_at: request.uri().query().and_then(pages::added_at),
            address: request.extensions().get().map(|ConnectInfo(address): &ConnectInfo<SocketAddr>| address.ip()),
            accept: Accept::of(headers),
            accept_language: text(header::ACCEPT_LANGUAGE).and_then(Language::accepted),
            device: devices::label(text(header::USER_AGENT).unwrap_or_default()),
            trace: Trace::default(),
            memo: Memo::default(),
        }))
    }

    /// Returns the path of the request.
    pub(crate) fn path(&self) -> &str {
        self.request_line.split_once(' ').map_or("/", |(_, path)| path)
    }

    /// Returns whether there is a session, without creating one.
    pub(crate) async fn has_session(&self) -> Result<bool, ShopError> {
        Ok(self.session.exists().await?)
    }

    /// Returns whether the visitor sent the cookie of a session that has ended.
    pub(crate) async fn session_has_ended(&self) -> Result<bool, ShopError> {
        Ok(self.session.has_token() && !self.has_session().await?)
    }

    /// Returns the language of the page: the chosen one, else the browser's, else English.
    pub(crate) async fn language(&self) -> Result<Language, ShopError> {
        if let Some(language) = self.memo.get() {
            return Ok(language);
        }
        let language = self.preferences().await?.language.or(self.accept_language).unwrap_or_default();
        self.memo.insert(language);
        Ok(language)
    }

    /// Returns the value that this request read before, or calls `read` and keeps its result.
    ///
    /// `cost` is the number of database queries that a read takes without any cache.
    pub(crate) async fn once<T, F, R>(&self, name: &'static str, cost: u32, read: F) -> Result<Arc<T>, ShopError>
    where
        T: Send + Sync + 'static,
        F: FnOnce(Meter) -> R,
        R: Future<Output = Result<Arc<T>, ShopError>>,
    {
        let started = Instant::now();
        if let Some(value) = self.memo.get::<Arc<T>>() {
            self.record(name, Level::Request, 0, cost, started);
            return Ok(value);
        }
        let meter = Meter::default();
        let value = read(meter.clone()).await?;
        self.memo.insert(Arc::clone(&value));
        self.record(name, meter.level(), meter.queries(), cost, started);
        Ok(value)
    }

    /// Reads a cached value of the session, and calls `load` if the session does not have it.
    ///
    /// If the visitor has switched the session cache off, it calls `load` every time.
    pub(crate) async fn cached<T, F, L>(&self, cost: u32, load: F) -> Result<Arc<T>, ShopError>
    where
        T: SessionValue,
        F: FnOnce(Sources) -> L + Send + 'static,
        L: Future<Output = Result<T, Arc<DbError>>> + Send + 'static,
    {
        self.once(T::KEY, cost, |meter| async move {
            let sources = self.shop.sources(&meter);
            if !self.has_session_cache().await? {
                return Ok(Arc::new(load(sources).await?));
            }
            Ok(self.session.get_or_load(move || load(sources)).await?)
        })
        .await
    }

    /// Reads state of the session, and returns the default if there is none. It creates no session.
    ///
    /// `convert` makes the value that the page uses, as guests and users store some values
    /// under different types.
    pub(crate) async fn state<S, T>(&self, name: &'static str, convert: fn(&S) -> T) -> Result<Arc<T>, ShopError>
    where
        S: SessionValue,
        T: Default + Send + Sync + 'static,
    {
        // Without the session cache, the database would be asked about each session.
        let cost = u32::from(self.has_session().await?);
        self.once(name, cost, |meter| async move {
            let state = self.read_state::<S>(&meter).await?;
            if state.is_none() {
                meter.mark_absent();
            }
            Ok(Arc::new(state.map_or_else(T::default, |state| convert(&state))))
        })
        .await
    }

    /// Awaits a change of the session and records it as `name`.
    pub(crate) async fn change<T, E: Into<ShopError>>(
        &self,
        name: &'static str,
        change: impl Future<Output = Result<T, E>>,
    ) -> Result<T, ShopError> {
        let started = Instant::now();
        let result = change.await.map_err(Into::into)?;
        self.record(name, Level::Session, 0, 0, started);
        Ok(result)
    }

    /// Runs a query that no cache may answer, such as a write, and records it as `name`.
    pub(crate) async fn database<T, F, Q>(&self, name: &'static str, query: F) -> Result<T, ShopError>
    where
        F: FnOnce(Db) -> Q,
        Q: Future<Output = Result<T, DbError>>,
    {
        let (started, meter) = (Instant::now(), Meter::default());
        let result = query(self.shop.db().metered(meter.clone())).await?;
        self.record(name, meter.level(), meter.queries(), 0, started);
        Ok(result)
    }

    fn record(&self, name: &'static str, level: Level, queries: u32, cost: u32, started: Instant) {
        // Without the session cache, the other caches would save what they save with it.
        let saved = if matches!(level, Level::Session | Level::Absent) { cost } else { 0 };
        self.trace.add(Lookup { name, level, times: 1, took: started.elapsed(), queries, saved });
    }
}

impl<S: Send + Sync> FromRequestParts<S> for RequestContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get::<Self>().cloned().ok_or(Problem::Internal)
    }
}

/// The three formats that the shop can respond in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Pages, and a redirect after every form: for browsers.
    Html,
    /// For programs that send `Accept: application/json`.
    Json,
    /// A line of text: for everything else, such as curl without options.
    Text,
}

impl Accept {
    /// Returns the first known format of the `Accept` header, ignoring quality values.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = accept.split(',').take(32).find_map(|part| match part.split(';').next()?.trim() {
            "text/html" | "application/xhtml+xml" => Some(Self::Html),
            "application/json" => Some(Self::Json),
            "text/plain" => Some(Self::Text),
            _ => None,
        });
        known.unwrap_or(Self::Text)
    }
}

/// Middleware: creates the context, renders error responses, and records the trace.
pub(crate) async fn middleware(
    State(shop): State<Shop>,
    session: Session,
    mut request: Request,
    next: Next,
) -> Response {
    let ctx = RequestContext::new(shop, session, &request);
    request.extensions_mut().insert(ctx.clone());
    let response = pages::render_error(&ctx, next.run(request).await).await;
    trace::record(&ctx, response.status()).await;
    response
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn accept(value: &'static str) -> Accept {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(value));
        Accept::of(&headers)
    }

    #[test]
    fn browsers_get_pages_and_curl_gets_text() {
        assert_eq!(accept("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Accept::Html);
        assert_eq!(accept("application/json"), Accept::Json);
        assert_eq!(accept("*/*"), Accept::Text);
        assert_eq!(Accept::of(&HeaderMap::new()), Accept::Text);
    }
}
