use std::collections::{HashMap, HashSet};
use std::time::Instant;

use crate::loss::Operation;
use crate::state::ScenarioState;

/// The known outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// No reply yet.
    Pending,
    /// A node acknowledged the write.
    Acked(Instant),
    /// No reply, or one that leaves the outcome open: the write may take effect once, now or later.
    Unknown,
    /// A node reported that nothing was changed.
    Refused,
}

/// A write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) device: usize,
    pub(crate) started: Instant,
    pub(crate) outcome: WriteOutcome,
}

impl Entry {
    pub(crate) fn acked_before(&self, instant: Instant) -> bool {
        matches!(self.outcome, WriteOutcome::Acked(at) if at < instant)
    }

    pub(crate) const fn is_acked(&self) -> bool {
        matches!(self.outcome, WriteOutcome::Acked(_))
    }

    pub(crate) const fn operation(&self, slot: Option<u16>) -> Operation {
        let acked = match self.outcome {
            WriteOutcome::Acked(at) => Some(at),
            _ => None,
        };
        Operation { slot, sent: self.started, acked }
    }
}

/// All writes of one kind to one session, in the order in which they were begun.
#[derive(Debug, Default)]
pub(crate) struct WriteLog(Vec<Entry>);

impl WriteLog {
    /// Records a write that is about to be sent, and returns its number.
    pub(crate) fn begin(&mut self, device: usize) -> usize {
        self.0.push(Entry { device, started: Instant::now(), outcome: WriteOutcome::Pending });
        self.0.len() - 1
    }

    pub(crate) fn settle(&mut self, number: usize, outcome: WriteOutcome) {
        if let Some(entry) = self.0.get_mut(number) {
            entry.outcome = outcome;
        }
    }

    pub(crate) fn get(&self, number: usize) -> Option<&Entry> {
        self.0.get(number)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.0.iter()
    }

    pub(crate) fn count(&self, of: impl Fn(&Entry) -> bool) -> usize {
        self.0.iter().filter(|entry| of(entry)).count()
    }

    /// The maximum number of these writes that the session can contain.
    pub(crate) fn at_most(&self) -> usize {
        self.count(|entry| entry.outcome != WriteOutcome::Refused)
    }
}

/// All writes to one session.
#[derive(Debug, Default)]
pub(crate) struct SessionLedger {
    /// The slot of its record, once a client has its token.
    pub(crate) slot: Option<u16>,
    pub(crate) items: WriteLog,
    pub(crate) count: WriteLog,
    pub(crate) note: WriteLog,
    /// When the first logout request was sent.
    pub(crate) logout_sent: Option<Instant>,
    /// When the acknowledged logout request was sent, and when it was acknowledged.
    pub(crate) ended: Option<(Instant, Instant)>,
    /// When the last login was sent, and when it was acknowledged.
    pub(crate) last_login: Option<(Instant, Option<Instant>)>,
    /// Set once the loss of this session has been reported.
    pub(crate) loss_reported: bool,
    /// Items that have been reported already.
    pub(crate) reported: HashSet<u64>,
    /// Items that Redis has lost, and when a client first saw that they were missing.
    pub(crate) lost_items: HashMap<u64, Instant>,
}

impl SessionLedger {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.items.iter().chain(self.count.iter()).chain(self.note.iter())
    }

    /// When the session ended, unless Redis may have lost its end.
    pub(crate) fn over_since(&self, scenario: &ScenarioState) -> Option<Instant> {
        let logout = |(sent, acked)| Operation { slot: self.slot, sent, acked: Some(acked) };
        self.ended.filter(|ended| !scenario.excuses(logout(*ended))).map(|(_, acked)| acked)
    }

    /// Returns `true` if Redis itself may have lost this write.
    pub(crate) fn excuses(&self, scenario: &ScenarioState, entry: &Entry) -> bool {
        scenario.excuses(entry.operation(self.slot))
    }

    pub(crate) fn login(&self) -> Option<Operation> {
        self.last_login.map(|(sent, acked)| Operation { slot: self.slot, sent, acked })
    }

    pub(crate) fn acked(&self) -> usize {
        self.all().filter(|entry| entry.is_acked()).count()
    }
}
