use std::sync::{Arc, PoisonError, RwLock};

use cloakroom::store::{Invalidate, Principal, Selector};
use tokio::sync::oneshot;

use super::probe_target::Coverage;

/// The local tiers of this process that keep copies.
#[derive(Default)]
pub(crate) struct Subscribers(RwLock<Vec<Arc<dyn Invalidate>>>);

impl Subscribers {
    pub(crate) fn add(&self, copies: Arc<dyn Invalidate>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(copies);
    }

    /// Invalidates the copies of one record.
    pub(crate) fn invalidate(&self, selector: Selector) {
        for copies in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            copies.invalidate(selector);
        }
    }

    /// Reports a change of a principal's index.
    pub(crate) fn members_changed(&self, principal: &Principal) {
        for copies in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            copies.members_changed(principal);
        }
    }

    /// Marks a write of one record that is about to be sent. The server's report of it is ignored,
    /// so with several tiers the guard invalidates the record when the write is over.
    pub(crate) fn during_write(&self, selector: Selector) -> InvalidateOnDrop<'_> {
        InvalidateOnDrop { subscribers: self, selector }
    }

    /// Invalidates the copies of every session in the coverage. The receiver resolves when all of
    /// them are gone.
    ///
    /// Runs in the background, because a tier may hold millions of copies. A broken connection has
    /// ended its lease before, so that no copy is served meanwhile; if only slots have moved, the
    /// old masters have already reported the keys that they gave away.
    pub(crate) fn invalidate_all(self: &Arc<Self>, coverage: Coverage) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        let myself = Arc::clone(self);
        run_in_background(move || {
            myself.invalidate_covered(&coverage);
            // The caller may have stopped waiting.
            let _ = done.send(());
        });
        answer
    }

    /// Like `invalidate_all`, without waiting. Requests that arrive before a pending sweep starts
    /// are coalesced into it.
    pub(crate) fn invalidate_all_later(self: &Arc<Self>, coverage: Coverage) {
        if coverage.request_sweep() {
            return;
        }
        let myself = Arc::clone(self);
        run_in_background(move || coverage.sweep(|| myself.invalidate_covered(&coverage)));
    }

    fn invalidate_covered(&self, coverage: &Coverage) {
        for copies in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            copies.invalidate_those(&|selector| coverage.has(selector));
        }
    }
}

/// Invalidates a record in every tier when a write is over, however it ended, if several tiers
/// share the connection. A single tier knows what it wrote.
pub(crate) struct InvalidateOnDrop<'a> {
    subscribers: &'a Subscribers,
    selector: Selector,
}

impl Drop for InvalidateOnDrop<'_> {
    fn drop(&mut self) {
        let tiers = self.subscribers.0.read().unwrap_or_else(PoisonError::into_inner);
        if tiers.len() > 1 {
            tiers.iter().for_each(|copies| copies.invalidate(self.selector));
        }
    }
}

fn run_in_background(forget: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(forget)),
        Err(_) => forget(),
    }
}

impl std::fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscribers").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use super::*;

    /// Reports when a sweep begins, and waits until it may continue.
    struct Slow {
        begun: SyncSender<()>,
        may_go_on: Mutex<Receiver<()>>,
        times: AtomicUsize,
    }

    impl Invalidate for Slow {
        fn invalidate(&self, _: Selector) {}

        fn invalidate_all(&self) {
            self.times.fetch_add(1, Ordering::Relaxed);
            self.begun.send(()).expect("the test receives");
            self.may_go_on.lock().unwrap_or_else(PoisonError::into_inner).recv().expect("the test continues");
        }
    }

    #[tokio::test]
    async fn r67_a_server_that_says_a_million_times_that_all_has_changed_has_it_forgotten_twice() {
        let limit = Duration::from_secs(20);
        let (begun, begins) = sync_channel(1);
        let (go_on, may_go_on) = sync_channel(2);
        let slow = Arc::new(Slow { begun, may_go_on: Mutex::new(may_go_on), times: AtomicUsize::new(0) });
        let subscribers = Arc::new(Subscribers::default());
        subscribers.add(Arc::clone(&slow) as _);
        let all = Coverage::everything();
        subscribers.invalidate_all_later(all.clone());
        begins.recv_timeout(limit).expect("the sweep begins");
        // From here on, records may change that the first sweep has passed already.
        (0..1_000_000).for_each(|_| subscribers.invalidate_all_later(all.clone()));
        go_on.send(()).expect("the sweep waits");
        begins.recv_timeout(limit).expect("a second sweep begins");
        go_on.send(()).expect("the sweep waits");
        assert_eq!(slow.times.load(Ordering::Relaxed), 2);
        subscribers.invalidate_all_later(all.clone());
        begins.recv_timeout(limit).expect("a later request starts another sweep");
        go_on.send(()).expect("the sweep waits");
    }
}
