//! R07, R08, R15, R50: nodes over one server whose clocks differ from each other and from the
//! server's.

use cloakroom::{Clock, CsrfToken, Key, KeyRing, SealPolicy, SessionErrorKind, SessionsBuilder, SystemClock};
use cloakroom_testkit::{ManualClock, SeededRandom};

use crate::support::{Deployment, LONG, Node, Visitor, key, selector_of, until};

/// Milliseconds by which the second node's clock is ahead of the first, which agrees with the
/// server's.
const CLOCK_OFFSETS: [i64; 5] = [1, 3_000, -3_000, 50_000, -50_000];

fn keyed(sessions: SessionsBuilder) -> SessionsBuilder {
    let key = Key::generate(1, &SeededRandom::new(1)).expect("it never runs dry");
    sessions.keys(KeyRing::new(key))
}

type Configure = fn(SessionsBuilder) -> SessionsBuilder;

/// The formats of tokens and records.
const FORMATS: [(&str, Configure); 3] = [
    ("plain", |sessions| sessions),
    ("with a MAC", keyed),
    ("sealed", |sessions| keyed(sessions).seal(SealPolicy::Require)),
];

async fn nodes(deployment: &Deployment, offset: i64, format: Configure) -> [Node; 2] {
    let clock = ManualClock::starting_at(SystemClock::new().now());
    let other = clock.ahead_by(offset);
    let here = deployment.node_with(|store| store.lease(LONG), |sessions| format(sessions.clock(clock)));
    let here = here.await;
    [here, deployment.node_with(|store| store.lease(LONG), |sessions| format(sessions.clock(other))).await]
}

/// A second browser with the same cookie.
fn copy_of(visitor: &Visitor) -> Visitor {
    Visitor::with_cookie(visitor.cookie())
}

async fn csrf_token(node: &Node, visitor: &Visitor) -> CsrfToken {
    let visit = visitor.enter(&node.sessions);
    let token = visit.csrf_token().await.unwrap().expect("there is a session");
    visit.leave().await;
    token
}

async fn assert_dead(node: &Node, dead: &Visitor, why: &str) {
    until("the rotation has been noticed", async || node.whoami(dead).await.unwrap().is_none()).await;
    assert_eq!(node.note(dead).await.unwrap(), None, "{why}");
    let refused = node.write(dead, "evil").await.unwrap_err();
    assert_eq!(refused.kind(), SessionErrorKind::Ended, "{why}");
    let visit = dead.enter(&node.sessions);
    assert_eq!(visit.csrf_token().await.unwrap().map(|_| ()), None, "{why}");
    drop(visit.rotate().await);
    drop(visit.renew().await);
    drop(visit.destroy().await);
    visit.leave().await;
}

#[tokio::test]
async fn r08_what_a_login_or_a_rotation_replaced_opens_nothing_whatever_the_clocks_say() {
    let deployment = Deployment::open().await;
    for (format, configured) in FORMATS {
        for offset in CLOCK_OFFSETS {
            let nodes = nodes(&deployment, offset, configured).await;
            for rotates in [false, true] {
                let why = format!("{format}, the other node is {offset} ms ahead, rotation: {rotates}");
                let alice = Visitor::default();
                nodes[0].login(&alice, "alice").await.unwrap();
                nodes[0].write(&alice, "mine").await.unwrap();
                assert_eq!(nodes[1].note(&copy_of(&alice)).await.unwrap().as_deref(), Some("mine"), "{why}");
                let (dead, csrf_token) = (copy_of(&alice), csrf_token(&nodes[0], &alice).await);
                let visit = alice.enter(&nodes[0].sessions);
                if rotates {
                    visit.rotate().await.unwrap();
                } else {
                    visit.login("alice").await.unwrap();
                }
                visit.leave().await;
                for node in &nodes {
                    assert_dead(node, &dead, &why).await;
                    assert_eq!(node.whoami(&alice).await.unwrap().as_deref(), Some("alice"), "{why}");
                    let visit = alice.enter(&node.sessions);
                    let refused = visit.check_csrf(csrf_token.as_str()).await.unwrap_err();
                    assert_eq!(refused.kind(), SessionErrorKind::CsrfRefused, "{why}");
                    visit.leave().await;
                }
                let selector = selector_of(&alice);
                assert_eq!(
                    deployment.field(&selector, "until").await.as_deref(),
                    Some("0"),
                    "the end must not depend on a clock"
                );
                assert!(deployment.field(&selector, "replaced").await.is_some());
            }
        }
    }
}

#[tokio::test]
async fn r09_a_renewal_after_a_login_leaves_no_trace_of_it() {
    let deployment = Deployment::open().await;
    for offset in CLOCK_OFFSETS {
        let nodes = nodes(&deployment, offset, |sessions| sessions).await;
        let alice = Visitor::default();
        nodes[0].login(&alice, "alice").await.unwrap();
        nodes[0].write(&alice, "mine").await.unwrap();
        let old = copy_of(&alice);
        nodes[0].renew(&alice).await.unwrap();
        assert_eq!(deployment.field(&selector_of(&alice), "replaced").await, None);
        assert_eq!(nodes[0].note(&old).await.unwrap().as_deref(), Some("mine"), "within the grace period");
        nodes[1].login(&alice, "alice").await.unwrap();
        assert_eq!(deployment.field(&selector_of(&alice), "until").await.as_deref(), Some("0"));
        for node in &nodes {
            assert_dead(node, &old, "a login gives no grace").await;
        }
    }
}

/// Nodes of an earlier release store the instant of a login where current nodes store 0.
#[tokio::test]
async fn r08_what_a_node_of_an_earlier_release_replaced_opens_nothing_here_either() {
    let deployment = Deployment::open().await;
    for offset in CLOCK_OFFSETS {
        let nodes = nodes(&deployment, offset, |sessions| sessions).await;
        let alice = Visitor::default();
        nodes[0].login(&alice, "alice").await.unwrap();
        let dead = copy_of(&alice);
        nodes[0].login(&alice, "alice").await.unwrap();
        let key = key(&selector_of(&alice));
        let at = deployment.field(&selector_of(&alice), "replaced").await.unwrap();
        deployment.server.command(&["HSET", &key, "until", &at]).await.unwrap();
        deployment.server.command(&["HDEL", &key, "replaced"]).await.unwrap();
        for node in &nodes {
            assert_dead(node, &dead, &format!("{offset}")).await;
            assert_eq!(node.whoami(&alice).await.unwrap().as_deref(), Some("alice"));
        }
    }
}

/// The condition in the scripts of the last release: an instant before which the old secret still
/// works.
#[tokio::test]
async fn r08_a_node_of_an_earlier_release_refuses_what_this_one_replaced() {
    let deployment = Deployment::open().await;
    let nodes = nodes(&deployment, 0, |sessions| sessions).await;
    let alice = Visitor::default();
    nodes[0].login(&alice, "alice").await.unwrap();
    nodes[0].login(&alice, "alice").await.unwrap();
    let until = deployment.field(&selector_of(&alice), "until").await.unwrap();
    let judged = "return (tonumber(ARGV[1]) < (tonumber(ARGV[2]) or 0)) and 1 or 0";
    for latest in ["0", "1", "1764000000000"] {
        let answer = deployment.server.command(&["EVAL", judged, "0", latest, &until]).await.unwrap();
        assert_eq!(answer, redis::Value::Int(0), "at {latest}");
    }
}
