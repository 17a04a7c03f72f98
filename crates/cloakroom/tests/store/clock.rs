use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use cloakroom::{Clock, Timestamp};
use cloakroom_testkit::ManualClock;

const MINUTE: Duration = Duration::from_secs(60);

/// A waker that counts its wake-ups and reads the clock each time, as an executor's hook may.
struct WakeCounter {
    clock: ManualClock,
    wakes: AtomicUsize,
}

impl WakeCounter {
    fn new(clock: &ManualClock) -> Arc<Self> {
        Arc::new(Self { clock: clock.clone(), wakes: AtomicUsize::new(0) })
    }

    fn wakes(&self) -> usize {
        self.wakes.load(Ordering::SeqCst)
    }
}

impl Wake for WakeCounter {
    fn wake(self: Arc<Self>) {
        self.clock.now();
        self.wakes.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll(future: &mut (impl Future<Output = ()> + Unpin), counter: &Arc<WakeCounter>) -> Poll<()> {
    let waker = Waker::from(Arc::clone(counter));
    std::pin::Pin::new(future).poll(&mut Context::from_waker(&waker))
}

#[test]
fn a_clone_shows_the_same_time() {
    let clock = ManualClock::starting_at(Timestamp::from_millis(5));
    let other = clock.clone();
    clock.advance(MINUTE);
    assert_eq!(other.now(), Timestamp::from_millis(60_005));
}

#[test]
fn a_sleep_ends_when_its_time_has_passed_and_not_before() {
    let clock = ManualClock::new();
    let counter = WakeCounter::new(&clock);
    let mut sleep = clock.sleep(MINUTE);
    assert!(poll(&mut sleep, &counter).is_pending());
    clock.advance(MINUTE - Duration::from_millis(1));
    assert_eq!(counter.wakes(), 0, "woken too early");
    assert!(poll(&mut sleep, &counter).is_pending());
    clock.advance(Duration::from_millis(1));
    assert_eq!(counter.wakes(), 1);
    assert!(poll(&mut sleep, &counter).is_ready());
    assert_eq!(clock.sleepers(), 0);
}

#[test]
fn a_sleep_begins_when_it_is_created_and_not_when_it_is_polled() {
    let clock = ManualClock::new();
    let mut sleep = clock.sleep(MINUTE);
    clock.advance(MINUTE);
    assert!(poll(&mut sleep, &WakeCounter::new(&clock)).is_ready());
}

#[test]
fn a_dropped_sleep_is_forgotten() {
    let clock = ManualClock::new();
    let counter = WakeCounter::new(&clock);
    let mut sleeps = [clock.sleep(MINUTE), clock.sleep(MINUTE)];
    for sleep in &mut sleeps {
        assert!(poll(sleep, &counter).is_pending());
    }
    assert_eq!(clock.sleepers(), 2);
    let [kept, dropped] = sleeps;
    drop(dropped);
    assert_eq!(clock.sleepers(), 1);
    clock.advance(MINUTE);
    assert_eq!(counter.wakes(), 1);
    drop(kept);
}

#[test]
fn the_task_that_polled_last_is_woken() {
    let clock = ManualClock::new();
    let (former, present) = (WakeCounter::new(&clock), WakeCounter::new(&clock));
    let mut sleep = clock.sleep(MINUTE);
    assert!(poll(&mut sleep, &former).is_pending());
    assert!(poll(&mut sleep, &present).is_pending());
    clock.advance(MINUTE);
    assert_eq!((former.wakes(), present.wakes()), (0, 1));
}

#[test]
fn setting_the_clock_back_extends_a_sleep() {
    let clock = ManualClock::new();
    let (start, counter) = (clock.now(), WakeCounter::new(&clock));
    let mut sleep = clock.sleep(MINUTE);
    clock.set(Timestamp::from_millis(0));
    assert!(poll(&mut sleep, &counter).is_pending());
    clock.advance(MINUTE);
    assert!(poll(&mut sleep, &counter).is_pending());
    clock.set(start.after(MINUTE));
    assert!(poll(&mut sleep, &counter).is_ready());
}

#[test]
fn the_first_and_the_last_timestamp_work() {
    let clock = ManualClock::starting_at(Timestamp::MAX);
    let counter = WakeCounter::new(&clock);
    clock.advance(Duration::MAX);
    assert_eq!(clock.now(), Timestamp::MAX);
    assert!(poll(&mut clock.sleep(Duration::MAX), &counter).is_ready(), "there is no later instant to wait for");
    clock.set(Timestamp::from_millis(0));
    let mut forever = clock.sleep(Duration::MAX);
    clock.set(Timestamp::from_millis(u64::MAX - 1));
    assert!(poll(&mut forever, &counter).is_pending());
    clock.set(Timestamp::MAX);
    assert!(poll(&mut forever, &counter).is_ready());
}

#[test]
fn sleeping_needs_no_runtime() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let clock = ManualClock::new();
    let advancer = std::thread::spawn({
        let clock = clock.clone();
        move || {
            while clock.sleepers() == 0 {
                std::thread::yield_now();
            }
            clock.advance(MINUTE);
        }
    });
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut sleep = pin!(clock.sleep(MINUTE));
    while sleep.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
        std::thread::park();
    }
    advancer.join().unwrap();
}

#[tokio::test]
async fn many_sleeps_each_end_on_time() {
    let clock = ManualClock::new();
    let tasks: Vec<_> = (1..=50)
        .map(|minutes| {
            let clock = clock.clone();
            tokio::spawn(async move {
                clock.sleep(MINUTE * (minutes % 10)).await;
                clock.now()
            })
        })
        .collect();
    while clock.sleepers() < 45 {
        tokio::task::yield_now().await;
    }
    let start = clock.now();
    for _ in 0..10 {
        clock.advance(MINUTE);
        // The due tasks are awake. The clock does not advance until they have run.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    }
    for (task, minutes) in tasks.into_iter().zip(1..) {
        assert_eq!(task.await.unwrap(), start.after(MINUTE * (minutes % 10)));
    }
}
