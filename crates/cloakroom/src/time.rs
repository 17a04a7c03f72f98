//! Instants and clocks.

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
    /// The latest instant.
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

    /// The instant `duration` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// The time that has passed since `earlier`; zero if `earlier` is in the future.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Converts to the standard library's type, for formatting. `None` if that type cannot
    /// represent the instant.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        UNIX_EPOCH.checked_add(Duration::from_millis(self.0))
    }
}

/// The tolerated difference between the clocks of two nodes, or of a node and its store.
///
/// `docs/decisions.md` lists the consequence for each comparison of clocks that differ by up to this.
pub(crate) const SKEW: Duration = Duration::from_secs(60);

/// Serializes as milliseconds since the Unix epoch.
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

/// A duration in milliseconds, saturating.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// The future that [`Clock::sleep`] returns.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The source of the time for everything that expires.
///
/// The default is [`SystemClock`]. In tests, use `ManualClock` of the crate `cloakroom-testkit` and
/// move its time instead of sleeping.
pub trait Clock: Send + Sync + fmt::Debug + 'static {
    /// Returns the present instant.
    ///
    /// It may not go backwards by more than a minute while sessions live: a session that appears to
    /// be created further in the future is refused.
    fn now(&self) -> Timestamp;

    /// Returns a future that resolves when `duration` has passed on this clock.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The machine's clock, corrected so that no session lives longer when the machine's clock is set
/// back.
///
/// It includes the time during which the machine was suspended. If the machine's clock is set
/// forward, this clock follows within a tenth of a second, and sessions whose deadline was skipped
/// end. If the machine's clock is set back, this clock continues from its present value and loses
/// half a millisecond per second until the two agree; a difference of more than a minute is logged.
/// It never goes back by more than a millisecond.
///
/// On Linux it reads the coarse clock, which is a few milliseconds behind and costs a third of the
/// precise one: every request reads it, and no session deadline is that precise. All instances in a
/// process are the same clock.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SystemClock;

static STEERING: Steering = Steering::new();

impl SystemClock {
    /// Returns the clock of this process.
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

    /// The machine's uptime by the coarse clock, in milliseconds, without suspended time.
    pub(super) fn running() -> u64 {
        nanos(clock_gettime(ClockId::MonotonicCoarse)) / NANOS_PER_MILLI
    }

    pub(super) fn read() -> Reading {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let awake = nanos(clock_gettime(ClockId::Monotonic));
        let suspended = nanos(clock_gettime(ClockId::Boottime)).saturating_sub(awake) / NANOS_PER_MILLI;
        let running = awake / NANOS_PER_MILLI;
        // The difference is rounded as a whole: rounding both clocks separately would distort it.
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

    /// Reports no suspended time: on this platform a suspend shows only in the wall clock.
    pub(super) fn read() -> Reading {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Reading { wall: whole_millis(wall), running: running(), suspended: 0 }
    }
}
