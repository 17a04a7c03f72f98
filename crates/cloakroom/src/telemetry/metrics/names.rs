//! The names and descriptions of all metrics, which are stable.

use metrics::{KeyName, Recorder, Unit};

use crate::telemetry::stats::COUNTER_METRICS;

pub(super) const LOAD_DURATION: &str = "cloakroom_load_duration_seconds";
pub(super) const COMMIT_DURATION: &str = "cloakroom_commit_duration_seconds";
pub(super) const TOUCH_DURATION: &str = "cloakroom_touch_duration_seconds";
pub(super) const LOCK_WAIT: &str = "cloakroom_lock_wait_duration_seconds";
pub(super) const STORE_DURATION: &str = "cloakroom_store_call_duration_seconds";

const HISTOGRAMS: [(&str, &str); 5] = [
    (LOAD_DURATION, "Time that loaders ran."),
    (COMMIT_DURATION, "Time of changes over the shared tier, with waits and retries."),
    (TOUCH_DURATION, "Time to report to the shared tier which sessions were seen."),
    (LOCK_WAIT, "Time that requests waited for others of their session before they asked the shared tier."),
    (STORE_DURATION, "Time of single calls to the shared tier."),
];

/// A number that is published as it is now.
pub(super) struct GaugeMetric {
    pub(super) name: &'static str,
    unit: Unit,
    description: &'static str,
}

const fn gauge(name: &'static str, unit: Unit, description: &'static str) -> GaugeMetric {
    GaugeMetric { name, unit, description }
}

/// In the order of [`Gauges::values`](super::publisher::Gauges::values).
pub(super) const GAUGES: [GaugeMetric; 8] = [
    gauge("cloakroom_sessions", Unit::Count, "Sessions in the memory of this process."),
    gauge("cloakroom_bytes", Unit::Bytes, "Bytes that those sessions are counted as."),
    gauge("cloakroom_memory_limit_bytes", Unit::Bytes, "The `memory_limit`."),
    gauge("cloakroom_loads_running", Unit::Count, "Loaders that are running."),
    gauge("cloakroom_store_calls_in_progress", Unit::Count, "Calls to the shared tier that wait for its reply."),
    gauge("cloakroom_store_unavailable", Unit::Count, "1 if the last call did not reach the shared tier, otherwise 0."),
    gauge(
        "cloakroom_store_lease_lost",
        Unit::Count,
        "1 if changes by other nodes do not arrive, so that no copies are kept, otherwise 0.",
    ),
    gauge("cloakroom_store_backlog", Unit::Count, "Touches and ends of sessions that wait for the shared tier."),
];

/// The descriptions of the counters that have labels.
const LABELED_COUNTERS: [(&str, &str); 2] = [
    ("cloakroom_ended_total", "Sessions that ended, by reason."),
    ("cloakroom_lookups_total", "Lookups of sessions, by tier and result."),
];

/// Describes every metric to a recorder.
pub(super) fn describe(recorder: &dyn Recorder) {
    let counters = COUNTER_METRICS.iter().filter(|metric| metric.labels.is_empty());
    let counters = counters.map(|metric| (metric.name, metric.description)).chain(LABELED_COUNTERS);
    for (name, description) in counters {
        recorder.describe_counter(KeyName::from_const_str(name), Some(Unit::Count), description.trim().into());
    }
    for metric in GAUGES {
        recorder.describe_gauge(KeyName::from_const_str(metric.name), Some(metric.unit), metric.description.into());
    }
    for (name, description) in HISTOGRAMS {
        recorder.describe_histogram(KeyName::from_const_str(name), Some(Unit::Seconds), description.into());
    }
}
