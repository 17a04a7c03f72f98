//! A rolling deployment over Redis: the old application on `tower-sessions-redis-store`, beside two
//! nodes of the new one.

use axum::Router;
use cloakroom_redis::RedisStore;
use cloakroom_testbed::Server;
use futures_util::future::join_all;
use tower_sessions::SessionManagerLayer;
use tower_sessions_redis_store::RedisStore as OldRedisStore;
use tower_sessions_redis_store::fred::prelude::{ClientLike, Config, Pool};

use crate::browser::Browser;
use crate::recording::recorded;
use crate::shop::{new, old, take_over, visitor};

async fn old_store(server: &Server) -> OldRedisStore<Pool> {
    let pool = Pool::new(Config::from_url(&server.url()).unwrap(), None, None, None, 2).unwrap();
    drop(pool.connect());
    pool.wait_for_connect().await.unwrap();
    OldRedisStore::new(pool)
}

async fn new_node(server: &Server) -> Router {
    let store = RedisStore::builder("shop").server(server.url()).connect().await.unwrap();
    let sessions = recorded().store(store).build().unwrap();
    new(&sessions, take_over(old_store(server).await))
}

#[tokio::test]
async fn visitors_move_while_old_nodes_still_serve_others() {
    let server = Server::start().await.unwrap();
    let old = old(SessionManagerLayer::new(old_store(&server).await));
    let nodes = [new_node(&server).await, new_node(&server).await];
    let (alice, bob) = (visitor(&old).await, visitor(&old).await);
    // A page of eight requests, spread over two nodes.
    let requests = (0..8).map(async |number: usize| {
        let mut tab = alice.at(&nodes[number % 2]);
        tab.get("/").await.ok("alice");
        tab
    });
    let tabs: Vec<Browser> = join_all(requests).await;
    tabs[0].at(&nodes[1]).get("/add/boots").await.ok("umbrella boots");
    tabs[1].at(&nodes[0]).get("/cart").await.ok("umbrella boots");
    // An old node serves those who have not moved, and no one who has.
    bob.at(&old).get("/").await.ok("alice");
    bob.at(&old).get("/add/hat").await.ok("umbrella hat");
    alice.at(&old).get("/").await.ok("nobody");
    bob.at(&nodes[0]).get("/cart").await.ok("umbrella hat");
}

/// `tower-sessions-redis-store` does not create a record when it saves one. A store that does, such
/// as those for SQL, may bring a session back that was taken over meanwhile.
#[tokio::test]
async fn what_an_old_node_writes_after_the_move_is_not_seen() {
    let server = Server::start().await.unwrap();
    let old = old(SessionManagerLayer::new(old_store(&server).await));
    let node = new_node(&server).await;
    let before = visitor(&old).await;
    let mut tab = before.at(&node);
    tab.get("/cart").await.ok("umbrella");
    before.at(&old).get("/add/late").await.ok("late");
    tab.get("/cart").await.ok("umbrella");
    tab.get("/logout").await.ok("");
    before.at(&node).get("/").await.ok("nobody");
}
