//! Several shops over one store are one shop.

use std::time::Duration;

use cloakroom::Sessions;
use cloakroom_shop::{Db, sessions};
use cloakroom_testbed::{Postgres, Server};

use crate::support::{HTML, JSON, Open, Visitor};

/// A server on which shops share their sessions.
pub(crate) enum Shared {
    Redis(Server),
    Postgres(Postgres),
}

impl Shared {
    pub(crate) async fn each() -> [Self; 2] {
        let redis = Server::start().await.expect("redis-server is installed");
        let postgres = Postgres::start().await.expect("PostgreSQL is installed");
        [Self::Redis(redis), Self::Postgres(postgres)]
    }

    async fn sessions(&self) -> Sessions {
        match self {
            Self::Redis(server) => {
                sessions::over_redis(sessions::settings(), &server.url()).await.expect("the server is in order")
            }
            Self::Postgres(server) => sessions::over_postgres(sessions::settings(), &server.url(), Duration::ZERO)
                .await
                .expect("the server is in order"),
        }
    }
}

impl std::fmt::Display for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Redis(_) => "Redis",
            Self::Postgres(_) => "PostgreSQL",
        })
    }
}

/// Two processes' worth of shop over one server and one database.
pub(crate) async fn two(shared: &Shared) -> [Open; 2] {
    let db = Db::in_memory(Duration::ZERO).await.expect("the migrations run");
    let mut shops = Vec::new();
    for node in ["node 1", "node 2"] {
        let mut open = Open::over(db.clone(), shared.sessions().await, true).await;
        open.shop = open.shop.with_node_name(node);
        shops.push(open);
    }
    shops.try_into().unwrap_or_else(|_| unreachable!("two names, two shops"))
}

/// The same browser at another door.
fn at(open: &Open, browser: &Visitor) -> Visitor {
    let visitor = open.visitor(HTML);
    visitor.take_token(browser.token());
    visitor
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_the_same_at_every_node_however_often_the_browser_changes_between_them() {
    for shared in Shared::each().await {
        let shops = two(&shared).await;
        let mut browser = shops[0].browser();
        for turn in 0..10 {
            browser = at(&shops[turn % 2], &browser);
            let reply = browser.post("/cart/add/item123", &[]).await;
            assert!(reply.status.is_redirection(), "{reply:?}");
        }
        let program = shops[0].visitor(JSON);
        program.take_token(browser.token());
        let cart = program.post("/cart/add/item123", &[]).await.json();
        assert_eq!(cart["quantity"], 11, "{cart}");
    }
}

/// Waits until the node has a copy: the change before may be reported once more, and on a busy machine
/// the lease of a copy may end, so that a node asks the store again.
async fn until_served_from_memory(visitor: &Visitor, node: u8) {
    let expected = format!("Served by node {node}. Your session was in its memory.");
    cloakroom_testbed::until("the node serves from its memory", Duration::from_secs(10), || async {
        let page = visitor.get("/").await.body;
        if page.contains(&expected) { Ok(()) } else { Err(cloakroom_testbed::Error::Unexpected(page)) }
    })
    .await
    .expect("it has a copy");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_says_which_node_answered_and_whether_from_its_own_memory() {
    for shared in Shared::each().await {
        let [first, second] = two(&shared).await;
        let browser = first.signed_in("alice").await;
        until_served_from_memory(&browser, 1).await;
        let there = at(&second, &browser);
        there.get("/").await.assert(200, "Served by node 2. It fetched your session from the shared store.");
        until_served_from_memory(&there, 2).await;
    }
}

/// Waits until the token opens no session at this shop.
async fn until_signed_out(open: &Open, token: Option<String>) {
    let kept = open.visitor(HTML);
    kept.take_token(token);
    cloakroom_testbed::until("the node has heard of it", Duration::from_secs(5), || async {
        let reply = kept.get("/devices").await;
        if reply.status.is_redirection() { Ok(()) } else { Err(cloakroom_testbed::Error::Unexpected(reply.body)) }
    })
    .await
    .expect("it hears of it within milliseconds");
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_at_one_node_is_signing_out_at_all() {
    for shared in Shared::each().await {
        let [first, second] = two(&shared).await;
        let browser = first.signed_in("alice").await;
        let there = at(&second, &browser);
        there.get("/devices").await.assert(200, "Firefox");
        let old = browser.token();
        browser.post("/logout", &[]).await;
        until_signed_out(&second, old).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_out_everywhere_ends_every_session_of_the_user_at_every_node() {
    for shared in Shared::each().await {
        let [first, second] = two(&shared).await;
        let (here, there) = (first.signed_in("alice").await, second.signed_in("alice").await);
        let bob = second.signed_in("bob").await;
        let tokens = [here.token(), there.token()];
        here.post("/devices/sign-out-everywhere", &[]).await;
        for open in [&first, &second] {
            for token in tokens.clone() {
                until_signed_out(open, token).await;
            }
        }
        bob.get("/devices").await.assert(200, "Firefox");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_cannot_work_says_why() {
    for (address, remedy) in [
        ("redis://127.0.0.1:1", "cannot be reached"),
        ("redis://shop.example:6379", "rediss://"),
        ("redis://localhost?namespace=The+Shop", "a-z"),
        ("not an address", "address"),
    ] {
        let error = sessions::over_redis(sessions::settings(), address).await.expect_err(address).to_string();
        assert!(error.contains(remedy), "{error}");
    }
    for (url, remedy) in [
        ("postgres://127.0.0.1:1/shop", "check the address"),
        ("postgres://shop.example/shop", "sslmode=verify-full"),
        ("not an address", "postgres://user:password@host/database"),
    ] {
        let error =
            sessions::over_postgres(sessions::settings(), url, Duration::ZERO).await.expect_err(url).to_string();
        assert!(error.contains(remedy), "{error}");
    }
}
