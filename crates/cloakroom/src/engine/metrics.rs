//! The statistics for the recorder of the application.

use crate::engine::Engine;
use crate::telemetry::Gauges;

impl Engine {
    /// Brings the recorder of the application up to date.
    pub(crate) fn publish_metrics(&self) {
        let gauges = Gauges {
            memory_limit: self.policy.memory_limit,
            loads_running: self.loads.running(),
            backlog: self.backlog.len() as u64,
            is_lease_lost: self.store.as_ref().is_some_and(|store| store.is_lease_lost()),
        };
        self.telemetry.publish(&self.stats(), gauges);
    }
}
