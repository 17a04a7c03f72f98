//! A browser with one cookie of the shop, which it sends by the rules for `SameSite` (RFC 6265bis
//! §5.2, §5.7.3).

use axum::Router;
use axum::body::Body;
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;
use url::Url;

/// The shop's site.
pub(crate) const SHOP: &str = "http://shop.example";

/// A navigation: where to, how, and which site's page began it. `None`: the visitor typed the
/// address.
#[derive(Clone, Debug)]
pub(crate) struct Navigation {
    pub(crate) method: Method,
    pub(crate) address: Url,
    pub(crate) form: String,
    pub(crate) initiator: Option<String>,
}

impl Navigation {
    pub(crate) fn typed(path: &str) -> Self {
        let address = Url::parse(SHOP).unwrap().join(path).unwrap();
        Self { method: Method::GET, address, form: String::new(), initiator: None }
    }

    /// Returns `true` if the browser sends the shop's cookie, which is `SameSite=Lax`.
    fn sends_lax_cookie(&self) -> bool {
        let host = self.address.host_str().unwrap();
        let is_same_site = self.initiator.as_deref().is_none_or(|initiator| initiator == host);
        is_same_site || self.method.is_safe()
    }

    /// The navigation that a redirect leads to: the same initiator, and a `GET` (303).
    fn redirected(&self, location: &str) -> Self {
        let address = self.address.join(location).unwrap();
        Self { method: Method::GET, address, form: String::new(), initiator: self.initiator.clone() }
    }
}

/// A response, with its body read.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// The navigation that this is the response to.
    pub(crate) of: Navigation,
    /// Whether the request had the shop's cookie.
    pub(crate) had_cookie: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Browser {
    shop: Router,
    provider: Router,
    pub(crate) cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new(shop: &Router, provider: &Router) -> Self {
        Self { shop: shop.clone(), provider: provider.clone(), cookie: None }
    }

    /// Types an address of the shop, and follows redirects and forms until a page is shown.
    pub(crate) async fn visit(&mut self, path: &str) -> Reply {
        let mut reply = self.send(Navigation::typed(path)).await;
        while let Some(next) = reply.next() {
            reply = self.send(next).await;
        }
        reply
    }

    /// Begins a sign-in, and returns the navigation with which the provider sends the visitor back.
    pub(crate) async fn sign_in_until_callback(&mut self, path: &str) -> Navigation {
        let mut next = Navigation::typed(path);
        loop {
            next = self.send(next).await.next().expect("the provider sends the visitor back");
            if next.address.path() == "/callback" {
                return next;
            }
        }
    }

    /// Sends one request.
    pub(crate) async fn send(&mut self, of: Navigation) -> Reply {
        let is_shop = of.address.as_str().starts_with(SHOP);
        let path = &of.address[url::Position::BeforePath..];
        let mut request = Request::builder().method(of.method.clone()).uri(path).header("accept", "text/html");
        let cookie = self.cookie.as_ref().filter(|_| is_shop && of.sends_lax_cookie());
        let had_cookie = cookie.is_some();
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        if of.method == Method::POST {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        let service = if is_shop { &self.shop } else { &self.provider };
        let response = service.clone().oneshot(request.body(Body::from(of.form.clone())).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        if let Some(set) = parts.headers.get(SET_COOKIE).filter(|_| is_shop) {
            let set = set.to_str().unwrap();
            assert!(set.contains("SameSite=Lax"), "{set}");
            let pair = set.split(';').next().unwrap().to_owned();
            cloakroom_secret_scan::record("token", pair.split_once('=').unwrap().1);
            self.cookie = (!set.contains("Max-Age=0")).then_some(pair);
        }
        let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
        Reply { status: parts.status, headers: parts.headers, body, of, had_cookie }
    }
}

impl Reply {
    /// The navigation that the response starts: a redirect, or a form that submits itself.
    pub(crate) fn next(&self) -> Option<Navigation> {
        if let Some(location) = self.headers.get(LOCATION) {
            return Some(self.of.redirected(location.to_str().unwrap()));
        }
        let action = attribute(&self.body, "action=")?;
        let names = self.body.split("name=").skip(1).map(|rest| attribute(rest, "").unwrap());
        let values = self.body.split("value=").skip(1).map(|rest| attribute(rest, "").unwrap());
        Some(Navigation {
            method: Method::POST,
            address: Url::parse(action).unwrap(),
            form: form_urlencoded::Serializer::new(String::new()).extend_pairs(names.zip(values)).finish(),
            initiator: Some(self.of.address.host_str().unwrap().to_owned()),
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// The quoted text after `name`.
fn attribute<'a>(html: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = html.split_once(&format!("{name}\""))?;
    rest.split('"').next()
}
