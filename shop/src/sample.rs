//! What a page costs with and without the session cache, measured when the shop opens.
//!
//! The first screen shows it to visitors who have not done anything yet. It is the page of a guest with
//! something in the cart, requested from a shop of its own over the same database.

use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Method, Request, header};
use axum::response::Response;
use tower::ServiceExt;

use crate::routes::app;
use crate::sessions;
use crate::shop::Shop;

/// Each page is requested this often, and the fastest response counts.
const TIMES: u32 = 3;

/// What one page cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub(crate) queries: u64,
    pub(crate) took: Duration,
}

/// The same page, with and without the session cache.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) with: Cost,
    pub(crate) without: Cost,
}

/// Measures a page over the database of `shop`. `None` if a page fails, so that no wrong number is shown.
pub(crate) async fn measure(shop: &Shop) -> Option<Sample> {
    let apart = Shop::new(shop.db().counted_apart(), sessions::in_memory().ok()?, true);
    let mut guest = Guest { router: app(&apart), cookie: None, shop: apart };
    guest.post("/cart/add/umbrella", "").await?;
    // Loads the catalogue, which is the same for both.
    guest.page().await?;
    let with = guest.page().await?;
    guest.post("/session-cache", "cache=without").await?;
    let without = guest.page().await?;
    guest.post("/session-cache", "cache=with").await?;
    Some(Sample { with, without })
}

struct Guest {
    shop: Shop,
    router: Router,
    cookie: Option<HeaderValue>,
}

impl Guest {
    async fn page(&mut self) -> Option<Cost> {
        let mut fastest: Option<Cost> = None;
        for _ in 0..TIMES {
            let (queries, started) = (self.shop.db().queries(), Instant::now());
            let response = self.send(Method::GET, "/", Body::empty()).await?;
            let cost = Cost { took: started.elapsed(), queries: self.shop.db().queries() - queries };
            response.status().is_success().then_some(())?;
            fastest = fastest.into_iter().chain([cost]).min_by_key(|cost| cost.took);
        }
        fastest
    }

    async fn post(&mut self, path: &str, form: &'static str) -> Option<()> {
        let response = self.send(Method::POST, path, Body::from(form)).await?;
        response.status().is_redirection().then_some(())
    }

    async fn send(&mut self, method: Method, path: &str, body: Body) -> Option<Response> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header("sec-fetch-site", "same-origin");
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, cookie);
        }
        let response = self.router.clone().oneshot(request.body(body).ok()?).await.ok()?;
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            let pair = cookie.to_str().ok()?.split(';').next()?;
            self.cookie = HeaderValue::from_str(pair).ok();
        }
        Some(response)
    }
}
