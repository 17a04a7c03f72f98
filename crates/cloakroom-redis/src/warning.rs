//! What works, and may cost sessions.

use std::fmt;
use std::time::Duration;

/// Something about the server that works, but may lose sessions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
    /// The user may not look.
    #[error("the user may not run `INFO`, so that neither the eviction policy nor persistence was looked at")]
    Blind,
}

/// All of them in one message.
pub(crate) struct All<'a>(pub(crate) &'a [Warning]);

impl fmt::Display for All<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let separator = |n| if n == 0 { "" } else { "; " };
        self.0.iter().enumerate().try_for_each(|(n, warning)| write!(f, "{}{warning}", separator(n)))
    }
}
