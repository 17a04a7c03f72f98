//! The implementation of the faults.

use std::time::{Duration, Instant};

use cloakroom_testbed::{Cluster, Direction, Proxy, Sentinels, Server, until};
use futures_util::future::join_all;
use tokio::time::sleep;

use super::{Environment, NODES, postgres};
use crate::Error;
use crate::fault::{Fault, Setup};
use crate::loss::{Loss, selector_of, slot_of};
use crate::state::{LEASE, ScenarioState};

/// Pause between two faults, in which clients write new data.
pub(super) const REST: Duration = Duration::from_millis(1000);
const BETWEEN_CUTS: Duration = Duration::from_millis(60);
pub(super) const FREEZE: Duration = Duration::from_secs(3);
/// Longer than any copy may be served.
const BEYOND_THE_LEASE: Duration = LEASE.saturating_add(Duration::from_millis(800));
/// Longer than a node waits for a reply, so that it retries its command.
const HELD: Duration = Duration::from_millis(1500);
/// Long enough to lose the replies to writes, and short enough that their deadline has not passed.
const DROPPED: Duration = Duration::from_millis(800);
/// How often replies are held in a row, with a pause in which others write.
const HOLDS: usize = 3;
const BATCH: u32 = 100;
/// How many keys a server tracks: with one, nearly every command drops an entry.
const TABLE_SIZES: [&str; 2] = ["1", "8"];
const TABLE_SIZE_BY_DEFAULT: &str = "1000000";
/// The policies by which a server chooses the keys to evict when its memory is full.
const EVICTION_POLICIES: [&str; 2] = ["allkeys-random", "allkeys-lru"];
/// How often memory is made short at least, and by how many bytes: a few sessions.
const SHORTAGES: usize = 20;
const BETWEEN_SHORTAGES: Duration = Duration::from_millis(50);
const SHORT_OF: u64 = 2 << 10;
/// How many slots move, one after the other.
const SLOT_MOVES: usize = 20;
/// How far a replica lags behind before its master stops: several writes, but fewer than most
/// sessions make, so that these continue without their last ones.
const LAG: u64 = 8 << 10;
/// Longer than a fault needs on a busy machine until it has had its effect.
pub(super) const EFFECT_LIMIT: Duration = Duration::from_secs(60);

/// Injects a fault until `end`, at least once, and lifts it. Returns how often it was injected.
pub(crate) async fn play(
    fault: Fault,
    environment: &Environment<'_>,
    scenario: &ScenarioState,
    end: Instant,
) -> Result<u64, Error> {
    let mut times = 0;
    sleep(REST).await;
    loop {
        match fault {
            Fault::None | Fault::Aborts => sleep(REST).await,
            Fault::Freeze => freeze(environment).await?,
            Fault::RestartEmpty => restart_empty(environment.server()?, scenario).await?,
            Fault::Cut => cut(environment).await?,
            Fault::NodeFrozen => freeze_node(environment, times as usize % NODES).await?,
            Fault::HalfOpen => half_open(environment, times as usize).await?,
            Fault::HeldReplies | Fault::HeldRepliesCluster => hold_replies(environment, times as usize).await?,
            Fault::DroppedReplies | Fault::DroppedRepliesCluster => drop_replies(environment, times as usize).await?,
            Fault::SlowLink => slow_link(environment).await?,
            Fault::Failover => fail_over(environment.cluster()?, scenario).await?,
            Fault::TinyTrackingTable => shrink_tables(&[environment.server()?], times).await?,
            Fault::TinyTrackingTableCluster => shrink_tables(&all(environment.cluster()?), times).await?,
            Fault::EvictingServer => evict(&[environment.server()?], scenario, times).await?,
            Fault::EvictingCluster => evict(&all(environment.cluster()?), scenario, times).await?,
            Fault::LaggingFailover => {
                fail_over_to_a_lagging_replica(environment.cluster()?, scenario, MasterFault::of(times)).await?;
            }
            Fault::LaggingFailoverSentinel => {
                fail_over_by_sentinels(environment.sentinels()?, scenario, MasterFault::of(times)).await?;
            }
            Fault::ServerStopped => postgres::stop(environment.postgres()?).await?,
            Fault::CrashRecovery => postgres::crash(environment.postgres()?).await?,
            Fault::NoConnectionsLeft => postgres::take_all_connections(environment.postgres()?).await?,
            Fault::LongTransaction => postgres::hold_snapshot(environment.postgres()?, end).await?,
            Fault::Serializable => postgres::make_serializable(environment.postgres()?).await?,
            Fault::LockedRows => postgres::lock_rows(environment.postgres()?).await?,
            Fault::SlotMove => move_slot(environment.cluster()?, &environment.namespace(fault), scenario).await?,
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
        match fault.setup(false) {
            Setup::Cluster | Setup::ClusterThroughProxies => format!("checker-{fault}"),
            Setup::Server | Setup::Sentinels | Setup::Postgres => "checker".to_owned(),
        }
    }
}

async fn freeze(environment: &Environment<'_>) -> Result<(), Error> {
    if let Ok(server) = environment.postgres() {
        server.freeze().await?;
        sleep(FREEZE).await;
        return Ok(server.thaw()?);
    }
    let server = environment.server()?;
    server.freeze().await?;
    sleep(FREEZE).await;
    Ok(server.thaw()?)
}

async fn cut(environment: &Environment<'_>) -> Result<(), Error> {
    match environment.postgres() {
        Ok(server) => postgres::cut_clients(server).await,
        Err(_) => Ok(environment.server()?.cut_clients().await.map(drop)?),
    }
}

async fn restart_empty(server: &Server, scenario: &ScenarioState) -> Result<(), Error> {
    let loss = scenario.begin_loss(Loss::of_sessions());
    server.kill()?;
    scenario.end_loss(loss);
    sleep(REST / 4).await;
    Ok(server.restart().await?)
}

async fn freeze_node(environment: &Environment<'_>, which: usize) -> Result<(), Error> {
    let node = &environment.nodes[which];
    node.freeze()?;
    sleep(BEYOND_THE_LEASE).await;
    node.thaw()
}

/// The connection is open but transmits nothing: the first time replies are lost, the next time
/// commands.
async fn half_open(environment: &Environment<'_>, times: usize) -> Result<(), Error> {
    let link = environment.link(times)?;
    let lost = if times.is_multiple_of(2) { Direction::ToClient } else { Direction::ToServer };
    link.iter().for_each(|proxy| proxy.swallow(lost));
    sleep(BEYOND_THE_LEASE).await;
    link.iter().for_each(Proxy::pass);
    // A stream that lost its middle is useless.
    cut_link(link).await;
    Ok(())
}

/// A node retries a write that succeeded but whose reply is late, after others have written.
async fn hold_replies(environment: &Environment<'_>, times: usize) -> Result<(), Error> {
    let link = environment.link(times)?;
    for _ in 0..HOLDS {
        link.iter().for_each(|proxy| proxy.hold(Direction::ToClient));
        sleep(HELD).await;
        link.iter().for_each(|proxy| proxy.release(Direction::ToClient));
        sleep(REST / 4).await;
    }
    Ok(())
}

async fn drop_replies(environment: &Environment<'_>, times: usize) -> Result<(), Error> {
    let link = environment.link(times)?;
    link.iter().for_each(|proxy| proxy.swallow(Direction::ToClient));
    sleep(DROPPED).await;
    cut_link(link).await;
    link.iter().for_each(Proxy::pass);
    Ok(())
}

async fn cut_link(link: &[Proxy]) {
    join_all(link.iter().map(Proxy::cut)).await;
}

async fn slow_link(environment: &Environment<'_>) -> Result<(), Error> {
    let (slow, slower) = (environment.link(0)?, environment.link(1)?);
    for proxy in slow {
        proxy.delay(Direction::ToClient, Duration::from_millis(5));
    }
    for proxy in slower {
        for direction in [Direction::ToServer, Direction::ToClient] {
            proxy.delay(direction, Duration::from_millis(25));
        }
    }
    sleep(REST * 2).await;
    slow.iter().chain(slower).for_each(Proxy::pass);
    Ok(())
}

pub(super) fn all(cluster: &Cluster) -> Vec<&Server> {
    cluster.nodes().iter().collect()
}

/// The server evicts tracking entries, and has to invalidate their keys, during any client's
/// command.
async fn shrink_tables(servers: &[&Server], times: u64) -> Result<(), Error> {
    let size = TABLE_SIZES[times as usize % TABLE_SIZES.len()];
    configure(servers, "tracking-table-max-keys", size).await?;
    sleep(REST * 2).await;
    configure(servers, "tracking-table-max-keys", TABLE_SIZE_BY_DEFAULT).await
}

/// Sessions are removed during any client's command, and their copies must be invalidated.
async fn evict(servers: &[&Server], scenario: &ScenarioState, times: u64) -> Result<(), Error> {
    let before = evicted(servers).await?;
    configure(servers, "maxmemory-policy", EVICTION_POLICIES[times as usize % EVICTION_POLICIES.len()]).await?;
    let loss = scenario.begin_loss(Loss::of_sessions());
    let begin = Instant::now();
    let mut shortages = 0;
    // A server evicts only when a client sends it something.
    while shortages < SHORTAGES || evicted(servers).await? == before {
        if begin.elapsed() > EFFECT_LIMIT {
            return Err("no server evicted anything".into());
        }
        shortages += 1;
        for server in servers {
            let memory = server.info("memory").await?;
            let bytes = |name: &str| memory.get(name).and_then(|bytes| bytes.parse::<u64>().ok());
            let used = bytes("used_memory").ok_or("the server does not report its memory")?;
            // Replication buffers do not count against the limit.
            let used = used.saturating_sub(bytes("mem_not_counted_for_evict").unwrap_or(0));
            let limit = used.saturating_sub(SHORT_OF).to_string();
            server.command(&["CONFIG", "SET", "maxmemory", &limit]).await?;
        }
        sleep(BETWEEN_SHORTAGES).await;
    }
    configure(servers, "maxmemory", "0").await?;
    scenario.end_loss(loss);
    configure(servers, "maxmemory-policy", "noeviction").await
}

async fn evicted(servers: &[&Server]) -> Result<u64, Error> {
    let mut sum = 0;
    for server in servers {
        let keys = server.info("stats").await?.get("evicted_keys").and_then(|keys| keys.parse::<u64>().ok());
        sum += keys.ok_or("the server does not report evictions")?;
    }
    Ok(sum)
}

pub(super) async fn configure(servers: &[&Server], name: &str, value: &str) -> Result<(), Error> {
    for server in servers {
        server.command(&["CONFIG", "SET", name, value]).await?;
    }
    Ok(())
}

async fn fail_over(cluster: &Cluster, scenario: &ScenarioState) -> Result<(), Error> {
    let slot = fastrand::u16(..16384);
    let (master, replica) = (cluster.node_of(slot).await?, cluster.replica_of(slot).await?);
    let loss = scenario.begin_loss(Loss::of_last_writes(Some(cluster.slots_of_owner(slot).await?), None));
    master.kill()?;
    scenario.end_loss(loss);
    promoted(replica).await?;
    scenario.took_over(loss);
    cluster.wait_for_agreement().await?;
    sleep(REST / 2).await;
    Ok(master.restart().await?)
}

/// A replica that lacks the last acknowledged writes replaces its master, elected by the other
/// masters.
async fn fail_over_to_a_lagging_replica(
    cluster: &Cluster,
    scenario: &ScenarioState,
    end: MasterFault,
) -> Result<(), Error> {
    let slot = slot_of(&live_token(scenario).await?).ok_or("the token has no slot")?;
    let (master, replica) = (cluster.node_of(slot).await?, cluster.replica_of(slot).await?);
    replace_by_a_lagging_replica(master, replica, Some(cluster.slots_of_owner(slot).await?), scenario, end).await?;
    sleep(REST / 2).await;
    end.undo(master).await?;
    Ok(cluster.wait_for_agreement().await?)
}

/// A replica that lacks the last acknowledged writes replaces its master, promoted by sentinels.
async fn fail_over_by_sentinels(
    sentinels: &Sentinels,
    scenario: &ScenarioState,
    end: MasterFault,
) -> Result<(), Error> {
    let master = sentinels.master().await?;
    let replica = sentinels.servers().iter().find(|server| server.port() != master.port()).ok_or("no replica")?;
    replace_by_a_lagging_replica(master, replica, None, scenario, end).await?;
    // Before that, some sentinels would still name the old master if it were up.
    until("the sentinels name the new master", EFFECT_LIMIT, || async {
        match sentinels.master().await? {
            named if named.port() == replica.port() => Ok(()),
            named => Err(cloakroom_testbed::Error::Unexpected(format!("they name {}", named.port()))),
        }
    })
    .await?;
    end.undo(master).await?;
    // It restarts as a master, with writes that only it has or with none, until the sentinels
    // notice it.
    until("the old master follows the new one", EFFECT_LIMIT, || async {
        let replication = master.info("replication").await?;
        match replication.get("master_link_status").map(String::as_str) {
            Some("up") => Ok(()),
            _ => Err(cloakroom_testbed::Error::Unexpected(format!("{replication:?}"))),
        }
    })
    .await?;
    // The sentinels must also agree that it is a replica, before the next fault may need it.
    until("the sentinels name one master", EFFECT_LIMIT, || async { sentinels.master().await.map(drop) }).await?;
    Ok(())
}

/// How a master fails before a replica replaces it.
#[derive(Clone, Copy, Debug)]
enum MasterFault {
    Killed,
    /// The process is stopped; when it resumes, another master exists that it does not know about
    /// yet.
    Frozen,
}

impl MasterFault {
    /// Alternates between both ways.
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
    scenario: &ScenarioState,
    end: MasterFault,
) -> Result<(), Error> {
    let loss = scenario.begin_loss(Loss::of_last_writes(slots, Some(Instant::now())));
    replica.fall_behind(master).await?;
    until("the replica lags", EFFECT_LIMIT, || async {
        match replica.bytes_behind(master).await? {
            bytes if bytes >= LAG => Ok(()),
            bytes => Err(cloakroom_testbed::Error::Unexpected(format!("by {bytes} bytes"))),
        }
    })
    .await?;
    match end {
        MasterFault::Killed => master.kill()?,
        MasterFault::Frozen => master.freeze().await?,
    }
    scenario.end_loss(loss);
    let ended = Instant::now();
    promoted(replica).await?;
    scenario.took_over(loss);
    replica.catch_up().await?;
    // By then a node has given up the commands that it sent to the frozen master. If the master
    // resumed earlier, it would acknowledge them and lose them, and they could not be told apart
    // from those that the new master acknowledged.
    sleep((ended + LEASE * 2).saturating_duration_since(Instant::now())).await;
    Ok(())
}

/// Waits until a replica is a master.
async fn promoted(replica: &Server) -> Result<(), Error> {
    until("the replica is the master", EFFECT_LIMIT, || async {
        match replica.info("replication").await?.remove("role").as_deref() {
            Some("master") => Ok(()),
            role => Err(cloakroom_testbed::Error::Unexpected(format!("it is a {role:?}"))),
        }
    })
    .await?;
    Ok(())
}

/// The token of some live session.
async fn live_token(scenario: &ScenarioState) -> Result<String, Error> {
    let token = until("there is a live session", EFFECT_LIMIT, || async {
        let tokens: Vec<String> = scenario.tokens.lock().values().cloned().collect();
        let missing = || cloakroom_testbed::Error::Unexpected("no client has a token".to_owned());
        fastrand::choice(tokens).ok_or_else(missing)
    });
    Ok(token.await?)
}

/// Moves the slots of live sessions, with pauses in which a slot is on both sides.
async fn move_slot(cluster: &Cluster, namespace: &str, scenario: &ScenarioState) -> Result<(), Error> {
    for _ in 0..SLOT_MOVES {
        let token = live_token(scenario).await?;
        let key = key_of(namespace, &token).ok_or("the token has no key")?;
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
        // Sessions that were created on the old side meanwhile move too.
        while moving.migrate(BATCH).await? > 0 {}
        moving.finish().await?;
    }
    Ok(())
}

/// The Redis key of a token's record.
fn key_of(namespace: &str, token: &str) -> Option<String> {
    Some(format!("{namespace}:session:{{{}}}", selector_of(token)?))
}
