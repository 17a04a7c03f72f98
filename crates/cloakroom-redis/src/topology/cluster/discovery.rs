//! Reads the slot map of a cluster and keeps it up to date.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use redis::{Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value, cmd};
use tokio::sync::Notify;

use super::{Cluster, RETRY_DELAY};
use crate::connection::timed;
use crate::topology::slots::{SlotRange, ranges};

/// Refresh interval, because slots may move while no request uses them.
const REFRESH: Duration = Duration::from_secs(10);

impl Cluster {
    /// The slot map as reported by the first server that answers: the known masters, then the
    /// seeds.
    pub(super) async fn read_map(&self) -> RedisResult<Vec<SlotRange>> {
        let deadline = self.settings.deadline;
        let masters = self.map.read().unwrap_or_else(PoisonError::into_inner).masters();
        for master in masters {
            // Do not wait for a master that is down.
            let Ok(pair) = master.connection.pair(Duration::ZERO).await else { continue };
            let Ok(reply) = timed(deadline, pair.send(cmd("CLUSTER").arg("SLOTS"))).await else { continue };
            if let Some(map) = named(ranges(&reply), &master.address.0) {
                return Ok(map);
            }
        }
        let mut failure =
            RedisError::from((ErrorKind::ClusterConnectionNotFound, "no cluster node returned a slot map"));
        for seed in std::iter::once(&self.seed).chain(&self.more_seeds) {
            match timed(deadline, ask_seed(seed)).await {
                Ok(reply) => {
                    let (ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) = seed.addr() else {
                        continue;
                    };
                    if let Some(map) = named(ranges(&reply), host) {
                        return Ok(map);
                    }
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

/// Reads the slot map again whenever it proves wrong, and periodically.
pub(super) async fn refresh_periodically(cluster: Weak<Cluster>, stale: Arc<Notify>) {
    loop {
        drop(tokio::time::timeout(REFRESH, stale.notified()).await);
        let Some(cluster) = cluster.upgrade() else { return };
        if let Err(error) = cluster.refresh().await {
            tracing::warn!(%error, "the slot map of the session store's cluster could not be read");
        }
        drop(cluster);
        // Limits the rate, however many requests notice at the same time that the map is wrong.
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn ask_seed(seed: &ConnectionInfo) -> RedisResult<Value> {
    let mut connection = Client::open(seed.clone())?.get_multiplexed_async_connection().await?;
    cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await
}

/// Fills in the address of the queried server where a server does not know its own. `None` if the
/// map is empty.
fn named(mut ranges: Vec<SlotRange>, asked: &str) -> Option<Vec<SlotRange>> {
    for range in &mut ranges {
        if range.host.is_empty() {
            asked.clone_into(&mut range.host);
        }
    }
    (!ranges.is_empty()).then_some(ranges)
}
