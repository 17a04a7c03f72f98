use std::sync::{Arc, PoisonError, RwLock};

use cloakroom::store::{Invalidate, Selector};
use tokio::sync::oneshot;

use super::probe_target::Coverage;

/// The local tiers of this process that keep copies.
#[derive(Default)]
pub(crate) struct Subscribers(RwLock<Vec<Arc<dyn Invalidate>>>);

impl Subscribers {
    pub(crate) fn add(&self, copies: Arc<dyn Invalidate>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(copies);
    }

    /// One record was changed.
    pub(crate) fn invalidate(&self, selector: Selector) {
        for copies in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            copies.invalidate(selector);
        }
    }

    /// One record is about to be changed over a line of ours, which passes over the server's report of that.
    pub(crate) fn during_write(&self, selector: Selector) -> InvalidateOnDrop<'_> {
        InvalidateOnDrop { audience: self, selector }
    }

    /// Any record of this territory may have been changed. The answer resolves when all its copies are gone.
    ///
    /// Away from the caller, because a tier may hold millions of copies. Who has lost a line has ended its
    /// lease before, so that none is served meanwhile; where only slots have moved, the servers
    /// themselves have told of the keys that they gave away.
    pub(crate) fn invalidate_all(self: &Arc<Self>, territory: Coverage) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        let myself = Arc::clone(self);
        is_gone(move || {
            myself.invalidate_covered(&territory);
            // Who asked may have gone.
            let _ = done.send(());
        });
        answer
    }

    /// The same for who does not wait: what has not begun does for all who ask, however often a server says so.
    pub(crate) fn invalidate_all_later(self: &Arc<Self>, territory: Coverage) {
        if territory.needs_sweep() {
            return;
        }
        let myself = Arc::clone(self);
        is_gone(move || territory.sweep(|| myself.invalidate_covered(&territory)));
    }

    fn invalidate_covered(&self, territory: &Coverage) {
        for copies in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            copies.invalidate_those(&|selector| territory.has(selector));
        }
    }
}

/// A change over a line that several tiers may share: when it is over, however that came, each of them reads the record
/// anew. A tier that has the line for itself knows what it wrote.
pub(crate) struct InvalidateOnDrop<'a> {
    audience: &'a Subscribers,
    selector: Selector,
}

impl Drop for InvalidateOnDrop<'_> {
    fn drop(&mut self) {
        let tiers = self.audience.0.read().unwrap_or_else(PoisonError::into_inner);
        if tiers.len() > 1 {
            tiers.iter().for_each(|copies| copies.invalidate(self.selector));
        }
    }
}

fn is_gone(forget: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(forget)),
        Err(_) => forget(),
    }
}

impl std::fmt::Debug for Subscribers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audience").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
    use std::sync::{Mutex, PoisonError};
    use std::time::Duration;

    use super::*;

    /// Says when it begins to forget, and waits until it may go on.
    struct Slow {
        begun: SyncSender<()>,
        may_go_on: Mutex<Receiver<()>>,
        times: AtomicUsize,
    }

    impl Invalidate for Slow {
        fn invalidate(&self, _: Selector) {}

        fn invalidate_all(&self) {
            self.times.fetch_add(1, Ordering::Relaxed);
            self.begun.send(()).expect("the test listens");
            self.may_go_on.lock().unwrap_or_else(PoisonError::into_inner).recv().expect("the test goes on");
        }
    }

    #[tokio::test]
    async fn r67_a_server_that_says_a_million_times_that_all_has_changed_has_it_forgotten_twice() {
        let limit = Duration::from_secs(20);
        let (begun, begins) = sync_channel(1);
        let (go_on, may_go_on) = sync_channel(2);
        let slow = Arc::new(Slow { begun, may_go_on: Mutex::new(may_go_on), times: AtomicUsize::new(0) });
        let audience = Arc::new(Subscribers::default());
        audience.add(Arc::clone(&slow) as _);
        let all = Coverage::everything();
        audience.invalidate_all_later(all.clone());
        begins.recv_timeout(limit).expect("it begins");
        // From here on, something may have changed that the first walk has passed already.
        (0..1_000_000).for_each(|_| audience.invalidate_all_later(all.clone()));
        go_on.send(()).expect("it waits");
        begins.recv_timeout(limit).expect("it begins again");
        go_on.send(()).expect("it waits");
        assert_eq!(slow.times.load(Ordering::Relaxed), 2);
        audience.invalidate_all_later(all.clone());
        begins.recv_timeout(limit).expect("and again, as that was later");
        go_on.send(()).expect("it waits");
    }
}
