use std::time::Duration;

use crate::time::Timestamp;

/// The kind of a value, state or cached, and how long a cached value is valid.
///
/// ```
/// use cloakroom::CachePolicy;
/// use std::time::Duration;
///
/// const ROLES: CachePolicy = CachePolicy::ttl(Duration::from_secs(300))
///     .jitter(10)
///     .stale_if_error(Duration::from_secs(3600));
/// ```
///
/// A cached value passes through these phases: fresh (up to the ttl) → served stale while one load
/// runs in the background (`stale_while_revalidate`, RFC 5861 §3) → served only if a load fails
/// (`stale_if_error`, RFC 5861 §4) → gone. Both spans count from the end of the ttl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    ttl: Option<Duration>,
    jitter: u8,
    stale_while_revalidate: Duration,
    stale_if_error: Duration,
    refresh_ahead: Duration,
    load_timeout: Duration,
    negative_ttl: Duration,
}

/// How far the clock of the node that wrote a value may be ahead.
const MAX_CLOCK_SKEW: Duration = Duration::from_secs(60);

/// How a reader may use a cached value of a given age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Use it.
    Fresh,
    /// Use it, and start loading a newer one.
    Refresh,
    /// Use it although its ttl is over, and start loading a newer one.
    Stale,
    /// Use it only if a load fails.
    Emergency,
    /// Do not use it.
    Expired,
}

impl CachePolicy {
    /// No cache: the session is the source of truth, and the value does not age.
    pub const STATE: Self = Self {
        ttl: None,
        jitter: 0,
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::ZERO,
        refresh_ahead: Duration::ZERO,
        load_timeout: Duration::from_secs(10),
        negative_ttl: Duration::ZERO,
    };

    /// Creates a policy for a cached value that is fresh for `ttl`. A ttl of zero makes every read
    /// load.
    #[must_use]
    pub const fn ttl(ttl: Duration) -> Self {
        Self { ttl: Some(ttl), ..Self::STATE }
    }

    /// Shortens each ttl by a random part of up to `percent`, so that values loaded together do not
    /// expire together. Default: 0. Values above 100 count as 100.
    #[must_use]
    pub const fn jitter(mut self, percent: u8) -> Self {
        self.jitter = if percent > 100 { 100 } else { percent };
        self
    }

    /// Serves the old value at once for this long after the ttl, while one load runs. Default: 0.
    #[must_use]
    pub const fn stale_while_revalidate(mut self, span: Duration) -> Self {
        self.stale_while_revalidate = span;
        self
    }

    /// Serves the old value for this long after the ttl if a load fails. Default: 0.
    ///
    /// Not for roles and rights that must be withdrawn in time.
    #[must_use]
    pub const fn stale_if_error(mut self, span: Duration) -> Self {
        self.stale_if_error = span;
        self
    }

    /// Starts loading the next value in the background if a read comes this shortly before the end
    /// of the ttl, so that busy sessions never wait. Default: 0.
    #[must_use]
    pub const fn refresh_ahead(mut self, span: Duration) -> Self {
        self.refresh_ahead = span;
        self
    }

    /// Limits how long a load may take before it fails. Default: 10 s.
    #[must_use]
    pub const fn load_timeout(mut self, timeout: Duration) -> Self {
        self.load_timeout = timeout;
        self
    }

    /// Caches the result "there is no such value" for this long. Default: 0, every read loads
    /// again.
    #[must_use]
    pub const fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.negative_ttl = ttl;
        self
    }

    /// Returns `true` if this is a policy for cached values, not for state.
    pub(super) const fn is_cached(&self) -> bool {
        self.ttl.is_some()
    }

    /// Limits a stored `fresh_until` to what this policy allows, because the writer's release may
    /// have had another policy. `None` if no node would write it under this policy: its age is then
    /// unknown.
    pub(super) fn bound(&self, fresh_until: Timestamp, now: Timestamp) -> Option<Timestamp> {
        self.ttl.map_or(Some(fresh_until), |ttl| at_most(ttl, fresh_until, now))
    }

    /// Like [`bound`](Self::bound), for the stored absence of a value.
    pub(super) fn bound_absence(&self, fresh_until: Timestamp, now: Timestamp) -> Option<Timestamp> {
        at_most(self.negative_ttl, fresh_until, now)
    }

    /// Returns until when a value that is loaded now is fresh; `random` decides the jitter.
    pub(super) fn fresh_until(&self, now: Timestamp, random: u64) -> Timestamp {
        let Some(ttl) = self.ttl else { return Timestamp::MAX };
        // Up to `jitter` percent of the ttl, in steps of a thousandth of that.
        let share = u128::from(self.jitter) * u128::from(random % 1001);
        let cut = ttl.as_millis().saturating_mul(share) / 100_000;
        now.after(ttl.saturating_sub(Duration::from_millis(u64::try_from(cut).unwrap_or(u64::MAX))))
    }

    /// Returns until when a loaded absence is valid.
    pub(super) fn absent_until(&self, now: Timestamp) -> Timestamp {
        now.after(self.negative_ttl)
    }

    pub(super) const fn keeps_absence(&self) -> bool {
        !self.negative_ttl.is_zero()
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.load_timeout
    }

    /// Returns how a value that is fresh until `fresh_until` may be used now.
    pub(super) fn freshness(&self, fresh_until: Timestamp, now: Timestamp) -> Freshness {
        if now < fresh_until {
            let soon = self.ttl.is_some() && now.after(self.refresh_ahead) >= fresh_until;
            return if soon && !self.refresh_ahead.is_zero() { Freshness::Refresh } else { Freshness::Fresh };
        }
        if now < fresh_until.after(self.stale_while_revalidate) {
            return Freshness::Stale;
        }
        if now < fresh_until.after(self.stale_if_error) { Freshness::Emergency } else { Freshness::Expired }
    }
}

fn at_most(ttl: Duration, fresh_until: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let longest = now.after(ttl);
    (fresh_until <= longest.after(MAX_CLOCK_SKEW)).then(|| fresh_until.min(longest))
}

#[cfg(test)]
mod tests;
