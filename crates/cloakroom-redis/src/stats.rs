use crate::store::RedisStore;

/// Observations of the servers of a store: gauges, and counts since the store was created.
///
/// Reading them costs nothing: the servers are queried in the background, every few leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStats {
    /// Gauge: keys in the server's table of tracked keys, for all its clients. In a cluster, of the
    /// server that was queried last. 0 before the first query, and if the user may not run `INFO`.
    pub tracked_keys: u64,
    /// Gauge: capacity of that table (`tracking-table-max-keys`). 0 if it has no limit.
    pub tracked_keys_limit: u64,
    /// Number of queries that found the table full. While it is full, the server makes nodes drop
    /// copies that are still valid, which costs loads; raise `tracking-table-max-keys` above the
    /// number of live sessions.
    pub tracking_table_full: u64,
}

impl RedisStats {
    /// Every number under its stable name, for an exporter.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
        [
            ("tracked_keys", self.tracked_keys),
            ("tracked_keys_limit", self.tracked_keys_limit),
            ("tracking_table_full", self.tracking_table_full),
        ]
        .into_iter()
    }
}

impl RedisStore {
    /// Returns what the store has observed of its servers so far. For counts of sessions, see
    /// [`Sessions::stats`](cloakroom::Sessions::stats).
    #[must_use]
    pub fn stats(&self) -> RedisStats {
        let table = &self.settings().table;
        let filling = table.last_seen();
        RedisStats {
            tracked_keys: filling.keys,
            tracked_keys_limit: filling.limit,
            tracking_table_full: table.times_full(),
        }
    }
}
