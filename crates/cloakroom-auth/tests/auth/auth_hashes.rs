//! A changed password ends other sessions, wherever it was changed.

use std::time::Duration;

use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::FaultyStore;
use http::StatusCode;

use crate::application::{Account, Db, NO_HASH, node, routes, signed_in};
use crate::support::{Browser, Deployment, Node, secs};

/// The ttl of an `Account`: the documented bound.
const TTL: Duration = secs(60);

#[tokio::test]
async fn r72_a_password_that_was_changed_in_the_database_ends_all_sessions_within_the_ttl() {
    let (deployment, db) = (Deployment::shared(), Db::new());
    let [first, second] = [node(&deployment, &db), node(&deployment, &db)];
    let mut devices = [signed_in(&first, "ada").await, signed_in(&second, "ada").await];
    let mut bob = signed_in(&first, "bob").await;
    for device in &mut devices {
        device.get("/home").await.ok();
    }
    db.set_password_hash("ada", "hash of the second password");
    deployment.clock.advance(TTL);
    for (device, other) in devices.iter_mut().zip([&second, &first]) {
        assert_eq!(device.at(&other.app).get("/home").await.ok().body, "nobody");
        assert_eq!(device.get("/account").await.status, StatusCode::UNAUTHORIZED, "the session ended on every node");
        assert_eq!(device.get("/whoami").await.ok().body, "nobody");
    }
    assert_eq!(bob.get("/account").await.ok().body, "BOB");
    assert_eq!(first.sessions.of("ada").count().await.unwrap(), 0);
}

#[tokio::test]
async fn r72_a_password_that_was_changed_in_the_database_ends_sessions_at_once_if_the_user_is_invalidated() {
    let (deployment, db) = (Deployment::shared(), Db::new());
    let [first, second] = [node(&deployment, &db), node(&deployment, &db)];
    let mut device = signed_in(&second, "ada").await;
    device.get("/home").await.ok();
    db.set_password_hash("ada", "hash of the second password");
    first.sessions.of("ada").invalidate::<Account>().await.unwrap();
    assert_eq!(device.get("/home").await.ok().body, "nobody");
    let stats = second.sessions.stats();
    assert_eq!((stats.ended_revoked, stats.ended_logout), (1, 0), "the user has not logged out");
}

#[tokio::test]
async fn a_session_whose_values_are_removed_stays_signed_in() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &Db::new());
        let mut browser = signed_in(&node, "ada").await;
        assert_eq!(browser.get("/account").await.ok().body, "ADA");
        browser.post("/note/mine").await.ok();
        assert_eq!(browser.post("/clear").await.ok().body, "true");
        assert_eq!(browser.get("/account").await.ok().body, "ADA");
        assert_eq!(browser.post("/clear").await.ok().body, "true", "the user is cached again");
    }
}

#[tokio::test]
async fn a_login_with_a_digest_does_not_last_if_the_user_has_none() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let mut browser = signed_in(&node, "ada").await;
        db.set_password_hash("ada", NO_HASH);
        assert_eq!(browser.get("/account").await.status, StatusCode::UNAUTHORIZED);
        let stats = node.sessions.stats();
        assert_eq!((stats.ended_revoked, stats.ended_logout), (1, 0));
    }
}

#[tokio::test]
async fn r72_the_device_that_changed_the_password_stays_signed_in_and_the_others_end_at_once() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let [first, second] = deployment_nodes(&deployment, &db);
        let mut mine = signed_in(&first, "ada").await;
        let mut other = signed_in(&second, "ada").await;
        for device in [&mut mine, &mut other] {
            device.get("/home").await.ok();
        }
        let before = mine.bare_token();
        mine.post("/change-password/second").await.ok();
        assert_ne!(mine.bare_token(), before, "a new token (OWASP ASVS 7.2.4)");
        assert_eq!(other.get("/account").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(mine.get("/account").await.ok().body, "ADA", "the user cached before the change does not count");
        deployment.clock.advance(TTL);
        assert_eq!(mine.at(&second.app).get("/account").await.ok().body, "ADA");
    }
}

#[tokio::test]
async fn r72_a_login_with_a_password_that_is_replaced_meanwhile_does_not_last() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        // The digest is that of the record that was verified, so the order of these two is that of
        // a change between the check and the login.
        let mut browser = signed_in(&node, "ada").await;
        db.set_password_hash("ada", "hash of the second password");
        assert_eq!(browser.get("/account").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(deployment.session_count(&node), 0);
    }
}

#[tokio::test]
async fn r72_a_login_without_a_digest_does_not_last_if_the_user_has_one() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &Db::new());
        let mut browser = Browser::new(&node.app);
        browser.post("/plain-sign-in/ada").await.ok();
        assert_eq!(browser.get("/account").await.status, StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_double_click_signs_in_whichever_response_arrives_last() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let nodes = deployment_nodes(&deployment, &db);
        let mut visitor = Browser::new(&nodes[0].app);
        visitor.post("/note/mine").await.ok();
        let clicks = nodes.clone().map(|node| {
            let mut click = visitor.at(&node.app);
            tokio::spawn(async move {
                assert_eq!(click.post("/sign-in/ada").await.status, StatusCode::SEE_OTHER);
                click
            })
        });
        for click in clicks {
            assert_eq!(click.await.unwrap().get("/account").await.ok().body, "ADA");
        }
    }
}

#[tokio::test]
async fn a_confirmed_login_keeps_its_digest() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &Db::new());
        let mut browser = signed_in(&node, "ada").await;
        browser.post("/plain-sign-in/ada").await.ok();
        assert_eq!(browser.get("/account").await.ok().body, "ADA");
    }
}

#[tokio::test]
async fn r72_parallel_requests_after_a_change_all_find_nobody() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let browser = signed_in(&node, "ada").await;
        db.set_password_hash("ada", "hash of the second password");
        let requests: Vec<_> = (0..20)
            .map(|_| {
                let mut browser = browser.clone();
                tokio::spawn(async move { browser.get("/account").await })
            })
            .collect();
        for request in requests {
            assert_eq!(request.await.unwrap().status, StatusCode::UNAUTHORIZED);
        }
        assert_eq!(node.sessions.of("ada").count().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn r72_a_session_that_cannot_be_ended_is_refused_until_it_is() {
    let (deployment, db) = (Deployment::shared(), Db::new());
    let store = FaultyStore::new(deployment.store.as_ref().unwrap().node());
    let node = Node::with_routes(deployment.builder().store(store.clone()), routes(&db));
    let mut browser = signed_in(&node, "ada").await;
    browser.get("/home").await.ok();
    db.set_password_hash("ada", "hash of the second password");
    deployment.clock.advance(TTL);
    store.fail_all(StoreErrorKind::Unavailable);
    assert_eq!(browser.get("/account").await.status, StatusCode::SERVICE_UNAVAILABLE);
    store.reset();
    assert_eq!(browser.get("/account").await.status, StatusCode::UNAUTHORIZED);
}

fn deployment_nodes(deployment: &Deployment, db: &Db) -> [Node; 2] {
    let first = node(deployment, db);
    let second = if deployment.store.is_some() { node(deployment, db) } else { first.clone() };
    [first, second]
}
