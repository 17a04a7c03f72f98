//! A cluster whose masters change and whose slots move while clients continue to work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cloakroom::{SessionErrorKind, Sessions};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::{Cluster, Handover};

use crate::backend::LEASE;
use crate::support::{Count, LIMIT, LONG, Visitor, key, selector_of, until, without_hint};

pub(crate) async fn node(cluster: &Cluster) -> Sessions {
    node_with_lease(cluster, LEASE).await
}

async fn node_with_lease(cluster: &Cluster, lease: Duration) -> Sessions {
    node_at(cluster.urls(), lease).await
}

pub(crate) async fn node_at(urls: Vec<String>, lease: Duration) -> Sessions {
    let store = RedisStore::builder(crate::support::NAMESPACE).cluster(urls).lease(lease);
    crate::support::recorded().store(store.connect().await.expect("the cluster accepts the store")).build().unwrap()
}

pub(crate) async fn add(sessions: &Sessions, visitor: &Visitor) -> Result<u64, SessionErrorKind> {
    let visit = visitor.enter(sessions);
    let count = |count: &mut Count| {
        count.0 += 1;
        count.0
    };
    let outcome = visit.update(count).await;
    visit.leave().await;
    outcome.map_err(|error| error.kind())
}

pub(crate) async fn count(sessions: &Sessions, visitor: &Visitor) -> Result<Option<u64>, SessionErrorKind> {
    let visit = visitor.enter(sessions);
    let outcome = visit.get::<Count>().await;
    visit.leave().await;
    outcome.map(|count| count.map(|count| count.0)).map_err(|error| error.kind())
}

/// A client that writes on both nodes in turn, and reads each write on the other node, until it is
/// stopped.
#[derive(Debug, Default)]
pub(crate) struct Workload {
    stop: AtomicBool,
    acknowledged: AtomicU64,
    unknown: AtomicU64,
    refused: AtomicU64,
    /// Reads that lacked a write that the client had seen before.
    pub(crate) regressions: AtomicU64,
}

impl Workload {
    async fn run(&self, nodes: &[Sessions; 2], visitor: &Visitor) {
        let (mut turn, mut seen) = (0, 0);
        while !self.stop.load(Relaxed) {
            turn += 1;
            match add(&nodes[turn % 2], visitor).await {
                Ok(count) => {
                    self.acknowledged.fetch_add(1, Relaxed);
                    self.regressions.fetch_add(u64::from(count <= seen), Relaxed);
                    seen = count;
                }
                Err(SessionErrorKind::OutcomeUnknown) => drop(self.unknown.fetch_add(1, Relaxed)),
                Err(SessionErrorKind::StoreUnavailable) => drop(self.refused.fetch_add(1, Relaxed)),
                Err(other) => panic!("{other:?}"),
            }
            if let Ok(read) = count(&nodes[(turn + 1) % 2], visitor).await {
                self.regressions.fetch_add(u64::from(read.unwrap_or(0) < seen), Relaxed);
                seen = read.unwrap_or(0);
            }
        }
    }

    pub(crate) async fn wait_for(&self, more: u64) {
        let goal = self.acknowledged.load(Relaxed) + more;
        until("the client makes progress", async || self.acknowledged.load(Relaxed) >= goal).await;
    }

    fn lost_of(&self, counted: u64) -> u64 {
        let (acknowledged, unknown) = (self.acknowledged.load(Relaxed), self.unknown.load(Relaxed));
        assert!(counted <= acknowledged + unknown, "{counted} of {self:?}: a write was counted twice");
        acknowledged.saturating_sub(counted)
    }
}

/// Runs `change` while a client works, and returns the number of acknowledged writes that were
/// lost.
pub(crate) async fn run_under_load(
    cluster: &Cluster,
    nodes: &[Sessions; 2],
    visitor: &Visitor,
    change: impl AsyncFnOnce(&Cluster, u16, &Workload),
) -> (u64, Workload) {
    add(&nodes[0], visitor).await.unwrap();
    let slot = cluster.slot_of(&key(&selector_of(visitor))).await.unwrap();
    let work = Arc::new(Workload::default());
    work.acknowledged.store(1, Relaxed);
    let controlled = async {
        work.wait_for(20).await;
        change(cluster, slot, &work).await;
        work.wait_for(20).await;
        work.stop.store(true, Relaxed);
    };
    let both = async { tokio::join!(work.run(nodes, visitor), controlled) };
    if tokio::time::timeout(LIMIT * 3, both).await.is_err() {
        panic!("the client makes no progress: {work:?}");
    }
    let counted = count(&nodes[0], visitor).await.unwrap().unwrap();
    let lost = work.lost_of(counted);
    (lost, Arc::into_inner(work).unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_15_slots_move_and_masters_change_under_a_client_that_goes_on() {
    let cluster = Cluster::builder().node_timeout(Duration::from_secs(1)).start().await.unwrap();
    let nodes = [node(&cluster).await, node(&cluster).await];

    // A slot moves to another master, key by key, with redirections in between.
    let (lost, work) = run_under_load(&cluster, &nodes, &Visitor::default(), async |cluster, slot, work| {
        let to = another_master(cluster, slot).await;
        let moving = cluster.begin_move(slot, to).await.unwrap();
        work.wait_for(10).await;
        while moving.migrate(10).await.unwrap() > 0 {}
        work.wait_for(10).await;
        moving.finish().await.unwrap();
    })
    .await;
    assert_eq!((lost, work.regressions.load(Relaxed)), (0, 0), "{work:?}");

    // A replica takes over from a living master that waits for it.
    let (lost, work) = run_under_load(&cluster, &nodes, &Visitor::default(), async |cluster, slot, _| {
        cluster.hand_over(slot, Handover::Coordinated).await.unwrap();
    })
    .await;
    assert_eq!((lost, work.regressions.load(Relaxed)), (0, 0), "{work:?}");

    // A master dies. Acknowledged writes that were not replicated are lost, and the loss is
    // detected.
    let before = rollbacks(&nodes);
    let (lost, work) = run_under_load(&cluster, &nodes, &Visitor::default(), async |cluster, slot, _| {
        cluster.failover(slot).await.unwrap();
    })
    .await;
    let noticed = rollbacks(&nodes) - before;
    assert!(lost == 0 || noticed > 0, "{lost} writes lost without being detected: {work:?}");
    assert!(lost <= 3, "{lost} of {work:?}");

    // A copy is served for at most one lease after its master was replaced without notice. This
    // comes last, because a forced takeover may leave one master without slots, and another one
    // without a replica.
    for node in cluster.nodes().iter().filter(|node| !node.is_running()) {
        node.restart().await.unwrap();
    }
    demoted(&cluster, &nodes).await;
}

fn rollbacks(nodes: &[Sessions; 2]) -> u64 {
    nodes.iter().map(|node| node.stats().rollbacks).sum()
}

pub(crate) async fn another_master(cluster: &Cluster, slot: u16) -> &cloakroom_testbed::Server {
    let owner = cluster.node_of(slot).await.unwrap().port();
    for other in [0, 8000, 16_000] {
        let node = cluster.node_of(other).await.unwrap();
        if node.port() != owner {
            return node;
        }
    }
    panic!("one master owns all slots")
}

async fn demoted(cluster: &Cluster, nodes: &[Sessions; 2]) {
    let alice = Visitor::default();
    until("a session exists", async || add(&nodes[0], &alice).await.is_ok()).await;
    let (first, second) = (without_hint(&alice), without_hint(&alice));
    until("the session is loaded", async || count(&nodes[0], &first).await.is_ok()).await;
    let slot = cluster.slot_of(&key(&selector_of(&alice))).await.unwrap();
    until("the replica has the session", async || replica_has_it(cluster, &alice).await).await;
    cluster.hand_over(slot, Handover::Takeover).await.unwrap();
    until("a write succeeds", async || add(&nodes[1], &second).await.is_ok()).await;
    let written = Instant::now();
    let mut truth = None;
    until("the write is read back", async || {
        truth = count(&nodes[1], &second).await.unwrap_or(None);
        truth.is_some()
    })
    .await;
    until("the other node sees it", async || count(&nodes[0], &first).await == Ok(truth)).await;
    let took = written.elapsed();
    assert!(took <= LEASE * 2, "an old copy was served for {took:?}");
}

/// Returns `true` if two servers have the session.
async fn replica_has_it(cluster: &Cluster, visitor: &Visitor) -> bool {
    let key = key(&selector_of(visitor));
    let mut holders = 0;
    for server in cluster.nodes() {
        let keys = server.command(&["KEYS", &key]).await.unwrap();
        holders += usize::from(keys != redis::Value::Array(Vec::new()));
    }
    holders == 2
}

/// A cluster without replicas, a node with a long lease, and visitors, each with a session and its
/// slot.
async fn many() -> (Cluster, Sessions, Vec<(Visitor, u16)>) {
    let cluster = Cluster::builder().replicas_per_master(0).config("cluster-require-full-coverage no").start().await;
    let cluster = cluster.unwrap();
    let sessions = node_with_lease(&cluster, LONG).await;
    let mut visitors = Vec::new();
    for _ in 0..24 {
        let visitor = Visitor::default();
        add(&sessions, &visitor).await.unwrap();
        let slot = cluster.slot_of(&key(&selector_of(&visitor))).await.unwrap();
        visitors.push((visitor, slot));
    }
    (cluster, sessions, visitors)
}

/// Checks that the copies of these sessions stay valid.
async fn assert_no_loads(sessions: &Sessions, visitors: &[&Visitor]) {
    assert!(!visitors.is_empty());
    let loads = sessions.stats().store_loads;
    for _ in 0..50 {
        for visitor in visitors {
            assert!(matches!(count(sessions, visitor).await, Ok(Some(_))));
        }
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    assert_eq!(sessions.stats().store_loads, loads, "all reads are served from memory");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_master_that_is_down_is_the_trouble_of_its_own_sessions_only() {
    let (cluster, sessions, visitors) = many().await;
    let down = cluster.node_of(visitors[0].1).await.unwrap();
    let (mut its, mut others) = (Vec::new(), Vec::new());
    for (visitor, slot) in &visitors {
        let list = if cluster.node_of(*slot).await.unwrap().port() == down.port() { &mut its } else { &mut others };
        list.push(visitor);
    }
    down.kill().unwrap();
    until("its own sessions fail", async || add(&sessions, its[0]).await.is_err()).await;
    assert_no_loads(&sessions, &others).await;
    // The write of the first session had an unknown outcome, which dropped its copy.
    assert_no_loads(&sessions, &its[1..]).await;
    for visitor in &others {
        assert!(add(&sessions, visitor).await.is_ok(), "the sessions of other masters are not affected");
    }
    assert!(its[0].cookie().is_some());
    down.restart().await.unwrap();
    for visitor in &its {
        until("the server is back without its data", async || count(&sessions, visitor).await == Ok(None)).await;
    }
    assert_no_loads(&sessions, &others).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_that_moves_takes_the_copies_of_its_own_sessions_along_and_no_others() {
    let (cluster, sessions, visitors) = many().await;
    let (moving, staying) = visitors.split_at(2);
    for (_, slot) in moving {
        cluster.move_slot(*slot, another_master(&cluster, *slot).await).await.unwrap();
    }
    // The first session's redirection makes the node reload the slot map, which also has the second
    // session's slot.
    for (visitor, _) in moving {
        assert_eq!(add(&sessions, visitor).await, Ok(2));
    }
    let staying: Vec<_> = staying.iter().filter(|(_, slot)| moving.iter().all(|(_, moved)| moved != slot)).collect();
    assert_no_loads(&sessions, &staying.iter().map(|(visitor, _)| visitor).collect::<Vec<_>>()).await;
    for (visitor, _) in moving {
        let other = node(&cluster).await;
        assert_eq!(add(&other, &without_hint(visitor)).await, Ok(3));
        let stranger = without_hint(visitor);
        until("the new master sends invalidations", async || count(&sessions, &stranger).await == Ok(Some(3))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn race_15_a_master_that_has_lost_the_others_vouches_for_nothing_though_it_answers() {
    let cluster = Cluster::builder().replicas_per_master(0).node_timeout(Duration::from_millis(2000)).start().await;
    let cluster = cluster.unwrap();
    let sessions = node(&cluster).await;
    let alice = Visitor::default();
    add(&sessions, &alice).await.unwrap();
    let slot = cluster.slot_of(&key(&selector_of(&alice))).await.unwrap();
    let mine = cluster.node_of(slot).await.unwrap();
    assert_eq!(count(&sessions, &alice).await, Ok(Some(1)));
    for other in cluster.nodes().iter().filter(|node| node.port() != mine.port()) {
        other.kill().unwrap();
    }
    let mut hits = 0;
    until("the node has a copy", async || {
        let loads = sessions.stats().store_loads;
        let hit = count(&sessions, &alice).await == Ok(Some(1)) && sessions.stats().store_loads == loads;
        hits = if hit { hits + 1 } else { 0 };
        hits > 50
    })
    .await;
    // The other masters may have assigned its slots to another one by now, but it still reports
    // itself as a master.
    until("the master reports that the cluster has failed", async || {
        mine.text(&["CLUSTER", "INFO"]).await.unwrap().contains("cluster_state:fail")
    })
    .await;
    let alone = Instant::now();
    until("copies are no longer served", async || count(&sessions, &alice).await.is_err()).await;
    assert!(alone.elapsed() <= LEASE + LIMIT / 10, "{:?}", alone.elapsed());
    assert!(matches!(mine.command(&["ROLE"]).await.unwrap(), redis::Value::Array(role)
        if role[0] == redis::Value::BulkString(b"master".to_vec())));
}
