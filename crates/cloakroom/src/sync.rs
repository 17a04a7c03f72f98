//! The synchronisation primitives, in one place, so that the schedule explorer can replace them.
//!
//! Under `cfg(cloakroom_shuttle)` every operation becomes a point where the explorer may switch
//! threads; otherwise these are the plain types.

#[cfg(not(cloakroom_shuttle))]
mod imp {
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    pub(crate) use std::sync::{Arc, Weak};

    pub(crate) use parking_lot::{Mutex, RwLock};
    pub(crate) use tokio::task_local;

    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(future);
    }

    /// Sleeps in real time, not on the injected clock. For jitter and backoff, not for deadlines.
    pub(crate) async fn sleep(span: std::time::Duration) {
        tokio::time::sleep(span).await;
    }

    /// Measures real time, not the injected clock, because it times the network.
    pub(crate) struct Stopwatch(tokio::time::Instant);

    impl Stopwatch {
        pub(crate) fn start() -> Self {
            Self(tokio::time::Instant::now())
        }

        pub(crate) fn elapsed(&self) -> std::time::Duration {
            self.0.elapsed()
        }
    }

    /// Returns the result if it is ready within `span`. Uses real time, not the injected clock,
    /// because it waits for the network.
    pub(crate) async fn timeout<T>(span: std::time::Duration, answer: impl Future<Output = T>) -> Option<T> {
        tokio::time::timeout(span, answer).await.ok()
    }
}

#[cfg(cloakroom_shuttle)]
mod imp {
    use std::cell::RefCell;
    use std::future::poll_fn;
    use std::pin::pin;
    pub(crate) use std::sync::{Arc, Weak};

    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    /// The interface of `parking_lot` over the explorer's lock.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
        }

        pub(crate) fn lock(&self) -> shuttle::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    /// The interface of `parking_lot` over the explorer's lock.
    #[derive(Debug, Default)]
    pub(crate) struct RwLock<T>(shuttle::sync::RwLock<T>);

    impl<T> RwLock<T> {
        pub(crate) fn new(value: T) -> Self {
            Self(shuttle::sync::RwLock::new(value))
        }

        pub(crate) fn read(&self) -> shuttle::sync::RwLockReadGuard<'_, T> {
            self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner)
        }

        pub(crate) fn write(&self) -> shuttle::sync::RwLockWriteGuard<'_, T> {
            self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner)
        }
    }

    pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
        shuttle::future::spawn(future);
    }

    pub(crate) async fn sleep(_span: std::time::Duration) {
        shuttle::future::yield_now().await;
    }

    /// The interface of tokio over the explorer's thread-locals: all of its tasks run on one system
    /// thread.
    pub(crate) struct TaskLocal<T: 'static>(pub(crate) &'static shuttle::thread::LocalKey<RefCell<Option<T>>>);

    impl<T> TaskLocal<T> {
        pub(crate) fn try_with<R>(&'static self, look: impl FnOnce(&T) -> R) -> Result<R, ()> {
            self.0.with(|value| value.borrow().as_ref().map(look)).ok_or(())
        }

        pub(crate) async fn scope<F: Future>(&'static self, value: T, future: F) -> F::Output {
            let (mut future, mut value) = (pin!(future), Some(value));
            poll_fn(move |context| {
                let outer = self.0.with(|current| current.replace(value.take()));
                let outcome = future.as_mut().poll(context);
                value = self.0.with(|current| current.replace(outer));
                outcome
            })
            .await
        }
    }

    macro_rules! task_local {
        (static $name:ident: $value:ty;) => {
            static $name: crate::sync::TaskLocal<$value> = {
                shuttle::thread_local! { static CURRENT: std::cell::RefCell<Option<$value>> = const { std::cell::RefCell::new(None) }; }
                crate::sync::TaskLocal(&CURRENT)
            };
        };
    }
    pub(crate) use task_local;

    /// A stopwatch for the explorer, which has no time: each call of `elapsed` adds a second.
    pub(crate) struct Stopwatch(AtomicU64);

    impl Stopwatch {
        pub(crate) fn start() -> Self {
            Self(AtomicU64::new(0))
        }

        pub(crate) fn elapsed(&self) -> std::time::Duration {
            std::time::Duration::from_secs(self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    /// Always times out, because the explorer has no time.
    pub(crate) async fn timeout<T>(_span: std::time::Duration, _answer: impl Future<Output = T>) -> Option<T> {
        None
    }
}

pub(crate) use imp::*;

/// An `Arc` that is read without a lock and replaced as a whole.
#[cfg(feature = "keys")]
#[derive(Debug)]
pub(crate) struct ArcCell<T>(arc_swap::ArcSwap<T>);

#[cfg(feature = "keys")]
impl<T> ArcCell<T> {
    pub(crate) fn new(value: Arc<T>) -> Self {
        Self(arc_swap::ArcSwap::new(value))
    }

    /// Borrows the present value, usually without touching its reference count.
    pub(crate) fn load(&self) -> arc_swap::Guard<Arc<T>> {
        preemption_point();
        self.0.load()
    }

    /// Replaces the value, whatever it is.
    pub(crate) fn store(&self, new: Arc<T>) {
        preemption_point();
        self.0.store(new);
    }
}

#[cfg(all(feature = "keys", not(cloakroom_shuttle)))]
const fn preemption_point() {}

#[cfg(all(feature = "keys", cloakroom_shuttle))]
fn preemption_point() {
    // Not `yield_now`, which would make the explorer prefer the other threads.
    shuttle::sync::atomic::AtomicBool::new(false).load(Ordering::SeqCst);
}
