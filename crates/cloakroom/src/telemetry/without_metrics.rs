//! Without the feature `metrics`, nothing is measured, and these types are empty.

use tokio::sync::{Mutex, MutexGuard};

use crate::store::StoreErrorKind;

pub(crate) struct Timer;

#[expect(clippy::unused_self, reason = "the signatures of the module `metrics`")]
impl Timer {
    pub(crate) const fn start() -> Self {
        Self
    }

    pub(crate) const fn load(&self, _: &'static str) {}

    pub(crate) const fn commit(&self, _: &'static str) {}

    pub(crate) const fn touch(&self, _: &'static str) {}
}

pub(crate) async fn lock(lock: &Mutex<()>) -> MutexGuard<'_, ()> {
    lock.lock().await
}

#[derive(Debug, Default)]
pub(crate) struct StoreCalls;

#[expect(clippy::unused_self, reason = "the signatures of the module `metrics`")]
impl StoreCalls {
    pub(crate) const fn begin(&self) -> StoreCall {
        StoreCall
    }
}

pub(crate) struct StoreCall;

#[expect(clippy::unused_self, reason = "the signatures of the module `metrics`")]
impl StoreCall {
    pub(crate) const fn end(&self, _: &'static str, _: Option<StoreErrorKind>) {}
}
