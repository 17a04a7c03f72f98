//! The cost of nodes for the server while no session changes.

use std::fmt;
use std::time::{Duration, Instant};

use cloakroom::Sessions;
use cloakroom_sqlx::{PostgresStore, PostgresStoreBuilder};

use crate::database::Database;
use crate::support::{Count, Visitor, recorded, until};

const NODES: usize = 10;

/// The share of one processor that ten nodes may cost the server while no session changes.
const LIMIT: f64 = 0.01;

/// The statements that ten nodes may run per second besides their polls: each looks for expired
/// sessions every 10 s and tries its link every 20 s.
const OTHER_STATEMENTS: f64 = 5.0;

/// The seconds for which the cost is measured on a machine that does nothing else.
fn alone() -> Option<u64> {
    std::env::var("CLOAKROOM_IDLE_SECONDS").ok().and_then(|seconds| seconds.parse().ok())
}

/// How long the cost is measured.
fn measured() -> Duration {
    Duration::from_secs(alone().unwrap_or(20))
}

/// The settings of production, in a schema of its own.
fn builder() -> PostgresStoreBuilder {
    PostgresStore::builder().schema("shop")
}

/// What the server has done for the nodes, per second.
struct Cost {
    polls: f64,
    statements: f64,
    /// The time in statements, as a share of one processor.
    statement_time: f64,
    /// The processor time of all processes of the server, as a share of one processor.
    processor: f64,
}

impl Cost {
    async fn during(database: &Database, work: impl AsyncFn()) -> Self {
        database.reset_calls().await;
        let (began, before) = (Instant::now(), database.server.processor_time().expect("the server runs"));
        while began.elapsed() < measured() {
            work().await;
        }
        let seconds = began.elapsed().as_secs_f64();
        let used = database.server.processor_time().expect("the server runs") - before;
        let nodes = "FROM pg_stat_statements WHERE userid = 'node'::REGROLE";
        let time = database.number(&format!("SELECT (sum(total_exec_time) * 1000)::BIGINT {nodes}")).await;
        let calls = database.calls("node").await;
        Self {
            polls: calls.get("poll").copied().unwrap_or_default() as f64 / seconds,
            statements: calls.values().sum::<i64>() as f64 / seconds,
            statement_time: time as f64 / 1e6 / seconds,
            processor: used.as_secs_f64() / seconds,
        }
    }
}

impl Cost {
    fn assert_is_at_most(&self, polls: f64) {
        assert!(self.polls <= polls && self.statements <= polls + OTHER_STATEMENTS, "{self}");
        // Beside other programs, the same statements take a processor longer.
        assert!(alone().is_none() || self.processor <= LIMIT, "{self}");
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { polls, statements, .. } = self;
        let (statement_time, processor) = (self.statement_time * 100.0, self.processor * 100.0);
        write!(
            f,
            "per second {polls:.1} polls and {statements:.1} statements, which run for {statement_time:.3} % of the \
             time; all of the server takes {processor:.3} % of a processor"
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_nodes_that_nobody_uses_do_not_poll() {
    let database = Database::start_counting().await;
    let url = database.url_of("node").await;
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        // They pause sooner, and then do what they would do with the default.
        let opened = builder().poll_interval(Duration::from_millis(10)).connect(&url).await;
        nodes.push(opened.expect("the server runs"));
    }
    let polls = async || database.calls("node").await.get("poll").copied().unwrap_or_default();
    let mut last = 0;
    until("all nodes pause", async || {
        let before = std::mem::replace(&mut last, polls().await);
        tokio::time::sleep(Duration::from_millis(300)).await;
        before == last
    })
    .await;
    let cost = Cost::during(&database, async || tokio::time::sleep(Duration::from_millis(100)).await).await;
    println!("ten nodes that nobody uses: {cost}");
    cost.assert_is_at_most(0.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_nodes_that_serve_from_memory_only_poll() {
    let database = Database::start_counting().await;
    let url = database.url_of("node").await;
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        let store = builder().connect(&url).await.expect("the server runs");
        let sessions = recorded().store(store).build().expect("the settings are valid");
        let visitor = Visitor::default();
        let visit = visitor.enter(&sessions);
        visit.set(Count(7)).await.expect("the server runs");
        visit.leave().await;
        nodes.push((sessions, visitor));
    }
    let read = async |(sessions, visitor): &(Sessions, Visitor)| {
        let visit = visitor.enter(sessions);
        assert_eq!(visit.get::<Count>().await.expect("it is in memory").as_deref(), Some(&Count(7)));
        visit.leave().await;
    };
    let loads = || nodes.iter().map(|(sessions, _)| sessions.stats().store_loads).sum::<u64>();
    until("all sessions are served from memory", async || {
        let before = loads();
        for _ in 0..10 {
            for node in &nodes {
                read(node).await;
            }
        }
        before == loads()
    })
    .await;
    let before = loads();
    let cost = Cost::during(&database, async || {
        for node in &nodes {
            read(node).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    })
    .await;
    println!("ten nodes that serve from memory: {cost}");
    // The default interval is half a second.
    let most = NODES as f64 * (2.0 + 2.0 / measured().as_secs_f64());
    assert!(cost.polls > 0.0, "{cost}");
    cost.assert_is_at_most(most);
    assert!(loads() - before <= NODES as u64, "sessions were served from memory");
}
