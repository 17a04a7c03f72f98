use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::{RedisResult, cmd};

use super::pair::ConnectionPair;
use super::{ConnectionSettings, timed};

/// Minimum interval between log lines about a full table.
const LOG_INTERVAL: Duration = Duration::from_secs(3600);

/// Size and limit of the table in which a server records which client has read which key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableFill {
    pub(crate) keys: u64,
    /// 0 for no limit.
    pub(crate) limit: u64,
}

impl TableFill {
    /// Returns `true` if the server evicts entries, or soon will. Each evicted entry costs a node
    /// its copy.
    pub(crate) const fn is_full(self) -> bool {
        self.limit > 0 && self.keys >= self.limit - self.limit / 20
    }
}

/// The state of the tables as last observed.
#[derive(Debug, Default)]
pub(crate) struct TrackingTable {
    keys: AtomicU64,
    limit: AtomicU64,
    times_full: AtomicU64,
}

impl TrackingTable {
    pub(crate) fn last_seen(&self) -> TableFill {
        TableFill { keys: self.keys.load(Ordering::Relaxed), limit: self.limit.load(Ordering::Relaxed) }
    }

    /// Number of observations that found a table full.
    pub(crate) fn times_full(&self) -> u64 {
        self.times_full.load(Ordering::Relaxed)
    }

    pub(crate) fn note(&self, filling: TableFill) {
        self.keys.store(filling.keys, Ordering::Relaxed);
        self.limit.store(filling.limit, Ordering::Relaxed);
        self.times_full.fetch_add(u64::from(filling.is_full()), Ordering::Relaxed);
    }
}

/// Observes the table periodically while the connection is open, and logs when it is too small.
/// Never returns.
pub(super) async fn watch(line: &ConnectionPair, settings: &ConnectionSettings) -> std::convert::Infallible {
    let mut rhythm = tokio::time::interval((settings.lease * 4).max(Duration::from_secs(1)));
    rhythm.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // The start-up check has already observed it.
    rhythm.tick().await;
    let mut said: Option<Instant> = None;
    loop {
        rhythm.tick().await;
        // If the user may not query it, nothing is known.
        let Ok(filling) = timed(settings.deadline, look(line)).await else { continue };
        settings.table.note(filling);
        if filling.is_full() && said.is_none_or(|said| said.elapsed() >= LOG_INTERVAL) {
            said = Some(Instant::now());
            tracing::warn!(
                tracked_keys = filling.keys,
                limit = filling.limit,
                "the session store's table of tracked keys is full, so copies in memory do not last; raise \
                 `tracking-table-max-keys` on the server above the number of live sessions"
            );
        }
    }
}

async fn look(line: &ConnectionPair) -> RedisResult<TableFill> {
    let mut answers = line.send_all(&requests(), false).await?.into_iter();
    let mut next = || answers.next().unwrap_or(Ok(redis::Value::Nil));
    parse(next()?, next()?)
}

/// The commands that query the table.
pub(crate) fn requests() -> [redis::Cmd; 2] {
    let (mut info, mut config) = (cmd("INFO"), cmd("CONFIG"));
    info.arg("stats");
    config.arg("GET").arg("tracking-table-max-keys");
    [info, config]
}

/// Parses the replies to `requests`.
pub(crate) fn parse(info: redis::Value, config: redis::Value) -> RedisResult<TableFill> {
    let info: String = redis::from_redis_value(info)?;
    let config: Vec<(String, u64)> = redis::from_redis_value(config)?;
    let keys = info.lines().find_map(|line| line.strip_prefix("tracking_total_keys:")?.trim().parse().ok());
    Ok(TableFill { keys: keys.unwrap_or_default(), limit: config.first().map_or(0, |(_, limit)| *limit) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_full_a_little_before_the_server_drops_entries() {
        let full = |keys, limit| TableFill { keys, limit }.is_full();
        assert!(!full(1_000_000, 0), "without a limit");
        assert!(!full(940, 1000) && full(950, 1000) && full(1000, 1000));
        assert!(!full(3, 4) && full(4, 4));
    }
}
