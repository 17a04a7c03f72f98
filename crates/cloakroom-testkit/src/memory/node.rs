use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use cloakroom::store::{Invalidate, Lease, Selector};

/// One instance of the store, as one process would have: the copies it serves, and its
/// invalidations.
pub(super) struct Node {
    copies: Mutex<Vec<Arc<dyn Invalidate>>>,
    /// The lease's number; 0 while the node receives no invalidations.
    lease: AtomicU64,
    inbox: Mutex<Inbox>,
}

#[derive(Default)]
struct Inbox {
    paused: bool,
    waiting: Vec<Notice>,
}

#[derive(Clone, Copy)]
pub(super) enum Notice {
    Changed(Selector),
    Anything,
}

impl Node {
    pub(super) fn new(lease: u64) -> Self {
        Self { copies: Mutex::default(), lease: AtomicU64::new(lease), inbox: Mutex::default() }
    }

    pub(super) fn attach(&self, copies: Arc<dyn Invalidate>) {
        self.copies.lock().push(copies);
    }

    pub(super) fn lease(&self) -> Lease {
        Lease::new(self.lease.load(Ordering::SeqCst))
    }

    pub(super) fn is_lease_valid(&self, lease: Lease) -> bool {
        lease != Lease::NONE && lease == self.lease()
    }

    /// Delivers a notice, holds it back, or drops it.
    pub(super) fn tell(&self, notice: Notice) {
        if self.lease() == Lease::NONE {
            return;
        }
        {
            let mut inbox = self.inbox.lock();
            if inbox.paused {
                inbox.waiting.push(notice);
                return;
            }
        }
        self.deliver(notice);
    }

    pub(super) fn pause(&self) {
        self.inbox.lock().paused = true;
    }

    /// Ends the pause. Returns the notices that were held back.
    pub(super) fn resume(&self) -> Vec<Notice> {
        std::mem::take(&mut *self.inbox.lock()).waiting
    }

    /// Called without any lock, because a local tier may call the store while it is notified.
    pub(super) fn deliver(&self, notice: Notice) {
        let copies = self.copies.lock().clone();
        for copies in copies {
            match notice {
                Notice::Changed(selector) => copies.invalidate(selector),
                Notice::Anything => copies.invalidate_all(),
            }
        }
    }

    pub(super) fn disconnect(&self) {
        self.lease.store(Lease::NONE.number(), Ordering::SeqCst);
        self.inbox.lock().waiting.clear();
        self.deliver(Notice::Anything);
    }

    pub(super) fn reconnect(&self, lease: u64) {
        self.lease.store(lease, Ordering::SeqCst);
    }
}
