use std::fmt;

use crate::cache::{Cell, EndReason, FingerprintKey, Holding, Limits, Setup, Tier};
use crate::identity::Tag;
use crate::random::{RandomError, RandomSource};
use crate::store::{AnyStore, Copies, Touch};
use crate::sync::{Arc, Mutex, Weak};
use crate::time::{Clock, Timestamp};

use super::error::SessionError;
use super::housekeeping::Housekeeper;
use super::ledger::Ledger;
use super::policy::Policy;

/// What all clones of [`Sessions`](super::Sessions) share: the local tier, the shared tier if there
/// is one, and the rules between them.
pub(crate) struct Engine {
    pub(crate) tier: Tier,
    pub(crate) store: Option<Arc<dyn AnyStore>>,
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn RandomSource>,
    pub(crate) fingerprints: FingerprintKey,
    pub(crate) ledger: Arc<Ledger>,
    /// Sessions that must still be ended, because the shared tier did not answer.
    pub(super) unfinished: Mutex<Vec<(Tag, EndReason)>>,
    /// Sessions that were seen, for the shared tier to hear of.
    pub(super) touches: Mutex<Vec<Touch>>,
    pub(super) housekeeper: Housekeeper,
    /// For tasks that must not keep the engine alive.
    pub(super) myself: Weak<Self>,
}

impl Engine {
    pub(crate) fn new(
        policy: Policy,
        store: Option<Arc<dyn AnyStore>>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn RandomSource>,
    ) -> Result<Arc<Self>, RandomError> {
        let ledger = Arc::new(Ledger::new(&*random, Arc::clone(&clock))?);
        let tier = Tier::new(Setup {
            holding: if store.is_some() { Holding::Copy } else { Holding::Only },
            limits: limits(&policy),
            max_bytes: policy.max_bytes,
            pack_after: policy.pack_after,
            observer: Arc::<Ledger>::clone(&ledger),
            now: clock.now(),
        });
        let fingerprints = FingerprintKey::generate(&*random)?;
        let engine = Arc::new_cyclic(|myself| Self {
            tier,
            fingerprints,
            store,
            policy,
            clock,
            random,
            ledger,
            unfinished: Mutex::default(),
            touches: Mutex::default(),
            housekeeper: Housekeeper::default(),
            myself: Weak::clone(myself),
        });
        if let Some(store) = &engine.store {
            store.attach(Arc::new(LocalCopies(Arc::downgrade(&engine))));
        }
        Ok(engine)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Ends a session on every tier. Answers whether this call ended it.
    ///
    /// The shared tier goes first: if it cannot be reached, the session lives on and the caller hears of it.
    pub(crate) async fn end(
        &self,
        tag: &Tag,
        cell: Option<Arc<Cell>>,
        reason: EndReason,
    ) -> Result<bool, SessionError> {
        let cell = cell.or_else(|| self.tier.get(tag));
        let Some(store) = &self.store else {
            return Ok(cell.is_some_and(|cell| self.tier.end(&cell, reason)));
        };
        let mut known = cell.as_ref().is_some_and(|cell| cell.state().last_known().is_some());
        let principal = cell.as_ref().and_then(|cell| cell.state().last_known()?.principal().cloned());
        let existed = self.watched(store.destroy(*tag).await)?;
        // The caller's cell may have been forgotten meanwhile, and the table's be another one.
        let mut announced = false;
        for cell in cell.into_iter().chain(self.tier.get(tag)) {
            if announced {
                // Another copy of the same session: it ends too, but nobody is told twice.
                self.tier.forget(&cell);
            }
            announced |= self.tier.end_known(&cell, reason);
        }
        known |= announced;
        if existed && !known {
            self.ledger.ended_elsewhere(tag, reason);
        }
        if let Some(principal) = principal {
            // A member without a record is harmless and is cleaned up when it is next met.
            drop(self.watched(store.dismiss(&principal, *tag).await));
        }
        Ok(existed)
    }

    /// Counts a fault of the shared tier on its way to the caller.
    pub(crate) fn watched<T>(&self, answer: Result<T, crate::store::StoreError>) -> Result<T, SessionError> {
        answer.map_err(|error| {
            self.ledger.counters.store_errors.count();
            SessionError::from(error)
        })
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("policy", &self.policy)
            .field("shared", &self.store.is_some())
            .finish_non_exhaustive()
    }
}

fn limits(policy: &Policy) -> Limits {
    Limits {
        session_bytes: policy.max_session_bytes as u64,
        value_bytes: u32::try_from(policy.max_value_bytes).unwrap_or(u32::MAX),
        values: policy.max_values,
    }
}

/// The local tier, as the shared one sees it.
struct LocalCopies(Weak<Engine>);

impl Copies for LocalCopies {
    fn invalidate(&self, tag: Tag) {
        let Some(engine) = self.0.upgrade() else { return };
        if let Some(cell) = engine.tier.get(&tag) {
            engine.doubt(&cell);
        }
    }

    fn invalidate_all(&self) {
        let Some(engine) = self.0.upgrade() else { return };
        engine.tier.for_each(|cell| engine.doubt(cell));
    }
}

impl Engine {
    /// The copy may be out of date. Who listens through it wants to know whether the session lives.
    fn doubt(&self, cell: &Arc<Cell>) {
        self.tier.vacate(cell);
        if cell.is_watched() {
            self.ledger.doubted.lock().push(Arc::clone(cell));
        }
    }
}
