use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cloakroom::store::Selector;
use tokio::sync::Notify;

/// The key to probe on a server, and the sessions that the server holds.
#[derive(Debug)]
pub(crate) struct ProbeTarget {
    key: Mutex<String>,
    coverage: Mutex<Coverage>,
    lost: Arc<Notify>,
}

/// A set of sessions, for example those whose records a server holds.
#[derive(Clone)]
pub(crate) struct Coverage {
    contains: Arc<dyn Fn(Selector) -> bool + Send + Sync>,
    sweep: Arc<Sweep>,
}

/// Coalesces sweeps of a coverage: at most one runs, and at most one waits.
#[derive(Default)]
struct Sweep {
    is_due: AtomicBool,
    turn: Mutex<()>,
}

impl ProbeTarget {
    /// `key` is probed to find out whether the server still owns it; `lost` is notified when the
    /// server reports that another one does.
    pub(crate) fn new(key: String, coverage: Coverage, lost: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { key: Mutex::new(key), coverage: Mutex::new(coverage), lost })
    }

    pub(crate) fn move_to(&self, key: String) {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }

    pub(crate) fn key(&self) -> String {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_coverage(&self, coverage: Coverage) {
        *self.coverage.lock().unwrap_or_else(PoisonError::into_inner) = coverage;
    }

    pub(crate) fn coverage(&self) -> Coverage {
        self.coverage.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn lost(&self) {
        self.lost.notify_one();
    }
}

impl Coverage {
    pub(crate) fn everything() -> Self {
        Self::of(|_| true)
    }

    pub(crate) fn of(has: impl Fn(Selector) -> bool + Send + Sync + 'static) -> Self {
        Self { contains: Arc::new(has), sweep: Arc::default() }
    }

    pub(crate) fn has(&self, selector: Selector) -> bool {
        (self.contains)(selector)
    }

    /// Requests a sweep. Returns `true` if one was already requested and has not begun.
    pub(super) fn request_sweep(&self) -> bool {
        self.sweep.is_due.swap(true, Ordering::AcqRel)
    }

    /// Waits for a running sweep, then runs `forget`. A sweep requested after it has begun may
    /// concern changes that `forget` no longer sees, so it runs again.
    pub(super) fn sweep(&self, forget: impl FnOnce()) {
        let _turn = self.sweep.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep.is_due.store(false, Ordering::Release);
        forget();
    }
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coverage").finish_non_exhaustive()
    }
}
