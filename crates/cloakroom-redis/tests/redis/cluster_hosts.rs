//! A cluster whose servers report their ports and no host, as behind a NAT or a proxy per node.

use std::net::Ipv4Addr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use cloakroom::SessionErrorKind;
use cloakroom_testbed::{Cluster, Direction, Proxy};

use crate::cluster::{add, another_master, count, node, node_at, run_under_load};
use crate::support::{LONG, Visitor, until, without_hint};

/// Reports no host, so that clients use the one that they connected to.
const HOSTLESS: &str = "cluster-preferred-endpoint-type unknown-endpoint";
/// Longer than the deadline of a call, so that a node repeats its write.
const HELD: Duration = Duration::from_millis(1500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_moves_under_load_although_no_redirection_names_a_host() {
    let cluster = Cluster::builder().replicas_per_master(0).config(HOSTLESS).start().await.unwrap();
    let nodes = [node(&cluster).await, node(&cluster).await];
    let (lost, work) = run_under_load(&cluster, &nodes, &Visitor::default(), async |cluster, slot, work| {
        let to = another_master(cluster, slot).await;
        let moving = cluster.begin_move(slot, to).await.unwrap();
        while moving.migrate(10).await.unwrap() > 0 {}
        // The record is on the new side, and the old side answers `ASK`.
        work.wait_for(10).await;
        moving.finish().await.unwrap();
    })
    .await;
    assert_eq!((lost, work.regressions.load(Relaxed)), (0, 0), "{work:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_repeated_to_a_cluster_after_held_replies_take_effect_once() {
    let cluster = Cluster::builder().replicas_per_master(0).config(HOSTLESS).start().await.unwrap();
    let link = cluster.proxies(Ipv4Addr::new(127, 0, 0, 9)).await.unwrap();
    let held = node_at(link.iter().map(Proxy::url).collect(), LONG).await;
    let other = node(&cluster).await;
    let alice = Visitor::default();
    add(&held, &alice).await.unwrap();
    let mut acknowledged = 1;
    for _ in 0..3 {
        // The write is then sent without a read before it.
        until("the node has a current copy", async || {
            count(&held, &without_hint(&alice)).await == Ok(Some(acknowledged))
        })
        .await;
        let began = Instant::now();
        link.iter().for_each(|proxy| proxy.hold(Direction::ToClient));
        let late = {
            let (held, tab) = (held.clone(), without_hint(&alice));
            tokio::spawn(async move { add(&held, &tab).await })
        };
        until("the held write took effect", async || {
            count(&other, &without_hint(&alice)).await == Ok(Some(acknowledged + 1))
        })
        .await;
        acknowledged += 1;
        for _ in 0..12 {
            add(&other, &without_hint(&alice)).await.unwrap();
            acknowledged += 1;
        }
        tokio::time::sleep_until((began + HELD).into()).await;
        link.iter().for_each(|proxy| proxy.release(Direction::ToClient));
        let late = late.await.unwrap();
        assert!(matches!(late, Ok(_) | Err(SessionErrorKind::OutcomeUnknown)), "{late:?}");
        assert_eq!(count(&other, &without_hint(&alice)).await, Ok(Some(acknowledged)), "it is made once");
    }
}
