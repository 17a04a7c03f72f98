//! R12, R13, R14: the idle and the absolute timeout, both enforced by the server.

use std::time::Duration;

use cloakroom::Clock;
use cloakroom::store::{Guard, Selector, Store, Touch};

use crate::support::{Browser, Deployment, Node, decode, minutes, secs};

const IDLE: Duration = minutes(30);
const ABSOLUTE: Duration = minutes(24 * 60);

#[tokio::test]
async fn r12_a_session_lives_until_its_idle_timeout_and_not_longer() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        for _ in 0..3 {
            deployment.clock.advance(IDLE - secs(1));
            assert_eq!(browser.get("/note").await.ok().body, "mine");
            node.sessions.run_pending_tasks().await;
        }
        // With a store, another node may have used the session and may report it up to a tenth of
        // the timeout later.
        deployment.clock.advance(if deployment.store.is_some() { IDLE + IDLE / 10 } else { IDLE } + secs(1));
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
        assert_eq!(deployment.session_count(&node), 0, "the record is gone");
    }
}

#[tokio::test]
async fn r12_an_idle_session_is_dropped_without_any_request() {
    let deployment = Deployment::local();
    let node = deployment.node();
    Browser::new(&node.app).post("/note/mine").await.ok();
    deployment.clock.advance(IDLE + secs(2));
    node.sessions.run_pending_tasks().await;
    let stats = node.sessions.stats();
    assert_eq!((stats.sessions, stats.bytes, stats.ended_idle), (0, 0, 1));
}

#[tokio::test]
async fn r12_reading_keeps_a_session_alive() {
    for path in ["/note", "/untouched"] {
        for deployment in Deployment::local_and_skewed() {
            let [first, second] = deployment.nodes();
            let mut browser = Browser::new(&first.app);
            browser.post("/note/mine").await.ok();
            for _ in 0..100 {
                deployment.clock.advance(IDLE / 50);
                browser.get(path).await.ok();
                first.sessions.run_pending_tasks().await;
            }
            assert_eq!(browser.at(&second.app).get("/note").await.ok().body, "mine", "{path}");
        }
    }
}

#[tokio::test]
async fn r13_activity_does_not_extend_the_absolute_lifetime() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let started = deployment.clock.now();
        let mut deadline = None;
        for step in 1..=96 {
            deployment.clock.advance(IDLE / 2);
            let path = ["/note", "/do/renew", "/do/update", "/count"][step % 4];
            browser.post(path).await;
            node.sessions.run_pending_tasks().await;
            if browser.get("/note").await.ok().body == "nothing" {
                deadline = deadline.or(Some(deployment.clock.now().since(started)));
            }
        }
        assert_eq!(deadline, Some(ABSOLUTE));
    }
}

#[tokio::test]
async fn r13_the_absolute_lifetime_is_exact_and_only_a_login_restarts_it() {
    for deployment in Deployment::both() {
        let node = Node::new(deployment.builder().idle_timeout(ABSOLUTE));
        let mut reference = Browser::new(&node.app);
        reference.post("/note/reference").await.ok();
        let mut user = Browser::new(&node.app);
        user.post("/login/alice").await.ok();
        deployment.clock.advance(ABSOLUTE - secs(1));
        assert_eq!(reference.get("/note").await.ok().body, "reference");
        reference.post("/do/renew").await.ok();
        user.post("/login/alice").await.ok();
        deployment.clock.advance(secs(1));
        assert_eq!(reference.get("/note").await.ok().body, "nothing");
        let old = reference.bare_token();
        reference.post("/count").await.ok();
        assert_ne!(
            decode(&reference.bare_token())[..16],
            decode(&old)[..16],
            "a write after the end starts another session"
        );
        deployment.clock.advance(ABSOLUTE - secs(2));
        assert_eq!(user.get("/whoami").await.ok().body, "alice");
        deployment.clock.advance(secs(1));
        assert_eq!(user.get("/whoami").await.ok().body, "nobody");
    }
}

#[tokio::test]
async fn r14_a_session_cookie_has_no_max_age_and_a_remembered_one_the_time_that_is_left() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        assert_eq!(max_age(&browser.post("/note/mine").await), None);
        let month = 30 * 24 * 3600;
        assert_eq!(max_age(&browser.post("/login-remembered/alice").await), Some(month));
        deployment.clock.advance(secs(3600));
        let renewed = browser.post("/do/renew").await.ok();
        assert_eq!(
            max_age(&renewed),
            Some(month - 3600),
            "without `Max-Age`, a browser drops the cookie when it closes"
        );
        deployment.clock.advance(secs(3600));
        if let Some(refreshed) = Some(browser.post("/count").await.ok()).filter(|reply| reply.set_cookie().is_some()) {
            assert_eq!(
                max_age(&refreshed),
                Some(month - 7200),
                "without `Max-Age`, a browser drops the cookie when it closes"
            );
        }
    }
}

fn max_age(reply: &crate::support::Reply) -> Option<u64> {
    let attributes = reply.set_cookie()?.split("; ");
    attributes.filter_map(|attribute| attribute.strip_prefix("Max-Age=")).map(|age| age.parse().unwrap()).next()
}

#[tokio::test]
async fn r14_a_client_that_ignores_max_age_gains_nothing() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/login-remembered/alice").await.ok();
        deployment.clock.advance(minutes(60 * 24 * 30) - secs(1));
        assert_eq!(browser.get("/whoami").await.ok().body, "alice", "a remembered session needs no request in between");
        deployment.clock.advance(secs(1));
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
        assert!(deployment.store.is_none_or(|store| store.is_empty()), "the record is gone");
        assert_eq!(decode(&browser.bare_token()).len(), 32, "the client still has its token");
    }
}

#[tokio::test]
async fn r13_remembering_without_a_login_prolongs_nothing() {
    for logged_in in [false, true] {
        for deployment in Deployment::both() {
            let node = deployment.node();
            let mut browser = Browser::new(&node.app);
            if logged_in {
                browser.post("/login/alice").await.ok();
            }
            browser.post("/note/mine").await.ok();
            browser.post("/do/remember").await.ok();
            for hours in 1..24 {
                deployment.clock.advance(minutes(60));
                let kept = max_age(&browser.post("/do/remember").await).unwrap();
                assert_eq!(kept, (24 - hours) * 3600, "only the cookie's lifetime in the browser changes");
                assert_eq!(browser.get("/note").await.ok().body, "mine", "the session needs no request in between");
            }
            deployment.clock.advance(minutes(60) - secs(1));
            assert_eq!(browser.get("/note").await.ok().body, "mine");
            deployment.clock.advance(secs(1));
            assert_eq!(browser.get("/note").await.ok().body, "nothing");
        }
    }
}

#[tokio::test]
async fn r13_a_remembered_session_slides_under_the_end_that_its_login_gave_it() {
    const DAY: Duration = secs(24 * 3600);
    for deployment in Deployment::both() {
        let login = async |session: cloakroom::Session| {
            session.login(cloakroom::Login::new("alice").remember(90 * DAY).idle_timeout(14 * DAY)).await
        };
        let routes = crate::support::routes().route("/login-for-days", axum::routing::any(login));
        let node = Node::with_routes(deployment.builder(), routes);
        let log_in = async || {
            let mut browser = Browser::new(&node.app);
            assert_eq!(max_age(&browser.post("/login-for-days").await), Some(90 * DAY.as_secs()));
            browser
        };
        let mut returning = log_in().await;
        deployment.clock.advance(14 * DAY - secs(1));
        assert_eq!(returning.get("/whoami").await.ok().body, "alice");
        deployment.clock.advance(if deployment.store.is_some() { 16 * DAY } else { 14 * DAY });
        assert_eq!(returning.get("/whoami").await.ok().body, "nobody", "idle for too long");
        let mut active = log_in().await;
        for _ in 0..8 {
            deployment.clock.advance(10 * DAY);
            assert_eq!(active.get("/whoami").await.ok().body, "alice");
            node.sessions.run_pending_tasks().await;
        }
        deployment.clock.advance(5 * DAY);
        active.post("/login/alice").await.ok();
        for _ in 0..8 {
            deployment.clock.advance(10 * DAY);
            assert_eq!(active.get("/whoami").await.ok().body, "alice", "the login kept both lifetimes");
            node.sessions.run_pending_tasks().await;
        }
        deployment.clock.advance(10 * DAY);
        assert_eq!(
            active.get("/whoami").await.ok().body,
            "nobody",
            "the new absolute lifetime is as long as the first"
        );
    }
}

#[tokio::test]
async fn r13_defaults_follow_a_timeout_that_is_shorter() {
    for deployment in Deployment::both() {
        let node = Node::new(deployment.builder().absolute_timeout(secs(5)));
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        deployment.clock.advance(secs(4));
        assert_eq!(browser.get("/note").await.ok().body, "mine");
        deployment.clock.advance(secs(1));
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
    }
}

#[tokio::test]
async fn r14_no_lifetime_is_longer_than_a_browser_keeps_a_cookie() {
    const DAY: Duration = secs(24 * 3600);
    for deployment in Deployment::both() {
        for (setting, builder) in [
            ("idle_timeout", deployment.builder().idle_timeout(401 * DAY)),
            ("absolute_timeout", deployment.builder().absolute_timeout(401 * DAY)),
            ("idle_timeout", deployment.builder().idle_timeout(Duration::ZERO)),
            ("absolute_timeout", deployment.builder().absolute_timeout(Duration::MAX)),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.setting(), setting);
            assert!(error.to_string().contains(setting), "{error}");
        }
        assert!(deployment.builder().idle_timeout(400 * DAY).absolute_timeout(400 * DAY).build().is_ok());
        let longest = Node::with_routes(deployment.builder(), unlimited_login());
        let reply = Browser::new(&longest.app).post("/").await.ok();
        assert_eq!(max_age(&reply), Some((400 * DAY).as_secs()));
    }
}

fn unlimited_login() -> axum::Router {
    let login =
        async |session: cloakroom::Session| session.login(cloakroom::Login::new("alice").remember(Duration::MAX)).await;
    axum::Router::new().route("/", axum::routing::any(login))
}

#[tokio::test]
async fn r12_a_touch_that_reaches_the_store_late_prolongs_nothing() {
    // Nodes may report activity late by a tenth of the timeout. The store has the record in both
    // cases.
    for (delay, expected) in [(minutes(7), "mine"), (minutes(9), "nothing")] {
        let deployment = Deployment::shared();
        let mut browser = Browser::new(&deployment.node().app);
        browser.post("/note/mine").await.ok();
        let (selector, last_seen) =
            (Selector::from_bytes(decode(&browser.bare_token())[..16].try_into().unwrap()), deployment.clock.now());
        deployment.clock.advance(minutes(25));
        deployment.store.as_ref().unwrap().touch(vec![Touch::new(selector, Guard::Anyone, last_seen)]).await.unwrap();
        deployment.clock.advance(delay);
        assert_eq!(browser.at(&deployment.node().app).get("/note").await.ok().body, expected);
    }
}
