//! Tests for mutations. Each is named after the behaviour that it protects.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Path;
use axum::routing::{any, get};
use axum::{Router, body::Body};
use cloakroom::store::{LimitPolicy, Payload, Selector, StoreErrorKind, StoredValue};
use cloakroom::{
    EndReason, Key, KeyRing, Login, OnStoreError, SameOrigin, SealPolicy, Session, SessionError, SessionErrorKind,
    SessionLayer, Sessions,
};
use cloakroom_testkit::{CallGate, FaultyStore, MemoryStore, SpyStore, Verb};
use http::{Request, StatusCode};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use crate::support::{
    Browser, Deployment, HandlerGate, Kept, Node, Note, Theme, decode, minutes, recorded, routes, secs, send,
};

/// Runs every other task until it waits.
async fn run_other_tasks() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

fn memory(deployment: &Deployment) -> &MemoryStore {
    deployment.store.as_ref().unwrap()
}

fn faulty_node(deployment: &Deployment, routes: Router) -> (FaultyStore<MemoryStore>, Node) {
    let store = FaultyStore::new(memory(deployment).node());
    let node = Node::with_routes(recorded().clock(deployment.clock.clone()).store(store.clone()), routes);
    (store, node)
}

fn selector_of(browser: &Browser) -> Selector {
    Selector::from_bytes(decode(&browser.bare_token())[..16].try_into().unwrap())
}

#[tokio::test]
async fn r37_the_verifier_of_a_secret_from_before_a_login_cannot_be_put_back() {
    let deployment = Deployment::shared();
    let key = KeyRing::new(Key::new(1, Sha256::digest("for this test")).unwrap());
    let node = || Node::new(deployment.builder().keys(key.clone()).seal(SealPolicy::Require));
    let victim = node();
    let mut browser = Browser::new(&victim.app);
    browser.post("/note/planted").await.ok();
    let (selector, attacker) = (selector_of(&browser), browser.clone());
    let before = memory(&deployment).record(selector).unwrap();
    browser.post("/login/alice").await.ok();
    let mut record = memory(&deployment).record(selector).unwrap();
    record.verifier = before.verifier;
    memory(&deployment).roll_back(selector, record);
    let fresh = node();
    let reply = attacker.at(&fresh.app).get("/whoami").await;
    assert_eq!((reply.status, fresh.sessions.stats().seals_broken), (StatusCode::INTERNAL_SERVER_ERROR, 1));
}

/// Routes with a handler that passes the session of its request to the test without reading it.
fn routes_with_taken_session() -> (Router, Arc<Mutex<Option<Session>>>) {
    let slot = Arc::new(Mutex::new(None));
    let taken = Arc::clone(&slot);
    let take = async move |session: Session| *taken.lock() = Some(session);
    (routes().route("/take", any(take)), slot)
}

#[tokio::test]
async fn who_waits_for_the_end_asks_again_after_a_fault_and_takes_no_fault_for_the_end() {
    let deployment = Deployment::shared();
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/login/alice").await.ok();
    let (routes, taken) = routes_with_taken_session();
    let (store, node) = faulty_node(&deployment, routes);
    browser.at(&node.app).get("/take").await.ok();
    let session = taken.lock().take().unwrap();
    store.fail_next(Verb::Load, StoreErrorKind::Unavailable);
    let ended = tokio::spawn(session.ended());
    run_other_tasks().await;
    assert!(!ended.is_finished(), "a store that does not respond has not ended the session");
    deployment.clock.advance(secs(2));
    run_other_tasks().await;
    assert!(!ended.is_finished(), "the session lives");
    browser.post("/do/destroy").await.ok();
    let ended = async {
        while !ended.is_finished() {
            deployment.clock.advance(secs(1));
            run_other_tasks().await;
        }
        ended.await.unwrap()
    };
    assert_eq!(tokio::time::timeout(secs(20), ended).await.expect("it retries"), EndReason::Gone);
}

#[tokio::test]
async fn r23_a_session_that_could_not_be_ended_twice_is_ended_the_third_time() {
    let deployment = Deployment::shared();
    let store = FaultyStore::new(memory(&deployment).node());
    let limited = recorded().clock(deployment.clock.clone()).store(store.clone());
    let node = Node::new(limited.max_sessions_per_principal(1, LimitPolicy::EndOldest));
    let mut first = Browser::new(&node.app);
    first.post("/login/alice").await.ok();
    store.fail_next(Verb::Destroy, StoreErrorKind::Unavailable);
    let refused = Browser::new(&node.app).post("/login/alice").await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    store.fail_all(StoreErrorKind::Unavailable);
    node.sessions.run_pending_tasks().await;
    node.sessions.run_pending_tasks().await;
    store.reset();
    assert!(memory(&deployment).record(selector_of(&first)).is_some(), "no attempt to end it has succeeded");
    node.sessions.run_pending_tasks().await;
    assert!(
        memory(&deployment).record(selector_of(&first)).is_none(),
        "the displaced session ends once the store works again"
    );
}

/// A store that hangs costs a deadline per call, so a round must not make its calls one by one.
#[tokio::test]
async fn r23_sessions_that_could_not_be_ended_are_ended_side_by_side() {
    let deployment = Deployment::shared();
    let store = FaultyStore::new(memory(&deployment).node());
    let limited = recorded().clock(deployment.clock.clone()).store(store.clone());
    let node = Node::new(limited.max_sessions_per_principal(1, LimitPolicy::EndOldest));
    for user in ["alice", "bob"] {
        Browser::new(&node.app).post(&format!("/login/{user}")).await.ok();
        store.fail_next(Verb::Destroy, StoreErrorKind::Unavailable);
        let refused = Browser::new(&node.app).post(&format!("/login/{user}")).await;
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    let gates = [store.delay_next(Verb::Destroy), store.delay_next(Verb::Destroy)];
    let sessions = node.sessions.clone();
    let round = tokio::spawn(async move { sessions.run_pending_tasks().await });
    for gate in &gates {
        let arrived = tokio::time::timeout(Duration::from_secs(10), gate.arrived()).await;
        assert_eq!(arrived, Ok(true), "both calls are under way before either has returned");
    }
    gates.into_iter().for_each(CallGate::open);
    round.await.unwrap();
    assert_eq!(memory(&deployment).len(), 0, "both sessions have ended");
}

/// One call reports at most 1000 touches; the others must not wait for it.
#[tokio::test]
async fn more_touches_than_one_call_takes_are_reported_side_by_side() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node(&deployment, routes());
    let mut browsers: Vec<_> = (0..1001).map(|_| Browser::new(&node.app)).collect();
    for browser in &mut browsers {
        browser.post("/note/mine").await.ok();
    }
    deployment.clock.advance(minutes(10));
    for browser in &mut browsers {
        assert_eq!(browser.get("/note").await.ok().body, "mine");
    }
    let gates = [store.delay_next(Verb::Touch), store.delay_next(Verb::Touch)];
    let sessions = node.sessions.clone();
    let round = tokio::spawn(async move { sessions.run_pending_tasks().await });
    for gate in &gates {
        let arrived = tokio::time::timeout(Duration::from_secs(10), gate.arrived()).await;
        assert_eq!(arrived, Ok(true), "both calls are under way before either has returned");
    }
    gates.into_iter().for_each(CallGate::open);
    round.await.unwrap();
}

#[tokio::test]
async fn a_session_that_was_created_for_a_login_that_fails_is_ended_even_if_that_fails_at_first() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node(&deployment, routes());
    for verb in [Verb::AddMember, Verb::Commit] {
        store.fail_next(verb, StoreErrorKind::Unavailable);
        assert_eq!(Browser::new(&node.app).post("/login/alice").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(memory(&deployment).len(), 0, "{verb:?}");
        store.fail_next(verb, StoreErrorKind::Unavailable);
        store.fail_next(Verb::Destroy, StoreErrorKind::Unavailable);
        assert_eq!(Browser::new(&node.app).post("/login/alice").await.status, StatusCode::SERVICE_UNAVAILABLE);
        node.sessions.run_pending_tasks().await;
        assert_eq!(memory(&deployment).len(), 0, "{verb:?}");
    }
    for deployment in Deployment::both() {
        let node = Node::new(deployment.builder().max_sessions_per_principal(1, LimitPolicy::Reject));
        Browser::new(&node.app).post("/login/alice").await.ok();
        assert_eq!(Browser::new(&node.app).post("/login/alice").await.status, StatusCode::CONFLICT);
        assert_eq!(deployment.session_count(&node), 1, "the refused login leaves no session");
    }
}

#[tokio::test]
async fn r16_authenticated_within_is_not_answered_from_a_stale_copy() {
    let deployment = Deployment::shared();
    let store = FaultyStore::new(memory(&deployment).node());
    let sessions = recorded().clock(deployment.clock.clone()).store(store.clone()).build().unwrap();
    let layer = SessionLayer::new(sessions.clone()).on_store_error(OnStoreError::ServeStale(minutes(1)));
    let app = routes().layer(layer);
    let mut browser = Browser::new(&app);
    browser.post("/login/alice").await.ok();
    assert_eq!(browser.get("/do/authenticated-within").await.ok().body, "true");
    store.inner().disconnect();
    store.fail_all(StoreErrorKind::Unavailable);
    assert_eq!(browser.get("/whoami").await.ok().body, "alice", "the stale copy is served");
    assert_eq!(browser.get("/do/authenticated-within").await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn two_parallel_first_writes_of_one_request_make_one_session() {
    let deployment = Deployment::shared();
    let both = async |session: Session| {
        let (note, kept) = tokio::join!(session.set(Note("one".into())), session.set(Kept("two".into())));
        note.and(kept)
    };
    let (store, node) = faulty_node(&deployment, routes().route("/both", any(both)));
    let gate = store.delay_next(Verb::Create);
    let mut browser = Browser::new(&node.app);
    let request = tokio::spawn(async move {
        browser.post("/both").await.ok();
        browser
    });
    assert!(gate.arrived().await);
    run_other_tasks().await;
    gate.open();
    let browser = request.await.unwrap();
    assert_eq!(memory(&deployment).len(), 1);
    let record = memory(&deployment).record(selector_of(&browser)).unwrap();
    assert!(record.version_of("note") > 0 && record.version_of("kept") > 0, "the record has both values");
}

/// `/slow` loads the theme and pauses at the gate. `/theme` returns the cached theme.
fn slow_loads(gate: &HandlerGate) -> Router {
    let gate = gate.clone();
    let slow = async move |session: Session| {
        let gate = gate.clone();
        let load = async move || {
            gate.pause().await;
            Ok::<_, Infallible>(Theme("loaded".into()))
        };
        session.get_or_load(load).await.map(|theme| theme.0.clone())
    };
    let theme = async |session: Session| {
        Ok::<_, SessionError>(session.get::<Theme>().await?.map_or("none".to_owned(), |theme| theme.0.clone()))
    };
    let set = async |session: Session, Path(name): Path<String>| session.set(Theme(name)).await;
    routes().route("/slow", any(slow)).route("/theme", get(theme)).route("/theme/{name}", any(set))
}

#[tokio::test]
async fn a_load_that_a_write_or_a_login_overtook_is_not_kept() {
    for deployment in Deployment::both() {
        for (superseding, expected) in
            [("/theme/written", "written"), ("/login/alice", "none"), ("/do/invalidate", "none")]
        {
            let gate = HandlerGate::new();
            let node = Node::with_routes(deployment.builder(), slow_loads(&gate));
            let mut browser = Browser::new(&node.app);
            browser.post("/note/mine").await.ok();
            let mut tab = browser.clone();
            let slow = tokio::spawn(async move { tab.get("/slow").await.status });
            gate.wait_until_paused().await;
            browser.post(superseding).await.ok();
            gate.release();
            slow.await.unwrap();
            run_other_tasks().await;
            assert_eq!(browser.get("/theme").await.ok().body, expected, "{superseding}");
            assert!(node.sessions.stats().loads_overtaken > 0, "{superseding}");
        }
    }
}

#[tokio::test]
async fn r09_a_renewal_under_the_previous_token_changes_nothing_on_any_node() {
    let deployment = Deployment::shared();
    let stale_store = memory(&deployment).node();
    let stale = Node::new(recorded().clock(deployment.clock.clone()).store(stale_store.clone()));
    let other = deployment.node();
    let mut browser = Browser::new(&other.app);
    browser.post("/login/alice").await.ok();
    let mut old = browser.at(&stale.app);
    assert_eq!(old.get("/whoami").await.ok().body, "alice");
    stale_store.pause_invalidations();
    browser.post("/do/renew").await.ok();
    let renewed = memory(&deployment).record(selector_of(&browser)).unwrap().verifier;
    // The stale node takes the old token for the current one.
    let reply = old.post("/do/renew").await.ok();
    assert_eq!(reply.set_cookie(), None);
    assert!(
        memory(&deployment).record(selector_of(&browser)).unwrap().verifier == renewed,
        "the token was renewed a second time"
    );
    stale_store.deliver_invalidations();
    deployment.clock.advance(minutes(2));
    assert_eq!(browser.get("/whoami").await.ok().body, "alice");
}

#[tokio::test]
async fn a_stale_copy_below_the_clients_hint_is_not_served_while_the_store_is_away() {
    let deployment = Deployment::shared();
    let store = FaultyStore::new(memory(&deployment).node());
    let sessions = recorded().clock(deployment.clock.clone()).store(store.clone()).build().unwrap();
    let layer = SessionLayer::new(sessions.clone()).on_store_error(OnStoreError::ServeStale(minutes(1)));
    let serve_stale = routes().layer(layer);
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/note/first").await.ok();
    let older = browser.clone();
    assert_eq!(browser.at(&serve_stale).get("/note").await.ok().body, "first");
    store.inner().pause_invalidations();
    browser.post("/note/second").await.ok();
    store.fail_all(StoreErrorKind::Unavailable);
    assert_eq!(browser.at(&serve_stale).get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        older.at(&serve_stale).get("/note").await.ok().body,
        "first",
        "a client that has seen no newer version is served"
    );
}

#[tokio::test]
async fn r12_no_copy_is_served_that_its_store_does_not_keep_any_more() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node(&deployment, routes());
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    let selector = selector_of(&browser);
    let mut was_gone = false;
    for _ in 0..20 {
        // No touch reaches the store.
        (0..100).for_each(|_| store.fail_next(Verb::Touch, StoreErrorKind::Unavailable));
        deployment.clock.advance(minutes(4));
        let seen = browser.get("/note").await.ok().body;
        if memory(&deployment).record(selector).is_none() {
            assert_eq!(seen, "nothing");
            was_gone = true;
        }
    }
    assert!(was_gone, "without touches the record expires");
}

#[tokio::test]
async fn a_remembered_session_stays_remembered_when_its_user_logs_in_again() {
    let remembered = async |session: Session| session.login(Login::new("alice").remember(minutes(60 * 24 * 30))).await;
    for deployment in Deployment::both() {
        let node = Node::with_routes(deployment.builder(), routes().route("/remembered", any(remembered)));
        let mut browser = Browser::new(&node.app);
        browser.post("/remembered").await.ok();
        let again = browser.post("/login/alice").await.ok();
        assert!(again.set_cookie().unwrap().contains("; Max-Age=2592000"), "{:?}", again.set_cookie());
        deployment.clock.advance(minutes(60 * 24 * 29));
        assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        let other = browser.post("/login/bob").await.ok();
        assert!(!other.set_cookie().unwrap().contains("Max-Age"), "another user did not ask to be remembered");
    }
}

#[tokio::test]
async fn r18_a_read_that_waited_for_one_that_was_dropped_hears_of_changes() {
    let deployment = Deployment::shared();
    let handler_gate = HandlerGate::new();
    let twice = {
        let gate = handler_gate.clone();
        async move |session: Session| {
            session.get::<Note>().await?;
            gate.pause().await;
            Ok::<_, SessionError>(session.get::<Note>().await?.map_or_else(String::new, |note| note.0.clone()))
        }
    };
    let (store, node) = faulty_node(&deployment, routes().route("/twice", any(twice)));
    let mut browser = Browser::new(&deployment.node().app);
    browser.post("/note/first").await.ok();
    let gate = store.delay_next(Verb::Load);
    let (mut dropped, mut waiting) = (browser.at(&node.app), browser.at(&node.app));
    let dropped = tokio::spawn(async move { dropped.get("/note").await });
    assert!(gate.arrived().await);
    let waiting = tokio::spawn(async move { waiting.get("/twice").await.ok().body });
    run_other_tasks().await;
    // Its client disconnects: the cell that both wait for was never filled, and leaves the table.
    dropped.abort();
    handler_gate.wait_until_paused().await;
    browser.post("/note/second").await.ok();
    handler_gate.release();
    assert_eq!(waiting.await.unwrap(), "second");
}

#[tokio::test]
async fn a_write_whose_answer_comes_after_a_newer_write_leaves_no_older_copy() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node(&deployment, routes());
    let mut browser = Browser::new(&node.app);
    browser.post("/note/first").await.ok();
    let token = browser.bare_token();
    let gate = store.delay_next(Verb::Commit);
    let (mut slow, other) = (browser.clone(), deployment.node());
    let slow = tokio::spawn(async move { slow.post("/kept/slow").await.status });
    assert!(gate.let_act().await);
    browser.at(&other.app).post("/note/second").await.ok();
    gate.open();
    assert_eq!(slow.await.unwrap(), StatusCode::OK);
    // Without a version hint, the node knows only from the invalidation that its copy is outdated.
    assert_eq!(Browser::holding(&node.app, token).get("/note").await.ok().body, "second");
}

#[tokio::test]
async fn r31_invented_tokens_leave_nothing_behind_while_the_store_is_away() {
    let deployment = Deployment::shared();
    let (store, node) = faulty_node(&deployment, routes());
    store.fail_all(StoreErrorKind::Unavailable);
    for number in 0..100 {
        let mut stranger = Browser::holding(&node.app, crate::support::unissued_token(number));
        assert_eq!(stranger.get("/note").await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert_eq!(node.sessions.stats().sessions, 0);
}

#[tokio::test]
async fn a_session_that_changed_hands_is_no_longer_its_former_users() {
    let deployment = Deployment::shared();
    let spy = SpyStore::new(memory(&deployment).node());
    let shared = Node::new(recorded().clock(deployment.clock.clone()).store(spy.clone()));
    let mut browser = Browser::new(&shared.app);
    browser.post("/login/alice").await.ok();
    spy.take_calls();
    browser.post("/login/alice").await.ok();
    assert_eq!(spy.count(Verb::RemoveMembers), 0, "the same user");
    browser.post("/login/bob").await.ok();
    assert_eq!(spy.count(Verb::RemoveMembers), 1, "the session leaves alice's index");

    let local = Node::new(Deployment::local().builder().max_sessions_per_principal(1, LimitPolicy::Reject));
    let mut browser = Browser::new(&local.app);
    browser.post("/login/alice").await.ok();
    browser.post("/login/bob").await.ok();
    Browser::new(&local.app).post("/login/alice").await.ok();
    assert_eq!(local.sessions.of("bob").list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn r22_a_session_whose_time_is_over_is_neither_listed_nor_counted_as_ended() {
    // A store keeps a record for a tenth of the timeout longer, as uses are reported that late.
    for (deployment, timeout) in [(Deployment::local(), minutes(30)), (Deployment::shared(), minutes(33))] {
        let node = deployment.node();
        Browser::new(&node.app).post("/login/alice").await.ok();
        deployment.clock.advance(timeout - secs(1));
        assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
        deployment.clock.advance(secs(1));
        assert!(node.sessions.of("alice").list().await.unwrap().is_empty());
        assert_eq!(node.sessions.of("alice").revoke_all().await.unwrap(), 0);
    }
}

#[tokio::test]
async fn an_invalidation_says_which_fault_kept_it_from_one_record() {
    let deployment = Deployment::shared();
    let node = Node::with_routes(deployment.builder(), slow_loads(&HandlerGate::new()));
    let mut browsers = [Browser::new(&node.app), Browser::new(&node.app)];
    for browser in &mut browsers {
        browser.post("/login/alice").await.ok();
        browser.post("/theme/dark").await.ok();
    }
    let selector = selector_of(&browsers[0]);
    let mut record = memory(&deployment).record(selector).unwrap();
    let large: Arc<[u8]> = format!("\"{}\"", "x".repeat(100 << 10)).into_bytes().into();
    record.values.push(StoredValue::new("large".into(), record.version, None, Payload::Present(large)));
    memory(&deployment).roll_back(selector, record);
    let fresh: Sessions = deployment.builder().build().unwrap();
    let error = fresh.of("alice").invalidate::<Theme>().await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::Decode);
    assert_eq!(browsers[1].get("/theme").await.ok().body, "none", "the other session was invalidated");
}

#[tokio::test]
async fn r51_an_origin_that_names_nobody_is_not_that_of_a_host_that_names_nobody() {
    let app = Router::new().route("/socket", any(async |_: SameOrigin| "ours"));
    let status = async |headers: &[(&str, &[u8])]| {
        let mut request = Request::get("/socket");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        send(&app, request.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!(status(&[("host", b"shop.example"), ("origin", b"https://shop.example")]).await, StatusCode::OK);
    for headers in [
        &[("host", &b""[..]), ("origin", &b"https://"[..])][..],
        &[("host", b""), ("origin", b"http://")],
        &[("origin", b"https://")],
        &[("origin", b"null")],
        &[("origin", b"")],
        &[("origin", b"\xff\xfe")],
        &[("host", b"\xff"), ("origin", b"\xff")],
        &[("host", b"shop.example"), ("origin", b"shop.example")],
        &[("host", b"shop.example"), ("origin", b"ftp://shop.example")],
        &[("origin", b"https://a.example"), ("origin", b"https://b.example")],
        &[("host", b"a.example"), ("host", b"b.example"), ("origin", b"null")],
    ] {
        assert_eq!(status(headers).await, StatusCode::FORBIDDEN, "{headers:?}");
    }
}

#[tokio::test]
async fn a_write_after_a_rollback_does_not_hide_what_the_server_lost() {
    let deployment = Deployment::shared();
    let gate = HandlerGate::new();
    let store = memory(&deployment).clone();
    let writes = {
        let gate = gate.clone();
        async move |session: Session| {
            session.set(Note("second".into())).await?;
            session.set(Note("third".into())).await?;
            gate.pause().await;
            session.set(Kept("after".into())).await
        }
    };
    let node = Node::with_routes(deployment.builder(), routes().route("/writes", any(writes)));
    let mut browser = Browser::new(&node.app);
    browser.post("/note/first").await.ok();
    let selector = selector_of(&browser);
    let first = store.record(selector).unwrap();
    let request = tokio::spawn(async move {
        browser.post("/writes").await.ok();
        browser
    });
    gate.wait_until_paused().await;
    store.roll_back(selector, first);
    gate.release();
    let browser = request.await.unwrap();
    let fresh = deployment.node();
    browser.at(&fresh.app).get("/note").await.ok();
    // Either by the node that had the copy, or by the version hint of the client.
    assert!(
        node.sessions.stats().rollbacks + fresh.sessions.stats().rollbacks >= 1,
        "the client has seen a newer version"
    );
}
