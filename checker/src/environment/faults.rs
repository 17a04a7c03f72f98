//! What happens while clients work.

use std::time::{Duration, Instant};

use cloakroom_testbed::{Cluster, Direction, Sentinels, Server, until};
use tokio::time::sleep;

use super::{Environment, NODES};
use crate::Error;
use crate::fault::{Fault, Setup};
use crate::loss::{Loss, slot_of, tag_of};
use crate::state::{LEASE, ScenarioState};

/// Between two faults, so that there is something to lose again.
const REST: Duration = Duration::from_millis(1000);
const BETWEEN_CUTS: Duration = Duration::from_millis(60);
const FREEZE: Duration = Duration::from_secs(3);
/// Longer than any copy may be served.
const BEYOND_THE_LEASE: Duration = LEASE.saturating_add(Duration::from_millis(800));
/// Longer than a node waits for a reply, so that it repeats what it asked.
const HELD: Duration = Duration::from_millis(1500);
/// Long enough to lose the replies to writes, and short enough that their deadline is not over.
const DROPPED: Duration = Duration::from_millis(800);
/// How often replies are held in a row, with a pause in which others write.
const HOLDS: usize = 3;
const BATCH: u32 = 100;
/// How many keys a server remembers that nodes have read: one means that nearly every command drops an entry.
const TABLE_SIZES: [&str; 2] = ["1", "8"];
const TABLE_SIZE_BY_DEFAULT: &str = "1000000";
/// Which keys a server gives up when its memory is full.
const EVICTION_POLICIES: [&str; 2] = ["allkeys-random", "allkeys-lru"];
/// How often memory is made short anew, and by how many bytes: a few sessions.
const SHORTAGES: usize = 20;
const BETWEEN_SHORTAGES: Duration = Duration::from_millis(50);
const SHORT_OF: u64 = 2 << 10;
/// How far a replica lags behind before its master ends: several writes, and fewer than most sessions make, so that
/// they go on without their last ones.
const LAG: u64 = 8 << 10;
/// Longer than an election takes on a busy machine.
const ELECTION_LIMIT: Duration = Duration::from_secs(60);

/// Plays a fault until `end`, at least once, and lifts it. Answers how often it was played.
pub(crate) async fn play(
    fault: Fault,
    ground: &Environment<'_>,
    world: &ScenarioState,
    end: Instant,
) -> Result<u64, Error> {
    let mut times = 0;
    sleep(REST).await;
    loop {
        match fault {
            Fault::None | Fault::Aborts => sleep(REST).await,
            Fault::Freeze => freeze(ground.server()?.0).await?,
            Fault::RestartEmpty => restart_empty(ground.server()?.0, world).await?,
            Fault::Cut => drop(ground.server()?.0.cut_clients().await?),
            Fault::NodeFrozen => freeze_node(ground, times as usize % NODES).await?,
            Fault::HalfOpen => half_open(ground, times as usize).await?,
            Fault::HeldReplies => hold_replies(ground, times as usize).await?,
            Fault::DroppedReplies => drop_replies(ground, times as usize).await?,
            Fault::SlowLink => slow_link(ground).await?,
            Fault::Failover => fail_over(ground.cluster()?, world).await?,
            Fault::TinyTrackingTable => shrink_tables(&[ground.server()?.0], times).await?,
            Fault::TinyTrackingTableCluster => shrink_tables(&all(ground.cluster()?), times).await?,
            Fault::EvictingServer => evict(&[ground.server()?.0], world, times).await?,
            Fault::EvictingCluster => evict(&all(ground.cluster()?), world, times).await?,
            Fault::LaggingFailover => fail_over_to_a_lagging_replica(ground.cluster()?, world, End::of(times)).await?,
            Fault::LaggingFailoverSentinel => {
                fail_over_by_sentinels(ground.sentinels()?, world, End::of(times)).await?;
            }
            Fault::SlotMove => move_slot(ground.cluster()?, &ground.namespace(fault), world).await?,
        }
        times += 1;
        sleep(if fault == Fault::Cut { BETWEEN_CUTS } else { REST }).await;
        if Instant::now() >= end {
            return Ok(times);
        }
    }
}

impl Environment<'_> {
    pub(super) fn namespace(&self, fault: Fault) -> String {
        if fault.setup() == Setup::Cluster { format!("checker-{fault}") } else { "checker".to_owned() }
    }
}

async fn freeze(server: &Server) -> Result<(), Error> {
    server.freeze().await?;
    sleep(FREEZE).await;
    Ok(server.thaw()?)
}

async fn restart_empty(server: &Server, world: &ScenarioState) -> Result<(), Error> {
    let loss = world.begin_loss(Loss::of_sessions());
    server.kill()?;
    world.end_loss(loss);
    sleep(REST / 4).await;
    Ok(server.restart().await?)
}

async fn freeze_node(ground: &Environment<'_>, which: usize) -> Result<(), Error> {
    let node = &ground.nodes[which];
    node.freeze()?;
    sleep(BEYOND_THE_LEASE).await;
    node.thaw()
}

/// The connection is there and carries nothing: first answers get lost, the next time questions.
async fn half_open(ground: &Environment<'_>, times: usize) -> Result<(), Error> {
    let (_, proxies) = ground.server()?;
    let proxy = &proxies[times % NODES];
    proxy.swallow(if times.is_multiple_of(2) { Direction::ToClient } else { Direction::ToServer });
    sleep(BEYOND_THE_LEASE).await;
    proxy.pass();
    // What lost its middle would never make sense again.
    proxy.cut().await;
    Ok(())
}

/// A write that was made and whose reply is late is repeated by its node, after others have written.
async fn hold_replies(ground: &Environment<'_>, times: usize) -> Result<(), Error> {
    let (_, proxies) = ground.server()?;
    let proxy = &proxies[times % NODES];
    for _ in 0..HOLDS {
        proxy.hold(Direction::ToClient);
        sleep(HELD).await;
        proxy.release(Direction::ToClient);
        sleep(REST / 4).await;
    }
    Ok(())
}

async fn drop_replies(ground: &Environment<'_>, times: usize) -> Result<(), Error> {
    let (_, proxies) = ground.server()?;
    let proxy = &proxies[times % NODES];
    proxy.swallow(Direction::ToClient);
    sleep(DROPPED).await;
    proxy.cut().await;
    proxy.pass();
    Ok(())
}

async fn slow_link(ground: &Environment<'_>) -> Result<(), Error> {
    let (_, proxies) = ground.server()?;
    let [slow, slower, ..] = proxies else { return Err("two proxies are needed".into()) };
    slow.delay(Direction::ToClient, Duration::from_millis(5));
    for direction in [Direction::ToServer, Direction::ToClient] {
        slower.delay(direction, Duration::from_millis(25));
    }
    sleep(REST * 2).await;
    slow.pass();
    slower.pass();
    Ok(())
}

fn all(cluster: &Cluster) -> Vec<&Server> {
    cluster.nodes().iter().collect()
}

/// The server forgets who has read what, and has to tell them so, during anybody's command.
async fn shrink_tables(servers: &[&Server], times: u64) -> Result<(), Error> {
    let size = TABLE_SIZES[times as usize % TABLE_SIZES.len()];
    configure(servers, "tracking-table-max-keys", size).await?;
    sleep(REST * 2).await;
    configure(servers, "tracking-table-max-keys", TABLE_SIZE_BY_DEFAULT).await
}

/// Sessions are removed during anybody's command, and copies of them must not outlive that.
async fn evict(servers: &[&Server], world: &ScenarioState, times: u64) -> Result<(), Error> {
    let before = evicted(servers).await?;
    configure(servers, "maxmemory-policy", EVICTION_POLICIES[times as usize % EVICTION_POLICIES.len()]).await?;
    let loss = world.begin_loss(Loss::of_sessions());
    for _ in 0..SHORTAGES {
        for server in servers {
            let memory = server.info("memory").await?;
            let bytes = |name: &str| memory.get(name).and_then(|bytes| bytes.parse::<u64>().ok());
            let used = bytes("used_memory").ok_or("the server tells nothing of its memory")?;
            // What is kept for replicas does not count against the limit.
            let used = used.saturating_sub(bytes("mem_not_counted_for_evict").unwrap_or(0));
            let limit = used.saturating_sub(SHORT_OF).to_string();
            server.command(&["CONFIG", "SET", "maxmemory", &limit]).await?;
        }
        sleep(BETWEEN_SHORTAGES).await;
    }
    configure(servers, "maxmemory", "0").await?;
    world.end_loss(loss);
    configure(servers, "maxmemory-policy", "noeviction").await?;
    if evicted(servers).await? == before { Err("no server evicted anything".into()) } else { Ok(()) }
}

async fn evicted(servers: &[&Server]) -> Result<u64, Error> {
    let mut sum = 0;
    for server in servers {
        let keys = server.info("stats").await?.get("evicted_keys").and_then(|keys| keys.parse::<u64>().ok());
        sum += keys.ok_or("the server does not tell what it evicted")?;
    }
    Ok(sum)
}

async fn configure(servers: &[&Server], name: &str, value: &str) -> Result<(), Error> {
    for server in servers {
        server.command(&["CONFIG", "SET", name, value]).await?;
    }
    Ok(())
}

async fn fail_over(cluster: &Cluster, world: &ScenarioState) -> Result<(), Error> {
    let slot = fastrand::u16(..16384);
    let (master, replica) = (cluster.node_of(slot).await?, cluster.replica_of(slot).await?);
    let loss = world.begin_loss(Loss::of_last_writes(Some(cluster.slots_beside(slot).await?), None));
    master.kill()?;
    world.end_loss(loss);
    promoted(replica).await?;
    world.took_over(loss);
    cluster.settle().await?;
    sleep(REST / 2).await;
    Ok(master.restart().await?)
}

/// A replica without the last acknowledged writes takes the place of its master, as the other masters vote for it.
async fn fail_over_to_a_lagging_replica(cluster: &Cluster, world: &ScenarioState, end: End) -> Result<(), Error> {
    let slot = live_token(world).await.and_then(|token| slot_of(&token)).ok_or("no session lives")?;
    let (master, replica) = (cluster.node_of(slot).await?, cluster.replica_of(slot).await?);
    replace_by_a_lagging_replica(master, replica, Some(cluster.slots_beside(slot).await?), world, end).await?;
    sleep(REST / 2).await;
    end.undo(master).await?;
    Ok(cluster.settle().await?)
}

/// The same, as sentinels decide.
async fn fail_over_by_sentinels(sentinels: &Sentinels, world: &ScenarioState, end: End) -> Result<(), Error> {
    let master = sentinels.master().await?;
    let replica = sentinels.servers().iter().find(|server| server.port() != master.port()).ok_or("no replica")?;
    replace_by_a_lagging_replica(master, replica, None, world, end).await?;
    // Until then some would still name the old one, were it up.
    until("the sentinels name the new master", ELECTION_LIMIT, || async {
        match sentinels.master().await? {
            named if named.port() == replica.port() => Ok(()),
            named => Err(cloakroom_testbed::Error::Unexpected(format!("they name {}", named.port()))),
        }
    })
    .await?;
    end.undo(master).await?;
    // It comes back as a master, with what only it has or with nothing, until the sentinels see it.
    until("the old master follows the new one", ELECTION_LIMIT, || async {
        let replication = master.info("replication").await?;
        match replication.get("master_link_status").map(String::as_str) {
            Some("up") => Ok(()),
            _ => Err(cloakroom_testbed::Error::Unexpected(format!("{replication:?}"))),
        }
    })
    .await?;
    // They must also agree that it follows, before it may be needed.
    until("the sentinels name one master", ELECTION_LIMIT, || async { sentinels.master().await.map(drop) }).await?;
    Ok(())
}

/// How a master ends that a replica then replaces.
#[derive(Clone, Copy, Debug)]
enum End {
    Killed,
    /// It stands still, goes on when another one is the master, and does not know that yet.
    Frozen,
}

impl End {
    /// One way and the other in turn.
    const fn of(times: u64) -> Self {
        if times.is_multiple_of(2) { Self::Killed } else { Self::Frozen }
    }

    async fn undo(self, master: &Server) -> Result<(), Error> {
        match self {
            Self::Killed => master.restart().await?,
            Self::Frozen => master.thaw()?,
        }
        Ok(())
    }
}

async fn replace_by_a_lagging_replica(
    master: &Server,
    replica: &Server,
    slots: Option<Vec<(u16, u16)>>,
    world: &ScenarioState,
    end: End,
) -> Result<(), Error> {
    let loss = world.begin_loss(Loss::of_last_writes(slots, Some(Instant::now())));
    replica.fall_behind(master).await?;
    until("the replica lags", ELECTION_LIMIT, || async {
        match replica.bytes_behind(master).await? {
            bytes if bytes >= LAG => Ok(()),
            bytes => Err(cloakroom_testbed::Error::Unexpected(format!("by {bytes} bytes"))),
        }
    })
    .await?;
    match end {
        End::Killed => master.kill()?,
        End::Frozen => master.freeze().await?,
    }
    world.end_loss(loss);
    let ended = Instant::now();
    promoted(replica).await?;
    world.took_over(loss);
    replica.catch_up().await?;
    // What a node has sent to a frozen master it gives up by then. Answered sooner, when the master goes on, it would be
    // acknowledged and lost, and nothing would tell that from what the new master acknowledges.
    sleep((ended + LEASE * 2).saturating_duration_since(Instant::now())).await;
    Ok(())
}

/// Waits until a replica is a master.
async fn promoted(replica: &Server) -> Result<(), Error> {
    until("the replica is the master", ELECTION_LIMIT, || async {
        match replica.info("replication").await?.remove("role").as_deref() {
            Some("master") => Ok(()),
            role => Err(cloakroom_testbed::Error::Unexpected(format!("it is a {role:?}"))),
        }
    })
    .await?;
    Ok(())
}

/// The token of some live session.
async fn live_token(world: &ScenarioState) -> Option<String> {
    for _ in 0..50 {
        let tokens: Vec<String> = world.tokens.lock().values().cloned().collect();
        if let Some(token) = fastrand::choice(tokens) {
            return Some(token);
        }
        sleep(REST / 10).await;
    }
    None
}

/// Moves the slot of some live session, with pauses in which it is on both sides.
async fn move_slot(cluster: &Cluster, namespace: &str, world: &ScenarioState) -> Result<(), Error> {
    for _ in 0..20 {
        let tokens: Vec<String> = world.tokens.lock().values().cloned().collect();
        let Some(key) = fastrand::choice(&tokens).and_then(|token| key_of(namespace, token)) else {
            sleep(REST / 10).await;
            continue;
        };
        let slot = cluster.slot_of(&key).await?;
        let from = cluster.node_of(slot).await?;
        let mut to = from;
        while to.port() == from.port() {
            to = cluster.node_of(fastrand::u16(..16384)).await?;
        }
        let moving = cluster.begin_move(slot, to).await?;
        sleep(REST / 50).await;
        while moving.migrate(BATCH).await? > 0 {}
        sleep(REST / 50).await;
        // Whoever was created on the old side meanwhile moves too.
        while moving.migrate(BATCH).await? > 0 {}
        moving.finish().await?;
    }
    Ok(())
}

/// The key of the record that a token names.
fn key_of(namespace: &str, token: &str) -> Option<String> {
    Some(format!("{namespace}:session:{{{}}}", tag_of(token)?))
}
