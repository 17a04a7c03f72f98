//! The active key ring and the values derived from it, which are derived again when the ring is
//! replaced.

use std::fmt;

use arc_swap::Guard;

use crate::sync::{Arc, ArcCell, Mutex, Weak};

use super::key_ring::KeyRing;

/// The key ring of running sessions.
pub(crate) struct ActiveKeyRing(Mutex<RingState>);

struct RingState {
    ring: KeyRing,
    derived: Vec<Weak<dyn Derive>>,
}

/// A value derived from the active key ring. Read without a lock.
pub(crate) struct FollowsRing<D> {
    derive: Box<dyn Fn(&KeyRing) -> D + Send + Sync>,
    get: ArcCell<D>,
}

trait Derive: Send + Sync {
    fn derive_from(&self, ring: &KeyRing);
}

impl<D> FollowsRing<D> {
    /// Returns the present value.
    pub(crate) fn get(&self) -> Guard<Arc<D>> {
        self.get.load()
    }
}

impl<D: Send + Sync> Derive for FollowsRing<D> {
    fn derive_from(&self, ring: &KeyRing) {
        self.get.store(Arc::new((self.derive)(ring)));
    }
}

impl ActiveKeyRing {
    pub(crate) fn new(ring: KeyRing) -> Self {
        Self(Mutex::new(RingState { ring, derived: Vec::new() }))
    }

    /// Returns a value that follows the ring for as long as it is referenced.
    pub(crate) fn derive<D: Send + Sync + 'static>(
        &self,
        derive: impl Fn(&KeyRing) -> D + Send + Sync + 'static,
    ) -> Arc<FollowsRing<D>> {
        let mut keys = self.0.lock();
        let present = ArcCell::new(Arc::new(derive(&keys.ring)));
        let live = Arc::new(FollowsRing { derive: Box::new(derive), get: present });
        let follower: Arc<dyn Derive> = Arc::<FollowsRing<D>>::clone(&live);
        keys.derived.retain(|other| other.strong_count() > 0);
        keys.derived.push(Arc::downgrade(&follower));
        live
    }

    /// Replaces the ring. After it returns, no key outside `ring` signs, encrypts or is accepted.
    pub(crate) fn replace(&self, ring: KeyRing) {
        let mut keys = self.0.lock();
        for follower in keys.derived.iter().filter_map(Weak::upgrade) {
            follower.derive_from(&ring);
        }
        keys.ring = ring;
    }
}

impl fmt::Debug for ActiveKeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0.lock().ring, f)
    }
}

impl<D> fmt::Debug for FollowsRing<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FollowsRing(..)")
    }
}
