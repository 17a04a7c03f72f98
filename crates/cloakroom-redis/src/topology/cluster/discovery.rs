//! How the map is read, and kept.

use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use redis::{Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value, cmd};
use tokio::sync::Notify;

use super::{Cluster, RETRY_DELAY};
use crate::connection::timed;
use crate::topology::slots::{SlotRange, ranges};

/// Slots may also move while nobody asks for them.
const REFRESH: Duration = Duration::from_secs(10);

impl Cluster {
    /// The map as the first server sees it that answers: the known masters, then the seeds.
    pub(super) async fn read_map(&self) -> RedisResult<Vec<SlotRange>> {
        let deadline = self.settings.deadline;
        let masters = self.map.read().unwrap_or_else(PoisonError::into_inner).masters();
        for master in masters {
            // One that is not up now is no help now.
            let Ok(line) = master.link.pair(Duration::ZERO).await else { continue };
            let Ok(reply) = timed(deadline, line.send(cmd("CLUSTER").arg("SLOTS"))).await else { continue };
            if let Some(map) = named(ranges(&reply), &master.address.0) {
                return Ok(map);
            }
        }
        let mut failure = RedisError::from((
            ErrorKind::ClusterConnectionNotFound,
            "no server of the cluster says who has which keys",
        ));
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

/// Reads the map anew whenever it proved wrong, and now and then.
pub(super) async fn refresh_periodically(cluster: Weak<Cluster>, stale: Arc<Notify>) {
    loop {
        drop(tokio::time::timeout(REFRESH, stale.notified()).await);
        let Some(cluster) = cluster.upgrade() else { return };
        if let Err(error) = cluster.refresh().await {
            tracing::warn!(%error, "no server of the session store's cluster says who has which keys");
        }
        drop(cluster);
        // However many notice at once, one reading in a while is enough.
        tokio::time::sleep(RETRY_DELAY).await;
    }
}

async fn ask_seed(seed: &ConnectionInfo) -> RedisResult<Value> {
    let mut connection = Client::open(seed.clone())?.get_multiplexed_async_connection().await?;
    cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await
}

/// The map with the name of the server that was asked where it does not know its own. `None` if it is empty.
fn named(mut ranges: Vec<SlotRange>, asked: &str) -> Option<Vec<SlotRange>> {
    for range in &mut ranges {
        if range.host.is_empty() {
            asked.clone_into(&mut range.host);
        }
    }
    (!ranges.is_empty()).then_some(ranges)
}
