//! R07, R16, R19, R21: changes of privilege, logins that are too old, and routes that ignore cached
//! copies.

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::store::StoreErrorKind;
use cloakroom::{
    EventKind, Login, OnStoreError, RecentLogin, Session, SessionError, SessionLayer, TokenHeader, Transport,
};
use cloakroom_testkit::Verb;
use http::StatusCode;

use crate::support::{BearerClient, Browser, Deployment, Node, minutes, routes, secs};

async fn close_account(login: RecentLogin<300>) -> String {
    format!("good bye, {}", login.principal().as_str())
}

async fn change_password(session: Session, Path(user): Path<String>) -> Result<(), SessionError> {
    session.login(Login::new(user).ending_others()).await
}

fn with_step_up() -> Router {
    routes().route("/close", any(close_account)).route("/password/{user}", any(change_password))
}

fn node(deployment: &Deployment) -> Node {
    Node::with_routes(deployment.builder(), with_step_up())
}

#[tokio::test]
async fn r16_a_recent_login_is_let_through_and_an_old_one_is_not() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let mut alice = Browser::new(&node.app);
        alice.post("/login/alice").await.ok();
        deployment.clock.advance(secs(299));
        assert_eq!(alice.post("/close").await.ok().body, "good bye, alice");
        deployment.clock.advance(secs(1));
        assert_eq!(alice.post("/close").await.status, StatusCode::UNAUTHORIZED);
        // Prolonging a session does not make its login more recent.
        for path in ["/do/renew", "/do/rotate", "/do/remember", "/note/mine"] {
            alice.post(path).await.ok();
            assert_eq!(alice.post("/close").await.status, StatusCode::UNAUTHORIZED, "{path}");
        }
        let old = alice.bare_token();
        alice.post("/login/alice").await.ok();
        assert_ne!(alice.bare_token(), old, "a login rotates");
        assert_eq!(alice.post("/close").await.ok().body, "good bye, alice");
        assert_eq!(alice.get("/note").await.ok().body, "mine", "the same user keeps all values");
    }
}

#[tokio::test]
async fn r16_strangers_and_stale_logins_are_refused_in_the_same_words() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let mut stale = Browser::new(&node.app);
        stale.post("/login/alice").await.ok();
        deployment.clock.advance(secs(301));
        let mut anonymous = Browser::new(&node.app);
        anonymous.post("/note/mine").await.ok();
        for browser in [&mut stale, &mut anonymous, &mut Browser::new(&node.app)] {
            let reply = browser.post("/close").await;
            assert_eq!((reply.status, &*reply.body), (StatusCode::UNAUTHORIZED, "Please log in again.\n"));
            let challenge = "Session error=\"insufficient_user_authentication\", max_age=\"300\"";
            assert_eq!(reply.header("www-authenticate"), [challenge]);
            assert_eq!((reply.header("cache-control"), reply.set_cookie()), (vec!["private"], None));
        }
    }
}

#[tokio::test]
async fn r16_a_program_reads_the_same_challenge_as_a_page() {
    let deployment = Deployment::shared();
    let sessions = deployment.builder().build().unwrap();
    let layer = SessionLayer::new(sessions).transport(Transport::bearer(TokenHeader::default()));
    let mut stale = BearerClient::new(&with_step_up().layer(layer));
    stale.post("/login/alice").await.ok();
    assert_eq!(stale.post("/close").await.ok().body, "good bye, alice");
    deployment.clock.advance(secs(301));
    let reply = stale.post("/close").await;
    let challenge = "Session error=\"insufficient_user_authentication\", max_age=\"300\"";
    assert_eq!((reply.status, reply.header("www-authenticate")), (StatusCode::UNAUTHORIZED, vec![challenge]));
    assert_eq!(
        stale.get("/whoami").await.ok().body,
        "alice",
        "the session still exists, and another token would not help"
    );
}

#[tokio::test]
async fn r16_a_store_that_does_not_answer_lets_nobody_through_whatever_the_layer_says() {
    let deployment = Deployment::shared();
    let (store, faulty) = deployment.faulty_node();
    let mut alice = Browser::new(&faulty.app);
    alice.post("/login/alice").await.ok();
    for policy in [OnStoreError::Fail, OnStoreError::Anonymous, OnStoreError::ServeStale(minutes(5))] {
        let layer = SessionLayer::new(faulty.sessions.clone()).on_store_error(policy);
        let app = with_step_up().layer(layer);
        assert_eq!(alice.at(&app).post("/close").await.ok().body, "good bye, alice");
        store.fail_all(StoreErrorKind::Unavailable);
        assert_eq!(alice.at(&app).post("/close").await.status, StatusCode::SERVICE_UNAVAILABLE, "{policy:?}");
        store.reset();
    }
}

#[tokio::test]
async fn r07_rotation_replaces_the_token_at_once_and_nothing_else() {
    for deployment in Deployment::local_and_skewed() {
        let [first, second] = deployment.nodes();
        let mut alice = Browser::new(&first.app);
        alice.post("/login-keeping/alice").await.ok();
        alice.post("/note/mine").await.ok();
        alice.at(&second.app).get("/whoami").await.ok();
        let before = first.sessions.of("alice").list().await.unwrap().remove(0);
        let old = alice.bare_token();
        deployment.clock.advance(secs(100));
        let mut events = first.sessions.events();
        alice.post("/do/rotate").await.ok();
        assert_ne!(alice.bare_token(), old);
        assert_eq!(events.try_recv().map(|event| event.kind), Some(EventKind::Rotated));
        assert!(events.try_recv().is_none());
        for node in [&first, &second] {
            assert_eq!(Browser::holding(&node.app, old.clone()).get("/whoami").await.ok().body, "nobody");
            assert_eq!(alice.at(&node.app).get("/whoami").await.ok().body, "alice");
            assert_eq!(alice.at(&node.app).get("/note").await.ok().body, "mine");
        }
        let after = second.sessions.of("alice").list().await.unwrap().remove(0);
        assert_eq!((after.id, after.authenticated_at), (before.id, before.authenticated_at));
        assert_eq!(first.sessions.stats().rotations, 1);
    }
}

#[tokio::test]
async fn r07_rotation_of_nobody_creates_nothing() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let mut browser = Browser::new(&node.app);
        assert_eq!(browser.post("/do/rotate").await.ok().set_cookie(), None);
        assert_eq!(deployment.session_count(&node), 0);
        // An anonymous session may have privileges too.
        browser.post("/note/mine").await.ok();
        let old = browser.bare_token();
        browser.post("/do/rotate").await.ok();
        assert_eq!(Browser::holding(&node.app, old).get("/note").await.ok().body, "nothing");
        assert_eq!(browser.get("/note").await.ok().body, "mine");
    }
}

#[tokio::test]
async fn r08_of_two_rotations_at_once_one_holds_and_the_other_is_told() {
    for deployment in Deployment::local_and_skewed() {
        let [first, second] = deployment.nodes();
        let mut alice = Browser::new(&first.app);
        alice.post("/login/alice").await.ok();
        let (mut one, mut other) = (alice.at(&first.app), alice.at(&second.app));
        let replies = tokio::join!(one.post("/do/rotate"), other.post("/do/rotate"));
        let mut statuses = [replies.0.status, replies.1.status];
        statuses.sort_unstable();
        // The second request may also arrive so late that its token opens nothing and there is
        // nothing to rotate.
        assert_eq!(statuses[0], StatusCode::OK);
        let rotated = [&one, &other].into_iter().filter(|browser| browser.bare_token() != alice.bare_token()).count();
        assert_eq!(rotated, 1, "{statuses:?}");
    }
}

/// A browser on a node with a stale copy, which does not learn that the session was ended
/// elsewhere.
async fn stale_browser(always_refresh: bool) -> (Browser, Browser) {
    let deployment = Deployment::shared();
    let second = node(&deployment);
    let store = deployment.store.as_ref().unwrap().node();
    let sessions = crate::support::recorded().clock(deployment.clock.clone()).store(store.clone()).build().unwrap();
    let layer = SessionLayer::new(sessions);
    let layer = if always_refresh { layer.always_refresh() } else { layer };
    let app = with_step_up().layer(layer);
    let mut alice = Browser::new(&second.app);
    alice.post("/login/alice").await.ok();
    let mut first = alice.at(&app);
    first.get("/whoami").await.ok();
    store.pause_invalidations();
    second.sessions.of("alice").revoke_all().await.unwrap();
    store.drop_invalidations();
    (first, alice)
}

#[tokio::test]
async fn r19_a_route_that_refreshes_refuses_what_ended_elsewhere_without_any_news_of_it() {
    let (mut first, _) = stale_browser(false).await;
    assert_eq!(
        first.get("/whoami").await.ok().body,
        "alice",
        "without a refresh, the copy is served until its lease expires"
    );
    for refreshed_route in ["/whoami", "/do/authenticated-within", "/do/exists"] {
        let (mut first, _) = stale_browser(true).await;
        let body = first.get(refreshed_route).await.ok().body;
        assert!(["nobody", "false"].contains(&&*body), "{refreshed_route}: {body}");
    }
    for refreshing_route in ["/do/refresh", "/close"] {
        let (mut first, _) = stale_browser(false).await;
        first.post(refreshing_route).await;
        assert_eq!(first.get("/whoami").await.ok().body, "nobody", "{refreshing_route}");
    }
    let (mut first, _) = stale_browser(false).await;
    assert_eq!(first.post("/close").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn r19_refreshing_reads_once_per_request_and_nothing_where_there_is_no_shared_tier() {
    let deployment = Deployment::shared();
    let sessions = deployment.builder().build().unwrap();
    let app = routes().layer(SessionLayer::new(sessions.clone()).always_refresh());
    let mut alice = Browser::new(&app);
    alice.post("/login/alice").await.ok();
    for path in ["/whoami", "/note", "/do/get", "/untouched"] {
        let before = sessions.stats().store_loads;
        alice.get(path).await.ok();
        let loads = sessions.stats().store_loads - before;
        assert_eq!(loads, u64::from(path != "/untouched"), "{path}");
    }
    let local = Deployment::local();
    let sessions = local.builder().build().unwrap();
    let app = routes().layer(SessionLayer::new(sessions.clone()).always_refresh());
    let mut alice = Browser::new(&app);
    alice.post("/login/alice").await.ok();
    assert_eq!(alice.get("/whoami").await.ok().body, "alice");
    assert_eq!(alice.post("/do/refresh").await.ok().body, "true");
}

#[tokio::test]
async fn r21_a_login_that_ends_the_others_is_one_step() {
    for deployment in Deployment::both() {
        let first = node(&deployment);
        let second = if deployment.store.is_some() { node(&deployment) } else { first.clone() };
        let mut alice = Browser::new(&first.app);
        alice.post("/login/alice").await.ok();
        alice.post("/note/mine").await.ok();
        let mut others = Vec::new();
        for app in [&first.app, &second.app] {
            let mut other = Browser::new(app);
            other.post("/login/alice").await.ok();
            others.push(other);
        }
        let mut bob = Browser::new(&second.app);
        bob.post("/login/bob").await.ok();
        let old = alice.bare_token();
        alice.post("/password/alice").await.ok();
        assert_ne!(alice.bare_token(), old);
        assert_eq!(alice.get("/note").await.ok().body, "mine");
        for mut other in others.into_iter().chain([Browser::holding(&second.app, old)]) {
            assert_eq!(other.get("/whoami").await.ok().body, "nobody");
        }
        assert_eq!(bob.get("/whoami").await.ok().body, "bob");
        assert_eq!(second.sessions.of("alice").list().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn r21_where_the_others_cannot_be_ended_nobody_is_logged_in() {
    let deployment = Deployment::shared();
    let (store, _) = deployment.faulty_node();
    let faulty = Node::with_routes(
        crate::support::recorded().clock(deployment.clock.clone()).store(store.clone()),
        with_step_up(),
    );
    let healthy = node(&deployment);
    let mut attacker = Browser::new(&healthy.app);
    attacker.post("/login/alice").await.ok();
    for verb in [Verb::ListMembers, Verb::Destroy] {
        let mut alice = Browser::new(&faulty.app);
        // A failed list is requested three times in all.
        for _ in 0..if verb == Verb::ListMembers { 3 } else { 1 } {
            store.fail_next(verb, StoreErrorKind::Unavailable);
        }
        let reply = alice.post("/password/alice").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None), "{verb:?}");
        if verb == Verb::ListMembers {
            assert_eq!(attacker.get("/whoami").await.ok().body, "alice", "no session has been ended yet");
        }
        alice.post("/password/alice").await.ok();
        assert_eq!(attacker.get("/whoami").await.ok().body, "nobody", "{verb:?}");
        attacker.post("/login/alice").await.ok();
    }
}
