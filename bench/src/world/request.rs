use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{ACCEPT, COOKIE, HOST, USER_AGENT};
use axum::http::{HeaderValue, Method};

/// What a browser sends along besides ours.
pub(crate) const OTHER_COOKIES: &str = "_ga=GA1.2.1803546718.1748273655; theme=dark; consent=necessary%2Cstatistics";
pub(crate) const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// Who logs in with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User(pub(crate) u64);

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static Method,
    pub(crate) path: &'static str,
}

impl Ask {
    pub(crate) const fn get(path: &'static str) -> Self {
        Self { method: &Method::GET, path }
    }

    pub(crate) const fn post(path: &'static str) -> Self {
        Self { method: &Method::POST, path }
    }
}

/// A request as a browser sends it, with three other cookies beside ours.
pub(crate) fn request(ask: Ask, cookie: Option<[&[u8]; 2]>, user: u64) -> Request {
    let mut cookies = Vec::with_capacity(192);
    cookies.extend_from_slice(OTHER_COOKIES.as_bytes());
    if let Some([name, value]) = cookie {
        cookies.extend_from_slice(b"; ");
        cookies.extend_from_slice(name);
        cookies.extend_from_slice(value);
    }
    let mut request = Request::new(Body::empty());
    *request.method_mut() = ask.method.clone();
    *request.uri_mut() = axum::http::Uri::from_static(ask.path);
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("shop.example"));
    headers.insert(USER_AGENT, HeaderValue::from_static(BROWSER));
    headers.insert(ACCEPT, HeaderValue::from_static("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"));
    if let Ok(cookies) = HeaderValue::from_maybe_shared(axum::body::Bytes::from(cookies)) {
        headers.insert(COOKIE, cookies);
    }
    request.extensions_mut().insert(User(user));
    request
}
