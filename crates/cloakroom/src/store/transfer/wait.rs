use std::time::Duration;

use crate::store::{StoreError, StoreErrorKind, Verifier};
use crate::sync::{Stopwatch, sleep};

/// How long a move may make no progress before another process takes it over. Taking over a move
/// that is still in progress is safe, but repeats its work.
const PATIENCE: Duration = Duration::from_millis(500);
/// The maximum duration of a call.
const LIMIT: Duration = Duration::from_secs(5);
const PAUSES: std::ops::RangeInclusive<u64> = 1..=20;

/// The wait of one call for moves of other processes.
pub(super) struct Wait {
    begun: Stopwatch,
    /// The move that is waited for, and since when.
    other: Option<(Verifier, Stopwatch)>,
    pauses: u32,
}

impl Wait {
    pub(super) fn new() -> Self {
        Self { begun: Stopwatch::start(), other: None, pauses: 0 }
    }

    /// Waits for progress of the move that has this verifier. Returns `false` if it made none for
    /// too long.
    pub(super) async fn for_move(&mut self, verifier: Verifier) -> Result<bool, StoreError> {
        match &self.other {
            Some((known, since)) if *known == verifier && since.elapsed() >= PATIENCE => return Ok(false),
            Some((known, _)) if *known == verifier => {}
            _ => self.other = Some((verifier, Stopwatch::start())),
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
