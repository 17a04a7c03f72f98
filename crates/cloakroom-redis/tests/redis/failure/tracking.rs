//! Invalidations that the server omits, at the limits of its tracking table and of its memory.

use std::time::Duration;

use cloakroom::store::{Selector, Store};
use cloakroom_redis::{RedisStore, Warning};
use cloakroom_testbed::Direction::ToClient;
use cloakroom_testbed::{Cluster, Server};
use cloakroom_testkit::{FaultyStore, Verb};

use crate::support::{Deployment, LONG, NAMESPACE, Node, Visitor, key, selector_of, until, without_hint};

async fn deployment(directives: &[&str]) -> Deployment {
    let builder = directives.iter().fold(Server::builder(), |builder, directive| builder.config(*directive));
    Deployment { server: builder.start().await.expect("redis-server is installed") }
}

/// A cookie with a token that was never issued.
fn invented(like: &Visitor, n: u64) -> Visitor {
    let cookie = like.cookie().expect("the client has a session");
    let (name, _) = cookie.split_once('=').expect("a cookie has a name");
    Visitor::with_cookie(Some(format!("{name}={n:042}A")))
}

async fn tracked(server: &Server) -> u64 {
    server.info("stats").await.unwrap()["tracking_total_keys"].parse().unwrap()
}

/// Checks that each node soon serves the server's state of each session, without version hints.
async fn assert_agreement(deployment: &Deployment, nodes: &[&Node], visitors: &[Visitor]) {
    for visitor in visitors {
        let stranger = without_hint(visitor);
        let there = deployment.field(&selector_of(visitor), "value:count").await;
        let truth = there.map(|value| value.rsplit(' ').next().unwrap_or_default().parse::<u64>().expect("a number"));
        for node in nodes {
            let mut seen = None;
            until(&format!("a node serves {truth:?} instead of {seen:?}"), async || {
                seen = node.count(&stranger).await.unwrap();
                seen == truth
            })
            .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_small_the_table_of_tracked_keys_no_copy_outlives_the_servers_knowledge_of_it() {
    for size in ["4", "40"] {
        let deployment = deployment(&[&format!("tracking-table-max-keys {size}")]).await;
        let (a, b) = (deployment.node().await, deployment.node().await);
        let mut visitors: Vec<_> = (0..24).map(|_| Visitor::default()).collect();
        for round in 0..4 {
            for (n, visitor) in visitors.iter().enumerate() {
                let writer = if (n + round) % 2 == 0 { &a } else { &b };
                writer.add(visitor).await.unwrap();
            }
            assert_agreement(&deployment, &[&a, &b], &visitors).await;
        }
        let gone = visitors.split_off(12);
        for visitor in &gone {
            let stranger = without_hint(visitor);
            assert!(b.count(&stranger).await.unwrap().is_some());
            a.destroy(visitor).await.unwrap();
            until("the other node has noticed the logout", async || b.count(&stranger).await.unwrap().is_none()).await;
        }
        assert_agreement(&deployment, &[&a, &b], &visitors).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_with_made_up_tokens_neither_fills_the_table_nor_keeps_logouts_from_being_heard_of() {
    let deployment = deployment(&["tracking-table-max-keys 1000"]).await;
    let (a, b) = (deployment.node().await, deployment.node().await);
    let users: Vec<_> = (0..20).map(|_| Visitor::default()).collect();
    let mut strangers = Vec::new();
    for user in &users {
        a.add(user).await.unwrap();
        let stranger = without_hint(user);
        b.count(&stranger).await.unwrap();
        strangers.push(stranger);
    }
    let before = tracked(&deployment.server).await;
    for n in 0..6000 {
        assert_eq!(b.count(&invented(&users[0], n)).await.unwrap(), None);
    }
    for n in 6000..6100 {
        b.destroy(&invented(&users[0], n)).await.unwrap();
        let _ = b.add(&invented(&users[0], n)).await;
    }
    // Only the 100 sessions that the writes created are added.
    let after = tracked(&deployment.server).await;
    assert!(after <= before + 110, "{before} tracked keys became {after}");
    for (user, stranger) in users.iter().zip(&strangers) {
        a.destroy(user).await.unwrap();
        // These clients have received the version that is read. If this response were the first to
        // show it, and the session ended meanwhile, the response would wait out the lease.
        until("the other node has noticed the logout", async || b.count(stranger).await.unwrap().is_none()).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_evicts_is_served_by_nobody() {
    let deployment = deployment(&["maxmemory-policy allkeys-lru", "maxmemory-samples 10"]).await;
    let (a, b) = (deployment.node().await, deployment.node().await);
    let used: u64 = deployment.server.info("memory").await.unwrap()["used_memory"].parse().unwrap();
    deployment.server.command(&["CONFIG", "SET", "maxmemory", &(used + 200_000).to_string()]).await.unwrap();
    let visitors: Vec<_> = (0..120).map(|_| Visitor::default()).collect();
    for (n, visitor) in visitors.iter().enumerate() {
        let (writer, reader) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
        // Some writes are refused when the server cannot evict enough in time.
        if writer.add(visitor).await.is_ok() && writer.write(visitor, &"x".repeat(3000)).await.is_ok() {
            let _ = reader.count(&without_hint(visitor)).await;
        }
    }
    let evicted: u64 = deployment.server.info("stats").await.unwrap()["evicted_keys"].parse().unwrap();
    assert!(evicted > 20, "too few evictions: {evicted}");
    deployment.server.command(&["CONFIG", "SET", "maxmemory", "0"]).await.unwrap();
    let visitors: Vec<_> = visitors.into_iter().filter(|visitor| visitor.cookie().is_some()).collect();
    assert!(visitors.len() > 60);
    assert_agreement(&deployment, &[&a, &b], &visitors).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_cluster_too_no_copy_outlives_the_servers_knowledge_of_it() {
    let cluster = Cluster::builder().replicas_per_master(0).config("tracking-table-max-keys 4").start().await.unwrap();
    let node = async || {
        let store = RedisStore::builder(NAMESPACE).cluster(cluster.urls()).lease(LONG).connect().await.unwrap();
        cloakroom::Sessions::builder().store(store).build().unwrap()
    };
    let (a, b) = (node().await, node().await);
    let visitors: Vec<_> = (0..40).map(|_| Visitor::default()).collect();
    for round in 1..4 {
        for (n, visitor) in visitors.iter().enumerate() {
            let (writer, reader) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
            let visit = visitor.enter(writer);
            visit.update(|count: &mut crate::support::Count| count.0 += 1).await.unwrap();
            visit.leave().await;
            let stranger = without_hint(visitor);
            until("the other node sees it", async || {
                let visit = stranger.enter(reader);
                let seen = visit.get::<crate::support::Count>().await.unwrap().map(|count| count.0);
                visit.leave().await;
                seen == Some(round)
            })
            .await;
        }
    }
}

#[tokio::test]
async fn a_change_that_follows_a_nodes_own_is_not_taken_for_it() {
    let (deployment, a, b) = Deployment::with_two_nodes().await;
    for _ in 0..10 {
        let alice = Visitor::default();
        a.add(&alice).await.unwrap();
        let stranger = without_hint(&alice);
        b.count(&stranger).await.unwrap();
        a.proxy.hold(ToClient);
        // The reply, its invalidation, and that of the next change arrive together.
        let (mine, theirs) = tokio::join!(a.add(&alice), async {
            let selector = selector_of(&alice);
            let version = || deployment.field(&selector, "version");
            until("the first write is made", async || version().await.is_some_and(|version| version != "1")).await;
            let theirs = b.add(&without_hint(&alice)).await;
            let bytes_received = a.bytes_received();
            a.wait_for_more_than(bytes_received.saturating_sub(1)).await;
            a.proxy.release(ToClient);
            theirs
        });
        assert_eq!((mine.unwrap(), theirs.unwrap()), (2, 3));
        until("the node sees it", async || a.count(&stranger).await.unwrap() == Some(3)).await;
    }
}

#[tokio::test]
async fn a_node_goes_on_from_memory_after_its_own_writes_whatever_they_were() {
    let deployment = Deployment::open().await;
    let node = deployment.node().await;
    let alice = Visitor::default();
    for _ in 0..50 {
        node.add(&alice).await.unwrap();
        node.write(&alice, "text").await.unwrap();
        node.renew(&alice).await.unwrap();
        node.login(&alice, "alice").await.unwrap();
        assert!(node.note(&alice).await.is_ok());
        assert_eq!(node.whoami(&alice).await.unwrap().as_deref(), Some("alice"));
    }
    assert_eq!(node.sessions.stats().store_loads, 0, "a node need not load its own writes");
}

#[tokio::test]
async fn a_table_that_is_too_small_is_said_at_the_start_and_counted_while_it_is_full() {
    let deployment = deployment(&["tracking-table-max-keys 30"]).await;
    let node = deployment.node_with_lease(Duration::from_millis(250)).await;
    let warning = node.store.warnings().iter().find(|warning| matches!(warning, Warning::TrackingTable { .. }));
    let warning = warning.expect("the table is too small").to_string();
    assert!(warning.contains("tracking-table-max-keys") && warning.contains("30"), "{warning}");
    assert_eq!(node.store.stats().tracking_table_full, 0);
    for _ in 0..40 {
        node.add(&Visitor::default()).await.unwrap();
    }
    until("the full table is noticed", async || node.store.stats().tracking_table_full > 0).await;
    let stats = node.store.stats();
    assert_eq!(stats.tracked_keys_limit, 30);
    assert!(stats.tracked_keys >= 28, "{stats:?}");
    assert!(stats.iter().any(|(name, count)| name == "tracking_table_full" && count > 0));
}

#[tokio::test]
async fn under_rules_from_before_all_works_and_the_missing_right_is_named() {
    let rules = crate::rules::of_servers().replace(" +renamenx", "");
    let server = Server::builder().user("shop", "password", &rules).start().await.unwrap();
    let address = server.url_of("shop").unwrap();
    let store = RedisStore::builder("test-old").server(address).connect().await.unwrap();
    assert!(store.warnings().contains(&Warning::TracksMissingKeys));
    assert!(store.warnings().iter().any(|warning| warning.to_string().contains("+renamenx")));
    let sessions = cloakroom::Sessions::builder().store(store).build().unwrap();
    let alice = Visitor::default();
    let visit = alice.enter(&sessions);
    visit.set(crate::support::Count(1)).await.unwrap();
    visit.leave().await;
    server.command(&["CLIENT", "KILL", "USER", "shop"]).await.unwrap();
    until("the session is loaded again", async || {
        let visit = without_hint(&alice).enter(&sessions);
        let read = visit.get::<crate::support::Count>().await;
        visit.leave().await;
        read.is_ok_and(|count| count.is_some())
    })
    .await;
    assert_eq!(key("x"), "shop:session:{x}");
}

/// The invalidation of a new session may overtake the reply to its creation.
#[tokio::test]
async fn a_session_that_ended_before_its_creation_was_answered_is_not_served() {
    let deployment = Deployment::open().await;
    let store = RedisStore::builder(NAMESPACE).server(deployment.server.url()).lease(LONG).connect().await.unwrap();
    let store = FaultyStore::new(store);
    let sessions = crate::support::recorded().store(store.clone()).build().unwrap();
    let gate = store.delay_next(Verb::Create);
    let alice = Visitor::default();
    let visit = alice.enter(&sessions);
    let (created, ()) = tokio::join!(visit.set(crate::support::Count(1)), async {
        assert!(gate.let_act().await, "the record exists, and the reply is pending");
        let keys = deployment.keys().await;
        deployment.server.command(&["DEL", &keys[0]]).await.unwrap();
        // The invalidation has arrived when the next reply has.
        store.load(Selector::from_bytes([7; 16])).await.unwrap();
        gate.open();
    });
    created.unwrap();
    visit.leave().await;
    let visit = without_hint(&alice).enter(&sessions);
    assert_eq!(visit.get::<crate::support::Count>().await.unwrap(), None);
}
