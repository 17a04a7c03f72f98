//! Backoff between the retries of a change that conflicts with other nodes.

use std::time::Duration;

use crate::sync::{Stopwatch, sleep};

use crate::engine::Engine;

/// Backoff of one change, limited by time and not by the number of retries: how many retries fail
/// in a given time depends on how many nodes write and on how long a round trip takes.
pub(crate) struct ConflictBackoff<'a> {
    engine: &'a Engine,
    begun: Stopwatch,
    overtaken: u32,
}

impl Engine {
    /// Starts the backoff of a change that begins now.
    pub(crate) fn conflict_backoff(&self) -> ConflictBackoff<'_> {
        ConflictBackoff { engine: self, begun: Stopwatch::start(), overtaken: 0 }
    }
}

impl ConflictBackoff<'_> {
    /// Waits until a change that was overtaken should be retried. Returns `false` if it should not.
    ///
    /// With one tier, a retry is needed only if another change succeeded, so retrying always ends.
    /// Between nodes the first retry goes out at once, because the writer has just received the
    /// current record. Later ones wait for a short random time that grows with the round trip, so
    /// that nodes that keep colliding fall out of step.
    pub(crate) async fn wait(&mut self) -> bool {
        if self.engine.store.is_none() {
            return true;
        }
        let spent = self.begun.elapsed();
        if spent >= self.engine.policy.conflict_timeout {
            return false;
        }
        self.overtaken += 1;
        if self.overtaken > 1 {
            let quarter = spent / self.overtaken / 4;
            let micros = u64::try_from(quarter.as_micros()).unwrap_or(u64::MAX).clamp(1, 20_000);
            sleep(Duration::from_micros(self.engine.random_number() % micros)).await;
        }
        true
    }
}
