//! Visitors who put items into their carts, each request at another shop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, redirect};
use tokio::task::JoinHandle;

/// The pause of a visitor between two requests.
const PAUSE: Duration = Duration::from_millis(30);

/// Visitors that come until this value is dropped.
pub(crate) struct Traffic {
    stop: Arc<AtomicBool>,
    visitors: Vec<JoinHandle<()>>,
}

impl Traffic {
    /// Starts this many visitors, one of whom signs in and out again.
    pub(crate) fn start(sites: &[SocketAddr], visitors: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let visit = |number| {
            let visitor = Visitor::new(sites);
            tokio::spawn(visit(visitor, number, Arc::clone(&stop)))
        };
        Self { visitors: (0..visitors).map(visit).collect(), stop }
    }

    /// Waits until the last request of each visitor is answered.
    pub(crate) async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for visitor in self.visitors {
            visitor.await.expect("a visitor does not panic");
        }
    }
}

async fn visit(mut visitor: Visitor, number: usize, stop: Arc<AtomicBool>) {
    if number == 0 {
        visitor.post("/login", &[("name", "alice"), ("password", "alice-demo")]).await;
    }
    for turn in 0_u64.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        match turn % 8 {
            0 => visitor.post("/cart/add/item123", &[]).await,
            // The other shop has an outdated copy, and counts the visit without reading the session.
            1 => visitor.get_as_program("/nothing").await,
            2 => visitor.get("/items/item123").await,
            // For a user, this invalidates a cached value, which the next page loads.
            3 => visitor.post("/preferences", &[("theme", "dark"), ("language", "en")]).await,
            4 => visitor.get("/").await,
            // A visitor who has left, and one who is new.
            7 if number > 0 && turn % 40 == 39 => visitor.cookie = None,
            _ => visitor.get("/cart").await,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A client that follows no redirect, and that waits longer than a store does.
pub(crate) fn http_client() -> Client {
    // The HTTP client leaves the choice of its cryptography open, and refuses to start without one.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = Client::builder().redirect(redirect::Policy::none()).timeout(Duration::from_secs(20));
    builder.build().expect("a client")
}

/// A visitor of several shops, with one cookie.
pub(crate) struct Visitor {
    http: Client,
    sites: Vec<SocketAddr>,
    pub(crate) cookie: Option<String>,
}

impl Visitor {
    pub(crate) fn new(sites: &[SocketAddr]) -> Self {
        Self { http: http_client(), sites: sites.to_vec(), cookie: None }
    }

    pub(crate) async fn get(&mut self, path: &str) {
        let url = self.url(path);
        let request = self.http.get(url).header("accept", "text/html");
        self.send(request).await;
    }

    /// Gets the answer for programs.
    async fn get_as_program(&mut self, path: &str) {
        let url = self.url(path);
        let request = self.http.get(url).header("accept", "application/json");
        self.send(request).await;
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) {
        let form: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let url = self.url(path);
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(form.join("&"))).await;
    }

    fn url(&mut self, path: &str) -> String {
        self.sites.rotate_left(1);
        format!("http://{}{path}", self.sites[0])
    }

    /// Sends a request. It may fail: the store may be away.
    async fn send(&mut self, mut request: reqwest::RequestBuilder) {
        request = request.header("sec-fetch-site", "same-origin");
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let Ok(response) = request.send().await else { return };
        if let Some(cookie) = response.headers().get(SET_COOKIE).and_then(|value| value.to_str().ok()) {
            let pair = cookie.split(';').next().unwrap_or_default().to_owned();
            cloakroom_secret_scan::record("token", pair.strip_prefix("session=").unwrap_or_default());
            self.cookie = (!cookie.contains("Max-Age=0")).then_some(pair);
        }
        drop(response.bytes().await);
    }
}
