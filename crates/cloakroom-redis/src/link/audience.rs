use std::sync::{Arc, PoisonError, RwLock};

use cloakroom::store::{Copies, Tag};
use tokio::sync::oneshot;

use super::home::Territory;

/// The local tiers of this process that keep copies.
#[derive(Default)]
pub(crate) struct Audience(RwLock<Vec<Arc<dyn Copies>>>);

impl Audience {
    pub(crate) fn add(&self, copies: Arc<dyn Copies>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(copies);
    }

    /// One record was changed.
    pub(crate) fn forget(&self, tag: Tag) {
        for copies in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            copies.invalidate(tag);
        }
    }

    /// One record is about to be changed over a line of ours, which passes over the server's report of that.
    pub(crate) fn while_changed(&self, tag: Tag) -> Changing<'_> {
        Changing { audience: self, tag }
    }

    /// Any record of this territory may have been changed. The answer resolves when all its copies are gone.
    ///
    /// Away from the caller, because a tier may hold millions of copies. Who has lost a line has ended its
    /// lease before, so that none is served meanwhile; where only slots have moved, the servers
    /// themselves have told of the keys that they gave away.
    pub(crate) fn forget_all(self: &Arc<Self>, territory: Territory) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        let myself = Arc::clone(self);
        away(move || {
            myself.forget_those(&territory);
            // Who asked may have gone.
            let _ = done.send(());
        });
        answer
    }

    /// The same for who does not wait: what has not begun does for all who ask, however often a server says so.
    pub(crate) fn forget_soon(self: &Arc<Self>, territory: Territory) {
        if territory.is_to_be_forgotten() {
            return;
        }
        let myself = Arc::clone(self);
        away(move || territory.sweep(|| myself.forget_those(&territory)));
    }

    fn forget_those(&self, territory: &Territory) {
        for copies in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            copies.invalidate_those(&|tag| territory.has(tag));
        }
    }
}

/// A change over a line that several tiers may share: when it is over, however that came, each of them reads the record
/// anew. A tier that has the line for itself knows what it wrote.
pub(crate) struct Changing<'a> {
    audience: &'a Audience,
    tag: Tag,
}

impl Drop for Changing<'_> {
    fn drop(&mut self) {
        let tiers = self.audience.0.read().unwrap_or_else(PoisonError::into_inner);
        if tiers.len() > 1 {
            tiers.iter().for_each(|copies| copies.invalidate(self.tag));
        }
    }
}

fn away(forget: impl FnOnce() + Send + 'static) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(forget)),
        Err(_) => forget(),
    }
}

impl std::fmt::Debug for Audience {
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

    impl Copies for Slow {
        fn invalidate(&self, _: Tag) {}

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
        let audience = Arc::new(Audience::default());
        audience.add(Arc::clone(&slow) as _);
        let all = Territory::everything();
        audience.forget_soon(all.clone());
        begins.recv_timeout(limit).expect("it begins");
        // From here on, something may have changed that the first walk has passed already.
        (0..1_000_000).for_each(|_| audience.forget_soon(all.clone()));
        go_on.send(()).expect("it waits");
        begins.recv_timeout(limit).expect("it begins again");
        go_on.send(()).expect("it waits");
        assert_eq!(slow.times.load(Ordering::Relaxed), 2);
        audience.forget_soon(all.clone());
        begins.recv_timeout(limit).expect("and again, as that was later");
        go_on.send(()).expect("it waits");
    }
}
