use std::collections::HashMap;
use std::time::Duration;

use crate::store::{Selector, StoreError, StoreErrorKind, Verifier};
use crate::sync::{Mutex, Stopwatch, sleep};

/// How long a move may make no progress before another process takes it over. Taking over a move
/// that is still in progress is safe, but repeats its work.
const PATIENCE: Duration = Duration::from_millis(500);
/// The maximum duration of a call.
const LIMIT: Duration = Duration::from_secs(5);
/// The pauses between two looks at the stores, in milliseconds.
const PAUSES: std::ops::RangeInclusive<u64> = 1..=20;
/// The maximum number of moves that are watched at a time.
const WATCHED: usize = 1024;

/// The moves of other processes that calls of this process have met, and when each was first seen
/// in its state. Shared by all calls, because one client may give up sooner than a call waits.
#[derive(Default)]
pub(super) struct MovesOfOthers(Mutex<HashMap<Selector, (Verifier, Stopwatch)>>);

impl MovesOfOthers {
    /// Returns how long the move of this session has been in the state with this verifier.
    fn duration(&self, selector: Selector, verifier: Verifier) -> Duration {
        let mut moves = self.0.lock();
        match moves.get(&selector) {
            Some((known, since)) if *known == verifier => since.elapsed(),
            _ => {
                if moves.len() >= WATCHED {
                    moves.clear();
                }
                moves.insert(selector, (verifier, Stopwatch::start()));
                Duration::ZERO
            }
        }
    }

    pub(super) fn forget(&self, selector: Selector) {
        self.0.lock().remove(&selector);
    }
}

/// The wait of one call.
pub(super) struct Wait {
    begun: Stopwatch,
    pauses: u32,
    takeovers: u32,
}

impl Wait {
    pub(super) fn new() -> Self {
        Self { begun: Stopwatch::start(), pauses: 0, takeovers: 0 }
    }

    /// Waits for progress of another process's move, which has this verifier now. Returns `false` if
    /// it made none for too long: then the caller takes it over. `random` keeps two processes from
    /// taking over from each other in step.
    pub(super) async fn for_move(
        &mut self,
        moves: &MovesOfOthers,
        selector: Selector,
        verifier: Verifier,
        random: u64,
    ) -> Result<bool, StoreError> {
        let patience = PATIENCE.saturating_mul(1 << self.takeovers.min(3));
        let jitter = Duration::from_millis(random % 250).saturating_mul(self.takeovers);
        if moves.duration(selector, verifier) >= patience + jitter {
            self.takeovers += 1;
            return Ok(false);
        }
        self.pause().await?;
        Ok(true)
    }

    /// Waits before the call tries again, because others changed the session meanwhile.
    pub(super) async fn pause(&mut self) -> Result<(), StoreError> {
        if self.begun.elapsed() >= LIMIT {
            let problem = "the session is being moved to another store by other processes; try again";
            return Err(StoreError::new(StoreErrorKind::Unavailable, problem));
        }
        self.pauses = self.pauses.saturating_add(1);
        sleep(Duration::from_millis(u64::from(self.pauses).clamp(*PAUSES.start(), *PAUSES.end()))).await;
        Ok(())
    }
}
