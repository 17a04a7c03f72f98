//! How long a change goes on against other nodes.

use std::time::Duration;

use crate::sync::{Stopwatch, sleep};

use crate::engine::Engine;

/// Time, not attempts: how many of those fail in a while depends on how many nodes write and on how long a round trip takes.
pub(crate) struct ConflictBackoff<'a> {
    engine: &'a Engine,
    begun: Stopwatch,
    overtaken: u32,
}

impl Engine {
    /// The patience of a change that begins now.
    pub(crate) fn conflict_backoff(&self) -> ConflictBackoff<'_> {
        ConflictBackoff { engine: self, begun: Stopwatch::start(), overtaken: 0 }
    }
}

impl ConflictBackoff<'_> {
    /// Whether a change that was overtaken should be tried again.
    ///
    /// Where there is one tier, somebody else's success is the only reason to fail, so trying on always ends. Between nodes
    /// the first repeat goes out at once, as whoever was overtaken knows what is there now. Then a little random waiting, which
    /// grows with the round trip, takes nodes out of step that keep meeting.
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
