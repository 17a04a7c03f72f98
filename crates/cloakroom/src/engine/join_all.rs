//! Concurrent polling of several futures within one task.

use std::future::poll_fn;
use std::task::{Context, Poll, Wake, Waker};

use crate::sync::{Arc, AtomicBool, Mutex, Ordering};

/// Readiness of one future, so that the others need not be polled.
struct Signal {
    ready: AtomicBool,
    waiter: Mutex<Waker>,
}

impl Wake for Signal {
    fn wake(self: Arc<Self>) {
        self.ready.store(true, Ordering::SeqCst);
        self.waiter.lock().wake_by_ref();
    }
}

/// Runs several futures concurrently and returns their outputs in order.
pub(crate) async fn join_all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let signal = || Arc::new(Signal { ready: AtomicBool::new(true), waiter: Mutex::new(Waker::noop().clone()) });
    let mut running: Vec<_> = futures.map(|future| (Some(Box::pin(future)), None, signal())).collect();
    poll_fn(|context| {
        let mut pending = false;
        for (future, output, signal) in &mut running {
            let Some(running) = future else { continue };
            // Set the waker first, so that any later wake-up reaches the current task.
            signal.waiter.lock().clone_from(context.waker());
            if !signal.ready.swap(false, Ordering::SeqCst) {
                pending = true;
                continue;
            }
            let waker = Waker::from(Arc::clone(signal));
            match running.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(ready) => (*future, *output) = (None, Some(ready)),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, output, _)| output).collect()
}
