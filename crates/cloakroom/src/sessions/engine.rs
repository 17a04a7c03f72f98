use std::fmt;

use crate::cache::{Cell, EndReason, FingerprintKey, Holding, Limits, Setup, Tier};
use crate::identity::{Tag, Verifiers};
use crate::keys::{KeyRing, KeysInUse};
use crate::random::{RandomError, RandomSource, SplitMix};
use crate::store::{AnyStore, Copies, Touch};
use crate::sync::{Arc, Mutex, Weak};
use crate::time::{Clock, Timestamp};

use super::delivery::Lost;
use super::error::SessionError;
use super::housekeeping::{Housekeeper, LOOKS_PER_TIMEOUT};
use super::ledger::Ledger;
use super::loads::Loads;
use super::nonces::Nonces;
use super::parallel_logins::RecentLogins;
use super::policy::Policy;
use super::sealing::Sealing;
use super::unconfirmed::Unconfirmed;

/// What all clones of [`Sessions`](super::Sessions) share: the local tier, the shared tier if there
/// is one, and the rules between them.
pub(crate) struct Engine {
    pub(crate) tier: Tier,
    pub(crate) store: Option<Arc<dyn AnyStore>>,
    pub(crate) policy: Policy,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn RandomSource>,
    pub(crate) fingerprints: FingerprintKey,
    pub(crate) verifiers: Verifiers,
    pub(super) sealing: Option<Sealing>,
    pub(super) nonces: Nonces,
    pub(super) dice: SplitMix,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) loads: Loads,
    pub(crate) keys: Option<KeysInUse>,
    /// Sessions that must still be ended, because the shared tier did not answer.
    pub(super) unfinished: Mutex<Vec<(Tag, EndReason)>>,
    /// Tokens that were made and reached nobody, for the shared tier to undo.
    pub(super) lost: Lost,
    pub(super) recent_logins: RecentLogins,
    /// Sessions that were seen, for the shared tier to hear of.
    pub(super) touches: Mutex<Vec<Touch>>,
    /// Requests of which only the shared tier knows whether they are of a session.
    pub(super) unconfirmed: Unconfirmed,
    pub(super) housekeeper: Housekeeper,
    #[cfg(debug_assertions)]
    pub(crate) types: super::types_in_use::TypesInUse,
    /// For tasks that must not keep the engine alive.
    pub(super) myself: Weak<Self>,
}

impl Engine {
    pub(crate) fn new(
        policy: Policy,
        store: Option<Arc<dyn AnyStore>>,
        keys: Option<KeyRing>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn RandomSource>,
    ) -> Result<Arc<Self>, RandomError> {
        let keys = keys.map(KeysInUse::new);
        let ledger = Arc::new(Ledger::new(keys.as_ref(), &*random, Arc::clone(&clock))?);
        let tier = Tier::new(Setup {
            holding: if store.is_some() { Holding::Copy } else { Holding::Only },
            limits: limits(&policy),
            max_bytes: policy.max_bytes,
            pack_after: policy.pack_after,
            look_every: store.is_some().then(|| policy.idle / LOOKS_PER_TIMEOUT),
            observer: Arc::<Ledger>::clone(&ledger),
            now: clock.now(),
        });
        let fingerprints = FingerprintKey::generate(&*random)?;
        let namespace = store.as_ref().map_or("", |store| store.namespace());
        let verifiers = Verifiers::new(namespace);
        let sealing = policy.seal.zip(keys.as_ref()).map(|(policy, keys)| Sealing::new(policy, keys, namespace));
        let nonces = Nonces::generate(&*random)?;
        let dice = SplitMix::new(nonces.next());
        let engine = Arc::new_cyclic(|myself| Self {
            tier,
            fingerprints,
            verifiers,
            sealing,
            nonces,
            dice,
            store,
            loads: Loads::new(&policy),
            policy,
            clock,
            random,
            ledger,
            keys,
            unfinished: Mutex::default(),
            lost: Lost::default(),
            recent_logins: RecentLogins::default(),
            touches: Mutex::default(),
            unconfirmed: Unconfirmed::default(),
            housekeeper: Housekeeper::default(),
            #[cfg(debug_assertions)]
            types: super::types_in_use::TypesInUse::default(),
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

    /// A number for what only has to differ from case to case.
    pub(crate) fn random_number(&self) -> u64 {
        self.dice.next()
    }

    /// Counts a fault of the shared tier on its way to the caller.
    pub(crate) fn watched<T>(&self, answer: Result<T, crate::store::StoreError>) -> Result<T, SessionError> {
        answer.map_err(|error| {
            self.ledger.store_failed(&error);
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
            engine.outdate(&cell);
        }
    }

    fn invalidate_all(&self) {
        self.invalidate_those(&|_| true);
    }

    fn invalidate_those(&self, concerned: &dyn Fn(Tag) -> bool) {
        let Some(engine) = self.0.upgrade() else { return };
        let now = engine.now();
        engine.tier.for_each(|cell| {
            if concerned(cell.tag) {
                engine.tier.doubt(cell, now);
                engine.tell_listeners(cell);
            }
        });
    }
}

impl Engine {
    /// The copy is out of date. Who listens through it wants to know whether the session lives.
    pub(super) fn outdate(&self, cell: &Arc<Cell>) {
        self.tier.vacate(cell);
        self.tell_listeners(cell);
    }

    fn tell_listeners(&self, cell: &Arc<Cell>) {
        if cell.is_watched() {
            self.ledger.doubted.lock().push(Arc::clone(cell));
            self.housekeeper.call();
        }
    }
}
