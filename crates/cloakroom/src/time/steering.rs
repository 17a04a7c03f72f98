//! How the clock of a process follows the machine's clock.
//!
//! A session must end no later than intended. The clock that decides this may therefore be
//! corrected forwards, which ends sessions earlier, but must not stop or go back, which would let
//! them live longer. It always runs at least as fast as real time, including suspended time, except
//! for this slow correction: if the machine's clock was set back, this clock continues from its
//! present value and approaches it more slowly than good quartz crystals drift, an uncertainty that
//! every lifetime has anyway.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::{SKEW, whole_millis};

/// The interval between comparisons of the machine's clocks, in milliseconds of running time.
const INTERVAL: u64 = 100;
/// While this clock is ahead of the machine's, it loses one millisecond in this many.
const SLEW: u64 = 2000;
/// The smallest jump that is logged, in milliseconds.
const JUMP: u64 = 1000;
/// The interval at which the log repeats that this clock is ahead, in milliseconds.
const REPEAT_INTERVAL: u64 = 60 * 60 * 1000;

/// One reading of the machine's clocks, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Time since the Unix epoch, as the machine's clock is set.
    pub(super) wall: u64,
    /// Uptime, without suspended time.
    pub(super) running: u64,
    /// Suspended time.
    pub(super) suspended: u64,
}

/// Converts running time into the time that decides about sessions.
#[derive(Debug)]
pub(super) struct Steering {
    /// The difference that is added to the running time.
    offset: AtomicI64,
    /// The running time of the next comparison; 0 before the first one.
    next: AtomicU64,
    last: Mutex<Option<Last>>,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    suspended: u64,
    /// The running time up to which the clock has been slowed down.
    slowed: u64,
    /// The running time at which the log last reported that this clock is ahead.
    logged_at: Option<u64>,
}

/// The result of a comparison of the clocks, as far as it is to be logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    Nothing,
    /// The clock was set forward by this much at once.
    Jumped(Duration),
    /// This clock is ahead of the machine's by this much.
    Ahead(Duration),
}

impl Steering {
    pub(super) const fn new() -> Self {
        Self { offset: AtomicI64::new(0), next: AtomicU64::new(0), last: Mutex::new(None) }
    }

    /// Returns the time, given the machine's running time.
    pub(super) fn now(&self, running: u64, read: impl FnOnce() -> Reading) -> u64 {
        let next = self.next.load(Ordering::Acquire);
        if running >= next {
            self.compare(next, running, read);
        }
        running.saturating_add_signed(self.offset.load(Ordering::Relaxed))
    }

    #[cold]
    fn compare(&self, next: u64, running: u64, read: impl FnOnce() -> Reading) {
        let due = running.saturating_add(INTERVAL);
        // One of the threads that arrive at once does the comparison. Before the first one, all
        // must wait for it.
        if next != 0 && self.next.compare_exchange(next, due, Ordering::AcqRel, Ordering::Relaxed).is_err() {
            return;
        }
        let finding = {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            let finding = self.steer(&mut last, read());
            self.next.fetch_max(due, Ordering::Release);
            finding
        };
        report(finding);
    }

    fn steer(&self, last: &mut Option<Last>, reading: Reading) -> Finding {
        let Reading { wall, running, suspended } = reading;
        let target = signed(wall).saturating_sub(signed(running));
        let Some(last) = last else {
            self.offset.store(target, Ordering::Relaxed);
            *last = Some(Last { suspended, slowed: running, logged_at: None });
            return Finding::Nothing;
        };
        let before = self.offset.load(Ordering::Relaxed);
        let slept = suspended.saturating_sub(last.suspended);
        last.suspended = last.suspended.max(suspended);
        let least = before.saturating_add(signed(slept));
        if target >= least {
            last.slowed = running;
            self.offset.store(target, Ordering::Relaxed);
            let jumped = target.abs_diff(before);
            return if jumped >= JUMP { Finding::Jumped(Duration::from_millis(jumped)) } else { Finding::Nothing };
        }
        let ahead = least.abs_diff(target);
        let slower = (running.saturating_sub(last.slowed) / SLEW).min(ahead);
        last.slowed += slower * SLEW;
        self.offset.store(least.saturating_sub(signed(slower)), Ordering::Relaxed);
        let tell = last.logged_at.is_none_or(|logged_at| running.saturating_sub(logged_at) >= REPEAT_INTERVAL);
        if ahead <= whole_millis(SKEW) || !tell {
            return Finding::Nothing;
        }
        last.logged_at = Some(running);
        Finding::Ahead(Duration::from_millis(ahead))
    }
}

fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

fn report(finding: Finding) {
    match finding {
        Finding::Nothing => {}
        Finding::Jumped(by) => tracing::warn!(
            ?by,
            "the machine was suspended or its clock was set forward; sessions use the new time from now on"
        ),
        Finding::Ahead(by) => tracing::error!(
            ?by,
            "the machine's clock was set back; sessions still use the later time, so that none lives longer, and other \
             nodes may refuse sessions that are created here: restart this process"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_764_000_000_000;

    /// A machine whose clocks are moved by the test.
    struct Machine {
        steering: Steering,
        wall: u64,
        running: u64,
        suspended: u64,
    }

    impl Machine {
        fn new() -> Self {
            let machine = Self { steering: Steering::new(), wall: START, running: 5000, suspended: 700 };
            machine.now();
            machine
        }

        fn now(&self) -> u64 {
            let Self { wall, running, suspended, .. } = *self;
            self.steering.now(running, || Reading { wall, running, suspended })
        }

        fn run(&mut self, millis: u64) {
            for step in std::iter::repeat_n(INTERVAL, (millis / INTERVAL) as usize).chain([millis % INTERVAL]) {
                self.wall += step;
                self.running += step;
                self.now();
            }
        }

        fn suspend(&mut self, millis: u64) {
            self.wall += millis;
            self.suspended += millis;
        }
    }

    #[test]
    fn a_clock_that_nobody_touches_shows_the_wall_clock() {
        let mut machine = Machine::new();
        assert_eq!(machine.now(), START);
        machine.run(86_400_000);
        assert_eq!(machine.now(), machine.wall);
    }

    #[test]
    fn a_machine_that_was_suspended_knows_the_time_when_it_is_back() {
        let mut machine = Machine::new();
        machine.suspend(3_600_000);
        machine.run(INTERVAL);
        assert_eq!(machine.now(), START + 3_600_000 + INTERVAL);
    }

    #[test]
    fn a_suspend_counts_though_the_wall_clock_was_set_back_in_it() {
        let mut machine = Machine::new();
        machine.suspend(3_600_000);
        machine.wall -= 7_200_000;
        machine.run(INTERVAL);
        assert_eq!(machine.now(), START + 3_600_000 + INTERVAL);
    }

    #[test]
    fn a_clock_that_is_set_forward_after_the_start_is_followed_at_once() {
        let mut machine = Machine::new();
        machine.wall += 600_000;
        machine.run(INTERVAL);
        assert_eq!(machine.now(), machine.wall);
    }

    #[test]
    fn a_clock_that_is_set_back_prolongs_nothing_and_is_approached() {
        let mut machine = Machine::new();
        machine.wall -= 60_000;
        let (mut shown, mut passed) = (machine.now(), 0);
        for _ in 0..1000 {
            machine.run(10_000);
            passed += 10_000;
            let lost = (shown + 10_000).saturating_sub(machine.now());
            assert!(lost <= 10_000 / SLEW, "{lost} ms of 10 s");
            shown = machine.now();
        }
        let ahead = machine.now() - machine.wall;
        assert_eq!(ahead, 60_000 - passed / SLEW);
        machine.run(60_000 * SLEW);
        assert_eq!(machine.now(), machine.wall, "the clocks agree again");
    }

    #[test]
    fn a_correction_there_and_back_is_followed_as_far_as_it_is_safe() {
        let mut machine = Machine::new();
        machine.wall += 5000;
        machine.run(INTERVAL);
        machine.wall -= 5000;
        machine.run(INTERVAL);
        assert_eq!(machine.now(), machine.wall + 5000, "time that has passed is not taken back");
    }

    #[test]
    fn what_somebody_should_know_is_said_and_not_too_often() {
        let steering = Steering::new();
        let reading = |wall, running| Reading { wall, running, suspended: 0 };
        let mut last = None;
        assert_eq!(steering.steer(&mut last, reading(START, 0)), Finding::Nothing);
        assert_eq!(steering.steer(&mut last, reading(START + 900, 100)), Finding::Nothing);
        let jumped = Finding::Jumped(Duration::from_secs(2));
        assert_eq!(steering.steer(&mut last, reading(START + 3000, 200)), jumped);
        let ahead = |by| Finding::Ahead(Duration::from_millis(by));
        assert_eq!(steering.steer(&mut last, reading(START + 3000 - 60_000, 200)), Finding::Nothing);
        assert_eq!(steering.steer(&mut last, reading(START + 3000 - 60_001, 200)), ahead(60_001));
        assert_eq!(steering.steer(&mut last, reading(START + 3000 - 60_001, 200)), Finding::Nothing);
        assert!(matches!(steering.steer(&mut last, reading(START - 90_000, 200 + REPEAT_INTERVAL)), Finding::Ahead(_)));
    }

    #[test]
    fn threads_that_come_at_once_all_know_the_time() {
        let steering = Steering::new();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let shown = steering.now(7, || Reading { wall: START, running: 7, suspended: 0 });
                    assert_eq!(shown, START);
                });
            }
        });
    }
}
