//! R56: each step in the lifecycle of a session is announced exactly once, with its reason, and
//! nothing else is.

use EventKind::{CookiesAmbiguous, Created, Ended, LoggedIn, LoginRefused, Renewed, Rotated, TokenReused};
use cloakroom::store::LimitPolicy;
use cloakroom::{EndReason, Event, EventKind, Events, Login, ReusePolicy, Session};

use crate::support::{Browser, Deployment, Node, capture, minutes, routes, secs, send, unissued_token, with_cookie};

fn drain(events: &mut Events) -> Vec<Event> {
    std::iter::from_fn(|| events.try_recv()).collect()
}

fn kinds(events: &mut Events) -> Vec<EventKind> {
    drain(events).into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn r56_each_step_is_announced_exactly_once() {
    for deployment in Deployment::both() {
        let node = Node::new(deployment.builder().max_sessions_per_principal(1, LimitPolicy::EndOldest));
        let mut events = node.sessions.events();
        let mut browser = Browser::new(&node.app);
        let steps: [(&str, &[EventKind]); 12] = [
            ("/note", &[]),
            ("/note/mine", &[Created]),
            ("/note/again", &[]),
            ("/do/load", &[]),
            ("/login/alice", &[LoggedIn]),
            ("/login/alice", &[LoggedIn]),
            ("/do/renew", &[Renewed]),
            ("/do/remember", &[]),
            ("/do/destroy", &[Ended(EndReason::Logout)]),
            ("/do/destroy", &[]),
            ("/login/alice", &[Created, LoggedIn]),
            ("/whoami", &[]),
        ];
        for (path, expected) in steps {
            browser.post(path).await.ok();
            assert_eq!(kinds(&mut events), expected, "{path}");
        }
        Browser::new(&node.app).post("/login/alice").await.ok();
        let displacement = kinds(&mut events);
        assert_eq!(displacement.len(), 3, "{displacement:?}");
        assert!([Created, LoggedIn, Ended(EndReason::Displaced)].iter().all(|kind| displacement.contains(kind)));
        node.sessions.of("alice").revoke_all().await.unwrap();
        assert_eq!(kinds(&mut events), [Ended(EndReason::Revoked)]);
        assert_eq!(events.missed(), 0);
    }
}

#[tokio::test]
async fn r56_expiry_is_announced_with_its_reason() {
    let deployment = Deployment::local();
    for (pause, reason) in [(minutes(31), EndReason::Idle), (minutes(24 * 60), EndReason::Absolute)] {
        for by_request in [true, false] {
            let node = Node::new(deployment.builder().idle_timeout(if reason == EndReason::Idle {
                minutes(30)
            } else {
                minutes(24 * 60)
            }));
            let mut browser = Browser::new(&node.app);
            browser.post("/note/mine").await.ok();
            let mut events = node.sessions.events();
            deployment.clock.advance(pause + secs(2));
            if by_request {
                browser.get("/note").await.ok();
            }
            node.sessions.run_pending_tasks().await;
            assert_eq!(kinds(&mut events), [Ended(reason)], "by a request: {by_request}");
        }
    }
}

#[tokio::test]
async fn r56_an_eviction_and_a_refusal_are_announced() {
    let deployment = Deployment::local();
    let node =
        Node::new(deployment.builder().memory_limit(128 << 10).max_sessions_per_principal(1, LimitPolicy::Reject));
    let mut events = node.sessions.events();
    for _ in 0..600 {
        Browser::new(&node.app).post("/note/flood").await.ok();
    }
    let evicted = kinds(&mut events).into_iter().filter(|kind| *kind == Ended(EndReason::Evicted)).count();
    assert_eq!(evicted as u64, node.sessions.stats().ended_evicted);
    assert!(evicted > 0);
    Browser::new(&node.app).post("/login/alice").await.ok();
    drain(&mut events);
    Browser::new(&node.app).post("/login/alice").await;
    let refusal = kinds(&mut events);
    assert_eq!(refusal.iter().filter(|kind| **kind == LoginRefused).count(), 1, "{refusal:?}");
}

#[tokio::test]
async fn r56_a_dead_token_and_ambiguous_cookies_are_announced() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let mut attacker = browser.clone();
        browser.post("/login/alice").await.ok();
        let mut events = node.sessions.events();
        attacker.get("/note").await.ok();
        let reuse_events = drain(&mut events);
        assert_eq!(reuse_events.len(), 1, "{reuse_events:?}");
        assert_eq!(reuse_events[0].kind, TokenReused);
        assert_eq!(reuse_events[0].principal.as_ref().map(cloakroom::Principal::as_str), Some("alice"));
        let two = format!("__Host-session={}; __Host-session={}", unissued_token(1), unissued_token(2));
        send(&node.app, with_cookie("/untouched", two.as_bytes())).await.ok();
        let ambiguous = drain(&mut events);
        assert_eq!(ambiguous.len(), 1, "{ambiguous:?}");
        assert_eq!((ambiguous[0].kind, ambiguous[0].session), (CookiesAmbiguous, None));
    }
}

#[tokio::test]
async fn r10_a_dead_token_ends_the_session_where_the_policy_says_so() {
    for deployment in Deployment::both() {
        for (policy, survives) in [(ReusePolicy::Report, true), (ReusePolicy::End, false)] {
            let node = Node::new(deployment.builder().on_reuse(policy));
            let mut browser = Browser::new(&node.app);
            browser.post("/note/mine").await.ok();
            let mut attacker = browser.clone();
            browser.post("/login/alice").await.ok();
            // A request in flight during the login is not a reuse of the token.
            attacker.get("/note").await.ok();
            assert_eq!(browser.get("/whoami").await.ok().body, "alice");
            deployment.clock.advance(secs(61));
            let mut events = node.sessions.events();
            assert_eq!(attacker.get("/note").await.ok().body, "nothing");
            let expected = if survives { "alice" } else { "nobody" };
            assert_eq!(browser.get("/whoami").await.ok().body, expected, "{policy:?}");
            let kinds = kinds(&mut events);
            assert_eq!(kinds.contains(&Ended(EndReason::Reused)), !survives, "{kinds:?}");
            assert_eq!(kinds.iter().filter(|kind| **kind == TokenReused).count(), 1, "{kinds:?}");
        }
    }
}

#[tokio::test]
async fn r56_one_session_has_one_log_id_and_what_clients_send_is_not_logged() {
    let deployment = Deployment::local();
    let (log, _guard) = capture();
    let label = "Firefox\r\n2026-01-01 session_ended \u{1b}[31m";
    let login = axum::routing::any(async move |session: Session| session.login(Login::new("alice").label(label)).await);
    let node = Node::with_routes(deployment.builder(), routes().route("/labelled", login));
    let mut events = node.sessions.events();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    browser.post("/labelled").await.ok();
    browser.post("/do/destroy").await.ok();
    Browser::new(&node.app).post("/note/other").await.ok();
    let ids: Vec<_> = drain(&mut events).into_iter().map(|event| event.session.unwrap()).collect();
    assert_eq!(ids.len(), 4);
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3]);
    let text = log.text();
    assert!(text.contains(&ids[0].to_string()), "{text}");
    assert!(!text.contains("Firefox") && !text.contains('\u{1b}') && !text.contains('\r'), "{text}");
}

#[tokio::test]
async fn events_never_block_a_request_and_count_what_a_slow_receiver_missed() {
    let node = Deployment::local().node();
    let mut events = node.sessions.events();
    for _ in 0..2000 {
        Browser::new(&node.app).post("/note/mine").await.ok();
    }
    let received = drain(&mut events).len() as u64;
    assert_eq!(received + events.missed(), 2000);
    assert!(events.missed() > 0);
}

/// One step in a session's lifecycle: the action on one node, the events of that node, and the
/// events of the other node once it is used.
type Step = (&'static str, &'static [EventKind], &'static [EventKind]);

const GONE: &[EventKind] = &[Ended(EndReason::Gone)];

/// Every transition of one session, in a possible order.
const LIFECYCLE: [Step; 17] = [
    ("/whoami", &[], &[]),
    ("/note/mine", &[Created], &[]),
    ("/note/again", &[], &[]),
    ("/do/renew", &[Renewed], &[]),
    ("/login-keeping/alice", &[LoggedIn], &[]),
    ("/login/alice", &[LoggedIn], &[]),
    ("/do/rotate", &[Rotated], &[]),
    ("/do/remember", &[], &[]),
    ("/do/refresh", &[], &[]),
    ("/do/destroy", &[Ended(EndReason::Logout)], GONE),
    ("/do/destroy", &[], &[]),
    ("/login/alice", &[Created, LoggedIn], &[]),
    ("revoke-all", &[Ended(EndReason::Revoked)], GONE),
    ("/login/alice", &[Created, LoggedIn], &[]),
    ("revoke-by-id", &[Ended(EndReason::Revoked)], GONE),
    ("/login/alice", &[Created, LoggedIn], &[]),
    ("end-others", &[Created, Ended(EndReason::Revoked), LoggedIn], GONE),
];

#[tokio::test]
async fn r56_a_whole_life_over_two_nodes_is_announced_step_by_step_and_by_whom_it_happened() {
    let deployment = Deployment::shared();
    let nodes = [0, 1].map(|_| {
        let end_others =
            axum::routing::any(async |session: Session| session.login(Login::new("alice").ending_others()).await);
        Node::with_routes(deployment.builder(), routes().route("/end-others", end_others))
    });
    let mut browser = Browser::new(&nodes[0].app);
    for (number, (action, acting, observing)) in LIFECYCLE.into_iter().enumerate() {
        let (node, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        // Both nodes have the current copy.
        for node in &nodes {
            browser.at(&node.app).get("/whoami").await.ok();
        }
        let mut events = [node.sessions.events(), other.sessions.events()];
        browser = browser.at(&node.app);
        let old = browser.clone();
        match action {
            "revoke-all" => drop(node.sessions.of("alice").revoke_all().await.unwrap()),
            "revoke-by-id" => {
                let id = node.sessions.of("alice").list().await.unwrap()[0].id;
                assert!(node.sessions.of("alice").revoke(id).await.unwrap());
            }
            "end-others" => drop(Browser::new(&node.app).post("/end-others").await.ok()),
            path => drop(browser.post(path).await.ok()),
        }
        assert_eq!(kinds(&mut events[0]), acting, "{action}, on the acting node");
        assert_eq!(kinds(&mut events[1]), [], "{action}, on the other node");
        // After an end, the old token is sent, as a late request would; otherwise the current one.
        let late_browser = if acting.iter().any(|kind| matches!(kind, Ended(_))) { old } else { browser.clone() };
        late_browser.at(&other.app).get("/whoami").await.ok();
        assert_eq!(kinds(&mut events[1]), observing, "{action}, on the other node, once it is used");
        assert_eq!(kinds(&mut events[0]), [], "{action}, on the acting node, later");
    }
}

#[tokio::test]
async fn r56_over_a_shared_tier_an_expiry_is_announced_to_who_listens_and_by_nobody_else() {
    for (pause, reason) in [(minutes(31), EndReason::Idle), (minutes(24 * 60), EndReason::Absolute)] {
        let deployment = Deployment::shared();
        let idle = if reason == EndReason::Idle { minutes(30) } else { minutes(24 * 60) };
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let give = axum::routing::any(async move |session: Session| sender.send(session).unwrap());
        let node = Node::with_routes(deployment.builder().idle_timeout(idle), routes().route("/give", give));
        let mut browser = Browser::new(&node.app);
        for subscribed in [false, true] {
            browser.post("/login/alice").await.ok();
            browser.get("/give").await.ok();
            let session: Session = receiver.recv().await.unwrap();
            let mut events = node.sessions.events();
            let ended = subscribed.then(|| tokio::spawn(session.ended()));
            tokio::task::yield_now().await;
            deployment.clock.advance(pause + minutes(10));
            node.sessions.run_pending_tasks().await;
            let expected: &[EventKind] = if subscribed { &[Ended(reason)] } else { &[] };
            assert_eq!(kinds(&mut events), expected, "subscribed: {subscribed}");
            if let Some(ended) = ended {
                assert_eq!(ended.await.unwrap(), reason);
            }
            browser = Browser::new(&node.app);
        }
    }
}

#[tokio::test]
async fn r56_no_stranger_makes_a_listener_miss_a_logout() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut alice = Browser::new(&node.app);
        alice.post("/login/alice").await.ok();
        let mut attacker = alice.clone();
        alice.post("/login/alice").await.ok();
        let mut events = node.sessions.events();
        alice.post("/do/destroy").await.ok();
        let two = format!("__Host-session={}; __Host-session={}", unissued_token(1), unissued_token(2));
        for number in 0..1100 {
            send(&node.app, with_cookie("/untouched", two.as_bytes())).await.ok();
            if number % 10 == 0 {
                attacker.get("/note").await.ok();
                let mut stranger = Browser::new(&node.app);
                for path in ["/note/flood", "/do/renew", "/do/destroy"] {
                    stranger.post(path).await.ok();
                }
            }
        }
        let first = events.try_recv().expect("the logout came first");
        let ended = drain(&mut events).into_iter().chain([first]).filter(|event| event.principal.is_some());
        let ended: Vec<_> = ended.map(|event| event.kind).collect();
        assert!(ended.contains(&Ended(EndReason::Logout)), "{ended:?}");
        assert!(events.missed() > 0, "too few events to overflow the channel");
        assert_eq!(events.missed_of_users(), 0);
    }
}

#[tokio::test]
async fn events_arrive_in_order_for_users_and_anonymous_sessions() {
    let deployment = Deployment::local();
    let node = deployment.node();
    let mut events = node.sessions.events();
    for _ in 0..3 {
        Browser::new(&node.app).post("/login/alice").await.ok();
        Browser::new(&node.app).post("/note/mine").await.ok();
    }
    assert_eq!(kinds(&mut events), [Created, LoggedIn, Created].repeat(3));
    Browser::new(&node.app).post("/login/alice").await.ok();
    let received_later = [events.recv().await.unwrap().kind, events.recv().await.unwrap().kind];
    assert_eq!(received_later, [Created, LoggedIn]);
    drop(node);
    drop(deployment);
    assert!(events.recv().await.is_none(), "the channel closes with its `Sessions`");
}

#[tokio::test]
async fn events_and_session_lists_serialize_for_an_audit_log() {
    let deployment = Deployment::local();
    let node = deployment.node();
    let mut events = node.sessions.events();
    let mut browser = Browser::new(&node.app);
    browser.post("/login-keeping/alice").await.ok();
    let info = &node.sessions.of("alice").list().await.unwrap()[0];
    let listed = serde_json::to_value(info).unwrap();
    assert_eq!(listed["id"], info.id.to_string());
    assert_eq!(listed["created_at"], info.created_at.as_millis());
    assert_eq!(listed["label"], "Testbrowser");
    let again: cloakroom::PublicId = serde_json::from_value(listed["id"].clone()).unwrap();
    assert_eq!(again, info.id);

    browser.post("/do/destroy").await.ok();
    let ended = drain(&mut events).pop().unwrap();
    let written = serde_json::to_value(&ended).unwrap();
    let expected = serde_json::json!({
        "kind": "session_ended",
        "reason": "logout",
        "session": ended.session.unwrap().to_string(),
        "principal": "alice",
        "at": ended.at.as_millis(),
    });
    assert_eq!(written, expected);
    assert!(!format!("{ended:?}").contains("alice"), "the `Debug` output names no user");
    assert_eq!(EndReason::Displaced.to_string(), "a newer login exceeded the user's session limit");
    assert_eq!(serde_json::to_value(EndReason::Displaced).unwrap(), "displaced");
}
