//! What happens while clients work.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom_testbed::{Cluster, Direction, Server};
use tokio::time::sleep;

use super::{Ground, NODES};
use crate::Error;
use crate::fault::Fault;
use crate::world::{LEASE, World};

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

/// Plays a fault until `end`, at least once, and lifts it. Answers how often it was played.
pub(crate) async fn play(fault: Fault, ground: &Ground<'_>, world: &World, end: Instant) -> Result<u64, Error> {
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
            Fault::SlotMove => move_slot(ground.cluster()?, &ground.namespace(fault), world).await?,
        }
        times += 1;
        sleep(if fault == Fault::Cut { BETWEEN_CUTS } else { REST }).await;
        if Instant::now() >= end {
            return Ok(times);
        }
    }
}

impl Ground<'_> {
    pub(super) fn namespace(&self, fault: Fault) -> String {
        if fault.needs_cluster() { format!("checker-{fault}") } else { "checker".to_owned() }
    }
}

async fn freeze(server: &Server) -> Result<(), Error> {
    server.freeze().await?;
    sleep(FREEZE).await;
    Ok(server.thaw()?)
}

async fn restart_empty(server: &Server, world: &World) -> Result<(), Error> {
    server.kill()?;
    world.lose();
    sleep(REST / 4).await;
    Ok(server.restart().await?)
}

async fn freeze_node(ground: &Ground<'_>, which: usize) -> Result<(), Error> {
    let node = &ground.nodes[which];
    node.freeze()?;
    sleep(BEYOND_THE_LEASE).await;
    node.thaw()
}

/// The connection is there and carries nothing: first answers get lost, the next time questions.
async fn half_open(ground: &Ground<'_>, times: usize) -> Result<(), Error> {
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
async fn hold_replies(ground: &Ground<'_>, times: usize) -> Result<(), Error> {
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

async fn drop_replies(ground: &Ground<'_>, times: usize) -> Result<(), Error> {
    let (_, proxies) = ground.server()?;
    let proxy = &proxies[times % NODES];
    proxy.swallow(Direction::ToClient);
    sleep(DROPPED).await;
    proxy.cut().await;
    proxy.pass();
    Ok(())
}

async fn slow_link(ground: &Ground<'_>) -> Result<(), Error> {
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

async fn fail_over(cluster: &Cluster, world: &World) -> Result<(), Error> {
    let slot = fastrand::u16(..16384);
    let master = cluster.node_of(slot).await?;
    master.kill()?;
    world.lose();
    cluster.failover(slot).await?;
    sleep(REST / 2).await;
    Ok(master.restart().await?)
}

/// Moves the slot of some live session, with pauses in which it is on both sides.
async fn move_slot(cluster: &Cluster, namespace: &str, world: &World) -> Result<(), Error> {
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
    let bytes = URL_SAFE_NO_PAD.decode(token.get(..43)?).ok()?;
    let tag = bytes.first_chunk::<16>()?;
    Some(format!("{namespace}:session:{{{:032x}}}", u128::from_be_bytes(*tag)))
}
