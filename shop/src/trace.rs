//! What a request asked for, and which level answered.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::db::Meter;

/// The level that answered, the nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Asked before in this request.
    Request,
    /// Cloakroom had it.
    Session,
    /// The process had it for everybody.
    Application,
    /// The database had to be asked.
    Database,
    /// Nobody has it: this visitor never chose or left anything.
    Nobody,
}

/// One kind of question of one request, with everything asked in the same way added up.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) value: &'static str,
    pub(crate) source: Source,
    pub(crate) times: u32,
    pub(crate) took: Duration,
    pub(crate) queries: u32,
    /// Queries that the database was spared because a nearer level answered.
    pub(crate) saved: u32,
}

impl Entry {
    /// What `meter` says about the answer to one question that would cost `price` queries without any cache.
    pub(crate) fn measured(value: &'static str, meter: &Meter, price: u32, took: Duration) -> Self {
        let queries = meter.queries();
        let source = match (queries, meter.asked_application()) {
            (1.., _) => Source::Database,
            (0, true) => Source::Application,
            (0, false) => Source::Session,
        };
        Self { value, source, times: 1, took, queries, saved: price.saturating_sub(queries) }
    }

    /// What the session said about its own state, which has no other home.
    pub(crate) fn state(value: &'static str, found: bool, took: Duration) -> Self {
        let source = if found { Source::Session } else { Source::Nobody };
        Self { value, source, times: 1, took, queries: 0, saved: 0 }
    }

    /// A question that this request had asked before.
    pub(crate) fn repeated(value: &'static str, price: u32, took: Duration) -> Self {
        Self { value, source: Source::Request, times: 1, took, queries: 0, saved: price }
    }

    fn absorb(&mut self, other: &Self) {
        self.times += other.times;
        self.took += other.took;
        self.queries += other.queries;
        self.saved += other.saved;
    }
}

/// The questions of one request in the order in which they were first asked.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Vec<Entry>>);

impl Trace {
    pub(crate) fn note(&self, entry: Entry) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match entries.iter_mut().find(|known| known.value == entry.value && known.source == entry.source) {
            Some(known) => known.absorb(&entry),
            None => entries.push(entry),
        }
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
