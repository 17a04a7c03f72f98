//! Copies the statistics to the recorder of the application.

use metrics::{Key, Recorder, with_recorder};

use super::names::{GAUGES, describe};
use super::{METADATA, StoreCalls};
use crate::sync::Mutex;
use crate::telemetry::Stats;
use crate::telemetry::stats::COUNTER_METRICS;

/// The number of gauges among the [`Stats`], which come first.
const GAUGES_OF_STATS: usize = 2;

/// What the engine contributes to the gauges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gauges {
    pub(crate) memory_limit: u64,
    pub(crate) loads_running: u64,
    pub(crate) backlog: u64,
    pub(crate) is_lease_lost: bool,
}

impl Gauges {
    fn values(self, stats: &Stats, calls: &StoreCalls) -> [u64; GAUGES.len()] {
        let Self { memory_limit, loads_running, backlog, is_lease_lost } = self;
        [
            stats.sessions,
            stats.bytes,
            memory_limit,
            loads_running,
            calls.in_progress(),
            calls.is_unavailable().into(),
            is_lease_lost.into(),
            backlog,
        ]
    }
}

/// Remembers what was published, and adds the differences: the numbers of several `Sessions` in one
/// process add up.
#[derive(Debug, Default)]
pub(crate) struct Publisher(Mutex<Published>);

#[derive(Debug, Default)]
struct Published {
    /// The address of the recorder that has these numbers.
    recorder: usize,
    counters: Vec<u64>,
    gauges: [u64; GAUGES.len()],
}

impl Publisher {
    pub(crate) fn publish(&self, stats: &Stats, gauges: Gauges, calls: &StoreCalls) {
        let gauges = gauges.values(stats, calls);
        with_recorder(|recorder| self.0.lock().publish(recorder, stats, gauges));
    }
}

impl Published {
    fn publish(&mut self, recorder: &dyn Recorder, stats: &Stats, gauges: [u64; GAUGES.len()]) {
        if self.recorder != address(recorder) {
            self.recorder = address(recorder);
            self.counters = vec![0; COUNTER_METRICS.len()];
            self.gauges = [0; GAUGES.len()];
            describe(recorder);
        }
        let counts = stats.iter().skip(GAUGES_OF_STATS).map(|(_, count)| count);
        for ((metric, published), count) in COUNTER_METRICS.iter().zip(&mut self.counters).zip(counts) {
            let key = Key::from_static_parts(metric.name, metric.labels);
            // Even by 0, so that every counter exists before it first counts: otherwise a rate would
            // miss the first time.
            recorder.register_counter(&key, &METADATA).increment(count.saturating_sub(*published));
            *published = count;
        }
        self.set_gauges(recorder, gauges);
    }

    fn set_gauges(&mut self, recorder: &dyn Recorder, gauges: [u64; GAUGES.len()]) {
        for ((metric, published), value) in GAUGES.iter().zip(&mut self.gauges).zip(gauges) {
            let gauge = recorder.register_gauge(&Key::from_static_name(metric.name), &METADATA);
            gauge.increment(value as f64 - *published as f64);
            *published = value;
        }
    }
}

/// Takes back the gauges: these sessions are gone.
impl Drop for Published {
    fn drop(&mut self) {
        if self.recorder == 0 {
            return;
        }
        with_recorder(|recorder| {
            if self.recorder == address(recorder) {
                self.set_gauges(recorder, [0; GAUGES.len()]);
            }
        });
    }
}

/// Identifies a recorder: one that is installed lives as long as the process.
fn address(recorder: &dyn Recorder) -> usize {
    std::ptr::from_ref(recorder).addr()
}
