//! Instants, and the clock that tells them.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

mod steering;

use steering::Steering;

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
/// `docs/decisions.md` says for each comparison what follows where they differ by up to this.
pub(crate) const SKEW: Duration = Duration::from_secs(60);

/// As milliseconds since the Unix epoch.
impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u64::deserialize(deserializer).map(Self)
    }
}

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

/// The machine's clock, followed in such a way that no session lives longer for it.
///
/// It counts the time in which the machine was suspended. Where the machine's clock is set forward, it follows within
/// a tenth of a second; sessions whose end is passed over are over. Where it is set back, it goes on from where it is and
/// loses half a millisecond per second until they agree; the log says so if that is more than a minute. It never goes
/// back by more than a millisecond.
///
/// On Linux it reads the coarse clock, which is a few milliseconds behind and costs a third: every request reads it, and
/// no session deadline is that fine. All of a process are the same clock.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

static STEERING: Steering = Steering::new();

impl SystemClock {
    /// The clock of this process.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(STEERING.now(machine::running(), machine::read))
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(target_os = "linux")]
mod machine {
    use std::time::{SystemTime, UNIX_EPOCH};

    use rustix::time::{ClockId, Timespec, clock_gettime};

    use super::steering::Reading;

    const NANOS_PER_MILLI: u64 = 1_000_000;

    /// How long the machine has been running, by the coarse clock. Without suspends.
    pub(super) fn running() -> u64 {
        nanos(clock_gettime(ClockId::MonotonicCoarse)) / NANOS_PER_MILLI
    }

    pub(super) fn read() -> Reading {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let awake = nanos(clock_gettime(ClockId::Monotonic));
        let suspended = nanos(clock_gettime(ClockId::Boottime)).saturating_sub(awake) / NANOS_PER_MILLI;
        let running = awake / NANOS_PER_MILLI;
        // Not each rounded by itself: what is compared is their difference.
        let since = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX).saturating_sub(awake) / NANOS_PER_MILLI;
        Reading { wall: running.saturating_add(since), running, suspended }
    }

    fn nanos(time: Timespec) -> u64 {
        time.tv_sec.unsigned_abs().saturating_mul(1_000_000_000).saturating_add(time.tv_nsec.unsigned_abs())
    }
}

#[cfg(not(target_os = "linux"))]
mod machine {
    use std::sync::OnceLock;
    use std::time::{Instant, SystemTime, UNIX_EPOCH};

    use super::steering::Reading;
    use super::whole_millis;

    static STARTED: OnceLock<Instant> = OnceLock::new();

    pub(super) fn running() -> u64 {
        whole_millis(STARTED.get_or_init(Instant::now).elapsed())
    }

    /// What a suspend took is known from the wall clock alone here.
    pub(super) fn read() -> Reading {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Reading { wall: whole_millis(wall), running: running(), suspended: 0 }
    }
}
