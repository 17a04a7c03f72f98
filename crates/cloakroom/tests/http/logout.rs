//! R17: a logout ends the session on the server first, and removes the client's token second.

use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::Verb;
use http::StatusCode;
use http::header::RETRY_AFTER;

use crate::support::{Browser, Deployment};

#[tokio::test]
async fn r17_after_a_logout_the_token_opens_nothing_on_any_node() {
    for deployment in Deployment::local_and_skewed() {
        let [first, second] = deployment.nodes();
        let mut browser = Browser::new(&first.app);
        browser.post("/login/alice").await.ok();
        let old = browser.cookie.clone().unwrap();
        assert_eq!(browser.at(&second.app).get("/whoami").await.ok().body, "alice");
        browser.post("/do/destroy").await.ok();
        assert_eq!(browser.cookie, None, "the client's token is removed");
        assert_eq!(deployment.session_count(&first), 0);
        for node in [first, second] {
            let mut replay = Browser::holding(&node.app, old.clone());
            assert_eq!(replay.get("/whoami").await.ok().body, "nobody");
            assert_eq!(replay.get("/note").await.ok().body, "nothing");
            assert!(node.sessions.of("alice").list().await.unwrap().is_empty());
        }
    }
}

#[tokio::test]
async fn r17_the_deletion_cookie_repeats_what_made_the_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        let created = browser.post("/note/mine").await.ok();
        let deleted = browser.post("/do/destroy").await.ok();
        let (created, deleted) = (attributes(created.set_cookie()), attributes(deleted.set_cookie()));
        assert_eq!(deleted.0, "__Host-session=");
        for attribute in &created.1 {
            assert!(deleted.1.contains(attribute), "{attribute} is missing in {deleted:?}");
        }
        for attribute in ["Secure", "Path=/", "Max-Age=0"] {
            assert!(deleted.1.iter().any(|other| other == attribute), "{attribute} is missing in {deleted:?}");
        }
        assert!(!deleted.1.iter().any(|attribute| attribute.to_ascii_lowercase().starts_with("domain")));
    }
}

fn attributes(field: Option<&str>) -> (String, Vec<String>) {
    let (pair, attributes) = field.unwrap().split_once("; ").unwrap();
    (pair.to_owned(), attributes.split("; ").map(str::to_owned).collect())
}

#[tokio::test]
async fn r17_only_a_logout_ever_sends_a_deletion_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        let old = browser.cookie.clone().unwrap();
        node.sessions.of("alice").revoke_all().await.unwrap();
        for verb in crate::support::VERBS {
            let reply = Browser::holding(&node.app, old.clone()).post(&format!("/do/{verb}")).await;
            assert_ne!(reply.new_cookie(), Some(""), "{verb}: the removal could erase the cookie of a newer login");
        }
    }
}

#[tokio::test]
async fn r17_when_the_store_is_down_the_session_lives_and_the_client_keeps_its_token() {
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Refused] {
        let deployment = Deployment::shared();
        let (store, node) = deployment.faulty_node();
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        store.fail_next(Verb::Destroy, kind);
        let reply = browser.post("/do/destroy").await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(reply.headers.contains_key(RETRY_AFTER));
        assert_eq!(reply.set_cookie(), None);
        assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        browser.post("/do/destroy").await.ok();
        assert!(deployment.store.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_write_after_a_logout_starts_a_new_session() {
    for deployment in Deployment::both() {
        let routes = axum::Router::new().route(
            "/",
            axum::routing::any(async |session: cloakroom::Session| {
                session.destroy().await?;
                session.set(crate::support::Note("flash".into())).await
            }),
        );
        let node = crate::support::Node::with_routes(deployment.builder(), crate::support::routes().merge(routes));
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        let old = browser.bare_token();
        browser.post("/").await.ok();
        assert_ne!(crate::support::decode(&old)[..16], crate::support::decode(&browser.bare_token())[..16]);
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
        assert_eq!(browser.get("/note").await.ok().body, "flash");
        assert_eq!(Browser::holding(&node.app, old).get("/whoami").await.ok().body, "nobody");
    }
}
