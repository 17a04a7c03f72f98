use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::striped::Striped;

/// Declares each counter once: its field, its stable name, its documentation, and, if it is one of
/// several with a label, its metric.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident $(in $metric:literal { $($label:ident = $value:literal),+ })?),+ $(,)?) => {
        /// Counts of what happened since start-up, and two gauges.
        ///
        /// The field names are stable; [`Stats::iter`] returns them as text for an exporter. Taking
        /// a snapshot is cheap but not free: do it per scrape, not per request. With the feature
        /// `metrics`, the numbers also go to the recorder of the application, and nothing needs to
        /// be written for that.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Stats {
            /// Gauge: sessions in the local tier now.
            pub sessions: u64,
            /// Gauge: bytes that those sessions are counted as.
            pub bytes: u64,
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Stats {
            /// Returns every number under its stable name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + use<> {
                [("sessions", self.sessions), ("bytes", self.bytes), $((stringify!($name), self.$name)),+].into_iter()
            }
        }

        /// The live counters behind [`Stats`].
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Counter,)+
        }

        impl Counters {
            fn add_to(&self, stats: &mut Stats) {
                $(stats.$name += self.$name.read();)+
            }
        }

        /// The metrics of the counters, in the order of [`Stats::iter`].
        #[cfg(feature = "metrics")]
        pub(crate) const COUNTER_METRICS: &[CounterMetric] = &[
            $(counter_metric!([$($doc)+] $name $(in $metric { $($label = $value),+ })?)),+
        ];
    };
}

/// The metric of a counter.
#[cfg(feature = "metrics")]
#[derive(Debug)]
pub(crate) struct CounterMetric {
    pub(crate) name: &'static str,
    pub(crate) labels: &'static [metrics::Label],
    /// Empty if the metric is described as a whole.
    pub(crate) description: &'static str,
}

#[cfg(feature = "metrics")]
macro_rules! counter_metric {
    ([$($doc:literal)+] $name:ident) => {
        CounterMetric {
            name: concat!("cloakroom_", stringify!($name), "_total"),
            labels: &[],
            description: concat!($($doc),+),
        }
    };
    ([$($doc:literal)+] $name:ident in $metric:literal { $($label:ident = $value:literal),+ }) => {
        CounterMetric {
            name: $metric,
            labels: &[$(metrics::Label::from_static_parts(stringify!($label), $value)),+],
            description: "",
        }
    };
}

counters! {
    /// Sessions created.
    created,
    /// Logins.
    logins,
    /// Rotations by `renew`.
    renewals,
    /// Rotations by `rotate`.
    rotations,
    /// Sessions ended by logout or `destroy`.
    ended_logout in "cloakroom_ended_total" { reason = "logout" },
    /// Sessions ended by the idle timeout.
    ended_idle in "cloakroom_ended_total" { reason = "idle" },
    /// Sessions ended by the absolute timeout.
    ended_absolute in "cloakroom_ended_total" { reason = "absolute" },
    /// Sessions revoked from outside.
    ended_revoked in "cloakroom_ended_total" { reason = "revoked" },
    /// Sessions displaced by a newer login of their principal.
    ended_displaced in "cloakroom_ended_total" { reason = "displaced" },
    /// Sessions that parallel logins of one client left over on several nodes.
    ended_duplicate in "cloakroom_ended_total" { reason = "duplicate" },
    /// Anonymous sessions evicted because memory was full.
    ended_evicted in "cloakroom_ended_total" { reason = "evicted" },
    /// Sessions ended because a replaced token was presented again.
    ended_reused in "cloakroom_ended_total" { reason = "reused" },
    /// Sessions found missing from the shared tier.
    ended_gone in "cloakroom_ended_total" { reason = "gone" },
    /// Sessions ended because no response carried their token: the handler panicked, or the request
    /// was cancelled.
    ended_undelivered in "cloakroom_ended_total" { reason = "undelivered" },
    /// Commits that changed a session.
    commits,
    /// Attempts to commit that found a newer value and ran their closure again.
    conflicts,
    /// Requests that used their session and got it from the memory of this process.
    local_hits in "cloakroom_lookups_total" { tier = "local", result = "hit" },
    /// Lookups of tokens that this process rejected without a call to the shared tier.
    local_negative_hits in "cloakroom_lookups_total" { tier = "local", result = "negative_hit" },
    /// Lookups of tokens for which this process had to ask the shared tier.
    local_misses in "cloakroom_lookups_total" { tier = "local", result = "miss" },
    /// Reads of records from the shared tier that found a record.
    store_hits in "cloakroom_lookups_total" { tier = "shared", result = "hit" },
    /// Reads of records from the shared tier that found none.
    store_misses in "cloakroom_lookups_total" { tier = "shared", result = "miss" },
    /// Reads of records from the shared tier: hits, misses and failures.
    store_loads,
    /// Records read from the shared tier that were older than what their client had seen.
    rollbacks,
    /// Records and values in the shared tier that are sealed under a key that this process does not
    /// have.
    keys_unknown,
    /// Records and values in the shared tier that were altered, moved from elsewhere, or not sealed
    /// although they must be.
    seals_broken,
    /// Records and values that were read unsealed, because the policy still allows it.
    unsealed_read,
    /// Requests that read a session from memory because the shared tier could not be reached.
    stale_sessions_served,
    /// Calls to the shared tier that failed.
    store_errors,
    /// How often the clocks of this node and the shared tier turned out to be more than a minute
    /// apart.
    clocks_apart,
    /// Loaders started.
    loads,
    /// Requests that waited for a loader that another request had started.
    loads_joined,
    /// Loaders that failed, panicked or timed out.
    loads_failed,
    /// Loads whose result was not stored because something overtook them.
    loads_overtaken,
    /// Loads whose result was served but not stored, because it does not encode, is too large, or
    /// the shared tier did not accept it: every read loads it again.
    loads_not_kept,
    /// Loads that were cancelled, because nobody waited for them any more and their result could
    /// not be stored.
    loads_cancelled,
    /// Loads that were refused because too many were running.
    loads_refused,
    /// Cached values served without a load.
    value_hits,
    /// Cached values served past their ttl, while revalidating or because the loader failed.
    stale_served,
    /// Reads of cached values that could not be decoded or unsealed, and were therefore misses.
    values_unreadable,
    /// Session cookies and bearer tokens that are not well-formed tokens.
    tokens_malformed,
    /// Tokens whose MAC or signature does not match the key that they name, or is for another use:
    /// forged, changed, or of another cookie.
    tokens_forged,
    /// Tokens under a key that is not in the ring.
    tokens_unknown_key,
    /// JWTs that have expired or are not yet valid.
    tokens_out_of_time,
    /// Tokens without a MAC that were accepted because `SessionLayer::accept_unsigned_until` allows
    /// it.
    tokens_unsigned,
    /// Well-formed tokens that open no session.
    tokens_unknown,
    /// Tokens that were replaced by a rotation and presented again after their grace period.
    tokens_reused,
    /// Requests with several different session cookies.
    cookies_ambiguous,
    /// Requests with a session cookie and a bearer token where only one is allowed, or with several
    /// `Authorization` fields.
    tokens_ambiguous,
    /// Requests with more cookies than are read.
    cookies_oversized,
    /// Requests refused because they carried no CSRF token of their session.
    csrf_refused,
    /// Sessions refused because memory was full.
    refused_full,
    /// Logins refused because of the session limit.
    refused_limit,
}

/// The counters of all threads. Derefs to those of the current thread.
#[derive(Debug)]
pub(crate) struct StripedCounters(Striped<Counters>);

impl StripedCounters {
    pub(crate) fn snapshot(&self, sessions: u64, bytes: u64) -> Stats {
        let mut stats = Stats { sessions, bytes, ..Stats::default() };
        self.0.iter().for_each(|counters| counters.add_to(&mut stats));
        stats
    }
}

impl Default for StripedCounters {
    fn default() -> Self {
        Self(Striped::new(Counters::default))
    }
}

impl Deref for StripedCounters {
    type Target = Counters;

    fn deref(&self) -> &Counters {
        self.0.local()
    }
}

/// One counter of one thread.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn count(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, by: u64) {
        self.0.fetch_add(by, Relaxed);
    }

    fn read(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_of_many_threads_counts_adds_up() {
        let tally = StripedCounters::default();
        std::thread::scope(|scope| {
            for _ in 0..100 {
                scope.spawn(|| tally.commits.count());
            }
        });
        tally.logins.add(3);
        let stats = tally.snapshot(5, 7);
        assert_eq!(stats, Stats { sessions: 5, bytes: 7, commits: 100, logins: 3, ..Stats::default() });
    }
}
