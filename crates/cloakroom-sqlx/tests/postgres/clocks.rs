//! R07, R08, R23, R50: nodes over one database whose clocks differ from each other and from the
//! server's.

use std::time::Duration;

use cloakroom::{Clock, EndReason, Key, KeyRing, Login, SealPolicy, SessionErrorKind, Sessions, SystemClock};
use cloakroom_testkit::{ManualClock, SeededRandom};

use crate::database::Database;
use crate::support::{Count, Visitor, recorded, until};

/// Milliseconds by which the second node's clock is ahead of the first, which agrees with the
/// server's.
const CLOCK_OFFSETS: [i64; 5] = [1, 3_000, -3_000, 50_000, -50_000];

async fn nodes(database: &Database, schema: &str, offset: i64, seals: bool) -> (ManualClock, [Sessions; 2]) {
    let clock = ManualClock::starting_at(SystemClock::new().now());
    let node = async |clock: ManualClock| {
        let builder = recorded().store(database.store(schema).await).clock(clock);
        let key = || KeyRing::new(Key::generate(1, &SeededRandom::new(1)).expect("it never runs dry"));
        let builder = if seals { builder.keys(key()).seal(SealPolicy::Require) } else { builder };
        builder.build().expect("the settings are valid")
    };
    let here = node(clock.clone()).await;
    let there = node(clock.ahead_by(offset)).await;
    (clock, [here, there])
}

async fn principal(sessions: &Sessions, visitor: &Visitor) -> Option<String> {
    let visit = visitor.enter(sessions);
    let principal = visit.principal().await.expect("the server runs");
    visit.leave().await;
    principal.map(|principal| principal.as_str().to_owned())
}

async fn count(sessions: &Sessions, visitor: &Visitor) -> Option<u64> {
    let visit = visitor.enter(sessions);
    let count = visit.get::<Count>().await.expect("the server runs");
    visit.leave().await;
    count.map(|count| count.0)
}

async fn log_in(sessions: &Sessions, visitor: &Visitor) {
    let visit = visitor.enter(sessions);
    visit.login(Login::new("ada").keep::<Count>()).await.expect("the server runs");
    visit.leave().await;
}

async fn put(sessions: &Sessions, visitor: &Visitor) -> Result<(), SessionErrorKind> {
    let visit = visitor.enter(sessions);
    let put = visit.set(Count(1)).await;
    visit.leave().await;
    put.map_err(|error| error.kind())
}

async fn assert_opens_nothing(sessions: &Sessions, dead: &Visitor, why: &str) {
    until("the rotation is known", async || principal(sessions, dead).await.is_none()).await;
    assert_eq!(count(sessions, dead).await, None, "{why}");
    assert_eq!(put(sessions, dead).await, Err(SessionErrorKind::Ended), "{why}");
    let visit = dead.enter(sessions);
    assert!(visit.csrf_token().await.expect("the server runs").is_none(), "{why}");
    drop((visit.rotate().await, visit.renew().await, visit.destroy().await));
    visit.leave().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r08_what_a_login_or_a_rotation_replaced_opens_nothing_whatever_the_clocks_say() {
    let database = Database::start().await;
    for (round, offset) in CLOCK_OFFSETS.into_iter().enumerate() {
        for rotates in [false, true] {
            let schema = database.schema().await;
            let (_, nodes) = nodes(&database, &schema, offset, round % 2 == 0).await;
            let why = format!("the other node is {offset} ms ahead, rotation: {rotates}");
            let ada = Visitor::default();
            log_in(&nodes[0], &ada).await;
            put(&nodes[0], &ada).await.expect("the server runs");
            let dead = Visitor::with_cookie(ada.cookie());
            assert_eq!(count(&nodes[1], &dead).await, Some(1), "{why}");
            let visit = ada.enter(&nodes[0]);
            let csrf_token = visit.csrf_token().await.expect("the server runs").expect("there is a session");
            match rotates {
                true => visit.rotate().await.expect("the server runs"),
                false => visit.login("ada").await.expect("the server runs"),
            }
            visit.leave().await;
            for node in &nodes {
                assert_opens_nothing(node, &dead, &why).await;
                assert_eq!(principal(node, &ada).await.as_deref(), Some("ada"), "{why}");
                assert_eq!(count(node, &ada).await, Some(1), "{why}");
                let visit = ada.enter(node);
                let refused = visit.check_csrf(csrf_token.as_str()).await.expect_err("it belongs to the old token");
                assert_eq!(refused.kind(), SessionErrorKind::CsrfRefused, "{why}");
                visit.leave().await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn r23_a_double_click_on_two_nodes_keeps_the_cart_and_leaves_one_session() {
    let database = Database::start().await;
    for offset in CLOCK_OFFSETS {
        for kept in [0, 1] {
            let schema = database.schema().await;
            let (clock, nodes) = nodes(&database, &schema, offset, false).await;
            let why = format!("the second clock is {offset} ms ahead, answer {kept} arrives last");
            let visitor = Visitor::default();
            put(&nodes[0], &visitor).await.expect("the server runs");
            let browsers = [0, 1].map(|_| Visitor::with_cookie(visitor.cookie()));
            let [first, second] = &browsers;
            tokio::join!(log_in(&nodes[0], first), log_in(&nodes[1], second));
            for node in &nodes {
                for browser in &browsers {
                    assert_eq!(principal(node, browser).await.as_deref(), Some("ada"), "{why}");
                    assert_eq!(count(node, browser).await, Some(1), "{why}");
                }
            }
            clock.advance(Duration::from_secs(61));
            let mut events = nodes.each_ref().map(Sessions::events);
            // A copy may have to be read again first.
            until("one session ends", async || {
                for node in &nodes {
                    assert_eq!(count(node, &browsers[kept]).await, Some(1), "{why}");
                    node.run_pending_tasks().await;
                }
                let ended = cloakroom::EventKind::Ended(EndReason::Duplicate);
                events
                    .iter_mut()
                    .any(|events| std::iter::from_fn(|| events.try_recv()).any(|event| event.kind == ended))
            })
            .await;
            for node in &nodes {
                let unused = Visitor::with_cookie(browsers[1 - kept].cookie());
                until("the other session is gone", async || principal(node, &unused).await.is_none()).await;
                assert_eq!(node.of("ada").list().await.expect("the server runs").len(), 1, "{why}");
                assert_eq!(count(node, &browsers[kept]).await, Some(1), "{why}");
            }
        }
    }
}
