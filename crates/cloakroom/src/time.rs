//! Instants, and the clock that tells them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// An instant: milliseconds since the Unix epoch. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than any other instant.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `millis` milliseconds after the Unix epoch.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// `duration` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// How long ago `earlier` was; zero if it lies in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// The same instant as the standard library's type, for formatting.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.0))
    }
}

/// By how much the clocks of two nodes, or of a node and its store, may differ without anything being refused.
///
/// `docs/design.md` says for each comparison what follows where they differ by up to this.
pub(crate) const SKEW: Duration = Duration::from_secs(60);

/// Milliseconds of a duration, saturating.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A future without a result that a clock hands out.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Tells the time to everything that expires.
///
/// `testkit::ManualClock` (feature `testkit`) lets your tests move time instead of sleeping.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// The present instant. It may not go backwards by more than a minute while sessions live:
    /// a session that seems to come from further ahead is refused.
    fn now(&self) -> Timestamp;

    /// A future that resolves when `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The wall clock at start-up plus the monotonic time since.
///
/// Setting the machine's clock back therefore never prolongs a session, and setting it forward
/// never ends one. On Linux it reads the coarse clock, which is a few milliseconds behind and
/// costs a third: every request reads it, and no session deadline is that fine.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    wall: u64,
    started: Monotonic,
}

impl SystemClock {
    /// A clock that starts from the wall clock of this moment.
    #[must_use]
    pub fn new() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { wall: whole_millis(wall), started: Monotonic::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall.saturating_add(self.started.millis_since()))
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

/// Milliseconds of the coarse monotonic clock.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy, Debug)]
struct Monotonic(u64);

#[cfg(target_os = "linux")]
impl Monotonic {
    fn now() -> Self {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::MonotonicCoarse);
        Self(time.tv_sec.unsigned_abs() * 1000 + time.tv_nsec.unsigned_abs() / 1_000_000)
    }

    fn millis_since(self) -> u64 {
        Self::now().0.saturating_sub(self.0)
    }
}

#[cfg(not(target_os = "linux"))]
#[derive(Clone, Copy, Debug)]
struct Monotonic(std::time::Instant);

#[cfg(not(target_os = "linux"))]
impl Monotonic {
    fn now() -> Self {
        Self(std::time::Instant::now())
    }

    fn millis_since(self) -> u64 {
        whole_millis(self.0.elapsed())
    }
}
