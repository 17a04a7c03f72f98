use crate::store::RedisStore;

/// What a store has seen of its servers: gauges and counts since it was made.
///
/// Taking it costs nothing; the servers are looked at in the background, every few leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RedisStats {
    /// Gauge: keys in the server's table of tracked keys, those of all its clients. In a cluster, of the server that was
    /// looked at last. 0 before the first look, and where the user may not run `INFO`.
    pub tracked_keys: u64,
    /// Gauge: how many that table has room for (`tracking-table-max-keys`). 0 where it has no limit.
    pub tracked_keys_limit: u64,
    /// How many looks found the table full. While it is, the server makes nodes drop copies that are still good, which costs
    /// loads; raise `tracking-table-max-keys` above the number of live sessions.
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
    /// What was seen of the servers so far. What happened to sessions says [`Sessions::stats`](cloakroom::Sessions::stats).
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
