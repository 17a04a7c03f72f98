//! The statistics, and how long things take, through the facade `metrics`.
//!
//! Nothing is registered in advance: a recorder that is installed late, or for one thread, gets
//! everything that happens from then on.

mod names;
mod publisher;

pub(crate) use publisher::{Gauges, Publisher};

use metrics::{Key, Label, Level, Metadata, with_recorder};
use tokio::sync::{Mutex, MutexGuard};

use crate::store::StoreErrorKind;
use crate::sync::{AtomicBool, AtomicU64, Ordering, Stopwatch};

use names::{COMMIT_DURATION, LOAD_DURATION, LOCK_WAIT, STORE_DURATION, TOUCH_DURATION};

/// How the recorder may filter what it gets.
static METADATA: Metadata<'static> = Metadata::new("cloakroom", Level::INFO, Some("cloakroom"));

/// Measures how long one thing takes, in real time and not on the injected clock, whose steps are
/// milliseconds.
pub(crate) struct Timer(Stopwatch);

impl Timer {
    pub(crate) fn start() -> Self {
        Self(Stopwatch::start())
    }

    /// Records the run of a loader.
    pub(crate) fn load(&self, result: &'static str) {
        self.record(LOAD_DURATION, vec![Label::from_static_parts("result", result)]);
    }

    /// Records a change over the shared tier, with its wait for the session's lock and its retries.
    pub(crate) fn commit(&self, result: &'static str) {
        self.record(COMMIT_DURATION, vec![Label::from_static_parts("result", result)]);
    }

    /// Records a report of the sessions that were seen.
    pub(crate) fn touch(&self, result: &'static str) {
        self.record(TOUCH_DURATION, vec![Label::from_static_parts("result", result)]);
    }

    fn record(&self, name: &'static str, labels: Vec<Label>) {
        record(&Key::from_parts(name, labels), self.0.elapsed().as_secs_f64());
    }
}

fn record(key: &Key, seconds: f64) {
    with_recorder(|recorder| recorder.register_histogram(key, &METADATA)).record(seconds);
}

/// Waits for a session's lock. A free one is recorded without a look at the clock.
pub(crate) async fn lock(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
    static KEY: Key = Key::from_static_name(LOCK_WAIT);
    if let Ok(guard) = lock.try_lock() {
        record(&KEY, 0.0);
        return guard;
    }
    let timer = Timer::start();
    let guard = lock.lock().await;
    record(&KEY, timer.0.elapsed().as_secs_f64());
    guard
}

/// The calls to the shared tier that are in progress, and whether it can be reached.
#[derive(Debug, Default)]
pub(crate) struct StoreCalls {
    in_progress: AtomicU64,
    is_unavailable: AtomicBool,
}

impl StoreCalls {
    pub(crate) fn begin(&self) -> StoreCall<'_> {
        self.in_progress.fetch_add(1, Ordering::Relaxed);
        StoreCall { calls: self, timer: Timer::start() }
    }

    pub(super) fn in_progress(&self) -> u64 {
        self.in_progress.load(Ordering::Relaxed)
    }

    pub(super) fn is_unavailable(&self) -> bool {
        self.is_unavailable.load(Ordering::Relaxed)
    }
}

/// One call to the shared tier. A call that is dropped, because its request was, is not measured.
pub(crate) struct StoreCall<'a> {
    calls: &'a StoreCalls,
    timer: Timer,
}

impl StoreCall<'_> {
    /// Records the result of the call: the kind of its error, if it failed.
    pub(crate) fn end(self, operation: &'static str, failure: Option<StoreErrorKind>) {
        let is_unavailable = matches!(failure, Some(StoreErrorKind::Unavailable | StoreErrorKind::Unknown));
        self.calls.is_unavailable.store(is_unavailable, Ordering::Relaxed);
        let labels = vec![
            Label::from_static_parts("operation", operation),
            Label::from_static_parts("result", failure.map_or("ok", StoreErrorKind::name)),
        ];
        self.timer.record(STORE_DURATION, labels);
    }
}

impl Drop for StoreCall<'_> {
    fn drop(&mut self) {
        self.calls.in_progress.fetch_sub(1, Ordering::Relaxed);
    }
}
