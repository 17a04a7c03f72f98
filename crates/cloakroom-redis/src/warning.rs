//! Findings at start-up that do not prevent the start.

use std::fmt;
use std::time::Duration;

/// A property of the server that works but may lose sessions.
///
/// `Debug` prints the same text as `Display`.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// The server may evict live sessions when memory is short.
    #[error("`maxmemory-policy {0}` lets the server evict live sessions when memory is short; set `noeviction`")]
    Eviction(String),
    /// A restart of the server ends all sessions.
    #[error("the server does not persist data, so a restart ends all sessions; set `appendonly yes`")]
    NoPersistence,
    /// The server's clock and this machine's clock differ.
    #[error("the server's clock and this machine's differ by {0:?}; sessions last longer or shorter by that amount")]
    Clock(Duration),
    /// The table of tracked keys is too small: the server makes nodes drop valid copies, which
    /// costs loads.
    #[error(
        "the server's table of tracked keys has room for {limit} and holds {keys}, so copies in memory do not \
         last; set `tracking-table-max-keys` above the number of live sessions (the default is one million)"
    )]
    TrackingTable {
        /// Keys in the table, for all clients of the server.
        keys: u64,
        /// Capacity of the table.
        limit: u64,
    },
    /// The server closes idle connections of nodes.
    #[error(
        "`timeout {0}` makes the server close the connections of nodes, which costs them all copies each time; set `timeout 0`, \
         or a shorter lease"
    )]
    Timeout(u64),
    /// The server closes a connection that reads a large record.
    #[error(
        "`client-output-buffer-limit normal {0}` makes the server close the connections of nodes that read large records; set \
         it to 0 or to at least 16mb"
    )]
    OutputLimit(u64),
    /// Made-up tokens fill the server's table of tracked keys.
    #[error(
        "the user may not run `RENAMENX`, so reads of sessions that do not exist fill the server's table of tracked \
         keys; add `+renamenx` to the user's rights"
    )]
    TracksMissingKeys,
    /// The server could not be inspected, because the user may not run `INFO`.
    #[error(
        "the user may not run `INFO`, so the eviction policy, persistence and the table of tracked keys were not \
         checked"
    )]
    NotInspected,
}

impl fmt::Debug for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// All warnings in one message.
pub(crate) struct Joined<'a>(pub(crate) &'a [Warning]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = |n| if n == 0 { "" } else { "; " };
        self.0.iter().enumerate().try_for_each(|(n, warning)| write!(f, "{}{warning}", separator(n)))
    }
}
