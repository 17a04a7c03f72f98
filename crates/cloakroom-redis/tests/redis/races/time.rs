//! Sliding lifetimes, and clocks that differ.

use std::time::Duration;

use cloakroom::{Clock, SystemClock};
use cloakroom_testkit::ManualClock;

use crate::support::{Deployment, LONG, Node, Visitor, selector_of, until, without_hint};

const IDLE: Duration = Duration::from_secs(1000);

async fn node(deployment: &Deployment, clock: &ManualClock) -> Node {
    let clock = clock.clone();
    deployment.node_with(|store| store.lease(LONG), |sessions| sessions.clock(clock).idle_timeout(IDLE)).await
}

#[tokio::test]
async fn race_10_activity_is_reported_ten_times_per_idle_timeout_and_no_oftener() {
    let deployment = Deployment::open().await;
    let clock = ManualClock::starting_at(SystemClock::new().now());
    let (a, b) = (node(&deployment, &clock).await, node(&deployment, &clock).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let selector = selector_of(&alice);
    let before = a.commands();
    for _ in 0..400 {
        // Two idle timeouts in steps of five seconds.
        clock.advance(IDLE / 200);
        assert_eq!(a.count(&alice).await.unwrap(), Some(1));
        a.sessions.run_pending_tasks().await;
    }
    let (sent, reads) = (a.sent_since(&before), a.sessions.stats().store_loads);
    let touches = sent["evalsha"] - reads;
    // A request without a current copy may be reported before it has loaded the record.
    assert!((15..=20 + reads).contains(&touches), "{sent:?}, {reads} of them reads");
    // A copy is valid until the record would have expired when it was loaded: 1.1 idle timeouts.
    assert!(reads <= 2, "a node's own touches cause no reload: {reads}");
    assert!(sent.keys().all(|command| command == "evalsha"), "{sent:?}");
    let seen = deployment.field(&selector, "seen").await.unwrap().parse::<u64>().unwrap();
    let behind = clock.now().as_millis() - seen;
    assert!(behind <= IDLE.as_millis() as u64 / 10 + 5000, "the server is {behind} ms behind");
    assert_eq!(b.count(&alice).await.unwrap(), Some(1), "the session lives after two idle timeouts");
}

#[tokio::test]
async fn race_10_a_touch_costs_another_node_one_read() {
    let deployment = Deployment::open().await;
    let clock = ManualClock::starting_at(SystemClock::new().now());
    let (a, b) = (node(&deployment, &clock).await, node(&deployment, &clock).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    assert_eq!(b.count(&alice).await.unwrap(), Some(1));
    let (before, bytes_received) = (b.commands(), b.bytes_received());
    clock.advance(IDLE / 5);
    a.count(&alice).await.unwrap();
    a.sessions.run_pending_tasks().await;
    b.wait_for_more_than(bytes_received).await;
    until("the copy is dropped", async || {
        b.count(&alice).await.unwrap();
        b.sent_since(&before).contains_key("evalsha")
    })
    .await;
    for _ in 0..50 {
        b.count(&alice).await.unwrap();
    }
    assert_eq!(b.sent_since(&before)["evalsha"], 1);
}

#[tokio::test]
async fn race_19_the_order_of_writes_is_that_of_the_server_whatever_the_clocks_say() {
    let deployment = Deployment::open().await;
    let now = SystemClock::new().now();
    let ahead = ManualClock::starting_at(now.after(Duration::from_secs(25)));
    let behind = ManualClock::starting_at(cloakroom::Timestamp::from_millis(now.as_millis() - 25_000));
    let (a, b) = (node(&deployment, &ahead).await, node(&deployment, &behind).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    for round in 0..3 {
        for (name, node) in [("ahead", &a), ("behind", &b)] {
            let text = format!("{name} {round}");
            node.write(&alice, &text).await.unwrap();
            for reader in [&a, &b] {
                let tab = without_hint(&alice);
                until("the later write wins", async || reader.note(&tab).await.unwrap().as_deref() == Some(&text))
                    .await;
            }
        }
    }
    assert_eq!((a.sessions.stats().conflicts, b.sessions.stats().conflicts), (0, 0));
}

#[tokio::test]
async fn race_19_the_server_s_own_clock_says_how_long_a_record_is_kept() {
    let deployment = Deployment::open().await;
    let now = SystemClock::new().now();
    for offset in [-25_000_i64, 25_000] {
        let clock =
            ManualClock::starting_at(cloakroom::Timestamp::from_millis(now.as_millis().saturating_add_signed(offset)));
        let node = node(&deployment, &clock).await;
        let alice = Visitor::default();
        node.add(&alice).await.unwrap();
        let left = deployment.server.command(&["PTTL", &crate::support::key(&selector_of(&alice))]).await.unwrap();
        let redis::Value::Int(left) = left else { panic!("{left:?}") };
        let whole = IDLE.as_millis() as i64 * 11 / 10;
        assert!((whole - 5000..=whole).contains(&left), "{left} ms are left on a clock that is off by {offset}");
    }
}

#[tokio::test]
async fn race_10_activity_on_a_node_without_a_copy_keeps_the_session_on_all() {
    let deployment = Deployment::open().await;
    let now = SystemClock::new().now();
    let clocks = [now, now.after(Duration::from_secs(3))].map(ManualClock::starting_at);
    let (a, b) = (node(&deployment, &clocks[0]).await, node(&deployment, &clocks[1]).await);
    let (alice, mallory) = (Visitor::default(), Visitor::default());
    a.login(&alice, "alice").await.unwrap();
    a.login(&mallory, "mallory").await.unwrap();
    let before = b.commands();
    // The token that the next login replaces.
    let dead = Visitor::with_cookie(mallory.cookie());
    a.login(&mallory, "mallory").await.unwrap();
    for _ in 0..9 {
        clocks.iter().for_each(|clock| clock.advance(IDLE / 3));
        for seen in [&alice, &dead] {
            seen.enter(&b.sessions).leave().await;
        }
        b.sessions.run_pending_tasks().await;
    }
    assert_eq!(a.whoami(&alice).await.unwrap().as_deref(), Some("alice"), "after three idle timeouts");
    assert_eq!(a.whoami(&mallory).await.unwrap(), None, "a dead token kept a session alive");
    let sent = b.sent_since(&before);
    assert_eq!(sent.get("hgetall"), None, "no record was read: {sent:?}");
    assert!(sent["evalsha"] + sent.get("eval").unwrap_or(&0) <= 2 * 9 + 1, "{sent:?}");
}
