use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::client::DeadToken;
use crate::ledger::Entry;
use crate::loss::{Loss, Lost, Operation};
use crate::report::Tally;

/// How long a copy may be served that nobody vouches for any more: the library's default.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// How much later than it should a busy machine may do something.
const MARGIN: Duration = Duration::from_millis(300);

/// What the clients of one scenario share.
#[derive(Debug, Default)]
pub(crate) struct ScenarioState {
    pub(crate) nodes: Vec<SocketAddr>,
    pub(crate) tally: Tally,
    pub(crate) aborted_percent: u32,
    /// Tokens that must not open anything any more.
    pub(crate) dead_tokens: Mutex<Vec<DeadToken>>,
    /// Tokens of live sessions, by client group.
    pub(crate) tokens: Mutex<HashMap<usize, String>>,
    losses: Mutex<Vec<Loss>>,
    stopped: AtomicBool,
    serials: AtomicU64,
}

impl ScenarioState {
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

    /// From now on a server may lose what it acknowledges. Returns what names this loss.
    pub(crate) fn begin_loss(&self, loss: Loss) -> usize {
        let mut losses = self.losses.lock();
        losses.push(loss);
        losses.len() - 1
    }

    /// Nothing that is sent from now on belongs to this loss.
    pub(crate) fn end_loss(&self, number: usize) {
        self.losses.lock()[number].sent_by = Some(Instant::now());
    }

    /// Another server is the master: what is acknowledged from now on belongs to this loss only if the node may have
    /// kept the answer of the old one back, which it does for as long as a lease.
    pub(crate) fn took_over(&self, number: usize) {
        let loss = &mut self.losses.lock()[number];
        let kept_back = loss.sent_by.map(|by| by + LEASE + MARGIN);
        loss.acked_by = Some(Instant::now()).max(kept_back);
    }

    /// Whether Redis itself may have lost this, in a session or a removal that is otherwise there.
    pub(crate) fn excuses(&self, operation: Operation) -> bool {
        self.losses.lock().iter().any(|loss| loss.what == Lost::LastWrites && loss.includes(operation))
    }

    /// Whether Redis itself may have lost this together with all of its session, whose last login is `login`.
    pub(crate) fn excuses_end(&self, operation: Operation, login: Option<Operation>) -> bool {
        self.losses.lock().iter().any(|loss| {
            let with_login = loss.what == Lost::LastWrites
                && loss.was_sent_in_time(operation)
                && login.is_some_and(|login| loss.includes(login));
            // A record that has lost its last login opens to nobody, whatever else it still holds.
            with_login || loss.includes(operation)
        })
    }

    /// Whether what was seen at this instant may have been lost by Redis itself: copies are
    /// served for the length of the lease after their server died.
    pub(crate) fn excuses_sight(&self, slot: Option<u16>, asked: Instant) -> bool {
        let losses = self.losses.lock();
        losses.iter().any(|loss| loss.what == Lost::LastWrites && loss.is_of(slot) && loss.may_be_seen_at(asked))
    }

    /// Whether Redis has lost this for good: a question asked at `asked` cannot be answered by a copy from before.
    pub(crate) fn is_lost_for_good(&self, operation: Operation, asked: Instant) -> bool {
        let over = |loss: &Loss| loss.acked_by.is_some_and(|by| asked > by + LEASE);
        let losses = self.losses.lock();
        losses.iter().any(|loss| loss.what == Lost::LastWrites && loss.includes(operation) && over(loss))
    }

    /// Whether Redis may have lost anything.
    pub(crate) fn has_lost_writes(&self) -> bool {
        self.losses.lock().iter().any(|loss| loss.what == Lost::LastWrites)
    }

    /// Whether this acknowledged write is so old that everybody must see it.
    pub(crate) fn is_stale(entry: &Entry, asked: Instant) -> bool {
        asked.checked_sub(LEASE).is_some_and(|known| entry.acked_before(known))
    }
}
