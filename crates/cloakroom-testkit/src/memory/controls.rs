//! Control over a [`MemoryStore`] for tests, beyond the verbs of a store.

use cloakroom::store::{Record, Selector};

use super::MemoryStore;
use super::node::Notice;
use super::records::Records;

impl MemoryStore {
    /// Holds back this node's invalidations of changes made through other nodes, as a slow network
    /// would.
    pub fn pause_invalidations(&self) {
        self.node.pause();
    }

    /// Delivers the invalidations that were held back, in order, and ends the pause.
    pub fn deliver_invalidations(&self) {
        for notice in self.node.resume() {
            self.node.deliver(notice);
        }
    }

    /// Loses the invalidations that were held back, and ends the pause. The node does not learn
    /// that it missed any.
    pub fn drop_invalidations(&self) {
        drop(self.node.resume());
    }

    /// Cuts this node off from the invalidations of other nodes: its leases end, and its copies are
    /// invalidated. It can still read and write records.
    pub fn disconnect(&self) {
        self.node.disconnect();
    }

    /// Ends a disconnection, under a new lease. Invalidations that were missed meanwhile are not
    /// delivered.
    pub fn reconnect(&self) {
        self.node.reconnect(self.shared.next_lease());
    }

    /// Deletes all records and the index, as a flush by an operator would. All nodes are told to
    /// drop everything.
    pub fn flush(&self) {
        *self.shared.records.lock() = Records::default();
        for node in self.shared.nodes() {
            node.tell(Notice::Anything);
        }
    }

    /// Replaces a record without notifying any node, as a failover to a lagging replica would: the
    /// version may decrease, and a destroyed session may come back.
    pub fn roll_back(&self, selector: Selector, record: Record) {
        let now = self.now();
        self.shared.records.lock().put(selector, record, now);
    }

    /// Removes the records whose time is over. Returns how many there were.
    pub fn purge_expired(&self) -> usize {
        let now = self.now();
        self.shared.records.lock().purge(now)
    }

    /// Number of records, including expired ones that no verb has met yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.records.lock().len()
    }

    /// Returns `true` if there are no records.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record, if it is live.
    #[must_use]
    pub fn record(&self, selector: Selector) -> Option<Record> {
        let now = self.now();
        self.shared.records.lock().live(selector, now).cloned()
    }

    /// The selectors of all records, in no particular order.
    #[must_use]
    pub fn selectors(&self) -> Vec<Selector> {
        self.shared.records.lock().all().map(|(selector, _)| *selector).collect()
    }
}
