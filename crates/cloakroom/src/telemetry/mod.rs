//! Counters, events and log lines.

mod events;
mod log_id;
#[cfg_attr(not(feature = "metrics"), path = "without_metrics.rs")]
mod metrics;
mod observed_store;
mod spans;
mod stats;
mod throttle;

pub use events::{Event, EventKind, Events};
pub use log_id::LogId;
pub use stats::Stats;

#[cfg(feature = "metrics")]
pub(crate) use metrics::Gauges;
pub(crate) use metrics::{StoreCalls, Timer, lock};
pub(crate) use observed_store::ObservedStore;
pub(crate) use spans::{end_many_span, fail, touch_span};
pub(crate) use stats::Counters;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::cache::{EndReason, LoadFailure};
use crate::crypto::ActiveKeyRing;
use crate::crypto::OpenError;
use crate::random::{RandomError, RandomSource};
use crate::store::StoreError;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::time::Clock;
use crate::token::{Principal, Selector};

use crate::error::{SessionError, SessionErrorKind};
use crate::telemetry::events::EventSender;
use crate::telemetry::log_id::LogKey;
use crate::telemetry::stats::{Counter, StripedCounters};
use crate::telemetry::throttle::LogThrottle;

/// Counters, events and throttled log lines of one [`Sessions`](crate::application::Sessions).
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) counters: StripedCounters,
    pub(crate) events: EventSender,
    #[cfg(feature = "metrics")]
    publisher: metrics::Publisher,
    #[cfg(feature = "metrics")]
    store_calls: Arc<StoreCalls>,
    unopened_throttle: LogThrottle,
    unsealed: LogThrottle,
    unreadable: LogThrottle,
    values_unreadable: LogThrottle,
    /// The values whose loads were already logged as impossible to store.
    logged_unkept: Mutex<Vec<&'static str>>,
    wrong_clock: LogThrottle,
    is_clock_wrong: AtomicBool,
    store_failed: LogThrottle,
    memory_full: LogThrottle,
    load_failed: LogThrottle,
    log_key: LogKey,
    clock: Arc<dyn Clock>,
}

impl Telemetry {
    pub(crate) fn new(
        keys: Option<&ActiveKeyRing>,
        random: &dyn RandomSource,
        clock: Arc<dyn Clock>,
        store_calls: Arc<StoreCalls>,
    ) -> Result<Self, RandomError> {
        #[cfg(not(feature = "metrics"))]
        drop(store_calls);
        Ok(Self {
            counters: StripedCounters::default(),
            events: EventSender::new(),
            #[cfg(feature = "metrics")]
            publisher: metrics::Publisher::default(),
            #[cfg(feature = "metrics")]
            store_calls,
            unopened_throttle: LogThrottle::default(),
            unsealed: LogThrottle::default(),
            unreadable: LogThrottle::default(),
            values_unreadable: LogThrottle::default(),
            logged_unkept: Mutex::default(),
            wrong_clock: LogThrottle::default(),
            is_clock_wrong: AtomicBool::new(false),
            store_failed: LogThrottle::default(),
            memory_full: LogThrottle::default(),
            load_failed: LogThrottle::default(),
            log_key: LogKey::new(keys, random)?,
            clock,
        })
    }

    /// Brings the recorder of the application up to date.
    #[cfg(feature = "metrics")]
    pub(crate) fn publish(&self, stats: &Stats, gauges: Gauges) {
        self.publisher.publish(stats, gauges, &self.store_calls);
    }

    /// Announces an event of a session.
    pub(crate) fn announce(&self, kind: EventKind, selector: Option<&Selector>, principal: Option<&Principal>) {
        // Without a listener or a subscriber, neither the log id nor the time is needed.
        let session = || selector.map(|selector| self.log_key.log_id(selector));
        EventSender::log(kind, session);
        if self.events.has_listeners() {
            self.events.send(Event { kind, session: session(), principal: principal.cloned(), at: self.clock.now() });
        }
    }

    /// Reports that data in the shared tier could not be unsealed.
    pub(crate) fn unopened(&self, why: OpenError, selector: &Selector) {
        let (counter, kind) = match why {
            OpenError::UnknownKey | OpenError::NoKeys => (&self.counters.keys_unknown, EventKind::KeyUnknown),
            OpenError::Broken | OpenError::Unsealed => (&self.counters.seals_broken, EventKind::SealBroken),
        };
        counter.count();
        self.announce(kind, Some(selector), None);
        if let Some(times) = self.unopened_throttle.should_log(self.clock.now()) {
            let session = tracing::field::display(self.log_key.log_id(selector));
            tracing::warn!(session, reason = %why, times, "{}", kind.name());
        }
    }

    /// Reports how far the clocks of this node and of the shared tier are apart; `None` if that is
    /// acceptable.
    pub(crate) fn clocks_apart(&self, apart: Option<Duration>, is_behind: bool) {
        let was_wrong = self.is_clock_wrong.swap(apart.is_some(), Ordering::Relaxed);
        let Some(by) = apart else { return };
        if !was_wrong {
            self.counters.clocks_apart.count();
            self.announce(EventKind::ClocksApart, None, None);
        }
        if self.wrong_clock.should_log(self.clock.now()).is_some() {
            tracing::error!(
                ?by,
                is_behind,
                "this node's clock and the session store's differ by more than a minute: sessions of other nodes may be \
                 refused here, end early or last too long; set the clocks"
            );
        }
    }

    /// Reports that unsealed data was read from the shared tier.
    pub(crate) fn unsealed(&self) {
        self.counters.unsealed_read.count();
        if let Some(times) = self.unsealed.should_log(self.clock.now()) {
            tracing::warn!(times, "read unencrypted session data (allowed by `SealPolicy`)");
        }
    }

    /// Reports that a record of the shared tier does not decode, and is skipped.
    pub(crate) fn unreadable(&self, selector: &Selector, why: &StoreError) {
        self.counters.store_errors.count();
        if let Some(times) = self.unreadable.should_log(self.clock.now()) {
            let session = tracing::field::display(self.log_key.log_id(selector));
            tracing::warn!(session, ?why, times, "skipped an undecodable session record");
        }
    }

    /// Reports that a cached value cannot be read, which makes the read a miss.
    pub(crate) fn value_unreadable(&self, key: &str, why: &dyn fmt::Display) {
        self.counters.values_unreadable.count();
        if let Some(times) = self.values_unreadable.should_log(self.clock.now()) {
            tracing::warn!(key, %why, times, "a cached value cannot be read and is loaded again");
        }
    }

    /// Reports that a loaded value cannot be stored. Logged once per value, because it happens with
    /// every read.
    pub(crate) fn load_not_kept(&self, key: &'static str, why: &SessionError) {
        self.counters.loads_not_kept.count();
        let remedy = match why.kind() {
            SessionErrorKind::Encode => "change the type so that it survives encoding and decoding",
            SessionErrorKind::TooLarge => "store less of it, or raise `session_limits`",
            // A temporary problem, which is logged elsewhere.
            _ => return,
        };
        let mut logged = self.logged_unkept.lock();
        if logged.contains(&key) {
            return;
        }
        logged.push(key);
        drop(logged);
        let why = why.source().map_or_else(|| why.to_string(), ToString::to_string);
        tracing::warn!(key, why, remedy, "the loader's result cannot be stored, so every read loads it again");
    }

    /// Reports a failure of the shared tier. While it is down, every request causes one.
    pub(crate) fn store_failed(&self, error: &StoreError) {
        self.counters.store_errors.count();
        if let Some(times) = self.store_failed.should_log(self.clock.now()) {
            tracing::error!(?error, times, "the session store failed");
        }
    }

    /// Reports that there was no memory for a change, and that nothing may be evicted.
    pub(crate) fn memory_full(&self) {
        self.counters.refused_full.count();
        if let Some(times) = self.memory_full.should_log(self.clock.now()) {
            tracing::error!(times, "the memory for sessions is full; raise `memory_limit`");
        }
    }

    /// Reports a failed loader. If its source is down, every load fails.
    pub(crate) fn load_failed(&self, key: &'static str, failure: &LoadFailure) {
        self.counters.loads_failed.count();
        if let Some(times) = self.load_failed.should_log(self.clock.now()) {
            tracing::error!(key, ?failure, times, "a loader failed");
        }
    }

    /// Counts and announces the end of a session.
    pub(crate) fn session_ended(&self, selector: &Selector, reason: EndReason, principal: Option<&Principal>) {
        self.counter(reason).count();
        self.announce(EventKind::Ended(reason), Some(selector), principal);
    }

    fn counter(&self, reason: EndReason) -> &Counter {
        match reason {
            EndReason::Logout => &self.counters.ended_logout,
            EndReason::Idle => &self.counters.ended_idle,
            EndReason::Absolute => &self.counters.ended_absolute,
            EndReason::Revoked => &self.counters.ended_revoked,
            EndReason::Displaced => &self.counters.ended_displaced,
            EndReason::Duplicate => &self.counters.ended_duplicate,
            EndReason::Evicted => &self.counters.ended_evicted,
            EndReason::Reused => &self.counters.ended_reused,
            EndReason::Gone => &self.counters.ended_gone,
            EndReason::Undelivered => &self.counters.ended_undelivered,
        }
    }
}
