use std::num::NonZeroU32;
use std::time::Duration;

use crate::config_error::ConfigError;
use crate::crypto::SealPolicy;
use crate::store::{Limit, LimitPolicy};

/// Response to a token that a rotation replaced, presented after its grace period.
///
/// The token was valid once, and its client should have received the new one, so it comes from a
/// late request or from a thief. Both settings refuse the token and announce
/// [`EventKind::TokenReused`](crate::telemetry::EventKind::TokenReused).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReusePolicy {
    /// Takes no further action. The default.
    #[default]
    Report,
    /// Ends the session if the token was replaced more than a minute ago. A request that was in
    /// progress while its client logged in is not theft (RFC 9700 §4.14.2 for refresh tokens).
    End,
}

/// Response to a shared tier that has gone back in time.
///
/// The record of a session is then older than the version its client has seen, for example after a
/// failover to a replica that lagged behind, or after a restored backup.
///
/// The client's token carries a version hint: the newest version that it has seen. With either
/// setting, the event [`EventKind::RolledBack`](crate::telemetry::EventKind::RolledBack) and the
/// counter `rollbacks` report the rollback. The lost writes stay lost.
///
/// A rollback is detected when a record is read, so not while a cached copy is valid. It is
/// detected even if other writes have since raised the record's version above the hint, unless the
/// process whose write was lost has written again, or more than seven others have. A session whose
/// record was lost altogether has ended.
///
/// The client controls the hint, so this is no defence against the client: anyone with a token may
/// omit the hint. A forged hint costs one load and one event per request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RollbackPolicy {
    /// Serves the record as it is, and the response gives the client the lower hint. The default.
    #[default]
    Accept,
    /// Handles the request as if it had no token: the user has to log in again, and gets a new
    /// session.
    ///
    /// For applications to which a past state is worse than none. The rolled-back session lives on
    /// until it expires or is revoked.
    Reauthenticate,
}

/// Response to a read while the shared tier cannot be reached.
///
/// Applies to reads only. Writes, logins and logouts always fail with
/// [`StoreUnavailable`](crate::error::SessionErrorKind::StoreUnavailable): without the shared tier
/// they would be lost, or would restore an ended session. No setting ever replaces a session that
/// cannot be read with an empty one, or makes the client forget its token. A session with a valid
/// copy in memory is read as usual and is not affected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreError {
    /// Returns the error, which becomes a 503 with `Retry-After`. The default.
    #[default]
    Fail,
    /// Responds as to a visitor without a session. For pages that also work without a login; not
    /// for pages where an anonymous visitor may do more than a logged-in one.
    Anonymous,
    /// Serves the copy in memory for this long after the shared tier was lost. Not for sessions
    /// that must be revocable at once: a session that was ended elsewhere in the meantime is still
    /// served.
    ///
    /// A copy that is known to be outdated is not served. Nothing is served if the store does not
    /// [vouch](crate::store::Store::is_lease_valid) for copies, because their age is unknown.
    ServeStale(Duration),
}

/// Response to a token that opens nothing (expired, logged out, replaced, forged), when the request
/// first accesses its session.
///
/// By default, programs get [`Reject`](Self::Reject) and browsers [`Anonymous`](Self::Anonymous): a
/// program has to learn that its token is no longer valid, and cannot be given a cookie instead; a
/// browser whose session has ended is an ordinary visitor.
///
/// [`Session::login`](crate::session::Session::login) works with both settings, because it is the
/// remedy. So does [`Session::destroy`](crate::session::Session::destroy), because its goal is
/// already achieved (RFC 7009 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnInvalidToken {
    /// Responds as to a client without a token: reads find nothing, and a write starts a session.
    Anonymous,
    /// Returns [`Ended`](crate::error::SessionErrorKind::Ended), which is a 401; for programs with
    /// `WWW-Authenticate: Bearer error="invalid_token"` (RFC 6750 §3.1). `Option<Session<T>>` is
    /// refused as well.
    ///
    /// A cookie that is not a well-formed token is still ignored, because any host of the domain
    /// could plant one.
    Reject,
}

/// The limits on the values of one session. A write beyond one fails with
/// [`TooLarge`](crate::error::SessionErrorKind::TooLarge) and changes nothing.
///
/// ```
/// use cloakroom::{SessionLimits, Sessions};
///
/// let limits = SessionLimits { bytes: 16 << 10, ..SessionLimits::default() };
/// let sessions = Sessions::builder().session_limits(limits).build()?;
/// # Ok::<(), cloakroom::ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionLimits {
    /// How many bytes the values may take together: 1 to 4 GiB. Default: 64 KiB.
    pub bytes: usize,
    /// How many bytes one value may take, at most `bytes`. Default: `None`, which is `bytes`.
    pub value_bytes: Option<usize>,
    /// How many values a session may have, at least 1. Default: 64.
    pub values: usize,
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self { bytes: 64 << 10, value_bytes: None, values: 64 }
    }
}

impl SessionLimits {
    /// Returns how many bytes one value may take.
    pub(crate) fn max_value_bytes(&self) -> usize {
        self.value_bytes.unwrap_or(self.bytes)
    }

    fn validate(&self) -> Result<(), ConfigError> {
        at_least("session_limits.bytes", self.bytes, 1)?;
        at_least("session_limits.value_bytes", self.max_value_bytes(), 1)?;
        at_least("session_limits.values", self.values, 1)?;
        if self.max_value_bytes() > self.bytes {
            let (value, session) = (self.max_value_bytes(), self.bytes);
            let problem = format!(
                "is {value} and `session_limits.bytes` is {session}, so no value could be that large; lower one or raise the other"
            );
            return Err(ConfigError::new("session_limits.value_bytes", problem));
        }
        if u32::try_from(self.bytes).is_err() {
            return Err(ConfigError::new("session_limits.bytes", "is more than 4 GiB; store large data elsewhere"));
        }
        Ok(())
    }
}

/// The default session limit per principal: more than any person has, and few enough to list and
/// end all of them at once.
const DEFAULT_LIMIT: NonZeroU32 = NonZeroU32::new(1000).expect("1000 is not 0");

/// The maximum overhead of a session beyond its values, in bytes.
const SESSION_OVERHEAD: u64 = 4096;

/// The validated configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) grace: Duration,
    pub(crate) conflict_timeout: Duration,
    pub(crate) memory_limit: u64,
    pub(crate) session_limits: SessionLimits,
    pub(crate) max_loads: usize,
    pub(crate) max_loads_per_session: usize,
    pub(crate) max_watches_per_session: usize,
    pub(crate) pack_after: Option<Duration>,
    pub(crate) limit: Option<Limit>,
    pub(crate) reuse: ReusePolicy,
    pub(crate) rollback: RollbackPolicy,
    pub(crate) seal: Option<SealPolicy>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(24 * 60 * 60),
            grace: Duration::from_secs(10),
            conflict_timeout: Duration::from_secs(5),
            memory_limit: 1 << 30,
            session_limits: SessionLimits::default(),
            max_loads: 1024,
            max_loads_per_session: 16,
            max_watches_per_session: 64,
            pack_after: Some(Duration::from_secs(60)),
            limit: Some(Limit::new(DEFAULT_LIMIT, LimitPolicy::EndOldest)),
            reuse: ReusePolicy::Report,
            rollback: RollbackPolicy::Accept,
            seal: None,
        }
    }
}

/// The longest lifetime that browsers accept for a cookie (RFC 6265bis §5.5).
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// The fraction of memory, as a divisor, that the sessions of one principal may use together.
const PRINCIPAL_MEMORY_DIVISOR: u64 = 16;

impl Config {
    /// Returns how many bytes the sessions of one principal may use together: at least one full
    /// session.
    pub(crate) fn share(&self) -> u64 {
        (self.memory_limit / PRINCIPAL_MEMORY_DIVISOR).max(self.max_session_memory())
    }

    /// Returns how many bytes one full session takes.
    const fn max_session_memory(&self) -> u64 {
        self.session_limits.bytes as u64 + SESSION_OVERHEAD
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let second = Duration::from_secs(1);
        within("idle_timeout", self.idle, second, MAX_LIFETIME)?;
        within("absolute_timeout", self.absolute, second, MAX_LIFETIME)?;
        within("renewal_grace", self.grace, Duration::ZERO, Duration::from_secs(60))?;
        no_longer_than(("idle_timeout", self.idle), ("absolute_timeout", self.absolute))?;
        no_longer_than(("renewal_grace", self.grace), ("idle_timeout", self.idle))?;
        within("conflict_timeout", self.conflict_timeout, Duration::from_millis(10), Duration::from_secs(60))?;
        if let Some(after) = self.pack_after {
            within("pack_after", after, second, MAX_LIFETIME)?;
        }
        at_least("max_loads", self.max_loads, 1)?;
        at_least("max_loads_per_session", self.max_loads_per_session, 1)?;
        at_least("max_watches_per_session", self.max_watches_per_session, 1)?;
        self.session_limits.validate()?;
        let smallest = self.max_session_memory();
        if self.memory_limit < smallest {
            let problem =
                format!("is {} bytes and must have room for one full session: at least {smallest}", self.memory_limit);
            return Err(ConfigError::new("memory_limit", problem));
        }
        Ok(())
    }
}

pub(crate) fn limit(count: u32, when_reached: LimitPolicy) -> Result<Limit, ConfigError> {
    let problem = "is 0, so nobody could log in; give at least 1, or call `unlimited_sessions_per_principal`";
    let count = NonZeroU32::new(count).ok_or_else(|| ConfigError::new("max_sessions_per_principal", problem))?;
    Ok(Limit::new(count, when_reached))
}

fn within(setting: &'static str, value: Duration, least: Duration, most: Duration) -> Result<(), ConfigError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    let problem = format!("is {value:?} and must be between {least:?} and {} seconds", most.as_secs());
    Err(ConfigError::new(setting, problem))
}

/// The default of each setting follows the other, so the application set both if this fails.
fn no_longer_than(
    (setting, value): (&'static str, Duration),
    (limit, most): (&'static str, Duration),
) -> Result<(), ConfigError> {
    if value <= most {
        return Ok(());
    }
    let problem =
        format!("is {value:?} and `{limit}` is {most:?}, which ends the session first; lower one or raise the other");
    Err(ConfigError::new(setting, problem))
}

fn at_least(setting: &'static str, value: usize, least: usize) -> Result<(), ConfigError> {
    if value >= least {
        return Ok(());
    }
    Err(ConfigError::new(setting, format!("is {value} and must be at least {least}")))
}
