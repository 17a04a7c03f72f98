//! Sessions move from SQLite to PostgreSQL, to Redis and back, on real servers, while their clients
//! work.

mod clients;
mod deployment;
#[path = "../../../cloakroom/tests/model/visitor.rs"]
mod visitor;

use std::path::PathBuf;
use std::time::Duration;

use cloakroom::transfer::TransferStore;
use cloakroom_redis::RedisStore;
use cloakroom_sqlx::{PostgresStore, SqliteStore};
use cloakroom_testbed::{Postgres, Server};

use clients::Clients;
use deployment::{Database, Deployment};

const NAMESPACE: &str = "moving";
const NODES: usize = 2;
const CLIENTS: usize = 12;
/// How long the clients work between two steps.
const PHASE: Duration = Duration::from_millis(400);

/// A file that is opened once, and shared by the nodes of one process.
struct File(SqliteStore);

impl Database for File {
    type Store = SqliteStore;

    async fn open(&self) -> SqliteStore {
        self.0.clone()
    }
}

impl File {
    async fn open_at(path: &PathBuf) -> Self {
        Self(SqliteStore::builder().namespace(NAMESPACE).open(path).await.expect("a file of this test"))
    }
}

impl Database for Postgres {
    type Store = PostgresStore;

    async fn open(&self) -> PostgresStore {
        let builder = PostgresStore::builder().namespace(NAMESPACE).max_connections(6);
        builder.connect(&self.url()).await.expect("the server runs")
    }
}

struct Redis(Server);

impl Database for Redis {
    type Store = RedisStore;

    async fn open(&self) -> RedisStore {
        RedisStore::builder(NAMESPACE).server(self.0.url()).connect().await.expect("the server runs")
    }
}

/// Deploys the nodes three times, each time one after the other, as the documentation of
/// `TransferStore` says.
async fn move_between<Old: Database, New: Database>(deployment: &Deployment, old: &Old, new: &New) {
    for node in 0..NODES {
        let store = TransferStore::following(old.open().await, new.open().await).expect("one namespace");
        deployment.replace(node, store);
        tokio::time::sleep(PHASE / 2).await;
    }
    let mut stores = Vec::new();
    for node in 0..NODES {
        let store = TransferStore::moving(old.open().await, new.open().await).expect("one namespace");
        deployment.replace(node, store.clone());
        stores.push(store);
        tokio::time::sleep(PHASE / 2).await;
    }
    for store in &stores {
        let report = store.transfer_all().await.expect("the old store can be listed");
        assert!(report.is_complete(), "{report}");
    }
    for node in 0..NODES {
        deployment.replace(node, new.open().await);
        tokio::time::sleep(PHASE / 2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_logged_out_and_nothing_is_lost_by_moves_between_all_stores() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (first, last) = (folder.path().join("first.db"), folder.path().join("last.db"));
    let postgres = Postgres::start().await.expect("PostgreSQL is installed");
    let redis = Redis(Server::start().await.expect("Redis is installed"));

    let file = File::open_at(&first).await;
    let deployment = Deployment::of(NODES, &file).await;
    let clients = Clients::start(CLIENTS, &deployment);
    tokio::time::sleep(PHASE).await;
    move_between(&deployment, &file, &postgres).await;
    drop(file);
    move_between(&deployment, &postgres, &redis).await;
    move_between(&deployment, &redis, &postgres).await;
    let file = File::open_at(&last).await;
    move_between(&deployment, &postgres, &file).await;
    tokio::time::sleep(PHASE).await;
    clients.stop_and_check(&deployment).await;
}
