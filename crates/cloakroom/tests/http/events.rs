//! R56: each step in the life of a session is announced once, with its reason, and nothing else.

use EventKind::{CookiesAmbiguous, Created, Ended, LoggedIn, LoginRefused, Renewed, Rotated, TokenReused};
use cloakroom::store::LimitPolicy;
use cloakroom::{EndReason, Event, EventKind, Events, Login, ReusePolicy, Session};

use crate::support::{Browser, Deployment, Node, capture, invented, minutes, routes, secs, send, with_cookie};

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
        let displacing = kinds(&mut events);
        assert_eq!(displacing.len(), 3, "{displacing:?}");
        assert!([Created, LoggedIn, Ended(EndReason::Displaced)].iter().all(|kind| displacing.contains(kind)));
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
    let node = Node::new(deployment.builder().max_bytes(128 << 10).max_sessions_per_principal(1, LimitPolicy::Reject));
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
        let mut thief = browser.clone();
        browser.post("/login/alice").await.ok();
        let mut events = node.sessions.events();
        thief.get("/note").await.ok();
        let reuse = drain(&mut events);
        assert_eq!(reuse.len(), 1, "{reuse:?}");
        assert_eq!(reuse[0].kind, TokenReused);
        assert_eq!(reuse[0].principal.as_ref().map(cloakroom::Principal::as_str), Some("alice"));
        let two = format!("__Host-session={}; __Host-session={}", invented(1), invented(2));
        send(&node.app, with_cookie("/untouched", two.as_bytes())).await.ok();
        let ambiguous = drain(&mut events);
        assert_eq!(ambiguous.len(), 1, "{ambiguous:?}");
        assert_eq!((ambiguous[0].kind, ambiguous[0].session), (CookiesAmbiguous, None));
    }
}

#[tokio::test]
async fn r10_a_dead_token_ends_the_session_where_the_policy_says_so() {
    for deployment in Deployment::both() {
        for (policy, alive) in [(ReusePolicy::Report, true), (ReusePolicy::End, false)] {
            let node = Node::new(deployment.builder().on_reuse(policy));
            let mut browser = Browser::new(&node.app);
            browser.post("/note/mine").await.ok();
            let mut thief = browser.clone();
            browser.post("/login/alice").await.ok();
            // A request that was under way during the login is no thief.
            thief.get("/note").await.ok();
            assert_eq!(browser.get("/whoami").await.ok().body, "alice");
            deployment.clock.advance(secs(61));
            let mut events = node.sessions.events();
            assert_eq!(thief.get("/note").await.ok().body, "nothing");
            let expected = if alive { "alice" } else { "nobody" };
            assert_eq!(browser.get("/whoami").await.ok().body, expected, "{policy:?}");
            let kinds = kinds(&mut events);
            assert_eq!(kinds.contains(&Ended(EndReason::Reused)), !alive, "{kinds:?}");
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
async fn events_never_hold_up_a_request_and_count_what_a_slow_listener_missed() {
    let node = Deployment::local().node();
    let mut events = node.sessions.events();
    for _ in 0..2000 {
        Browser::new(&node.app).post("/note/mine").await.ok();
    }
    let received = drain(&mut events).len() as u64;
    assert_eq!(received + events.missed(), 2000);
    assert!(events.missed() > 0);
}

/// One step in a session's life: what is asked of the one node, and what both nodes announce of it, the other one
/// once it is asked as well.
type Step = (&'static str, &'static [EventKind], &'static [EventKind]);

const GONE: &[EventKind] = &[Ended(EndReason::Gone)];

/// Every transition of one session, in an order in which they can happen.
const LIFE: [Step; 17] = [
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
    ("revoke-by-handle", &[Ended(EndReason::Revoked)], GONE),
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
    for (number, (step, here, there)) in LIFE.into_iter().enumerate() {
        let (node, other) = (&nodes[number % 2], &nodes[(number + 1) % 2]);
        // Both know the session as it was.
        for node in &nodes {
            browser.at(&node.app).get("/whoami").await.ok();
        }
        let mut events = [node.sessions.events(), other.sessions.events()];
        browser = browser.at(&node.app);
        let old = browser.clone();
        match step {
            "revoke-all" => drop(node.sessions.of("alice").revoke_all().await.unwrap()),
            "revoke-by-handle" => {
                let handle = node.sessions.of("alice").list().await.unwrap()[0].id;
                assert!(node.sessions.of("alice").revoke(handle).await.unwrap());
            }
            "end-others" => drop(Browser::new(&node.app).post("/end-others").await.ok()),
            path => drop(browser.post(path).await.ok()),
        }
        assert_eq!(kinds(&mut events[0]), here, "{step}, where it happens");
        assert_eq!(kinds(&mut events[1]), [], "{step}, where it does not");
        // Where nothing was replaced, the token is still good; else this is what a straggler does.
        let straggler = if here.iter().any(|kind| matches!(kind, Ended(_))) { old } else { browser.clone() };
        straggler.at(&other.app).get("/whoami").await.ok();
        assert_eq!(kinds(&mut events[1]), there, "{step}, on the other node, once it is asked");
        assert_eq!(kinds(&mut events[0]), [], "{step}, afterwards");
    }
}

#[tokio::test]
async fn r56_over_a_shared_tier_an_expiry_is_announced_to_who_listens_and_by_nobody_else() {
    for (pause, reason) in [(minutes(31), EndReason::Idle), (minutes(24 * 60), EndReason::Absolute)] {
        let deployment = Deployment::shared();
        let idle = if reason == EndReason::Idle { minutes(30) } else { minutes(24 * 60) };
        let (give, mut given) = tokio::sync::mpsc::unbounded_channel();
        let give = axum::routing::any(async move |session: Session| give.send(session).unwrap());
        let node = Node::with_routes(deployment.builder().idle_timeout(idle), routes().route("/give", give));
        let mut browser = Browser::new(&node.app);
        for listens in [false, true] {
            browser.post("/login/alice").await.ok();
            browser.get("/give").await.ok();
            let session: Session = given.recv().await.unwrap();
            let mut events = node.sessions.events();
            let ended = listens.then(|| tokio::spawn(session.ended()));
            tokio::task::yield_now().await;
            deployment.clock.advance(pause + minutes(10));
            node.sessions.run_pending_tasks().await;
            let expected: &[EventKind] = if listens { &[Ended(reason)] } else { &[] };
            assert_eq!(kinds(&mut events), expected, "listens: {listens}");
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
        let mut thief = alice.clone();
        alice.post("/login/alice").await.ok();
        let mut events = node.sessions.events();
        alice.post("/do/destroy").await.ok();
        let two = format!("__Host-session={}; __Host-session={}", invented(1), invented(2));
        for number in 0..1100 {
            send(&node.app, with_cookie("/untouched", two.as_bytes())).await.ok();
            if number % 10 == 0 {
                thief.get("/note").await.ok();
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
        assert!(events.missed() > 0, "the flood was no flood");
        assert_eq!(events.missed_of_users(), 0);
    }
}

#[tokio::test]
async fn events_come_in_the_order_in_which_they_happened_whomever_they_concern() {
    let deployment = Deployment::local();
    let node = deployment.node();
    let mut events = node.sessions.events();
    for _ in 0..3 {
        Browser::new(&node.app).post("/login/alice").await.ok();
        Browser::new(&node.app).post("/note/mine").await.ok();
    }
    assert_eq!(kinds(&mut events), [Created, LoggedIn, Created].repeat(3));
    Browser::new(&node.app).post("/login/alice").await.ok();
    let waited = [events.recv().await.unwrap().kind, events.recv().await.unwrap().kind];
    assert_eq!(waited, [Created, LoggedIn]);
    drop(node);
    drop(deployment);
    assert!(events.recv().await.is_none(), "the sessions are gone");
}

#[tokio::test]
async fn events_and_lists_serialize_as_an_audit_log_wants_them() {
    let deployment = Deployment::local();
    let node = deployment.node();
    let mut events = node.sessions.events();
    let mut browser = Browser::new(&node.app);
    browser.post("/login-keeping/alice").await.ok();
    let info = &node.sessions.of("alice").list().await.unwrap()[0];
    let listed = serde_json::to_value(info).unwrap();
    assert_eq!(listed["handle"], info.id.to_string());
    assert_eq!(listed["created_at"], info.created_at.as_millis());
    assert_eq!(listed["label"], "Testbrowser");
    let again: cloakroom::PublicId = serde_json::from_value(listed["handle"].clone()).unwrap();
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
    assert!(!format!("{ended:?}").contains("alice"), "what is logged by mistake names nobody");
    assert_eq!(EndReason::Displaced.to_string(), "a newer login exceeded the user's session limit");
    assert_eq!(serde_json::to_value(EndReason::Displaced).unwrap(), "displaced");
}
