use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::ledger::{SessionLedger, WriteOutcome};

/// A broken guarantee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// An acknowledged write is missing at the end.
    Lost,
    /// A write is there more often than it was made.
    Duplicated,
    /// A write is there although a node reported that nothing was changed, or that no client made.
    Phantom,
    /// A client does not see its own write.
    OwnWrite,
    /// A client does not see a write that it has seen before.
    Monotonic,
    /// A client does not see a write of another one, acknowledged longer than a lease ago.
    Stale,
    /// A token opened something longer than a lease after its end.
    Late,
    /// A token opened something after it had been refused, or at the very end.
    Resurrected,
    /// A client saw data of another session.
    Leaked,
    /// An unexpected reply, such as a server error, or a live session that does not open.
    Odd,
}

impl Finding {
    pub(crate) const ALL: [Self; 10] = [
        Self::Lost,
        Self::Duplicated,
        Self::Phantom,
        Self::OwnWrite,
        Self::Monotonic,
        Self::Stale,
        Self::Late,
        Self::Resurrected,
        Self::Leaked,
        Self::Odd,
    ];
}

/// How many examples of broken guarantees are kept for the report.
const EXAMPLES: usize = 12;

/// A refusal that is slower than this is reported, although it breaks no guarantee.
const SLOW: Duration = Duration::from_millis(250);

/// With fewer acknowledged writes or logouts, the absence of findings means nothing.
const ENOUGH_WRITES: u64 = 100;
const ENOUGH_LOGOUTS: usize = 3;

/// Counters of one scenario.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    found: [AtomicU64; Finding::ALL.len()],
    examples: Mutex<Vec<String>>,
    requests: AtomicU64,
    acked: AtomicU64,
    unknown: AtomicU64,
    refused: AtomicU64,
    excused: AtomicU64,
    abandoned: AtomicU64,
    rollbacks: AtomicU64,
    witnesses: AtomicU64,
    logouts: Mutex<Vec<Duration>>,
    slow: Mutex<Vec<String>>,
}

impl Tally {
    pub(crate) fn find(&self, finding: Finding, example: impl FnOnce() -> String) {
        self.found[finding as usize].fetch_add(1, Relaxed);
        let mut examples = self.examples.lock();
        if examples.len() < EXAMPLES {
            examples.push(format!("{finding:?}: {}", example()));
        }
    }

    /// Counts acknowledged operations that Redis itself lost.
    pub(crate) fn find_excused(&self, operations: u64) {
        self.excused.fetch_add(operations, Relaxed);
    }

    /// Counts how often a node detected that Redis had lost data that a client had seen.
    pub(crate) fn rolled_back(&self, times: u64) {
        self.rollbacks.fetch_add(times, Relaxed);
    }

    /// Counts that a client missed data that it had seen.
    pub(crate) fn witnessed(&self) {
        self.witnesses.fetch_add(1, Relaxed);
    }

    pub(crate) fn witnesses(&self) -> u64 {
        self.witnesses.load(Relaxed)
    }

    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// Counts the writes of a session whose content was compared with the ledger.
    pub(crate) fn verify(&self, ledger: &SessionLedger) {
        for entry in ledger.all() {
            match entry.outcome {
                WriteOutcome::Acked(_) => self.acked.fetch_add(1, Relaxed),
                WriteOutcome::Unknown | WriteOutcome::Pending => self.unknown.fetch_add(1, Relaxed),
                WriteOutcome::Refused => self.refused.fetch_add(1, Relaxed),
            };
        }
    }

    /// Counts the writes of a session whose content cannot be compared, because its client never
    /// received the token.
    pub(crate) fn abandon(&self, operations: u64) {
        self.abandoned.fetch_add(operations, Relaxed);
    }

    /// Records how long after the acknowledgement of a logout a node began to refuse the token.
    ///
    /// `opened` are the request and reply times of the earlier requests that still opened it.
    pub(crate) fn refused_after(&self, time: Duration, opened: &[(Duration, Duration)]) {
        self.logouts.lock().push(time);
        let mut slow = self.slow.lock();
        if time > SLOW && slow.len() < EXAMPLES {
            slow.push(format!("{time:?}, opened {} times, last {:?}", opened.len(), opened.last()));
        }
    }

    pub(crate) fn found(&self, finding: Finding) -> u64 {
        self.found[finding as usize].load(Relaxed)
    }

    pub(crate) fn examples(&self) -> Vec<String> {
        self.examples.lock().clone()
    }

    /// Refusals that were slow, but within the limit.
    pub(crate) fn slow(&self) -> Vec<String> {
        self.slow.lock().clone()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    pub(crate) fn acked(&self) -> u64 {
        self.acked.load(Relaxed)
    }

    /// Returns `true` if enough happened for the absence of findings to mean something.
    pub(crate) fn proves_something(&self) -> bool {
        self.acked() >= ENOUGH_WRITES && self.logouts.lock().len() >= ENOUGH_LOGOUTS
    }

    pub(crate) fn unknown(&self) -> u64 {
        self.unknown.load(Relaxed)
    }

    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }

    pub(crate) fn excused(&self) -> u64 {
        self.excused.load(Relaxed)
    }

    pub(crate) fn rollbacks(&self) -> u64 {
        self.rollbacks.load(Relaxed)
    }

    pub(crate) fn abandoned(&self) -> u64 {
        self.abandoned.load(Relaxed)
    }

    /// The times until a node refused, in ascending order.
    pub(crate) fn logouts(&self) -> Vec<Duration> {
        let mut times = self.logouts.lock().clone();
        times.sort_unstable();
        times
    }
}
