use std::fmt;
use std::time::Duration;

use crate::crypto::KeyRing;
use crate::random::{OsRandom, RandomSource};
use crate::store::{DynStore, LimitPolicy, Store};
use crate::sync::Arc;
use crate::time::{Clock, SystemClock};

use crate::application::Sessions;
use crate::config::{Config, ConfigError, ReusePolicy, RollbackPolicy, SealPolicy, limit};
use crate::engine::Engine;

/// Configures [`Sessions`]. Every setting has a default; [`build`](Self::build) checks them together.
#[must_use = "a builder does nothing until `build` is called"]
pub struct SessionsBuilder {
    policy: Config,
    limit: MaxSessions,
    max_value_bytes: Option<usize>,
    idle: Option<Duration>,
    grace: Option<Duration>,
    store: Option<Arc<dyn DynStore>>,
    keys: Option<KeyRing>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn RandomSource>,
}

/// What was said about the number of sessions of a principal.
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
            max_value_bytes: None,
            idle: None,
            grace: None,
            store: None,
            keys: None,
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(OsRandom),
        }
    }

    /// Keeps the sessions in a shared tier, for several nodes or across restarts.
    ///
    /// Without a store, sessions live in this process and end with it. Handlers are the same.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// A session ends when no request is seen for this long. Default: 30 minutes, or the
    /// [`absolute_timeout`](Self::absolute_timeout) if that is shorter. 1 s to 400 days, and no longer than that one.
    ///
    /// Any request through the layer counts while the session is in memory, also one whose handler
    /// never asks for it (OWASP ASVS 7.3.1).
    pub const fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle = Some(timeout);
        self
    }

    /// A session ends this long after its creation or last login, whatever happens.
    /// Default: 24 hours. 1 s to 400 days (OWASP ASVS 7.3.2).
    pub const fn absolute_timeout(mut self, timeout: Duration) -> Self {
        self.policy.absolute = timeout;
        self
    }

    /// For this long after a renewal, requests with the old token still work. Default: 10 s, or the
    /// [`idle_timeout`](Self::idle_timeout) if that is shorter. At most 60 s, and no longer than that one.
    ///
    /// A login gives no grace, whatever this says.
    pub const fn renewal_grace(mut self, grace: Duration) -> Self {
        self.grace = Some(grace);
        self
    }

    /// How long a change goes on when other nodes keep changing the same value first. Default: 5 s. 10 ms to 60 s.
    ///
    /// Then it fails with [`Conflict`](crate::error::SessionErrorKind::Conflict), and nothing is changed. The time counts from
    /// when it was the request's turn: requests of one process to one session take turns and do not disturb each other,
    /// however many there are. Means nothing without a shared tier.
    pub const fn conflict_timeout(mut self, timeout: Duration) -> Self {
        self.policy.conflict_timeout = timeout;
        self
    }

    /// How many bytes all sessions of this process may take together. Default: 1 GiB.
    ///
    /// The sessions of one principal together take at most a sixteenth of it where there is no
    /// shared tier: beyond that, its own oldest ones end.
    /// When it is reached, the anonymous sessions that were idle longest are evicted. Where there is no
    /// shared tier, a session that somebody is logged in to never is; when nothing may go, a
    /// write fails with [`Full`](crate::error::SessionErrorKind::Full).
    pub const fn max_bytes(mut self, bytes: u64) -> Self {
        self.policy.max_bytes = bytes;
        self
    }

    /// How many bytes the values of one session may take together. Default: 64 KiB.
    pub const fn max_session_bytes(mut self, bytes: usize) -> Self {
        self.policy.max_session_bytes = bytes;
        self
    }

    /// How many bytes one value may take. Default: as many as [the session](Self::max_session_bytes).
    pub const fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = Some(bytes);
        self
    }

    /// How many values one session may have. Default: 64.
    pub const fn max_values(mut self, count: usize) -> Self {
        self.policy.max_values = count;
        self
    }

    /// How many loaders may be at work at once in this process. Default: 1024.
    ///
    /// Loaders run to their end when their client hangs up, so their number has to have a bound. A request beyond it fails with
    /// [`TooManyLoads`](crate::error::SessionErrorKind::TooManyLoads), unless an old value may be served. Sessions that have several
    /// at work already are refused first.
    pub const fn max_loads(mut self, count: usize) -> Self {
        self.policy.max_loads = count;
        self
    }

    /// How many loaders of one session may be at work at once. Default: 16. See [`max_loads`](Self::max_loads).
    pub const fn max_loads_per_session(mut self, count: usize) -> Self {
        self.policy.max_loads_per_session = count;
        self
    }

    /// After this long without a request, the values of a session are kept encoded, which takes a
    /// fraction of the memory; the next read decodes them. Default: 60 s. `None` keeps them decoded.
    ///
    /// Fields that serde skips come back as their default then, as they do from a shared tier. A
    /// value that does not encode faithfully (a `NaN`, for example) stays as it is.
    pub const fn pack_after(mut self, quiet: Option<Duration>) -> Self {
        self.policy.pack_after = quiet;
        self
    }

    /// How many sessions one principal may have at once (OWASP ASVS 7.1.2). Default: 1000, and the oldest ends when
    /// there is one more.
    ///
    /// No person ever has so many. A program that logs in anew for each of its calls does, and each of its sessions
    /// stays until its time is over.
    pub const fn max_sessions_per_principal(mut self, count: u32, when_reached: LimitPolicy) -> Self {
        self.limit = MaxSessions::Limited(count, when_reached);
        self
    }

    /// Lets a principal have any number of sessions at once.
    ///
    /// Listing and ending them all takes a time that grows with their number, and they take memory.
    pub const fn unlimited_sessions_per_principal(mut self) -> Self {
        self.limit = MaxSessions::Unlimited;
        self
    }

    /// What happens when a dead token is shown again. Default: [`ReusePolicy::Report`].
    pub const fn on_reuse(mut self, policy: ReusePolicy) -> Self {
        self.policy.reuse = policy;
        self
    }

    /// What happens when the shared tier has gone back in time. Default: [`RollbackPolicy::Accept`].
    /// Means nothing without a shared tier.
    pub const fn on_rollback(mut self, policy: RollbackPolicy) -> Self {
        self.policy.rollback = policy;
        self
    }

    /// The keys of the application. Default: none, and none is needed.
    ///
    /// With keys, tokens carry a MAC, so that a forged one is refused before anything is looked up, and
    /// [`LogId`](crate::telemetry::LogId)s are the same on all nodes and after a restart. Give all nodes the same ring.
    /// [`Sessions::replace_keys`] takes another one without a restart.
    ///
    /// Tokens without a MAC open nothing any more. To turn keys on while visitors are logged in, see
    /// [`SessionLayer::accept_unsigned_until`](crate::http::SessionLayer::accept_unsigned_until).
    pub fn keys(mut self, keys: KeyRing) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Seals what the shared tier holds. Default: nothing is sealed, and sealed values are not read.
    pub const fn seal(mut self, policy: SealPolicy) -> Self {
        self.policy.seal = Some(policy);
        self
    }

    /// The clock that everything expires by. Default: [`SystemClock`]. For tests.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where tokens come from. Default: [`OsRandom`]. For tests only.
    pub fn random(mut self, random: impl RandomSource) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// Checks the settings and makes the sessions.
    ///
    /// # Errors
    /// Names the setting that cannot work, and what would.
    pub fn build(mut self) -> Result<Sessions, ConfigError> {
        self.policy.max_value_bytes = self.max_value_bytes.unwrap_or(self.policy.max_session_bytes);
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
        let engine = Engine::new(self.policy, self.store, self.keys, self.clock, self.random);
        engine.map(Sessions::from_engine).map_err(|error| ConfigError::randomness(&error))
    }

    fn can_seal(&self) -> Result<(), ConfigError> {
        if self.store.is_none() {
            let problem = "has nothing to seal without a `store`: what is in this process's memory stays there";
            return Err(ConfigError::new("seal", problem));
        }
        match self.keys {
            None => Err(ConfigError::new("seal", "needs keys to seal with; give the builder a `KeyRing` with `keys`")),
            Some(_) => Ok(()),
        }
    }
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
