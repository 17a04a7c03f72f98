//! Connections that break repeatedly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use cloakroom::SessionErrorKind;
use cloakroom_testbed::Direction::ToClient;
use tokio::task::JoinSet;

use crate::support::{Deployment, LONG, Node, Visitor, until};

const SEED: u64 = 0x5EED_0003;
const CLIENTS: u64 = 8;
const EACH: u64 = 300;

#[derive(Debug, Default)]
struct Tally {
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    refused: AtomicU64,
}

/// Adds until `EACH` increments are acknowledged.
async fn add_all(nodes: [Arc<Node>; 2], visitor: Visitor, tally: Arc<Tally>, seed: u64) -> Visitor {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut seen = 0;
    for _ in 0..EACH {
        loop {
            let node = &nodes[random.usize(..2)];
            match node.add(&visitor).await {
                Ok(count) => {
                    assert!(count > seen, "{count} after {seen}");
                    seen = count;
                    tally.acknowledged.fetch_add(1, Relaxed);
                    break;
                }
                Err(error) if error.kind() == SessionErrorKind::OutcomeUnknown => {
                    tally.unknown.fetch_add(1, Relaxed);
                }
                Err(error) => {
                    assert_eq!(error.kind(), SessionErrorKind::StoreUnavailable, "{error:?}");
                    tally.refused.fetch_add(1, Relaxed);
                    tokio::time::sleep(Duration::from_millis(random.u64(1..5))).await;
                }
            }
        }
    }
    visitor
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_connections_are_cut_what_was_acknowledged_is_there_once() {
    let deployment = Deployment::open().await;
    let nodes = [Arc::new(deployment.node().await), Arc::new(deployment.node().await)];
    let (tally, done) = (Arc::new(Tally::default()), Arc::new(AtomicBool::new(false)));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let visitor = Visitor::default();
        nodes[0].write(&visitor, "here").await.unwrap();
        clients.spawn(add_all(nodes.clone(), visitor, Arc::clone(&tally), SEED + client));
    }
    let cutter = async {
        let mut random = fastrand::Rng::with_seed(SEED);
        let mut cuts = 0;
        while !done.load(Relaxed) {
            tokio::time::sleep(Duration::from_millis(random.u64(5..60))).await;
            nodes[random.usize(..2)].proxy.cut().await;
            cuts += 1;
        }
        cuts
    };
    let work = async {
        let visitors = tokio::time::timeout(LONG, clients.join_all()).await.expect("all clients finish");
        done.store(true, Relaxed);
        visitors
    };
    let (cuts, visitors) = tokio::join!(cutter, work);
    let mut counted = 0;
    for visitor in &visitors {
        until("the node serves again", async || nodes[0].count(visitor).await.is_ok()).await;
        counted += nodes[0].count(visitor).await.unwrap().unwrap();
    }
    let acknowledged = tally.acknowledged.load(Relaxed);
    assert_eq!(acknowledged, CLIENTS * EACH);
    assert!(cuts >= 3, "{cuts} cuts");
    let unknown = tally.unknown.load(Relaxed);
    assert!((acknowledged..=acknowledged + unknown).contains(&counted), "{counted} with seed {SEED}: {tally:?}");
}

#[tokio::test]
async fn a_reader_whose_connection_breaks_is_not_bothered() {
    let (_deployment, a, b) = Deployment::with_two_nodes().await;
    let alice = Visitor::default();
    a.add(&alice).await.unwrap();
    let before = b.commands();
    b.proxy.hold(ToClient);
    let cut = async {
        b.wait_for_command("evalsha", &before).await;
        b.proxy.cut().await;
        b.proxy.release(ToClient);
    };
    let (read, ()) = tokio::join!(b.count(&alice), cut);
    assert_eq!(read.unwrap(), Some(1), "the read is retried over the next connection");
}

#[tokio::test]
async fn the_connection_that_is_not_tracked_is_missed_too() {
    let deployment = Deployment::open().await;
    let node = deployment.node_with_lease(Duration::from_millis(400)).await;
    let alice = Visitor::default();
    node.add(&alice).await.unwrap();
    let clients = deployment.server.text(&["CLIENT", "LIST", "TYPE", "normal"]).await.unwrap();
    let word = |line: &str, name: &str| line.split(' ').find_map(|word| word.strip_prefix(name)).unwrap().to_owned();
    let untracked = clients
        .lines()
        .filter(|line| word(line, "user=") == "default" && !word(line, "flags=").contains('t'))
        .map(|line| word(line, "id="));
    let untracked: Vec<_> = untracked.collect();
    assert_eq!(untracked.len(), 1, "{clients}");
    // Like a firewall that drops an idle connection.
    deployment.server.command(&["CLIENT", "KILL", "ID", &untracked[0]]).await.unwrap();
    until("a login works again", async || node.login(&alice, "alice").await.is_ok()).await;
    assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
}
