use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::client::DeadToken;
use crate::ledger::Entry;
use crate::loss::{Loss, Lost, Operation};
use crate::report::Tally;

/// How long a copy may be served after its lease was last confirmed: the library's default.
pub(crate) const LEASE: Duration = Duration::from_secs(2);
/// Tolerance for delays on a busy machine.
const MARGIN: Duration = Duration::from_millis(300);

/// The state that the clients of one scenario share.
#[derive(Debug, Default)]
pub(crate) struct ScenarioState {
    pub(crate) nodes: Vec<SocketAddr>,
    pub(crate) tally: Tally,
    pub(crate) aborted_percent: u32,
    /// Tokens that must not open a session any more.
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

    /// Stops the start of new sessions.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// The number of a new session. It is never 0, which means no owner.
    pub(crate) fn serial(&self) -> u64 {
        self.serials.fetch_add(1, Relaxed) + 1
    }

    /// Begins a period in which a server may lose what it acknowledges, and returns its index.
    pub(crate) fn begin_loss(&self, loss: Loss) -> usize {
        let mut losses = self.losses.lock();
        losses.push(loss);
        losses.len() - 1
    }

    /// Ends the period: operations sent from now on do not belong to this loss.
    pub(crate) fn end_loss(&self, number: usize) {
        self.losses.lock()[number].sent_by = Some(Instant::now());
    }

    /// Records that another server is the master. An operation acknowledged from now on belongs to
    /// this loss only while a node may still hold back a reply of the old master, which is for one
    /// lease.
    pub(crate) fn took_over(&self, number: usize) {
        let loss = &mut self.losses.lock()[number];
        let kept_back = loss.sent_by.map(|by| by + LEASE + MARGIN);
        loss.acked_by = Some(Instant::now()).max(kept_back);
    }

    /// Returns `true` if Redis itself may have lost this operation, in a session or removal that
    /// otherwise exists.
    pub(crate) fn excuses(&self, operation: Operation) -> bool {
        self.losses.lock().iter().any(|loss| loss.what == Lost::LastWrites && loss.includes(operation))
    }

    /// Returns `true` if Redis itself may have lost this operation with its whole session, whose
    /// last login is `login`.
    pub(crate) fn excuses_end(&self, operation: Operation, login: Option<Operation>) -> bool {
        self.losses.lock().iter().any(|loss| {
            let with_login = loss.what == Lost::LastWrites
                && loss.was_sent_in_time(operation)
                && login.is_some_and(|login| loss.includes(login));
            // A record that lost its last login opens for nobody, whatever else it still contains.
            with_login || loss.includes(operation)
        })
    }

    /// Returns `true` if Redis itself may have lost what a read at this instant returned: copies
    /// are served for one lease after their server died.
    pub(crate) fn excuses_read(&self, slot: Option<u16>, asked: Instant) -> bool {
        let losses = self.losses.lock();
        losses.iter().any(|loss| loss.what == Lost::LastWrites && loss.is_of(slot) && loss.may_be_seen_at(asked))
    }

    /// Returns `true` if Redis has lost the operation and no older copy can answer a read sent at
    /// `asked`.
    pub(crate) fn is_lost_for_good(&self, operation: Operation, asked: Instant) -> bool {
        let over = |loss: &Loss| loss.acked_by.is_some_and(|by| asked > by + LEASE);
        let losses = self.losses.lock();
        losses.iter().any(|loss| loss.what == Lost::LastWrites && loss.includes(operation) && over(loss))
    }

    /// How often a server may have lost its last writes.
    pub(crate) fn losses_of_writes(&self) -> u64 {
        self.losses.lock().iter().filter(|loss| loss.what == Lost::LastWrites).count() as u64
    }

    /// Returns `true` if this acknowledged write is so old that every node must return it.
    pub(crate) fn is_stale(entry: &Entry, asked: Instant) -> bool {
        asked.checked_sub(LEASE).is_some_and(|known| entry.acked_before(known))
    }
}
