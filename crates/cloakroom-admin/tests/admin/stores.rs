//! The page over each real store: a user's session is found and ended.

use cloakroom::{SessionValue, Sessions};
use cloakroom_redis::RedisStore;
use cloakroom_sqlx::{PostgresStore, SqliteStore};
use cloakroom_testbed::{Postgres, Server, until};
use std::time::Duration;
use tempfile::TempDir;

use crate::application::{app, app_with, device, follow, over, show, staff, submit};

/// A value that no page shows.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize, SessionValue)]
pub(crate) struct Cart(pub(crate) Vec<String>);

/// Two nodes over one store; over SQLite, two parts of one process.
async fn each() -> [(&'static str, [Sessions; 2], Box<dyn std::any::Any>); 3] {
    let redis = Server::start().await.expect("redis-server is installed");
    let postgres = Postgres::start().await.expect("PostgreSQL is installed");
    let folder = TempDir::new().unwrap();
    let url = format!("redis://{}/?namespace=shop", redis.address());
    let of_redis = [RedisStore::connect(&url).await.unwrap(), RedisStore::connect(&url).await.unwrap()].map(over);
    let url = postgres.url();
    let of_postgres =
        [PostgresStore::connect(&url).await.unwrap(), PostgresStore::connect(&url).await.unwrap()].map(over);
    let file = SqliteStore::open(folder.path().join("sessions.db")).await.unwrap();
    let of_file = [over(file.clone()), over(file)];
    [
        ("Redis", of_redis, Box::new(redis)),
        ("PostgreSQL", of_postgres, Box::new(postgres)),
        ("SQLite", of_file, Box::new(folder)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_found_and_ended_in_each_store() {
    for (store, nodes, _server) in each().await {
        let [here, there] = nodes.each_ref().map(app);
        let grace = staff(&here).await;
        let (laptop, phone) = (device(&there, "ada", "Laptop").await, device(&there, "ada", "Phone").await);
        laptop.in_session(async |session| session.set(Cart(vec!["umbrella".to_owned()])).await.unwrap()).await;
        show(&grace, "").await.ok().has("<bdi>ada</bdi>").has("<bdi>grace</bdi>").has("<dd>3</dd>").has("<dd>2</dd>");

        let found = show(&grace, "/user?id=ada").await.ok().has("Laptop").has("Phone");
        let link = found.links("/session?").remove(0);
        let one = follow(&grace, &link).await.ok().has("Laptop").lacks("umbrella").has("idle timeout 30m");
        // Without the user, among all sessions of the store.
        let alone = link.split("&user=").next().unwrap();
        follow(&grace, alone).await.ok().has("Laptop");
        submit(&grace, &one, &one.forms("/session/revoke")[0]).await.ok().has("1 session ended").lacks("Laptop");
        until("the other node has heard of it", Duration::from_secs(5), || async {
            match laptop.get("/").await.text() {
                "nobody" => Ok(()),
                other => Err(cloakroom_testbed::Error::Unexpected(other.to_owned())),
            }
        })
        .await
        .unwrap_or_else(|error| panic!("{store}: {error}"));
        assert_eq!(phone.get("/").await.text(), "ada", "{store}");

        let rest = show(&grace, "/user?id=ada").await.ok();
        submit(&grace, &rest, &rest.forms("/user/revoke")[0]).await.ok().has("1 session ended").has("No sessions");
        assert_eq!(nodes[1].of("ada").count().await.unwrap(), 0, "{store}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_queries_are_answered_with_a_page_by_each_store() {
    for (store, nodes, _server) in each().await {
        let app = app_with(&nodes[0], |page| page.page_size(2));
        let grace = staff(&app).await;
        for user in 0..5 {
            device(&app, user, "Laptop").await;
        }
        let (mut page, mut users) = (show(&grace, "").await.ok(), std::collections::BTreeSet::new());
        loop {
            users.extend(page.links("/user?"));
            let Some(next) = page.links("?after").pop() else { break };
            page = follow(&grace, &next).await.ok();
        }
        assert_eq!(users.len(), 6, "{store}");
        for (path, statuses) in [
            ("/user?id=%00", [200, 400]),
            ("/user?id=%ff%27%22;--", [200, 200]),
            ("?after=%00", [400, 400]),
            ("?after=x%27", [400, 400]),
            ("/user?id=0&after=%00x", [400, 400]),
            ("/session?id=00000000000000000000000000000000", [404, 404]),
            ("/session?id=00000000000000000000000000000000&user=%00", [404, 400]),
        ] {
            let page = show(&grace, path).await;
            assert!(statuses.contains(&page.0.status().as_u16()), "{store} {path}: {}", page.html());
            assert!(page.html().contains("</html>"), "{store} {path}");
        }
    }
}
