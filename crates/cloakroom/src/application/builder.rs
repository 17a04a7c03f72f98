use std::fmt;
use std::time::Duration;

use crate::crypto::KeyRing;
use crate::random::{OsRandom, RandomError, RandomSource};
use crate::store::{DynStore, LimitPolicy, Store};
use crate::sync::Arc;
use crate::time::{Clock, SystemClock};

use crate::application::Sessions;
use crate::application::declared_values::check_keys;
use crate::config::{Config, ReusePolicy, RollbackPolicy, SessionLimits, limit};
use crate::config_error::ConfigError;
use crate::engine::Engine;
use crate::telemetry::{ObservedStore, StoreCalls};

/// Configures [`Sessions`]. Every setting has a default; [`build`](Self::build) checks them
/// together.
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionsBuilder {
    policy: Config,
    limit: MaxSessions,
    idle: Option<Duration>,
    grace: Option<Duration>,
    store: Option<Arc<dyn DynStore>>,
    store_calls: Arc<StoreCalls>,
    keys: Option<KeyRing>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
}

/// The configured session limit per principal.
#[derive(Clone, Copy, Debug)]
enum MaxSessions {
    Default,
    Unlimited,
    Limited(u32, LimitPolicy),
}

impl SessionsBuilder {
    pub(crate) fn new() -> Self {
        Self {
            policy: Config::default(),
            limit: MaxSessions::Default,
            idle: None,
            grace: None,
            store: None,
            store_calls: Arc::default(),
            keys: None,
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(OsRandom),
        }
    }

    /// Stores the sessions in a shared tier, for several nodes or across restarts.
    ///
    /// Without a store, sessions live in this process and end with it. Handlers are the same.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(ObservedStore::new(store, Arc::clone(&self.store_calls))));
        self
    }

    /// Sets how long a session may be idle before it ends.
    ///
    /// Default: 30 minutes, or the [`absolute_timeout`](Self::absolute_timeout) if that is shorter.
    /// 1 s to 400 days, and no longer than the absolute timeout.
    ///
    /// While the session is in memory, any request through the layer counts, even if its handler
    /// never accesses the session (OWASP ASVS 7.3.1).
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
        self
    }

    /// Sets how long after its creation or last login a session ends, used or not. Default: 24
    /// hours. 1 s to 400 days (OWASP ASVS 7.3.2).
    pub const fn absolute_timeout(mut self, timeout: Duration) -> Self {
        self.policy.absolute = timeout;
        self
    }

    /// Sets how long requests with the old token still work after a renewal.
    ///
    /// Default: 10 s, or the [`idle_timeout`](Self::idle_timeout) if that is shorter. At most 60 s,
    /// and no longer than the idle timeout. A login never has a grace period.
    pub const fn renewal_grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// Sets how long a change is retried while other nodes keep changing the same value first.
    /// Default: 5 s. 10 ms to 60 s.
    ///
    /// After that it fails with [`Conflict`](crate::error::SessionErrorKind::Conflict), and nothing
    /// is changed. The time counts from the start of the request's turn: requests of one process to
    /// one session take turns and do not conflict with each other, however many there are. Has no
    /// effect without a shared tier.
    pub const fn conflict_timeout(mut self, timeout: Duration) -> Self {
        self.policy.conflict_timeout = timeout;
        self
    }

    /// Sets how many bytes all sessions of this process may use together. Default: 1 GiB.
    ///
    /// Without a shared tier, the sessions of one principal may use at most a sixteenth of it
    /// together: beyond that, the principal's oldest sessions end.
    ///
    /// When memory is full, the anonymous sessions that were idle longest are evicted. Without a
    /// shared tier, a session with a logged-in principal is never evicted; if nothing may be
    /// evicted, a write fails with [`Full`](crate::error::SessionErrorKind::Full).
    pub const fn memory_limit(mut self, bytes: u64) -> Self {
        self.policy.memory_limit = bytes;
        self
    }

    /// Sets how large the values of one session may be, and how many. Default: 64 values, of 64 KiB
    /// together.
    pub const fn session_limits(mut self, limits: SessionLimits) -> Self {
        self.policy.session_limits = limits;
        self
    }

    /// Sets how many loaders may run at once in this process. Default: 1024.
    ///
    /// Loaders run to completion even if their client disconnects, so their number has to be
    /// limited. A request beyond the limit fails with
    /// [`TooManyLoads`](crate::error::SessionErrorKind::TooManyLoads), unless an old value may be
    /// served. Sessions that already have several running loaders are refused first.
    pub const fn max_loads(mut self, count: usize) -> Self {
        self.policy.max_loads = count;
        self
    }

    /// Sets how many loaders of one session may run at once. Default: 16. See
    /// [`max_loads`](Self::max_loads).
    pub const fn max_loads_per_session(mut self, count: usize) -> Self {
        self.policy.max_loads_per_session = count;
        self
    }

    /// Sets how many streams may [watch](crate::session::Session::watch) one session at once on this
    /// node. Default: 64.
    ///
    /// A client that opens streams and never reads them would otherwise take memory without limit.
    /// One more fails with [`TooManyWatches`](crate::error::SessionErrorKind::TooManyWatches).
    pub const fn max_watches_per_session(mut self, count: usize) -> Self {
        self.policy.max_watches_per_session = count;
        self
    }

    /// Sets after how long without a request the values of a session are packed. Default: 60 s.
    /// `None` keeps them decoded.
    ///
    /// Packed values are kept encoded, which takes a fraction of the memory; the next read decodes
    /// them. Fields that serde skips then have their default value, as they do in a shared tier. A
    /// value that does not encode faithfully (a `NaN`, for example) is not packed.
    pub const fn pack_after(mut self, quiet: Option<Duration>) -> Self {
        self.policy.pack_after = quiet;
        self
    }

    /// Sets how many sessions one principal may have at once (OWASP ASVS 7.1.2). Default: 1000, and
    /// the oldest ends when there is one more.
    ///
    /// No person ever has so many. A program that logs in anew for each of its calls does, and each
    /// of its sessions lives until it expires.
    pub const fn max_sessions_per_principal(mut self, count: u32, when_reached: LimitPolicy) -> Self {
        self.limit = MaxSessions::Limited(count, when_reached);
        self
    }

    /// Lets a principal have any number of sessions at once.
    ///
    /// The time to list and end them all grows with their number, and so does their memory.
    pub const fn unlimited_sessions_per_principal(mut self) -> Self {
        self.limit = MaxSessions::Unlimited;
        self
    }

    /// Sets the response to a token that was already replaced. Default: [`ReusePolicy::Report`].
    pub const fn on_reuse(mut self, policy: ReusePolicy) -> Self {
        self.policy.reuse = policy;
        self
    }

    /// Sets the response to a shared tier that has gone back in time. Default:
    /// [`RollbackPolicy::Accept`]. Has no effect without a shared tier.
    pub const fn on_rollback(mut self, policy: RollbackPolicy) -> Self {
        self.policy.rollback = policy;
        self
    }

    /// Sets the clock that all expiry is measured by. Default: [`SystemClock`]. For tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets the source of randomness for tokens. Default: [`OsRandom`]. For tests only.
    pub fn random(mut self, random: impl RandomSource) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Checks the settings and creates the sessions.
    ///
    /// # Errors
    /// Returns the first setting that cannot work, with the problem and its remedy. In a debug
    /// build, this is also the key of two types that derive
    /// [`SessionValue`](crate::session::SessionValue).
    pub fn build(mut self) -> Result<Sessions, ConfigError> {
        check_keys()?;
        let longest = self.policy.absolute.max(Duration::from_secs(1));
        self.policy.idle = self.idle.unwrap_or(self.policy.idle.min(longest));
        self.policy.grace = self.grace.unwrap_or(self.policy.grace.min(self.policy.idle));
        self.policy.validate()?;
        match self.limit {
            MaxSessions::Default => {}
            MaxSessions::Unlimited => self.policy.limit = None,
            MaxSessions::Limited(count, policy) => self.policy.limit = Some(limit(count, policy)?),
        }
        if self.policy.seal.is_some() {
            self.can_seal()?;
        }
        let engine = Engine::new(self.policy, self.store, self.keys, self.clock, self.random, self.store_calls);
        engine.map(Sessions::from_engine).map_err(|error| no_randomness(&error))
    }
}

impl SessionsBuilder {
    fn can_seal(&self) -> Result<(), ConfigError> {
        if self.store.is_none() {
            let problem = "has no effect without a `store`, because sessions in memory are not sealed; add a `store`";
            return Err(ConfigError::new("seal", problem));
        }
        match self.keys {
            None => Err(ConfigError::new("seal", "needs keys; give the builder a `KeyRing` with `keys`")),
            Some(_) => Ok(()),
        }
    }
}

/// Keys, with the feature `keys`.
#[cfg(feature = "keys")]
impl SessionsBuilder {
    /// Sets the keys of the application. Default: none, and none are required.
    ///
    /// With keys, tokens carry a MAC, so a forged one is refused before any lookup, and
    /// [`LogId`](crate::telemetry::LogId)s are the same on all nodes and after a restart. Give all
    /// nodes the same ring. [`Sessions::replace_keys`] replaces it without a restart.
    ///
    /// Once keys are set, tokens without a MAC open nothing. To turn keys on while visitors are
    /// logged in, see
    /// [`SessionLayer::accept_unsigned_until`](crate::http::SessionLayer::accept_unsigned_until).
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Seals the data in the shared tier. Default: nothing is sealed, and sealed data is not read.
    pub const fn seal(mut self, policy: crate::crypto::SealPolicy) -> Self {
        self.policy.seal = Some(policy);
        self
    }
}

fn no_randomness(error: &RandomError) -> ConfigError {
    let problem = format!("failed ({error}); allow the process to read the operating system's random source");
    ConfigError::new("random", problem)
}

impl fmt::Debug for SessionsBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsBuilder")
            .field("policy", &self.policy)
            .field("limit", &self.limit)
            .field("shared", &self.store.is_some())
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
