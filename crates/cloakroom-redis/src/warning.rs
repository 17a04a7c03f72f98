//! What works, and may cost sessions.

use std::fmt;
use std::time::Duration;

/// Something about the server that works, but may lose sessions.
///
/// Its `Debug` says the same as its `Display`.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// When memory is short, the server drops sessions.
    #[error("`maxmemory-policy {0}` lets the server drop live sessions when memory is short; set `noeviction`")]
    Eviction(String),
    /// After a restart of the server, all sessions are gone.
    #[error("the server keeps nothing on disk, so that its restart ends all sessions; set `appendonly yes`")]
    NoPersistence,
    /// The server's clock and this machine's differ.
    #[error("the server's clock and this machine's differ by {0:?}; sessions last longer or shorter by that")]
    Clock(Duration),
    /// The server soon forgets who has read what, and makes nodes drop good copies, which costs loads.
    #[error(
        "the server's table of tracked keys has room for {limit} and holds {keys}, so that copies in memory do not \
         last; set `tracking-table-max-keys` above the number of live sessions, a million being the default"
    )]
    TrackingTable {
        /// How many keys the table holds, those of all clients of the server.
        keys: u64,
        /// How many it has room for.
        limit: u64,
    },
    /// The server closes connections that nodes keep open.
    #[error(
        "`timeout {0}` has the server close the connections of nodes, which costs them all copies each time; set `timeout 0`, \
         or a shorter lease"
    )]
    Timeout(u64),
    /// The server closes the connection of whoever reads a large record.
    #[error(
        "`client-output-buffer-limit normal {0}` has the server close the connections of nodes that read large records; set \
         it to 0, or to 16mb at least"
    )]
    OutputLimit(u64),
    /// Made-up tokens fill the server's table of tracked keys.
    #[error(
        "the user may not run `RENAMENX`, so that reads of sessions that do not exist fill the server's table of tracked \
         keys; add `+renamenx` to the user's rights"
    )]
    TracksStrangers,
    /// The user may not look.
    #[error(
        "the user may not run `INFO`, so that neither the eviction policy nor persistence nor the table of tracked keys is \
         looked at"
    )]
    Blind,
}

impl fmt::Debug for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// All of them in one message.
pub(crate) struct Joined<'a>(pub(crate) &'a [Warning]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = |n| if n == 0 { "" } else { "; " };
        self.0.iter().enumerate().try_for_each(|(n, warning)| write!(f, "{}{warning}", separator(n)))
    }
}
