use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::books::Entry;
use crate::client::Dead;
use crate::report::Tally;

/// How long a copy may be served that nobody vouches for any more: the library's default.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

/// What the clients of one scenario share.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) nodes: Vec<SocketAddr>,
    pub(crate) tally: Tally,
    pub(crate) aborted_percent: u32,
    /// Tokens that must not open anything any more.
    pub(crate) graveyard: Mutex<Vec<Dead>>,
    /// Tokens of live sessions, by client group.
    pub(crate) tokens: Mutex<HashMap<usize, String>>,
    losses: Mutex<Vec<Instant>>,
    stopped: AtomicBool,
    serials: AtomicU64,
}

impl World {
    pub(crate) fn new(nodes: Vec<SocketAddr>, aborted_percent: u32) -> Self {
        Self { nodes, aborted_percent, ..Self::default() }
    }

    /// No new session is begun from now on.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// A number for a new session. Never 0, which stands for nobody.
    pub(crate) fn serial(&self) -> u64 {
        self.serials.fetch_add(1, Relaxed) + 1
    }

    /// A server has just ended, and with it what only it had.
    pub(crate) fn lose(&self) {
        self.losses.lock().push(Instant::now());
    }

    /// Whether what began at this instant may have been lost by Redis itself since.
    pub(crate) fn excuses(&self, started: Instant) -> bool {
        self.losses.lock().iter().any(|loss| started <= *loss)
    }

    /// Whether what was seen at this instant may have been lost by Redis itself: copies are
    /// served for the length of the lease after their server died.
    pub(crate) fn excuses_sight(&self, asked: Instant) -> bool {
        self.losses.lock().iter().any(|loss| asked <= *loss + LEASE)
    }

    /// Whether this acknowledged write is so old that everybody must see it.
    pub(crate) fn is_stale(entry: &Entry, asked: Instant) -> bool {
        asked.checked_sub(LEASE).is_some_and(|known| entry.acked_before(known))
    }
}
