use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use cloakroom::{Clock, Sleep, Timestamp};

/// 2026-01-01T00:00:00Z: recent enough for cookies and certificates, the same in every run.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// A clock that does not move until a test moves it.
///
/// Clones show the same time, so keep one and give another to the builder or to a
/// [`MemoryStore`](super::MemoryStore). Sleeping on it needs no particular executor.
///
/// Moving the clock wakes the tasks whose sleep is over; it does not run them. Await their results,
/// or yield, before you check what they did.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::Clock;
/// use cloakroom_testkit::ManualClock;
///
/// let clock = ManualClock::new();
/// let before = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now(), before.after(Duration::from_secs(60)));
/// ```
#[derive(Clone)]
pub struct ManualClock {
    dial: Arc<Mutex<ClockState>>,
    /// Offset of this clock from the dial, in milliseconds.
    ahead: i64,
}

struct ClockState {
    now: Timestamp,
    /// Distinguishes sleeps that end at the same instant.
    next_sleep: u64,
    sleeps: BTreeMap<(Timestamp, u64), Waker>,
}

impl ManualClock {
    /// A clock that shows 2026-01-01T00:00:00Z.
    #[must_use]
    pub fn new() -> Self {
        Self::starting_at(START)
    }

    /// A clock that shows `now`.
    #[must_use]
    pub fn starting_at(now: Timestamp) -> Self {
        Self { dial: Arc::new(Mutex::new(ClockState { now, next_sleep: 0, sleeps: BTreeMap::new() })), ahead: 0 }
    }

    /// The clock of another machine. Time passes on both alike; the new clock is `millis`
    /// milliseconds ahead of this one, or behind it if `millis` is negative.
    ///
    /// ```
    /// use cloakroom::Clock;
    /// use cloakroom_testkit::ManualClock;
    ///
    /// let here = ManualClock::new();
    /// let there = here.ahead_by(-3000);
    /// here.advance(std::time::Duration::from_secs(60));
    /// assert_eq!(here.now().since(there.now()), std::time::Duration::from_secs(3));
    /// ```
    #[must_use]
    pub fn ahead_by(&self, millis: i64) -> Self {
        Self { dial: Arc::clone(&self.dial), ahead: self.ahead.saturating_add(millis) }
    }

    /// Advances the clock, up to [`Timestamp::MAX`].
    pub fn advance(&self, duration: Duration) {
        self.turn(|now| now.after(duration));
    }

    /// Sets the clock, forwards or backwards, as a faulty machine might. No session may gain from
    /// that.
    ///
    /// A sleep ends when the clock reaches the instant that was due when the sleep began, so it
    /// takes longer if the clock is set back meanwhile.
    pub fn set(&self, now: Timestamp) {
        self.turn(|_| shifted(now, self.ahead.saturating_neg()));
    }

    /// Number of pending sleeps, which is the number of background tasks that wait on this clock.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        self.dial.lock().sleeps.len()
    }

    fn turn(&self, to: impl FnOnce(Timestamp) -> Timestamp) {
        let due = {
            let mut dial = self.dial.lock();
            dial.now = to(dial.now);
            let first_later = (dial.now, u64::MAX);
            let later = dial.sleeps.split_off(&first_later);
            std::mem::replace(&mut dial.sleeps, later)
        };
        // After the lock is released, because a waker may poll at once, which locks it again.
        due.into_values().for_each(Waker::wake);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dial = self.dial.lock();
        let now = shifted(dial.now, self.ahead);
        f.debug_struct("ManualClock").field("now", &now).field("sleepers", &dial.sleeps.len()).finish()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        shifted(self.dial.lock().now, self.ahead)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut dial = self.dial.lock();
        let number = dial.next_sleep;
        dial.next_sleep += 1;
        let due = (dial.now.after(duration), number);
        Box::pin(ManualSleep { dial: Arc::clone(&self.dial), due })
    }
}

const fn shifted(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add_signed(millis))
}

struct ManualSleep {
    dial: Arc<Mutex<ClockState>>,
    due: (Timestamp, u64),
}

impl Future for ManualSleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut dial = self.dial.lock();
        if dial.now >= self.due.0 {
            dial.sleeps.remove(&self.due);
            return Poll::Ready(());
        }
        dial.sleeps.entry(self.due).or_insert_with(|| context.waker().clone()).clone_from(context.waker());
        Poll::Pending
    }
}

impl Drop for ManualSleep {
    fn drop(&mut self) {
        self.dial.lock().sleeps.remove(&self.due);
    }
}
