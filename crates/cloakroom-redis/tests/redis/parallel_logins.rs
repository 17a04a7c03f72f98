//! R07, R23: two logins of one visitor on two nodes whose clocks differ.

use std::time::Duration;

use cloakroom::{Clock, EndReason, EventKind, Login, SystemClock};
use cloakroom_testkit::ManualClock;

use crate::support::{Count, Deployment, LONG, Node, Visitor, until};

const CLOCK_OFFSETS: [i64; 6] = [0, 1, 3_000, -3_000, 50_000, -50_000];

async fn log_in(node: &Node, visitor: &Visitor) {
    let visit = visitor.enter(&node.sessions);
    visit.login(Login::new("alice").keep::<Count>()).await.unwrap();
    visit.leave().await;
}

/// The possible states of one browser after two logins with its anonymous token at the same time.
async fn double_click(nodes: &[Node; 2]) -> [Visitor; 2] {
    let visitor = Visitor::default();
    nodes[0].add(&visitor).await.unwrap();
    let browsers = [0, 1].map(|_| Visitor::with_cookie(visitor.cookie()));
    let [first, second] = &browsers;
    tokio::join!(log_in(&nodes[0], first), log_in(&nodes[1], second));
    browsers
}

#[tokio::test]
async fn r23_a_double_click_on_two_nodes_keeps_the_cart_and_leaves_one_session() {
    let deployment = Deployment::open().await;
    for offset in CLOCK_OFFSETS {
        for kept in [0, 1] {
            let why = format!("the second clock is {offset} ms ahead, answer {kept} arrives last");
            let clock = ManualClock::starting_at(SystemClock::new().now());
            let other = clock.ahead_by(offset);
            let nodes = [
                deployment.node_with(|store| store.lease(LONG), |sessions| sessions.clock(clock.clone())).await,
                deployment.node_with(|store| store.lease(LONG), |sessions| sessions.clock(other)).await,
            ];
            let mut events = nodes.each_ref().map(|node| node.sessions.events());
            let browsers = double_click(&nodes).await;
            let visitor = &browsers[kept];
            for node in &nodes {
                for browser in &browsers {
                    assert_eq!(node.whoami(browser).await.unwrap().as_deref(), Some("alice"), "{why}");
                    assert_eq!(node.count(browser).await.unwrap(), Some(1), "{why}");
                }
            }
            clock.advance(Duration::from_secs(61));
            // Without affinity, the visitor's requests reach every node.
            for node in nodes.iter().cycle().take(4) {
                assert_eq!(node.count(visitor).await.unwrap(), Some(1), "{why}");
            }
            for node in &nodes {
                node.sessions.run_pending_tasks().await;
            }
            let ended = events.iter_mut().flat_map(|events| std::iter::from_fn(|| events.try_recv()));
            let ended = ended.filter(|event| event.kind == EventKind::Ended(EndReason::Duplicate)).count();
            assert_eq!(ended, 1, "{why}");
            for node in &nodes {
                let unused = Visitor::with_cookie(browsers[1 - kept].cookie());
                until("the other session is gone", async || node.whoami(&unused).await.unwrap().is_none()).await;
                assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1, "{why}");
                assert_eq!(node.whoami(visitor).await.unwrap().as_deref(), Some("alice"), "{why}");
                assert_eq!(node.count(visitor).await.unwrap(), Some(1), "{why}");
            }
            nodes[0].sessions.of("alice").revoke_all().await.unwrap();
        }
    }
}
