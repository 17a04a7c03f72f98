use std::collections::{HashMap, HashSet};
use std::time::Instant;

use crate::loss::Operation;
use crate::state::ScenarioState;

/// What is known of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WriteOutcome {
    /// No answer yet.
    Pending,
    /// A node said that it is done.
    Acked(Instant),
    /// No answer, or one that says as much: it may be done once, now or later.
    Unknown,
    /// A node said that nothing was changed.
    Refused,
}

/// A write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) device: usize,
    pub(crate) started: Instant,
    pub(crate) fate: WriteOutcome,
}

impl Entry {
    pub(crate) fn acked_before(&self, instant: Instant) -> bool {
        matches!(self.fate, WriteOutcome::Acked(at) if at < instant)
    }

    pub(crate) const fn is_acked(&self) -> bool {
        matches!(self.fate, WriteOutcome::Acked(_))
    }

    pub(crate) const fn operation(&self, slot: Option<u16>) -> Operation {
        let acked = match self.fate {
            WriteOutcome::Acked(at) => Some(at),
            _ => None,
        };
        Operation { slot, sent: self.started, acked }
    }
}

/// All writes of one kind to one session, in the order in which they were begun.
#[derive(Debug, Default)]
pub(crate) struct SessionLedger(Vec<Entry>);

impl SessionLedger {
    /// Enters a write that is about to be sent, and answers its number.
    pub(crate) fn begin(&mut self, device: usize) -> usize {
        self.0.push(Entry { device, started: Instant::now(), fate: WriteOutcome::Pending });
        self.0.len() - 1
    }

    pub(crate) fn settle(&mut self, number: usize, fate: WriteOutcome) {
        if let Some(entry) = self.0.get_mut(number) {
            entry.fate = fate;
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

    /// How many of these writes can be in the session at most.
    pub(crate) fn at_most(&self) -> usize {
        self.count(|entry| entry.fate != WriteOutcome::Refused)
    }
}

/// All writes to one session.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// The slot of its record, once a client has its token.
    pub(crate) slot: Option<u16>,
    pub(crate) items: SessionLedger,
    pub(crate) count: SessionLedger,
    pub(crate) note: SessionLedger,
    /// When the first request for a logout was sent.
    pub(crate) leaving: Option<Instant>,
    /// When the logout was sent that was acknowledged, and when that was.
    pub(crate) ended: Option<(Instant, Instant)>,
    /// When the last login was sent, and when it was acknowledged.
    pub(crate) entered: Option<(Instant, Option<Instant>)>,
    /// Everything has been said about the loss of this session.
    pub(crate) given_up: bool,
    /// Items that have been reported already.
    pub(crate) reported: HashSet<u64>,
    /// Items that Redis has lost, and since when somebody knows that they are not there.
    pub(crate) gone: HashMap<u64, Instant>,
}

impl Ledger {
    pub(crate) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.items.iter().chain(self.count.iter()).chain(self.note.iter())
    }

    /// Since when the session must be over, unless Redis lost that it is.
    pub(crate) fn over_since(&self, world: &ScenarioState) -> Option<Instant> {
        let logout = |(sent, acked)| Operation { slot: self.slot, sent, acked: Some(acked) };
        self.ended.filter(|ended| !world.excuses(logout(*ended))).map(|(_, acked)| acked)
    }

    /// Whether Redis itself may have lost this write.
    pub(crate) fn excuses(&self, world: &ScenarioState, entry: &Entry) -> bool {
        world.excuses(entry.operation(self.slot))
    }

    pub(crate) fn login(&self) -> Option<Operation> {
        self.entered.map(|(sent, acked)| Operation { slot: self.slot, sent, acked })
    }

    pub(crate) fn acked(&self) -> usize {
        self.all().filter(|entry| entry.is_acked()).count()
    }
}
