//! What a test may do to a [`MemoryStore`] that no caller of a store can.

use cloakroom::store::{Record, Selector};

use super::MemoryStore;
use super::node::Notice;
use super::records::Records;

impl MemoryStore {
    /// Keeps back what this node should hear of changes through other nodes, as a slow line would.
    pub fn pause_invalidations(&self) {
        self.node.pause();
    }

    /// Delivers what was kept back, in order, and ends the pause.
    pub fn deliver_invalidations(&self) {
        for notice in self.node.resume() {
            self.node.deliver(notice);
        }
    }

    /// Loses what was kept back, and ends the pause. Nothing tells the node that it missed something.
    pub fn drop_invalidations(&self) {
        drop(self.node.resume());
    }

    /// Cuts this node off from the other nodes' notices: it vouches for nothing any more, and its
    /// copies are invalidated. It still reaches the records.
    pub fn disconnect(&self) {
        self.node.disconnect();
    }

    /// Ends that, under a new lease. What happened meanwhile is not told.
    pub fn reconnect(&self) {
        self.node.reconnect(self.shared.next_lease());
    }

    /// Loses all records and the index, as a flush by an operator would. All nodes are told to drop everything.
    pub fn flush(&self) {
        *self.shared.records.lock() = Records::default();
        for node in self.shared.nodes() {
            node.tell(Notice::Anything);
        }
    }

    /// Puts a record in place of the present one without telling anybody, as a failover to a replica
    /// that lags behind would: the version may go down, and a destroyed session may come back.
    pub fn roll_back(&self, selector: Selector, record: Record) {
        let now = self.now();
        self.shared.records.lock().put(selector, record, now);
    }

    /// Drops the records whose time is over. Answers how many there were.
    pub fn purge_expired(&self) -> usize {
        let now = self.now();
        self.shared.records.lock().purge(now)
    }

    /// How many records are held, including expired ones that nothing has met yet.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.records.lock().len()
    }

    /// Whether no records are held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record, if it lives.
    #[must_use]
    pub fn record(&self, selector: Selector) -> Option<Record> {
        let now = self.now();
        self.shared.records.lock().live(selector, now).cloned()
    }

    /// The tags of all records held, in no particular order.
    #[must_use]
    pub fn selectors(&self) -> Vec<Selector> {
        self.shared.records.lock().all().map(|(selector, _)| *selector).collect()
    }
}
