//! `User<U>` and `Option<User<U>>`: how often a user is loaded, and what a handler gets.

use axum::Router;
use axum::routing::get;
use cloakroom::store::StoreErrorKind;
use cloakroom_auth::{AuthLayer, User};
use cloakroom_testkit::FaultyStore;
use http::StatusCode;

use crate::application::{Account, Db, node, routes, signed_in};
use crate::support::{Browser, Deployment, Node, secs, send, with_cookie};

#[tokio::test]
async fn a_user_is_loaded_once_per_session_and_ttl() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let (mut ada, mut bob) = (signed_in(&node, "ada").await, signed_in(&node, "bob").await);
        for _ in 0..10 {
            assert_eq!(ada.get("/profile").await.ok().body, "ADA");
            assert_eq!(ada.get("/account").await.ok().body, "ADA");
            assert_eq!(bob.get("/home").await.ok().body, "BOB");
        }
        assert_eq!(db.loads(), 2);
        deployment.clock.advance(secs(60));
        assert_eq!(ada.get("/profile").await.ok().body, "ADA");
        assert_eq!(db.loads(), 3);
    }
}

#[tokio::test]
async fn a_user_is_loaded_once_across_all_nodes() {
    let (deployment, db) = (Deployment::shared(), Db::new());
    let [first, second] = [node(&deployment, &db), node(&deployment, &db)];
    let mut browser = signed_in(&first, "ada").await;
    browser.get("/profile").await.ok();
    assert_eq!(browser.at(&second.app).get("/account").await.ok().body, "ADA");
    assert_eq!(db.loads(), 1);
}

#[tokio::test]
async fn concurrent_requests_share_one_load() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let browser = signed_in(&node, "ada").await;
        db.close_gate().await;
        let requests: Vec<_> = (0..20)
            .map(|number| {
                let mut browser = browser.clone();
                let path = ["/profile", "/home", "/account"][number % 3];
                tokio::spawn(async move { browser.get(path).await })
            })
            .collect();
        while node.sessions.stats().loads_joined < 19 {
            tokio::task::yield_now().await;
        }
        db.open_gate();
        for request in requests {
            assert_eq!(request.await.unwrap().ok().body, "ADA");
        }
        assert_eq!(db.loads(), 1);
    }
}

#[tokio::test]
async fn a_visitor_without_a_login_has_no_user_and_nothing_is_loaded_or_created() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let mut visitor = Browser::new(&node.app);
        let reply = visitor.get("/home").await.ok();
        assert_eq!((reply.body.as_str(), reply.set_cookie()), ("nobody", None));
        assert_eq!(visitor.get("/profile").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(deployment.session_count(&node), 0);
        visitor.post("/note/mine").await.ok();
        assert_eq!(visitor.get("/home").await.ok().body, "nobody", "an anonymous session has no user");
        assert_eq!(db.loads(), 0);
    }
}

#[tokio::test]
async fn r73_a_user_who_was_deleted_is_signed_out_when_the_user_is_loaded_again() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let mut browser = signed_in(&node, "ada").await;
        browser.get("/home").await.ok();
        db.delete("ada");
        assert_eq!(browser.get("/home").await.ok().body, "ADA", "the ttl is the documented bound");
        deployment.clock.advance(secs(60));
        assert_eq!(browser.get("/home").await.ok().body, "nobody");
        assert_eq!(browser.cookie, None, "the client is told to forget its token");
        assert_eq!(deployment.session_count(&node), 0);
    }
}

#[tokio::test]
async fn r73_another_user_in_the_same_browser_is_never_the_cached_one() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let mut browser = signed_in(&node, "ada").await;
        assert_eq!(browser.get("/home").await.ok().body, "ADA");
        browser.post("/sign-in/bob").await;
        assert_eq!(browser.get("/home").await.ok().body, "BOB");
    }
}

#[tokio::test]
async fn r73_a_source_that_is_down_is_a_503_and_nobody_is_signed_out() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let mut browser = signed_in(&node, "ada").await;
        db.shut_down();
        for path in ["/profile", "/home", "/account", "/staff"] {
            let reply = browser.get(path).await;
            assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
            assert_eq!((reply.header("retry-after"), reply.set_cookie()), (vec!["1"], None), "{path}");
        }
        assert_eq!(browser.get("/whoami").await.ok().body, "ada");
    }
}

#[tokio::test]
async fn a_store_that_is_down_is_a_503_and_never_a_request_to_sign_in() {
    let (deployment, db) = (Deployment::shared(), Db::new());
    let mut browser = signed_in(&node(&deployment, &db), "ada").await;
    let store = FaultyStore::new(deployment.store.as_ref().unwrap().node());
    let failing = Node::with_routes(deployment.builder().store(store.clone()), routes(&db));
    store.fail_all(StoreErrorKind::Unavailable);
    let reply = browser.at(&failing.app).get("/account").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.set_cookie(), None);
    assert_eq!(browser.get("/account").await.ok().body, "ADA");
}

#[tokio::test]
async fn a_missing_layer_is_named_in_the_response_of_a_debug_build() {
    let profile = async |user: User<Account>| user.name.clone();
    let without_auth = Node::with_routes(Deployment::local().builder(), Router::new().route("/profile", get(profile)));
    let reply = send(&without_auth.app, with_cookie("/profile?secret", b"")).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.body.contains("GET \"/profile\" needs a user of type"), "{}", reply.body);
    assert!(reply.body.contains("add `.layer(AuthLayer::new(source))`"), "{}", reply.body);
    assert!(!reply.body.contains("secret"), "{}", reply.body);

    let without_session = Router::new().route("/profile", get(profile)).layer(AuthLayer::new(Db::new()));
    let reply = send(&without_session, with_cookie("/profile", b"")).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.body.contains("no `SessionLayer` wraps it"), "{}", reply.body);
}

#[test]
fn r71_a_login_page_on_another_site_is_refused() {
    for page in ["", "login", "//evil.example", "https://evil.example/login", "/login?a=b", "/log in"] {
        let error = AuthLayer::new(Db::new()).login_page(page).unwrap_err();
        assert_eq!(error.setting(), "login_page");
        assert!(error.problem().contains("such as \"/login\""), "{error}");
    }
}
