//! A client of an application under test.

mod application;
mod cookie_jar;
mod origin;
mod redirect;
mod request;
mod response;

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use axum_core::body::Body;
use bytes::Bytes;
use cloakroom::__private::BeforeHandler;
use cloakroom::{Clock, Login, Session, SystemClock};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use parking_lot::Mutex;
use tower_service::Service;

use application::Application;
use cookie_jar::CookieJar;
use origin::Origin;

pub use request::TestRequest;
pub use response::TestResponse;

/// The path of requests that are about their session alone. An application has no such route, and
/// answers with its fallback.
const SESSION_PATH: &str = "/.cloakroom-testkit";

/// A client that calls an application without a server, and keeps its cookies as a browser does.
///
/// ```
/// use axum::{Router, routing::{get, post}};
/// use cloakroom::{Session, SessionError, SessionLayer, SessionValue, Sessions};
/// use cloakroom_testkit::TestClient;
///
/// #[derive(Clone, Default, serde::Serialize, serde::Deserialize, SessionValue)]
/// struct Visits(u32);
///
/// async fn visit(session: Session) -> Result<String, SessionError> {
///     let name = session.principal().await?.map_or_else(|| "nobody".to_owned(), String::from);
///     let count = session.update(|visits: &mut Visits| { visits.0 += 1; visits.0 }).await?;
///     Ok(format!("{name}: {count}"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = Router::new().route("/", post(visit)).layer(SessionLayer::new(Sessions::in_memory()));
///
/// let alice = TestClient::signed_in(&app, "alice").await;
/// assert_eq!(alice.post("/").await.text(), "alice: 1");
/// assert_eq!(alice.post("/").await.text(), "alice: 2");
/// assert_eq!(TestClient::new(&app).post("/").await.text(), "nobody: 1");
/// # }
/// ```
///
/// Requests are sent as by a page of the application at `https://app.example`: with `Host`,
/// `Sec-Fetch-Site: same-origin` and, if they may change something, `Origin`. Cookies follow RFC
/// 6265bis: `Domain`, `Path`, `Secure`, `SameSite`, `Max-Age`, `Expires` and the prefixes `__Host-`
/// and `__Secure-`. Tokens in the response header `session-token` are sent back as bearer tokens, so
/// that applications with [`Transport::bearer`](cloakroom::Transport::bearer) need no other client.
///
/// The methods panic if something goes wrong that is not a response, as assertions do.
///
/// A clone is the same client: another tab of the browser, with the same cookies. Another device is
/// another client.
///
/// When not to use it: to test what a server in front of the application does, or a protocol other
/// than HTTP requests, such as WebSockets.
#[derive(Clone)]
pub struct TestClient {
    app: Application,
    origin: Origin,
    headers: HeaderMap,
    token_header: HeaderName,
    session_path: String,
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<ClientState>>,
}

#[derive(Default)]
struct ClientState {
    cookies: CookieJar,
    token: Option<String>,
}

impl TestClient {
    /// A client of a router, or of any other `tower` service, without cookies.
    #[must_use]
    pub fn new<S, B>(app: &S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: fmt::Display,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum_core::BoxError>,
    {
        Self {
            app: Application::new(app.clone()),
            origin: Origin::default(),
            headers: HeaderMap::new(),
            token_header: HeaderName::from_static("session-token"),
            session_path: SESSION_PATH.to_owned(),
            clock: Arc::new(SystemClock::new()),
            state: Arc::default(),
        }
    }

    /// A client that is signed in, whatever the application's own login looks like.
    ///
    /// # Panics
    /// As [`in_session`](Self::in_session) does, and if the login fails.
    pub async fn signed_in<S, B>(app: &S, login: impl Into<Login>) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: fmt::Display,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum_core::BoxError>,
    {
        let client = Self::new(app);
        client.sign_in(login).await;
        client
    }

    /// Expires cookies by this clock, usually a clone of the test's
    /// [`ManualClock`](crate::ManualClock). Default: the machine's clock.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Sets where the application is, as in `http://localhost:3000`. Default: `https://app.example`.
    ///
    /// As in a browser, cookies with `Secure` need `https` or this machine.
    ///
    /// # Panics
    /// If the text is not a scheme and a host.
    #[must_use]
    pub fn with_origin(self, origin: &str) -> Self {
        Self { origin: origin.parse().unwrap_or_else(|problem| panic!("{origin:?} {problem}")), ..self }
    }

    /// Sends a header with every request, such as `Accept`.
    ///
    /// # Panics
    /// If name or value are not valid in HTTP.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(header_name(name), header_value(value));
        self
    }

    /// Sets the response header that carries tokens, if the application has given it
    /// [another name](cloakroom::TokenHeader::new). Default: `session-token`.
    ///
    /// # Panics
    /// If the name is not valid in HTTP.
    #[must_use]
    pub fn with_token_header(self, name: &str) -> Self {
        Self { token_header: header_name(name), ..self }
    }

    /// Sets the path at which [`in_session`](Self::in_session) reaches the session layer, if the
    /// layer wraps some routes only. Default: a path without a route.
    ///
    /// The handler of this path runs, with a `GET` request.
    #[must_use]
    pub fn with_session_path(self, path: &str) -> Self {
        Self { session_path: path.to_owned(), ..self }
    }

    /// The same client at another node: it sends its cookies to the other application.
    ///
    /// ```
    /// # use axum::{Router, routing::get};
    /// # use cloakroom::{Session, SessionError, SessionLayer, Sessions};
    /// use cloakroom_testkit::{MemoryStore, TestClient};
    ///
    /// # async fn user(session: Session) -> Result<String, SessionError> {
    /// #     Ok(session.principal().await?.map(String::from).unwrap_or_default())
    /// # }
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// fn app(store: MemoryStore) -> Router {
    ///     let sessions = Sessions::builder().store(store).build().unwrap();
    ///     Router::new().route("/user", get(user)).layer(SessionLayer::new(sessions))
    /// }
    ///
    /// let [one, other] = MemoryStore::new().nodes().map(app);
    /// let alice = TestClient::signed_in(&one, "alice").await;
    /// assert_eq!(alice.at(&other).get("/user").await.text(), "alice");
    /// # }
    /// ```
    #[must_use]
    pub fn at<S, B>(&self, app: &S) -> Self
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: fmt::Display,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<axum_core::BoxError>,
    {
        Self { app: Application::new(app.clone()), ..self.clone() }
    }

    /// Signs in, whatever the application's own login looks like.
    ///
    /// A [`Login`] sets a label, "remember me" and the rest. To test the application's own login,
    /// send its form.
    ///
    /// # Panics
    /// As [`in_session`](Self::in_session) does, and if the login fails.
    pub async fn sign_in(&self, login: impl Into<Login>) {
        let login = login.into();
        let done = self.in_session(|session| async move { session.login(login).await }).await;
        done.unwrap_or_else(|error| panic!("the client cannot sign in: {error}"));
    }

    /// Works with the client's session as a handler would: fills a cart before the test, or reads
    /// what a handler has stored.
    ///
    /// ```
    /// # use axum::Router;
    /// # use cloakroom::{Session, SessionError, SessionLayer, SessionValue, Sessions};
    /// # use cloakroom_testkit::TestClient;
    /// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize, SessionValue)]
    /// # struct Cart(Vec<String>);
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), SessionError> {
    /// # let app: Router = Router::new().layer(SessionLayer::new(Sessions::in_memory()));
    /// let client = TestClient::new(&app);
    /// client.in_session(async |session: Session| session.set(Cart(vec!["tea".to_owned()])).await).await?;
    /// let cart = client.in_session(async |session: Session| session.get::<Cart>().await).await?;
    /// assert_eq!(cart.unwrap().0, ["tea"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// It is a request to a path without a route, and `work` runs before the handler.
    ///
    /// # Panics
    /// If no session layer wraps that path: see [`with_session_path`](Self::with_session_path).
    pub async fn in_session<T, F>(&self, work: impl FnOnce(Session) -> F + Send + 'static) -> T
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let result = Arc::new(Mutex::new(None));
        let slot = Arc::clone(&result);
        let before = BeforeHandler::new(|session| {
            let work = work(session);
            async move { *slot.lock() = Some(work.await) }
        });
        let response = self.get(&self.session_path).before_handler(before).await;
        let result = result.lock().take();
        result.unwrap_or_else(|| {
            panic!(
                "no `SessionLayer` wraps {:?}, which was answered with {}; give `with_session_path` a path that one wraps",
                self.session_path,
                response.status()
            )
        })
    }

    /// A `GET` request, which is sent when it is awaited.
    pub fn get(&self, path: &str) -> TestRequest {
        self.request(Method::GET, path)
    }

    /// A `POST` request, which is sent when it is awaited.
    pub fn post(&self, path: &str) -> TestRequest {
        self.request(Method::POST, path)
    }

    /// A request with any method, which is sent when it is awaited.
    pub fn request(&self, method: Method, path: &str) -> TestRequest {
        TestRequest::new(self.clone(), method, path)
    }

    /// The value of a cookie that the client sends to `/`.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let state = self.state.lock();
        state.cookies.value(name, &self.origin, self.clock.now())
    }

    /// Sets a cookie as a response of the application would, in the syntax of `Set-Cookie`. For
    /// cookies of other libraries, and for forged ones.
    pub fn set_cookie(&self, set_cookie: &str) {
        self.state.lock().cookies.store(set_cookie, &self.origin, "/", self.clock.now());
    }

    /// The bearer token that the client sends.
    #[must_use]
    pub fn token(&self) -> Option<String> {
        self.state.lock().token.clone()
    }

    /// Sends this bearer token with every request, for example an access token of an identity
    /// provider; `None` sends none.
    pub fn set_token(&self, token: Option<&str>) {
        self.state.lock().token = token.map(str::to_owned);
    }

    /// Closes the browser and opens it again: cookies without a lifetime are gone.
    pub fn restart(&self) {
        self.state.lock().cookies.end_session();
    }
}

/// Shows neither cookies nor tokens.
impl fmt::Debug for TestClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestClient").field("origin", &self.origin.to_string()).finish_non_exhaustive()
    }
}

fn header_name(name: &str) -> HeaderName {
    name.parse().unwrap_or_else(|error| panic!("{name:?} is not a header's name: {error}"))
}

fn header_value(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or_else(|error| panic!("{value:?} is not a header's value: {error}"))
}
