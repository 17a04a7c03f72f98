//! The rules between the local and the shared tier.

mod all_sessions;
mod authenticate;
mod commit;
mod conflict_backoff;
mod convert;
mod create;
mod credential;
mod decode;
mod delivery;
mod duplicate_sessions;
#[cfg_attr(not(feature = "keys"), path = "without_encryption.rs")]
mod encryption;
mod end;
mod end_many;
mod join_all;
mod load_limits;
mod maintenance;
mod members;
#[cfg_attr(not(feature = "metrics"), path = "without_metrics.rs")]
mod metrics;
mod nonces;
mod observer;
mod open_session;
mod parallel_logins;
mod principal_index;
mod principal_watchers;
#[cfg(debug_assertions)]
mod registered_types;
mod rollback;
mod rotate;
mod successor;
mod unconfirmed_requests;
mod update;

pub(crate) use authenticate::Lookup;
pub(crate) use commit::{CommitError, ProposedChange};
pub(crate) use conflict_backoff::ConflictBackoff;
pub(crate) use credential::{ChangeAuthor, Credential};
pub(crate) use delivery::PendingDelivery;
pub(crate) use join_all::join_all;
pub(crate) use open_session::OpenSession;
pub(crate) use parallel_logins::OtherLogin;
pub(crate) use principal_watchers::PrincipalSubscription;
pub(crate) use rotate::{LoginRequest, remember_me_lifetimes};
pub(crate) use successor::SuccessorIdentity;
pub(crate) use unconfirmed_requests::UnconfirmedRequest;

use std::fmt;
use std::time::Duration;

use crate::cache::{CacheConfig, EndReason, Entry, Limits, LocalCache, Role, Snapshot};
use crate::crypto::{ActiveKeyRing, KeyRing};
use crate::random::{RandomError, RandomSource, SplitMix};
use crate::store::{DynStore, Invalidate, Touch};
use crate::sync::{Arc, Mutex, Weak};
use crate::time::{Clock, Sleep, Timestamp};
use crate::token::FingerprintKey;
use crate::token::{CsrfSecret, Principal, Selector, VerifierHasher};

use crate::config::Config;
use crate::engine::delivery::UndeliveredTokens;
use crate::engine::duplicate_sessions::DuplicateSessions;
use crate::engine::encryption::RecordCipher;
use crate::engine::load_limits::LoadLimits;
use crate::engine::maintenance::{CHECKS_PER_TIMEOUT, Maintenance};
use crate::engine::nonces::Nonces;
use crate::engine::observer::{CacheObserver, MaintenanceQueues};
use crate::engine::parallel_logins::RecentLogins;
use crate::engine::principal_index::PrincipalIndex;
use crate::engine::principal_watchers::PrincipalWatchers;
use crate::engine::unconfirmed_requests::UnconfirmedRequests;
use crate::error::SessionError;
use crate::telemetry::{Counters, Stats, StoreCalls, Telemetry};

/// State shared by all clones of [`Sessions`](crate::application::Sessions): the local tier, the
/// shared tier if there is one, and the rules between them.
pub(crate) struct Engine {
    cache: LocalCache,
    store: Option<Arc<dyn DynStore>>,
    policy: Config,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
    fingerprints: FingerprintKey,
    verifier_hasher: VerifierHasher,
    cipher: Option<RecordCipher>,
    nonces: Nonces,
    random_numbers: SplitMix,
    telemetry: Arc<Telemetry>,
    /// Index of the sessions of each principal; unused with a shared tier, which has its own.
    principals: Arc<PrincipalIndex>,
    principal_watchers: Arc<PrincipalWatchers>,
    queues: Arc<MaintenanceQueues>,
    loads: LoadLimits,
    keys: Option<ActiveKeyRing>,
    backlog: Backlog,
    recent_logins: RecentLogins,
    duplicates: DuplicateSessions,
    maintenance: Maintenance,
    #[cfg(debug_assertions)]
    types: crate::engine::registered_types::RegisteredTypes,
    /// For tasks that must not keep the engine alive.
    weak_self: Weak<Self>,
}

/// Work that waits for the shared tier, in memory until it answers.
#[derive(Default)]
struct Backlog {
    /// Sessions that must still be ended.
    destroys: Mutex<Vec<(Selector, EndReason)>>,
    /// Tokens that were made but reached no client, to be undone.
    undelivered: UndeliveredTokens,
    /// Touches to be reported.
    touches: Mutex<Vec<Touch>>,
    /// Requests whose token only the shared tier can match to a session.
    unconfirmed: UnconfirmedRequests,
}

#[cfg(feature = "metrics")]
impl Backlog {
    /// Returns how many touches and ends wait for the shared tier.
    fn len(&self) -> usize {
        self.destroys.lock().len() + self.touches.lock().len()
    }
}

impl Engine {
    pub(crate) fn new(
        policy: Config,
        store: Option<Arc<dyn DynStore>>,
        keys: Option<KeyRing>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn RandomSource>,
        store_calls: Arc<StoreCalls>,
    ) -> Result<Arc<Self>, RandomError> {
        let keys = keys.map(ActiveKeyRing::new);
        let telemetry = Arc::new(Telemetry::new(keys.as_ref(), &*random, Arc::clone(&clock), store_calls)?);
        let principals = Arc::new(PrincipalIndex::new());
        let principal_watchers = Arc::new(PrincipalWatchers::default());
        let queues = Arc::new(MaintenanceQueues::default());
        let observer = CacheObserver {
            telemetry: Arc::clone(&telemetry),
            principals: Arc::clone(&principals),
            principal_watchers: Arc::clone(&principal_watchers),
            queues: Arc::clone(&queues),
        };
        let cache = LocalCache::new(cache_config(&policy, store.is_some(), observer, clock.now()));
        let fingerprints = FingerprintKey::generate(&*random)?;
        let namespace = store.as_ref().map_or("", |store| store.namespace());
        let verifiers = VerifierHasher::new(namespace);
        let cipher = policy.seal.zip(keys.as_ref()).map(|(policy, keys)| RecordCipher::new(policy, keys, namespace));
        let nonces = Nonces::generate(&*random)?;
        let random_numbers = SplitMix::new(nonces.next());
        let engine = Arc::new_cyclic(|weak_self| Self {
            cache,
            fingerprints,
            verifier_hasher: verifiers,
            cipher,
            nonces,
            random_numbers,
            store,
            loads: LoadLimits::new(&policy),
            policy,
            clock,
            random,
            telemetry,
            principals,
            principal_watchers,
            queues,
            keys,
            backlog: Backlog::default(),
            recent_logins: RecentLogins::default(),
            duplicates: DuplicateSessions::default(),
            maintenance: Maintenance::default(),
            #[cfg(debug_assertions)]
            types: crate::engine::registered_types::RegisteredTypes::default(),
            weak_self: Weak::clone(weak_self),
        });
        if let Some(store) = &engine.store {
            store.subscribe(Arc::new(InvalidateCache(Arc::downgrade(&engine))));
        }
        engine.publish_metrics();
        Ok(engine)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        self.clock.sleep(duration)
    }

    /// Fills a buffer from the application's random source, for secrets.
    pub(crate) fn fill_random(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        self.random.fill(buffer)
    }

    pub(crate) fn csrf_secret(&self, credential: &Credential) -> CsrfSecret {
        self.verifier_hasher.csrf_secret(&credential.selector, &credential.secret)
    }

    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.telemetry.counters
    }

    /// Returns the counters together with the number of sessions in memory and their bytes.
    pub(crate) fn stats(&self) -> Stats {
        self.telemetry.counters.snapshot(self.cache.len() as u64, self.cache.bytes())
    }

    pub(crate) const fn keys(&self) -> Option<&ActiveKeyRing> {
        self.keys.as_ref()
    }

    pub(crate) const fn loads(&self) -> &LoadLimits {
        &self.loads
    }

    /// Subscribes to the logins and ends of a principal's sessions on this node.
    pub(crate) fn watch_principal(&self, principal: &Principal) -> PrincipalSubscription {
        self.ensure_maintenance();
        self.principal_watchers.subscribe(principal)
    }

    /// Asks the shared tier to report the next change of a principal's list by another node. Without
    /// the report, the change is found when the list is read again, so a failure needs no answer.
    pub(crate) async fn watch_members(&self, principal: &Principal) {
        if let Some(store) = &self.store {
            drop(self.count_error(store.watch_members(principal).await));
        }
    }

    /// Returns how many streams may watch the values of one session.
    pub(crate) const fn max_watches_per_session(&self) -> usize {
        self.policy.max_watches_per_session
    }

    pub(crate) const fn has_shared_tier(&self) -> bool {
        self.store.is_some()
    }

    /// Returns how long other nodes may serve a copy without asking; `None` without a shared tier.
    pub(crate) fn max_lease(&self) -> Option<Duration> {
        self.store.as_ref().map(|store| store.max_lease())
    }

    /// Returns `true` if this entry is the one in the table, which invalidations reach.
    pub(crate) fn is_cached(&self, entry: &Arc<Entry>) -> bool {
        self.cache.contains(entry)
    }

    pub(crate) fn unpack(&self, entry: &Entry) {
        self.cache.unpack(entry);
    }

    /// Replaces a session's snapshot by one that differs only in the form of its values. Does
    /// nothing if the session changed meanwhile.
    pub(crate) fn replace_form(&self, open: &OpenSession, next: Snapshot) {
        let _replaced = self.cache.replace(&open.entry, &open.state, next);
    }

    /// Reports, in debug builds, two types that are stored under one key.
    #[cfg(debug_assertions)]
    pub(crate) fn register_type<T: 'static>(&self, key: &'static str) {
        self.types.note::<T>(key);
    }

    /// Returns a random number for jitter and sampling, not for secrets.
    pub(crate) fn random_number(&self) -> u64 {
        self.random_numbers.next()
    }

    /// Counts an error of the shared tier and converts it for the caller.
    pub(crate) fn count_error<T>(&self, answer: Result<T, crate::store::StoreError>) -> Result<T, SessionError> {
        answer.map_err(|error| {
            self.telemetry.store_failed(&error);
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

fn cache_config(policy: &Config, is_shared: bool, observer: CacheObserver, now: Timestamp) -> CacheConfig {
    CacheConfig {
        role: if is_shared { Role::Replica } else { Role::Primary },
        limits: Limits {
            session_bytes: policy.session_limits.bytes as u64,
            value_bytes: u32::try_from(policy.session_limits.max_value_bytes()).unwrap_or(u32::MAX),
            values: policy.session_limits.values,
        },
        max_bytes: policy.memory_limit,
        pack_after: policy.pack_after,
        check_interval: is_shared.then(|| policy.idle / CHECKS_PER_TIMEOUT),
        observer: Arc::new(observer),
        now,
    }
}

/// Invalidation of the local tier, driven by the shared one.
struct InvalidateCache(Weak<Engine>);

impl Invalidate for InvalidateCache {
    fn invalidate(&self, selector: Selector) {
        let Some(engine) = self.0.upgrade() else { return };
        if let Some(entry) = engine.cache.get(&selector) {
            engine.invalidate(&entry);
        }
    }

    fn invalidate_all(&self) {
        self.invalidate_those(&|_| true);
    }

    fn members_changed(&self, principal: &Principal) {
        if let Some(engine) = self.0.upgrade() {
            engine.principal_watchers.notify(principal);
        }
    }

    fn invalidate_those(&self, concerned: &dyn Fn(Selector) -> bool) {
        let Some(engine) = self.0.upgrade() else { return };
        let now = engine.now();
        engine.cache.for_each(|entry| {
            if concerned(entry.selector) {
                engine.cache.suspect(entry, now);
                engine.recheck_if_watched(entry);
            }
        });
    }
}

impl Engine {
    /// Invalidates a copy, and checks whether the session still lives if its end has watchers.
    fn invalidate(&self, entry: &Arc<Entry>) {
        self.cache.invalidate(entry);
        self.recheck_if_watched(entry);
    }

    /// Queues a recheck of the session for the maintenance task, if its end has watchers.
    fn recheck_if_watched(&self, entry: &Arc<Entry>) {
        if entry.has_end_watchers() {
            self.queues.to_recheck.lock().push(Arc::clone(entry));
            self.maintenance.wake();
        }
    }
}
