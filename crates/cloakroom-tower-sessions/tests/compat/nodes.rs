//! Two nodes over Redis.

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use cloakroom_redis::RedisStore;
use cloakroom_testbed::Server;
use tower_sessions::Session;

use crate::browser::Browser;
use crate::deployment::on;
use crate::recording::recorded;

fn app() -> Router {
    let set = async |session: Session, Path((key, value)): Path<(String, u32)>| {
        session.insert(&key, value).await.unwrap();
    };
    let get_value = async |session: Session, Path(key): Path<String>| {
        session.get::<u32>(&key).await.unwrap().map_or_else(|| "none".to_owned(), |value| value.to_string())
    };
    Router::new()
        .route("/{key}", get(get_value))
        .route("/{key}/{value}", get(set))
        .route("/cycle", get(async |session: Session| session.cycle_id().await.unwrap()))
        .route("/flush", get(async |session: Session| session.flush().await.unwrap()))
}

async fn node(server: &Server) -> Router {
    let store = RedisStore::builder("shop").server(server.url()).connect().await.unwrap();
    on(&recorded().store(store).build().unwrap(), app())
}

#[tokio::test]
async fn two_nodes_over_redis_share_a_session() {
    let server = Server::start().await.unwrap();
    let (first, second) = (node(&server).await, node(&server).await);
    let mut tab = Browser::new(&first);
    tab.get("/a/1").await.ok("");
    let mut other = tab.at(&second);
    other.get("/a").await.ok("1");
    other.get("/b/2").await.ok("");
    let mut tab = other.at(&first);
    tab.get("/b").await.ok("2");
    tab.get("/a/3").await.ok("");
    let mut other = tab.at(&second);
    other.get("/a").await.ok("3");
    other.get("/cycle").await.ok("");
    tab.get("/a").await.ok("none");
    let mut tab = other.at(&first);
    tab.get("/a").await.ok("3");
    tab.get("/flush").await.ok("");
    other.get("/a").await.ok("none");
}
