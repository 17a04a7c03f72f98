use std::num::NonZeroU32;
use std::time::Duration;

use crate::store::{Limit, LimitPolicy};

/// What happens when a token is shown that a rotation replaced, after its grace.
///
/// Either a straggler or a thief: the token was good once, and whoever shows it now should have
/// the new one. Both settings refuse the token and announce
/// [`EventKind::TokenReused`](crate::telemetry::EventKind::TokenReused).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReusePolicy {
    /// Nothing more. The default.
    #[default]
    Report,
    /// The session ends, if the token has been dead for more than a minute: a request that was
    /// under way while its client logged in is no theft (RFC 9700 §4.14.2 for refresh tokens).
    End,
}

/// What happens when a shared tier turns out to have gone back in time: the record of a session is older
/// than what its client has seen, as after a failover to a replica that lagged behind, or after a backup
/// was put back.
///
/// The client's token carries a hint at the newest version that it has seen. Whatever the setting, the event
/// [`EventKind::RolledBack`](crate::telemetry::EventKind::RolledBack) and the counter `rollbacks` tell of it. What
/// was written in the part of history that is lost stays lost. It is noticed when a record is read, so not while a
/// copy is still believed; also where others have written so much since that the record is newer than the hint, unless
/// the process whose write was lost has written again, or more than seven others have. A record that was lost
/// altogether is a session that is over.
///
/// The hint is the client's own, so this is no defence against the client: whoever holds a token may leave the
/// hint out. A hint that is made up costs one load, and one event, per request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RollbackPolicy {
    /// The record is served as it is, and the response gives the client the lower hint. The default.
    #[default]
    Accept,
    /// The request is answered as if it had come without a token: its user has to log in again, and gets a
    /// session of its own. For applications to which a state from the past is worse than none. The
    /// session that was rolled back lives on until it expires or is revoked.
    Reauthenticate,
}

/// What a request gets that asks for something in its session while the shared tier cannot be asked.
///
/// Only for reading. A write, a login and a logout fail whatever this says, with
/// [`StoreUnavailable`](crate::error::SessionErrorKind::StoreUnavailable): where they were answered without the
/// shared tier, they would be lost, or would bring back what had ended. No setting ever starts an empty session in
/// place of one that cannot be read, or has the client forget its token. Sessions whose copies in memory are
/// vouched for are read as always and never come here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnStoreError {
    /// The error, which becomes a 503 with `Retry-After`. The default.
    #[default]
    Fail,
    /// The answer that a visitor without a session gets. For pages that work without a login as well;
    /// not where being anonymous allows more than being somebody.
    Anonymous,
    /// What the copy in memory says, for that long after the shared tier was lost. Not for what must be
    /// revocable at once: a session that was ended elsewhere meanwhile is served as well. A copy that
    /// is known to be out of date is not, and none is where the store does not
    /// [vouch](crate::store::Store::is_lease_valid) for copies, because nobody knows their age.
    ServeStale(Duration),
}

/// What a request gets that shows a token which opens nothing (expired, logged out, replaced, forged), as soon as it asks
/// for something in its session.
///
/// Without this, programs get [`Reject`](Self::Reject) and browsers [`Anonymous`](Self::Anonymous): a program has to be
/// told that its token is over, and cannot be given a cookie in its place; a visitor whose session is over is a visitor.
/// [`Session::login`](crate::session::Session::login) works in both, as it is the remedy, and so does
/// [`Session::destroy`](crate::session::Session::destroy), as what it is for has been achieved (RFC 7009 §2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnInvalidToken {
    /// What a client without a token gets: reads find nothing, and a write starts a session.
    Anonymous,
    /// [`Ended`](crate::error::SessionErrorKind::Ended), which is a 401, to programs with
    /// `WWW-Authenticate: Bearer error="invalid_token"` (RFC 6750 §3.1). `Option<Session<T>>` is refused as well.
    ///
    /// A cookie that cannot be a token by its form is as good as none here too, because any host of the domain could
    /// plant one.
    Reject,
}

/// Whether what the shared tier holds is sealed: encrypted, and bound to its place so that nobody who can write
/// to the store can change it, move it, or bring back what was there before.
///
/// Needs [`keys`](crate::application::SessionsBuilder::keys) and a [`store`](crate::application::SessionsBuilder::store). What is not
/// protected stands in the guide, on the page about many nodes.
///
/// On a running deployment, go from one setting to the next only when every node has the one before it: unsealed →
/// `Prepare` → `Migrate` → `Require`, and the same way back. Stay at `Migrate` for as long as a session may live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SealPolicy {
    /// Everything is written sealed, and nothing else is read.
    Require,
    /// Everything is written sealed; what is not sealed is read as well, and counted. While this is in force, somebody
    /// who can write to the store can pass off what is not sealed, so a line in the log says so at start-up.
    Migrate,
    /// Nothing is written sealed, and what is sealed is read. The first step, so that every node understands
    /// what others are about to write; and the last, to give sealing up again. A line in the log says so at start-up.
    Prepare,
}

impl SealPolicy {
    /// Whether what is written is sealed.
    pub(crate) const fn writes(self) -> bool {
        matches!(self, Self::Require | Self::Migrate)
    }

    /// Whether what is not sealed may be read.
    pub(crate) const fn is_lenient(self) -> bool {
        matches!(self, Self::Migrate | Self::Prepare)
    }
}

/// How many sessions a principal may have where nothing else is configured: more than any person ever has, and few
/// enough for all of them to be listed and ended at once.
const DEFAULT_LIMIT: NonZeroU32 = NonZeroU32::new(1000).expect("1000 is not 0");

/// What one session takes at most beside its values.
const ROOM: u64 = 4096;

/// The validated configuration.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) idle: Duration,
    pub(crate) absolute: Duration,
    pub(crate) grace: Duration,
    pub(crate) conflict_timeout: Duration,
    pub(crate) max_bytes: u64,
    pub(crate) max_session_bytes: usize,
    pub(crate) max_value_bytes: usize,
    pub(crate) max_values: usize,
    pub(crate) max_loads: usize,
    pub(crate) max_loads_per_session: usize,
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
            max_bytes: 1 << 30,
            max_session_bytes: 64 << 10,
            max_value_bytes: 64 << 10,
            max_values: 64,
            max_loads: 1024,
            max_loads_per_session: 16,
            pack_after: Some(Duration::from_secs(60)),
            limit: Some(Limit::new(DEFAULT_LIMIT, LimitPolicy::EndOldest)),
            reuse: ReusePolicy::Report,
            rollback: RollbackPolicy::Accept,
            seal: None,
        }
    }
}

/// The longest lifetime that a browser keeps a cookie for (RFC 6265bis §5.5).
pub(crate) const MAX_LIFETIME: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// A setting that cannot work, found when it was set, not when a request needed it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` {problem}")]
pub struct ConfigError {
    setting: &'static str,
    problem: String,
}

plain_debug!(ConfigError);

impl ConfigError {
    pub(super) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    pub(crate) fn keyless() -> Self {
        Self::new(
            "keys",
            "were not given when the sessions were built, so there are none to replace; give the builder a ring",
        )
    }

    pub(crate) fn randomness(error: &crate::random::RandomError) -> Self {
        Self::new("random", format!("gives nothing ({error}); let the process read the operating system's generator"))
    }

    /// Which setting.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}

/// The part of the memory that the sessions of one principal may take together.
const SHARES: u64 = 16;

impl Config {
    /// How many bytes the sessions of one principal may take together: enough for one full session.
    pub(crate) fn share(&self) -> u64 {
        (self.max_bytes / SHARES).max(self.max_session_bytes as u64 + ROOM)
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
        at_least("max_session_bytes", self.max_session_bytes, 1)?;
        at_least("max_value_bytes", self.max_value_bytes, 1)?;
        at_least("max_values", self.max_values, 1)?;
        at_least("max_loads", self.max_loads, 1)?;
        at_least("max_loads_per_session", self.max_loads_per_session, 1)?;
        if self.max_value_bytes > self.max_session_bytes {
            let (value, session) = (self.max_value_bytes, self.max_session_bytes);
            let problem = format!(
                "is {value} and `max_session_bytes` is {session}, so no value could take that much; lower the one or raise the other"
            );
            return Err(ConfigError::new("max_value_bytes", problem));
        }
        if u32::try_from(self.max_session_bytes).is_err() {
            return Err(ConfigError::new("max_session_bytes", "is more than 4 GiB; a session is not a file store"));
        }
        let smallest = self.max_session_bytes as u64 + ROOM;
        if self.max_bytes < smallest {
            let problem =
                format!("is {} bytes and must have room for one full session: at least {smallest}", self.max_bytes);
            return Err(ConfigError::new("max_bytes", problem));
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

/// The default of either follows the other, so both were set if this fails.
fn no_longer_than(
    (setting, value): (&'static str, Duration),
    (limit, most): (&'static str, Duration),
) -> Result<(), ConfigError> {
    if value <= most {
        return Ok(());
    }
    let problem = format!(
        "is {value:?} and `{limit}` is {most:?}, which ends the session before; lower the one or raise the other"
    );
    Err(ConfigError::new(setting, problem))
}

fn at_least(setting: &'static str, value: usize, least: usize) -> Result<(), ConfigError> {
    if value >= least {
        return Ok(());
    }
    Err(ConfigError::new(setting, format!("is {value} and must be at least {least}")))
}
