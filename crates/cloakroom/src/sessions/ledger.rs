use crate::cache::{Cell, EndReason, Observer, State};
use crate::identity::{Principal, Tag};
use crate::keys::KeysInUse;
use crate::random::{RandomError, RandomSource};
use crate::seal::Unopened;
use crate::store::StoreError;
use crate::sync::{Arc, Mutex};
use crate::time::Clock;

use super::alarm::Alarm;
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
    unopened: Alarm,
    unsealed: Alarm,
    unreadable: Alarm,
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
            unopened: Alarm::default(),
            unsealed: Alarm::default(),
            unreadable: Alarm::default(),
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
}
