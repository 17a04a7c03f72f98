//! The timeouts of a session.

use std::fmt;
use std::time::Duration;

use crate::time::{Timestamp, whole_millis};

/// The two lifetimes of a session, both enforced on the server (OWASP ASVS 7.3.1 and 7.3.2).
///
/// Durations are whole milliseconds: a fraction is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    created_at: Timestamp,
    absolute_deadline: Timestamp,
    /// The idle timeout in milliseconds. The highest bit is set if the token is persistent. One
    /// word for both saves 16 bytes per session in memory.
    idle: u64,
}

const PERSISTENT: u64 = 1 << 63;

impl Lifetimes {
    /// Lifetimes of a session created at `created_at`, which ends when no request is seen for
    /// `idle_timeout`, and at `absolute_deadline` whatever happens. Its token need not outlive the
    /// browser.
    #[must_use]
    pub fn new(created_at: Timestamp, idle_timeout: Duration, absolute_deadline: Timestamp) -> Self {
        Self { created_at, absolute_deadline, idle: whole_millis(idle_timeout).min(!PERSISTENT) }
    }

    /// Returns the creation time, which never changes.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }

    /// Returns the time without requests after which the session ends.
    #[must_use]
    pub const fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_millis())
    }

    /// Returns the instant at which the session ends, whatever happens.
    #[must_use]
    pub const fn absolute_deadline(&self) -> Timestamp {
        self.absolute_deadline
    }

    /// Returns `true` if the client was asked to keep its token when the browser closes.
    #[must_use]
    pub const fn is_persistent(&self) -> bool {
        self.idle & PERSISTENT != 0
    }

    /// Returns the same lifetimes with another creation time.
    #[must_use]
    pub const fn with_created_at(self, created_at: Timestamp) -> Self {
        Self { created_at, ..self }
    }

    /// Returns the same lifetimes with another idle timeout.
    #[must_use]
    pub fn with_idle_timeout(self, idle_timeout: Duration) -> Self {
        Self::new(self.created_at, idle_timeout, self.absolute_deadline).with_persistent(self.is_persistent())
    }

    /// Returns the same lifetimes with another absolute deadline.
    #[must_use]
    pub const fn with_absolute_deadline(self, absolute_deadline: Timestamp) -> Self {
        Self { absolute_deadline, ..self }
    }

    /// Returns the same lifetimes for a token that outlives the browser, or does not.
    #[must_use]
    pub const fn with_persistent(self, persistent: bool) -> Self {
        let flag = if persistent { PERSISTENT } else { 0 };
        Self { idle: self.idle_millis() | flag, ..self }
    }

    /// The instant until which a store keeps a record that it last saw at `last_seen`.
    ///
    /// It adds a tenth of the idle timeout to the life of the session, because touches are reported
    /// no more often than that.
    #[must_use]
    pub fn store_deadline(&self, last_seen: Timestamp) -> Timestamp {
        last_seen.after(self.store_idle_timeout()).min(self.absolute_deadline)
    }

    /// The time for which a store keeps a record after it was last seen, unless the absolute
    /// deadline comes first: see [`store_deadline`](Self::store_deadline).
    #[must_use]
    pub fn store_idle_timeout(&self) -> Duration {
        let idle = self.idle_timeout();
        idle.saturating_add(idle / 10)
    }

    /// The instant at which a session last seen at `last_seen` ends if it is not seen again.
    #[must_use]
    pub fn deadline(&self, last_seen: Timestamp) -> Timestamp {
        last_seen.after(self.idle_timeout()).min(self.absolute_deadline)
    }

    /// Returns the idle timeout in milliseconds.
    pub(crate) const fn idle_millis(&self) -> u64 {
        self.idle & !PERSISTENT
    }
}

impl fmt::Debug for Lifetimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lifetimes")
            .field("created_at", &self.created_at)
            .field("idle_timeout", &self.idle_timeout())
            .field("absolute_deadline", &self.absolute_deadline)
            .field("is_persistent", &self.is_persistent())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_and_the_timeout_share_a_word_without_changing_each_other() {
        let now = Timestamp::from_millis(1000);
        for idle in [Duration::ZERO, Duration::from_millis(1), Duration::from_millis(u64::MAX >> 1), Duration::MAX] {
            let lifetimes = Lifetimes::new(now, idle, Timestamp::MAX);
            let kept = lifetimes.idle_timeout();
            assert_eq!(kept, idle.min(Duration::from_millis(u64::MAX >> 1)));
            assert!(!lifetimes.is_persistent());
            let persistent = lifetimes.with_persistent(true);
            assert!(persistent.is_persistent());
            assert_eq!(persistent.idle_timeout(), kept);
            assert_eq!(persistent.with_idle_timeout(idle), persistent);
            assert_eq!(persistent.with_persistent(false), lifetimes);
        }
    }

    #[test]
    fn a_fraction_of_a_millisecond_is_dropped() {
        let now = Timestamp::from_millis(0);
        let lifetimes = Lifetimes::new(now, Duration::from_micros(1999), now);
        assert_eq!(lifetimes.idle_timeout(), Duration::from_millis(1));
    }
}
