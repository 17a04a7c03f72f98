use std::time::{Duration, Instant};

use crate::Result;

/// Poisson arrivals: due times at exponentially distributed intervals.
pub(super) struct Schedule {
    next: Instant,
    mean_interval: f64,
    random: fastrand::Rng,
    timer: Timer,
}

impl Schedule {
    pub(super) fn new(per_second: f64, random: fastrand::Rng) -> Result<Self> {
        Ok(Self { next: Instant::now(), mean_interval: 1.0 / per_second, random, timer: Timer::new()? })
    }

    /// Waits for the next due time and returns it, at once if it has passed. Returns `None` after
    /// `end`.
    pub(super) async fn next(&mut self, end: Instant) -> Result<Option<Instant>> {
        let interval = -(1.0 - self.random.f64()).ln() * self.mean_interval;
        self.next += Duration::from_secs_f64(interval);
        if self.next >= end {
            return Ok(None);
        }
        let left = self.next.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            self.timer.sleep(left).await?;
        }
        Ok(Some(self.next))
    }
}

/// A timer with the system's resolution. Those of tokio tick once a millisecond, ten times the
/// length of a request. For tokio, a timer's descriptor can be polled like that of a pipe.
#[cfg(target_os = "linux")]
struct Timer {
    timer: std::os::fd::OwnedFd,
    expired: tokio::net::unix::pipe::Receiver,
}

#[cfg(target_os = "linux")]
impl Timer {
    fn new() -> Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let expired = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(timer.try_clone()?)?;
        Ok(Self { timer, expired })
    }

    async fn sleep(&mut self, left: Duration) -> Result<()> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: zero, it_value: Timespec::try_from(left)? };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        let mut expirations = [0; size_of::<u64>()];
        // tokio may report a readiness that is no longer true.
        while self.expired.readable().await.is_ok() {
            match self.expired.try_read(&mut expirations) {
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
struct Timer;

#[cfg(not(target_os = "linux"))]
impl Timer {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    async fn sleep(&mut self, left: Duration) -> Result<()> {
        tokio::time::sleep(left).await;
        Ok(())
    }
}
