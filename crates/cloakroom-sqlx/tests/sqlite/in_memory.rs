//! Databases in memory, which an application may have in its tests.

use std::str::FromStr;
use std::time::Duration;

use cloakroom::store::Store;
use cloakroom_sqlx::{OpenError, SqliteStore};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};

use crate::backend::impatient;
use crate::samples::{insert, now, record, selector};

/// A pool whose connections each have a database of their own.
fn separate(connections: u32) -> SqlitePool {
    let options = SqliteConnectOptions::new().in_memory(true);
    SqlitePoolOptions::new().max_connections(connections).connect_lazy_with(options)
}

/// A pool whose connections share one database.
fn shared(connections: u32) -> SqlitePool {
    let options = SqliteConnectOptions::from_str("sqlite::memory:").expect("an address");
    SqlitePoolOptions::new().max_connections(connections).connect_lazy_with(options)
}

#[tokio::test]
async fn a_pool_whose_connections_have_databases_of_their_own_is_refused() {
    for connections in [2, 10] {
        let pool = separate(connections);
        let error = impatient().in_pool(pool.clone()).await.expect_err("a session would be in one of them").to_string();
        let words = [&*format!("`max_connections` is {connections}"), "set it to 1", "sqlite::memory:"];
        assert!(words.iter().all(|word| error.contains(word)), "{error}");
    }
    for pool in [separate(1), shared(1), shared(10)] {
        let store = impatient().in_pool(pool).await.expect("there is one database");
        insert(&store, 1, record(now())).await;
        assert!(store.load(selector(1)).await.expect("it is open").is_some());
    }
}

#[tokio::test]
async fn a_pool_in_memory_that_is_given_twice_is_refused() {
    for pool in [separate(1), shared(4)] {
        let store = impatient().in_pool(pool.clone()).await.expect("there is one database");
        let error = impatient().in_pool(pool.clone()).await.expect_err("the first store would not notice changes");
        assert!(matches!(error, OpenError::InUse { is_this_process: true, .. }), "{error}");
        assert!(error.to_string().contains("clone the store"), "{error}");
        let other = impatient().namespace("blog").in_pool(pool.clone()).await.expect("the namespace is free");
        insert(&store, 1, record(now())).await;
        assert!(other.load(selector(1)).await.expect("it is open").is_none());
        drop(store);
        let builder = SqliteStore::builder().take_over_timeout(Duration::from_secs(20));
        let again = builder.in_pool(pool).await.expect("it is released in the background");
        assert!(again.load(selector(1)).await.expect("it is open").is_some());
    }
}

#[tokio::test]
async fn two_databases_in_memory_have_nothing_in_common() {
    let (here, there) = (impatient().in_pool(separate(1)).await, impatient().in_pool(separate(1)).await);
    let (here, there) = (here.expect("it is free"), there.expect("it is another one"));
    insert(&here, 1, record(now())).await;
    assert!(there.load(selector(1)).await.expect("it is open").is_none());
}
