//! The local tiers that keep copies of the records.

use std::sync::{Arc, Weak};

#[cfg(feature = "postgres")]
use cloakroom::store::Principal;
use cloakroom::store::{Invalidate, Selector};
use parking_lot::Mutex;

/// The local tiers of one clone of the store.
#[derive(Default)]
pub(crate) struct Node {
    copies: Mutex<Vec<Arc<dyn Invalidate>>>,
}

impl Node {
    pub(crate) fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.copies.lock().push(copies);
    }

    /// Called without any lock held, because a local tier may call the store meanwhile.
    fn copies(&self) -> Vec<Arc<dyn Invalidate>> {
        self.copies.lock().clone()
    }
}

/// The clones of a store.
#[derive(Default)]
pub(crate) struct Nodes(Mutex<Vec<Weak<Node>>>);

impl Nodes {
    pub(crate) fn add(&self) -> Arc<Node> {
        let node = Arc::new(Node::default());
        let mut nodes = self.0.lock();
        nodes.retain(|node| node.strong_count() > 0);
        nodes.push(Arc::downgrade(&node));
        node
    }

    /// Invalidates the copies of sessions that were changed through `origin`, in all other tiers.
    ///
    /// If `origin` has several tiers, any of them may have written, so the copies of all are dropped.
    pub(crate) fn changed(&self, selectors: &[Selector], origin: &Arc<Node>) {
        if selectors.is_empty() {
            return;
        }
        for node in self.all() {
            let copies = node.copies();
            if Arc::ptr_eq(&node, origin) && copies.len() == 1 {
                continue;
            }
            for copies in copies {
                selectors.iter().for_each(|selector| copies.invalidate(*selector));
            }
        }
    }

    /// Invalidates the copies of these sessions in all tiers.
    pub(crate) fn changed_anywhere(&self, selectors: &[Selector]) {
        for copies in self.all().iter().flat_map(|node| node.copies()) {
            selectors.iter().for_each(|selector| copies.invalidate(*selector));
        }
    }

    /// Invalidates all copies in all tiers.
    pub(crate) fn changed_all(&self) {
        self.all().iter().flat_map(|node| node.copies()).for_each(|copies| copies.invalidate_all());
    }

    /// Reports the changed lists of these principals to all tiers.
    #[cfg(feature = "postgres")]
    pub(crate) fn members_changed(&self, principals: &[Principal]) {
        if principals.is_empty() {
            return;
        }
        for copies in self.all().iter().flat_map(|node| node.copies()) {
            principals.iter().for_each(|principal| copies.members_changed(principal));
        }
    }

    /// Returns `true` if there is one tier, or none.
    #[cfg(feature = "postgres")]
    pub(crate) fn is_one(&self) -> bool {
        self.all().iter().map(|node| node.copies.lock().len()).sum::<usize>() <= 1
    }

    fn all(&self) -> Vec<Arc<Node>> {
        self.0.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

/// A number that no other node is likely to draw. No secret depends on it.
pub(crate) fn random_number() -> i64 {
    use std::hash::{BuildHasher, Hasher};
    // Its keys come from the operating system.
    std::hash::RandomState::new().build_hasher().finish().cast_signed()
}
