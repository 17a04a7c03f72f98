//! When requests are due.

use std::time::{Duration, Instant};

use crate::Failure;

/// Moments at random distances, as those at which strangers arrive.
pub(super) struct Schedule {
    next: Instant,
    mean: f64,
    random: fastrand::Rng,
    alarm: Alarm,
}

impl Schedule {
    pub(super) fn new(per_second: f64, random: fastrand::Rng) -> Result<Self, Failure> {
        Ok(Self { next: Instant::now(), mean: 1.0 / per_second, random, alarm: Alarm::new()? })
    }

    /// Waits for the next moment, and says when it was; one that has passed is not waited for. `None` if
    /// there is none before the end.
    pub(super) async fn next(&mut self, end: Instant) -> Result<Option<Instant>, Failure> {
        let gap = -(1.0 - self.random.f64()).ln() * self.mean;
        self.next += Duration::from_secs_f64(gap);
        if self.next >= end {
            return Ok(None);
        }
        let left = self.next.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            self.alarm.after(left).await?;
        }
        Ok(Some(self.next))
    }
}

/// tokio's timer has ticks of a millisecond, ten times what a request takes; the system's has none. To
/// tokio a descriptor that becomes readable is as good as a pipe.
#[cfg(target_os = "linux")]
struct Alarm {
    timer: std::os::fd::OwnedFd,
    rings: tokio::net::unix::pipe::Receiver,
}

#[cfg(target_os = "linux")]
impl Alarm {
    fn new() -> Result<Self, Failure> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        let rings = tokio::net::unix::pipe::Receiver::from_owned_fd_unchecked(timer.try_clone()?)?;
        Ok(Self { timer, rings })
    }

    async fn after(&mut self, left: Duration) -> Result<(), Failure> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: zero, it_value: Timespec::try_from(left)? };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        let mut times = [0; size_of::<u64>()];
        // Readable may be news of long ago.
        while self.rings.readable().await.is_ok() {
            match self.rings.try_read(&mut times) {
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(not(target_os = "linux"))]
struct Alarm;

#[cfg(not(target_os = "linux"))]
impl Alarm {
    fn new() -> Result<Self, Failure> {
        Ok(Self)
    }

    async fn after(&mut self, left: Duration) -> Result<(), Failure> {
        tokio::time::sleep(left).await;
        Ok(())
    }
}
