use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

use crate::ledger::{Ledger, WriteOutcome};

/// A broken promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Acknowledged, and not there at the end.
    Lost,
    /// There more often than it was written.
    Duplicated,
    /// There, although a node said that nothing was changed, or nobody wrote it.
    Phantom,
    /// A client does not see its own write.
    OwnWrite,
    /// A client does not see what it has seen.
    Monotonic,
    /// A client does not see what somebody else had acknowledged longer than a lease ago.
    Stale,
    /// A token opened something longer than a lease after its end.
    Late,
    /// A token opened something after it had been refused, or at the very end.
    Resurrected,
    /// A client saw what is not its own.
    Leaked,
    /// An answer that has no place: a server's error, a live session that does not open.
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

/// How many examples of broken promises are kept to be looked at.
const EXAMPLES: usize = 12;

/// A refusal that came later than this is worth a look, though no promise is broken.
const SLOW: Duration = Duration::from_millis(250);

/// Counts everything that happens in one scenario.
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

    /// Redis itself lost so many acknowledged operations.
    pub(crate) fn find_excused(&self, operations: u64) {
        self.excused.fetch_add(operations, Relaxed);
    }

    /// A node noticed so often that Redis had lost what a client had seen.
    pub(crate) fn rolled_back(&self, times: u64) {
        self.rollbacks.fetch_add(times, Relaxed);
    }

    /// A client saw that something was lost that it had seen.
    pub(crate) fn witnessed(&self) {
        self.witnesses.fetch_add(1, Relaxed);
    }

    pub(crate) fn witnesses(&self) -> u64 {
        self.witnesses.load(Relaxed)
    }

    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Relaxed);
    }

    /// The outcome of every write of a session is known and was compared with what the session holds.
    pub(crate) fn verify(&self, books: &Ledger) {
        for entry in books.all() {
            match entry.fate {
                WriteOutcome::Acked(_) => self.acked.fetch_add(1, Relaxed),
                WriteOutcome::Unknown | WriteOutcome::Pending => self.unknown.fetch_add(1, Relaxed),
                WriteOutcome::Refused => self.refused.fetch_add(1, Relaxed),
            };
        }
    }

    /// A session whose token its client never received: what it holds cannot be compared.
    pub(crate) fn abandon(&self, operations: u64) {
        self.abandoned.fetch_add(operations, Relaxed);
    }

    /// So long after the acknowledgement of a logout, a node that was asked began to refuse.
    /// `opened` are the times of asking and answering before that, where it still opened.
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

    /// Refusals that came late, though not too late.
    pub(crate) fn slow(&self) -> Vec<String> {
        self.slow.lock().clone()
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    pub(crate) fn acked(&self) -> u64 {
        self.acked.load(Relaxed)
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

    /// Times until a node refused, shortest first.
    pub(crate) fn logouts(&self) -> Vec<Duration> {
        let mut times = self.logouts.lock().clone();
        times.sort_unstable();
        times
    }
}
