//! R31, R32, R34: anonymous clients cost little, evict no logged-in session, and are counted.

use http::StatusCode;

use crate::support::{Browser, Deployment, Node, capture, secs, send, unissued_token, with_cookie};

#[tokio::test]
async fn r31_a_hundred_thousand_strangers_leave_nothing_behind() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for number in 0..100_000_u64 {
            let field = match number % 3 {
                0 => String::new(),
                _ => format!("__Host-session={}", unissued_token(number)),
            };
            let path = ["/note", "/do/destroy", "/do/remove", "/do/invalidate", "/do/renew", "/untouched"]
                [number as usize % 6];
            let reply = send(&node.app, with_cookie(path, field.as_bytes())).await.ok();
            assert_eq!(reply.set_cookie(), None, "{path}");
        }
        let stats = node.sessions.stats();
        assert_eq!((stats.created, stats.sessions, stats.bytes), (0, 0, 0));
        assert!(deployment.store.is_none_or(|store| store.is_empty()));
    }
}

#[tokio::test]
async fn r32_a_flood_of_anonymous_sessions_is_bounded_and_logs_nobody_out() {
    const BUDGET: u64 = 4 << 20;
    let deployment = Deployment::local();
    let node = Node::new(deployment.builder().memory_limit(BUDGET));
    let mut users = Vec::new();
    for number in 0..1000 {
        let mut user = Browser::new(&node.app);
        user.post(&format!("/login/user-{number}")).await.ok();
        user.post(&format!("/note/{number}")).await.ok();
        users.push(user);
    }
    // An eviction by age alone would evict the users first.
    deployment.clock.advance(secs(600));
    let bytes_per_session = node.sessions.stats().bytes / 1000;
    for _ in 0..10 * BUDGET / bytes_per_session {
        Browser::new(&node.app).post("/note/flood").await.ok();
        assert!(node.sessions.stats().bytes <= BUDGET);
    }
    assert!(node.sessions.stats().ended_evicted > 0);
    for (number, user) in users.iter_mut().enumerate() {
        assert_eq!(user.get("/whoami").await.ok().body, format!("user-{number}"));
        assert_eq!(user.get("/note").await.ok().body, number.to_string());
    }
}

#[tokio::test]
async fn r32_when_only_logged_in_sessions_are_left_a_new_one_is_refused() {
    let node = Node::new(Deployment::local().builder().memory_limit(128 << 10));
    let mut first = Browser::new(&node.app);
    first.post("/login/first").await.ok();
    let mut refused = None;
    for number in 0..1000 {
        let reply = Browser::new(&node.app).post(&format!("/login/{number}")).await;
        if reply.status != StatusCode::OK {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("the budget is far smaller than a thousand sessions");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.set_cookie(), None);
    assert!(node.sessions.stats().refused_full > 0);
    assert_eq!(node.sessions.stats().ended_evicted, 0);
    assert_eq!(first.get("/whoami").await.ok().body, "first");
}

#[tokio::test]
async fn r32_what_a_session_took_is_given_back_when_it_ends() {
    let deployment = Deployment::local();
    let node = deployment.node();
    let mut browsers = Vec::new();
    for number in 0..100 {
        let mut browser = Browser::new(&node.app);
        browser.post(&format!("/note/{number}")).await.ok();
        if number % 2 == 0 {
            browser.post("/login/alice").await.ok();
        }
        browsers.push(browser);
    }
    for browser in browsers.iter_mut().take(50) {
        browser.post("/do/destroy").await.ok();
    }
    deployment.clock.advance(secs(100));
    node.sessions.run_pending_tasks().await;
    deployment.clock.advance(secs(3600));
    node.sessions.run_pending_tasks().await;
    let stats = node.sessions.stats();
    assert_eq!((stats.sessions, stats.bytes), (0, 0));
    assert_eq!((stats.ended_logout, stats.ended_idle), (50, 50));
}

#[tokio::test]
async fn r34_a_hundred_guesses_count_a_hundred_and_do_not_flood_the_log() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let (log, _guard) = capture();
        for number in 0..100 {
            Browser::holding(&node.app, unissued_token(number)).get("/note").await.ok();
            Browser::holding(&node.app, "not-a-token").get("/note").await.ok();
            let twice =
                format!("__Host-session={}; __Host-session={}", unissued_token(number), unissued_token(number + 1));
            send(&node.app, with_cookie("/note", twice.as_bytes())).await.ok();
        }
        let stats = node.sessions.stats();
        assert_eq!((stats.tokens_unknown, stats.tokens_malformed, stats.cookies_ambiguous), (100, 100, 100));
        assert_eq!(log.info_lines(), 0, "{}", log.text());
        assert!(log.lines() <= 200, "ambiguous cookies are logged once per request, below INFO: {}", log.text());
    }
}

#[tokio::test]
async fn r34_expired_and_reused_tokens_are_counted() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let old = browser.cookie.clone().unwrap();
        browser.post("/login/alice").await.ok();
        for _ in 0..3 {
            Browser::holding(&node.app, old.clone()).get("/note").await.ok();
        }
        assert_eq!(node.sessions.stats().tokens_reused, 3);
        let unknown = node.sessions.stats().tokens_unknown;
        deployment.clock.advance(secs(3601));
        browser.get("/note").await.ok();
        assert_eq!(node.sessions.stats().tokens_unknown, unknown + 1);
    }
}
