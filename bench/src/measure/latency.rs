use std::time::Duration;

use hdrhistogram::Histogram;

use crate::Result;

/// A histogram of the times of single requests.
#[derive(Clone, Debug)]
pub(crate) struct Latencies(Histogram<u64>);

impl Latencies {
    pub(crate) fn new() -> Result<Self> {
        // Three digits exceed the precision of the clock; a minute exceeds every request.
        Ok(Self(Histogram::new_with_bounds(1, 60_000_000_000, 3)?))
    }

    pub(crate) fn record(&mut self, took: Duration) {
        self.0.saturating_record(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn add(&mut self, other: &Self) -> Result<()> {
        Ok(self.0.add(&other.0)?)
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Returns the number of requests that took no longer than this.
    pub(crate) fn count_up_to(&self, bound: Duration) -> u64 {
        self.0.count_between(0, u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(crate) fn max_micros(&self) -> f64 {
        self.0.max() as f64 / 1000.0
    }

    pub(crate) fn quantile_micros(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }
}
