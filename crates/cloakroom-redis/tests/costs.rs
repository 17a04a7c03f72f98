//! What an update over Redis costs beyond one in memory, as a count that is the same on every
//! machine. `-- --nocapture` prints it. In a process of its own, in which nothing records logs or
//! secrets: recording allocates too.

use std::collections::BTreeMap;

use allocation_counter::measure;
use axum::Router;
use axum::body::Body;
use axum::routing::post;
use cloakroom::{CookieConfig, Session, SessionLayer, SessionValue, Sessions};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::Server;
use http::Request;
use http::header::{COOKIE, SET_COOKIE};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

/// The cart of the guide: with five items, six allocations.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Cart {
    items: BTreeMap<String, u32>,
}

impl SessionValue for Cart {
    const KEY: &'static str = "cart_of_costs";
}

impl Cart {
    fn add(&mut self) {
        for item in 0..5 {
            *self.items.entry(format!("item-{item}")).or_default() += 1;
        }
    }
}

async fn send(service: &Router, cookie: &str) -> Option<String> {
    let request = Request::post("/add").header(COOKIE, cookie).body(Body::empty()).expect("it is valid");
    let response = service.clone().oneshot(request).await.expect("a router has no errors");
    assert!(response.status().is_success(), "{}", response.status());
    let cookie = response.headers().get(SET_COOKIE)?.to_str().expect("a token is text");
    Some(cookie.split(';').next().unwrap_or_default().to_owned())
}

/// Returns the allocations of one request, the least of several: probes of the connection run on the
/// same thread.
fn allocations(runtime: &Runtime, service: &Router, cookie: &mut String) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..20 {
        let mut newer = None;
        let spent = measure(|| newer = runtime.block_on(send(service, cookie)));
        // Each response carries a newer version.
        *cookie = newer.unwrap_or_else(|| cookie.clone());
        least = least.min(spent.count_total);
    }
    least
}

/// Counts the allocations of the library, of the client, and of the task that drives the connection.
#[test]
fn an_update_makes_at_most_thirty_allocations_more_than_in_memory() {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let server = runtime.block_on(Server::start()).unwrap();
    let store = runtime.block_on(RedisStore::builder("costs").server(server.url()).connect()).unwrap();
    let update = async |session: Session| session.update(Cart::add).await;
    let layer = |sessions| SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost());
    let service = |sessions| Router::new().route("/add", post(update)).layer(layer(sessions));
    let [in_memory, over_redis] = [Sessions::builder(), Sessions::builder().store(store)].map(|sessions| {
        let service = service(runtime.block_on(async { sessions.build() }).unwrap());
        let mut cookie = runtime.block_on(send(&service, "theme=dark")).expect("a new session");
        allocations(&runtime, &service, &mut cookie)
    });
    println!("in memory {in_memory}, over Redis {over_redis}");
    // A dozen in the client, as many for the reply and the report, and the cookie with the version.
    assert!(over_redis - in_memory <= 30, "{over_redis} against {in_memory}");
}
