use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::cache::{Cell, EndReason, LoadFailure, Observer, State};
use crate::identity::{Principal, Tag};
use crate::keys::KeysInUse;
use crate::random::{RandomError, RandomSource};
use crate::seal::Unopened;
use crate::store::StoreError;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::time::Clock;

use super::alarm::Alarm;
use super::error::{SessionError, SessionErrorKind};
use super::events::{Announcer, Event, EventKind};
use super::index::Index;
use super::log_id::LogKey;
use super::stats::{Counter, Tally};

/// What is written down about sessions beside the sessions: who has which, what happened, how often.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) index: Index,
    pub(crate) counters: Tally,
    pub(crate) announcer: Announcer,
    /// Copies that somebody listens through and whose time seems to be over.
    pub(crate) doubted: Mutex<Vec<Arc<Cell>>>,
    /// Sessions that requests in progress keep alive, for the shared tier to be told.
    pub(crate) in_use: Mutex<Vec<Arc<Cell>>>,
    unopened: Alarm,
    unsealed: Alarm,
    unreadable: Alarm,
    values_unreadable: Alarm,
    /// Of which values it was said that what is loaded cannot be kept.
    unkept: Mutex<Vec<&'static str>>,
    wrong_clock: Alarm,
    is_clock_wrong: AtomicBool,
    store_failed: Alarm,
    memory_full: Alarm,
    load_failed: Alarm,
    log_key: LogKey,
    clock: Arc<dyn Clock>,
}

impl Ledger {
    pub(crate) fn new(
        keys: Option<&KeysInUse>,
        random: &dyn RandomSource,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, RandomError> {
        Ok(Self {
            index: Index::new(),
            counters: Tally::default(),
            announcer: Announcer::new(),
            doubted: Mutex::default(),
            in_use: Mutex::default(),
            unopened: Alarm::default(),
            unsealed: Alarm::default(),
            unreadable: Alarm::default(),
            values_unreadable: Alarm::default(),
            unkept: Mutex::default(),
            wrong_clock: Alarm::default(),
            is_clock_wrong: AtomicBool::new(false),
            store_failed: Alarm::default(),
            memory_full: Alarm::default(),
            load_failed: Alarm::default(),
            log_key: LogKey::new(keys, random)?,
            clock,
        })
    }

    /// Announces what happened to a session.
    pub(crate) fn record(&self, kind: EventKind, tag: Option<&Tag>, principal: Option<&Principal>) {
        self.announcer.announce(Event {
            kind,
            session: tag.map(|tag| self.log_key.log_id(tag)),
            principal: principal.cloned(),
            at: self.clock.now(),
        });
    }

    /// Something in the shared tier may not be read.
    pub(crate) fn unopened(&self, why: Unopened, tag: &Tag) {
        let (counter, kind) = match why {
            Unopened::UnknownKey | Unopened::NoKeys => (&self.counters.keys_unknown, EventKind::KeyUnknown),
            Unopened::Broken | Unopened::Unsealed => (&self.counters.seals_broken, EventKind::SealBroken),
        };
        counter.count();
        self.record(kind, Some(tag), None);
        if let Some(times) = self.unopened.rings(self.clock.now()) {
            let session = tracing::field::display(self.log_key.log_id(tag));
            tracing::warn!(session, reason = %why, times, "{}", kind.name());
        }
    }

    /// The clocks of this node and of the shared tier are this far apart; `None` if that is all right.
    pub(crate) fn clocks_apart(&self, apart: Option<Duration>, is_behind: bool) {
        let was_wrong = self.is_clock_wrong.swap(apart.is_some(), Ordering::Relaxed);
        let Some(by) = apart else { return };
        if !was_wrong {
            self.counters.clocks_apart.count();
            self.record(EventKind::ClocksApart, None, None);
        }
        if self.wrong_clock.rings(self.clock.now()).is_some() {
            tracing::error!(
                ?by,
                is_behind,
                "this node's clock and the session store's differ by more than a minute: sessions of other nodes may be \
                 refused here, end early or last too long; set the clocks"
            );
        }
    }

    /// Something in the shared tier was read that is not sealed.
    pub(crate) fn unsealed(&self) {
        self.counters.unsealed_read.count();
        if let Some(times) = self.unsealed.rings(self.clock.now()) {
            tracing::warn!(times, "read from the store what is not sealed, as `SealPolicy` still allows");
        }
    }

    /// A record of the shared tier does not decode, and is passed over.
    pub(crate) fn unreadable(&self, tag: &Tag, why: &StoreError) {
        self.counters.store_errors.count();
        if let Some(times) = self.unreadable.rings(self.clock.now()) {
            let session = tracing::field::display(self.log_key.log_id(tag));
            tracing::warn!(session, ?why, times, "a session is left out of its user's list");
        }
    }

    /// A cached value does not read, so it is a miss.
    pub(crate) fn value_unreadable(&self, key: &str, why: &dyn fmt::Display) {
        self.counters.values_unreadable.count();
        if let Some(times) = self.values_unreadable.rings(self.clock.now()) {
            tracing::warn!(key, %why, times, "a cached value cannot be read, and is loaded again");
        }
    }

    /// What was loaded cannot be kept. Said once for each value, as it happens with every read.
    pub(crate) fn load_not_kept(&self, key: &'static str, why: &SessionError) {
        self.counters.loads_not_kept.count();
        let remedy = match why.kind() {
            SessionErrorKind::Encode => "change the type so that it decodes to what it was encoded from",
            SessionErrorKind::TooLarge => {
                "keep less of it, or raise `max_value_bytes`, `max_session_bytes` or `max_values`"
            }
            // That passes, and is told elsewhere.
            _ => return,
        };
        let mut told = self.unkept.lock();
        if told.contains(&key) {
            return;
        }
        told.push(key);
        drop(told);
        let why = why.source().map_or_else(|| why.to_string(), ToString::to_string);
        tracing::warn!(key, why, remedy, "what the loader returns cannot be kept, so every read loads it again");
    }

    /// The shared tier failed. While it is away, every request finds that out.
    pub(crate) fn store_failed(&self, error: &StoreError) {
        self.counters.store_errors.count();
        if let Some(times) = self.store_failed.rings(self.clock.now()) {
            tracing::error!(?error, times, "the session store failed");
        }
    }

    /// A change found no room, and nothing may be evicted.
    pub(crate) fn memory_full(&self) {
        self.counters.refused_full.count();
        if let Some(times) = self.memory_full.rings(self.clock.now()) {
            tracing::error!(times, "the memory for sessions is full; raise `max_bytes`");
        }
    }

    /// A loader failed. Where its source is away, all do.
    pub(crate) fn load_failed(&self, key: &'static str, failure: &LoadFailure) {
        self.counters.loads_failed.count();
        if let Some(times) = self.load_failed.rings(self.clock.now()) {
            tracing::error!(key, ?failure, times, "a loader failed");
        }
    }

    /// A session ended that this process has no copy of.
    pub(crate) fn ended_elsewhere(&self, tag: &Tag, reason: EndReason, principal: Option<&Principal>) {
        self.counter(reason).count();
        self.record(EventKind::Ended(reason), Some(tag), principal);
    }

    fn counter(&self, reason: EndReason) -> &Counter {
        match reason {
            EndReason::Logout => &self.counters.ended_logout,
            EndReason::Idle => &self.counters.ended_idle,
            EndReason::Absolute => &self.counters.ended_absolute,
            EndReason::Revoked => &self.counters.ended_revoked,
            EndReason::Displaced => &self.counters.ended_displaced,
            EndReason::Evicted => &self.counters.ended_evicted,
            EndReason::Reused => &self.counters.ended_reused,
            EndReason::Gone => &self.counters.ended_gone,
            EndReason::Undelivered => &self.counters.ended_undelivered,
        }
    }
}

impl Observer for Ledger {
    fn ended(&self, cell: &Arc<Cell>, before: &State, reason: EndReason) {
        // A cell that was never filled was only a question whether there is such a session.
        let Some(snapshot) = before.last_known() else { return };
        if let Some(principal) = snapshot.principal() {
            self.index.dismiss(principal, cell);
        }
        self.counter(reason).count();
        self.record(EventKind::Ended(reason), Some(&cell.tag), snapshot.principal());
    }

    fn doubted(&self, cell: &Arc<Cell>) {
        self.doubted.lock().push(Arc::clone(cell));
    }

    fn in_use(&self, cell: &Arc<Cell>) {
        self.in_use.lock().push(Arc::clone(cell));
    }
}
