//! Clocks with an error, as no two machines agree on the time.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::time::{Duration, Instant};

use cloakroom::{Clock, Sleep, SystemClock, Timestamp};

/// How long a jump lasts, and how long the clock is then without it.
const JUMP: Duration = Duration::from_secs(1);

/// The error of a clock, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClockError {
    /// The constant part.
    offset: i64,
    /// An additional error in every other second.
    jump: i64,
}

impl FromStr for ClockError {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (offset, jump) = text.split_once('/').unwrap_or((text, "0"));
        Ok(Self { offset: offset.parse()?, jump: jump.parse()? })
    }
}

impl fmt::Display for ClockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.offset, self.jump)
    }
}

/// The system clock with an error.
#[derive(Debug)]
pub(super) struct WrongClock {
    right: SystemClock,
    started: Instant,
    error: ClockError,
}

impl WrongClock {
    pub(super) fn new(error: ClockError) -> Self {
        Self { right: SystemClock::new(), started: Instant::now(), error }
    }
}

impl Clock for WrongClock {
    fn now(&self) -> Timestamp {
        let jumps = (self.started.elapsed().as_secs() / JUMP.as_secs()) % 2 == 1;
        let error = self.error.offset + if jumps { self.error.jump } else { 0 };
        Timestamp::from_millis(self.right.now().as_millis().saturating_add_signed(error))
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        self.right.sleep(duration)
    }
}
