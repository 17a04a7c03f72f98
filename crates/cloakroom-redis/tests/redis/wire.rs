//! The exact commands that each operation sends.

use std::time::Duration;

use cloakroom::{Clock, LimitPolicy, SystemClock};
use cloakroom_testkit::ManualClock;

use crate::support::{Deployment, LONG, Node, Visitor, selector_of, until, without_hint};

/// A node that sends nothing on its own, because its clock stands still.
async fn node(deployment: &Deployment) -> Node {
    let clock = ManualClock::starting_at(SystemClock::new().now());
    deployment.node_with(|store| store.lease(LONG), |sessions| sessions.clock(clock)).await
}

/// Checks the commands that an expression sends, with their numbers, as in `"evalsha 1, hgetall
/// 2"`.
macro_rules! sends {
    ($node:expr, $what:expr, $expected:literal) => {{
        let before = $node.commands();
        let outcome = $what.await;
        let sent: Vec<_> = $node.sent_since(&before).iter().map(|(name, n)| format!("{name} {n}")).collect();
        assert_eq!(sent.join(", "), $expected, "{}", stringify!($what));
        outcome.expect("no fault is injected")
    }};
}

#[tokio::test]
async fn what_is_in_memory_is_not_asked_for() {
    let deployment = Deployment::open().await;
    let node = node(&deployment).await;
    let alice = Visitor::default();
    sends!(node, node.add(&alice), "evalsha 1");
    for _ in 0..100 {
        sends!(node, node.count(&alice), "");
        sends!(node, node.note(&alice), "");
        sends!(node, node.whoami(&alice), "");
    }
}

#[tokio::test]
async fn whoever_does_not_ask_for_the_session_sends_nothing() {
    let deployment = Deployment::open().await;
    let (a, b) = (node(&deployment).await, node(&deployment).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let before = b.commands();
    for visitor in [&alice, &Visitor::default()] {
        visitor.enter(&b.sessions).leave().await;
    }
    assert!(b.sent_since(&before).is_empty(), "not even for a session that it has not loaded");
    sends!(b, b.count(&Visitor::default()), "");
}

#[tokio::test]
async fn everything_else_is_one_command() {
    let deployment = Deployment::open().await;
    let (a, b) = (node(&deployment).await, node(&deployment).await);
    let alice = Visitor::default();
    sends!(a, a.add(&alice), "evalsha 1");
    sends!(b, b.count(&alice), "evalsha 1");
    sends!(b, b.count(&alice), "");
    sends!(b, b.add(&alice), "evalsha 1");
    sends!(b, b.renew(&alice), "evalsha 1");
    sends!(b, b.write(&alice, "text"), "evalsha 1");
    sends!(b, b.count(&alice), "");
    sends!(b, b.destroy(&alice), "evalsha 1");
    sends!(b, b.count(&alice), "");
}

#[tokio::test]
async fn a_write_to_what_is_not_in_memory_reads_it_first() {
    let deployment = Deployment::open().await;
    let (a, b) = (node(&deployment).await, node(&deployment).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    sends!(b, b.add(&alice), "evalsha 2");
}

#[tokio::test]
async fn many_readers_of_what_is_not_in_memory_ask_once() {
    let deployment = Deployment::open().await;
    let (a, b) = (node(&deployment).await, node(&deployment).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let tabs: Vec<_> = (0..4).map(|_| without_hint(&alice)).collect();
    let all = async {
        let (w, x, y, z) = tokio::join!(b.count(&tabs[0]), b.count(&tabs[1]), b.count(&tabs[2]), b.count(&tabs[3]));
        w.and(x).and(y).and(z)
    };
    sends!(b, all, "evalsha 1");
}

#[tokio::test]
async fn the_index_of_a_principal_is_one_command_more() {
    let deployment = Deployment::open().await;
    let node = node(&deployment).await;
    let alice = Visitor::default();
    node.add(&alice).await.unwrap();
    sends!(node, node.login(&alice, "alice"), "evalsha 2");
    sends!(node, node.add(&alice), "evalsha 1");
    sends!(node, node.login(&alice, "alice"), "evalsha 2");
    sends!(node, node.destroy(&alice), "evalsha 1, zrem 1");
    let bob = Visitor::default();
    // A login without a session creates one first.
    sends!(node, node.login(&bob, "bob"), "evalsha 3");
    // The other user's index keeps its own entry.
    sends!(node, node.login(&bob, "carol"), "evalsha 2, zrem 1");
}

#[tokio::test]
async fn a_limit_costs_a_look_at_each_member_once_it_is_reached() {
    let deployment = Deployment::open().await;
    let sessions =
        |sessions: cloakroom::SessionsBuilder| sessions.max_sessions_per_principal(2, LimitPolicy::EndOldest);
    let node = deployment.node_with(|store| store.lease(LONG), sessions).await;
    let devices: Vec<_> = (0..3).map(|_| Visitor::default()).collect();
    sends!(node, node.login(&devices[0], "alice"), "evalsha 3");
    sends!(node, node.login(&devices[1], "alice"), "evalsha 3");
    // The session is created, the limit reached, a session chosen, the login made, the oldest
    // session ended and removed from the index.
    sends!(node, node.login(&devices[2], "alice"), "evalsha 5, exists 2, zrem 1");
    // The listed metadata of every member, and nothing else.
    assert_eq!(sends!(node, node.sessions.of("alice").list(), "hmget 2, zrange 1").len(), 2);
}

#[tokio::test]
async fn activity_is_reported_at_most_ten_times_per_idle_timeout() {
    let deployment = Deployment::open().await;
    let clock = ManualClock::starting_at(SystemClock::new().now());
    let idle = Duration::from_secs(600);
    let handle = clock.clone();
    let node =
        deployment.node_with(|store| store.lease(LONG), |sessions| sessions.clock(handle).idle_timeout(idle)).await;
    let alice = Visitor::default();
    node.add(&alice).await.unwrap();
    let before = node.commands();
    for _ in 0..100 {
        clock.advance(idle / 100);
        node.count(&alice).await.unwrap();
        node.sessions.run_pending_tasks().await;
    }
    let sent = node.sent_since(&before);
    assert_eq!(sent.get("evalsha"), Some(&10), "{sent:?}");
    assert_eq!(sent.len(), 1, "{sent:?}");
}

#[tokio::test]
async fn a_server_that_has_forgotten_the_scripts_is_told_them_again() {
    let deployment = Deployment::open().await;
    let node = node(&deployment).await;
    let alice = Visitor::default();
    node.add(&alice).await.unwrap();
    deployment.server.command(&["SCRIPT", "FLUSH"]).await.unwrap();
    sends!(node, node.add(&alice), "eval 1, evalsha 1");
    sends!(node, node.add(&alice), "evalsha 1");
    assert_eq!(node.count(&alice).await.unwrap(), Some(3));
}

#[tokio::test]
async fn probes_are_sent_four_times_per_lease_and_on_one_connection_only() {
    let deployment = Deployment::open().await;
    let lease = Duration::from_millis(200);
    let node = deployment.node_with_lease(lease).await;
    let (before, began) = (node.commands(), std::time::Instant::now());
    crate::support::until("some probes were sent", async || node.commands().of("role") >= before.of("role") + 10).await;
    let since = node.commands().since(&before);
    let most = began.elapsed().as_millis() / (lease / 4).as_millis() + 2;
    assert!(u128::from(since.of("role")) <= most, "{since:?} within {:?}", began.elapsed());
    assert!(since.of("exists").abs_diff(since.of("role")) <= 1, "{since:?}");
    assert_eq!(node.proxy.traffic().connections, 3, "one for the startup checks, one with tracking, one without");
}

/// The commands on records that the server has run since the last call, in scripts too, with their
/// numbers.
async fn run_by(deployment: &Deployment) -> String {
    let stats = deployment.server.command(&["INFO", "commandstats"]).await.unwrap();
    let stats: String = redis::from_redis_value(stats).unwrap();
    deployment.server.command(&["CONFIG", "RESETSTAT"]).await.unwrap();
    let called = |name: &str| -> Option<String> {
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{name}:calls=")))?;
        Some(format!("{name} {}", line.split(',').next()?))
    };
    let names = ["hmget", "hget", "hgetall", "hset", "hdel", "pexpire", "pexpireat", "exists", "time"];
    names.into_iter().filter_map(called).collect::<Vec<_>>().join(", ")
}

/// The number of probes that a node has sent.
fn probes(node: &Node) -> u64 {
    node.commands().of("exists")
}

/// Changes the session before an update is measured.
async fn change(deployment: &Deployment, [a, b]: [&Node; 2], alice: &Visitor, change: &str) {
    match change {
        "another value" => a.write(alice, "text").await.unwrap(),
        "a renewal" => a.renew(alice).await.unwrap(),
        "a login" => {
            a.login(alice, "alice").await.unwrap();
            a.add(alice).await.unwrap();
        }
        "a write by another node" => {
            b.add(alice).await.unwrap();
            a.count(alice).await.unwrap();
        }
        "a touch" => {
            let loads = a.sessions.stats().store_loads;
            let seen = deployment.field(&selector_of(alice), "seen").await.unwrap().parse::<u64>().unwrap();
            deployment.set(&selector_of(alice), "seen", &(seen + 1000).to_string()).await;
            until("the node has read it again", async || {
                a.count(alice).await.unwrap();
                a.sessions.stats().store_loads > loads
            })
            .await;
        }
        "remembering it" => alice.enter(&a.sessions).remember(Duration::from_secs(86_400)).await.unwrap(),
        _ => {}
    }
}

/// The head that a node computes is the one that the scripts have written, whatever happened to the
/// session before.
#[tokio::test]
async fn an_update_is_one_comparison_and_four_commands_for_the_server() {
    const PLAIN: &str = "hmget 1, hset 1, pexpire 1, exists 1";
    let deployment = Deployment::open().await;
    let (a, b) = (node(&deployment).await, node(&deployment).await);
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    for (before, expected) in [
        ("nothing", PLAIN),
        ("another value", PLAIN),
        ("a renewal", PLAIN),
        ("a login", PLAIN),
        ("a write by another node", PLAIN),
        ("a touch", PLAIN),
        ("remembering it", "hmget 1, hset 1, pexpireat 1, exists 1"),
    ] {
        let run = loop {
            change(&deployment, [&a, &b], &alice, before).await;
            a.count(&alice).await.unwrap();
            let probes = [probes(&a), probes(&b)];
            // Until the server has answered the probes that were sent before.
            a.settle().await;
            b.settle().await;
            run_by(&deployment).await;
            a.add(&alice).await.unwrap();
            let run = run_by(&deployment).await;
            // To the server, the command of a probe is like the same one of a script.
            if probes == [self::probes(&a), self::probes(&b)] {
                break run;
            }
        };
        assert_eq!(run, expected, "after {before}");
    }
}
