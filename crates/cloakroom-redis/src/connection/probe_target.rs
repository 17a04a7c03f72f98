use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cloakroom::store::Selector;
use tokio::sync::Notify;

/// What a link has its server for.
#[derive(Debug)]
pub(crate) struct ProbeTarget {
    key: Mutex<String>,
    coverage: Mutex<Coverage>,
    lost: Arc<Notify>,
}

/// The sessions whose records a server has, or that something else concerns.
#[derive(Clone)]
pub(crate) struct Coverage {
    contains: Arc<dyn Fn(Selector) -> bool + Send + Sync>,
    sweep: Arc<Sweep>,
}

/// The copies of a territory are forgotten by one at a time, and waited for by one at most.
#[derive(Default)]
struct Sweep {
    is_due: AtomicBool,
    turn: Mutex<()>,
}

impl ProbeTarget {
    /// `key` is what the link asks for to learn whether its server is still the one to ask; `lost` is
    /// notified when the server says that the key is at home elsewhere.
    pub(crate) fn new(key: String, territory: Coverage, lost: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { key: Mutex::new(key), coverage: Mutex::new(territory), lost })
    }

    pub(crate) fn move_to(&self, key: String) {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }

    pub(crate) fn key(&self) -> String {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_coverage(&self, territory: Coverage) {
        *self.coverage.lock().unwrap_or_else(PoisonError::into_inner) = territory;
    }

    pub(crate) fn territory(&self) -> Coverage {
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

    /// Its copies are to be forgotten. Answers whether somebody else has said so, and nobody has begun yet.
    pub(super) fn needs_sweep(&self) -> bool {
        self.sweep.is_due.swap(true, Ordering::AcqRel)
    }

    /// Waits until nobody else is at it. Whoever wants its copies forgotten from then on may mean changes that
    /// `forget` does not see any more.
    pub(super) fn sweep(&self, forget: impl FnOnce()) {
        let _turn = self.sweep.turn.lock().unwrap_or_else(PoisonError::into_inner);
        self.sweep.is_due.store(false, Ordering::Release);
        forget();
    }
}

impl fmt::Debug for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Territory").finish_non_exhaustive()
    }
}
