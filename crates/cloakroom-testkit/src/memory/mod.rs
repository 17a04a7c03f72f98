mod controls;
mod dump;
mod index;
mod node;
mod records;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use cloakroom::store::{
    Admission, Commit, Committed, Created, Decision, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member,
    Page, PageRequest, Principal, Record, Selector, Store, StoreError, StoreErrorKind, Touch,
};
use cloakroom::{Clock, SystemClock, Timestamp};

use node::{Node, Notice};
use records::Records;

/// The simplest correct [`Store`]: maps behind one lock.
///
/// For tests, and as a reference for writing a store. When not to use it: a service on one machine
/// needs no store ([`Sessions::in_memory`](cloakroom::Sessions::in_memory)), and a service
/// on several machines needs one that they can all reach. Nothing here is bounded, and an expired
/// record stays until a verb meets it or [`purge_expired`](MemoryStore::purge_expired) is called.
///
/// A clone is the same instance. [`node`](MemoryStore::node) creates another instance over the same
/// data, as another process would have: with its own leases and its own copies to invalidate. The
/// other nodes are notified of a change before the verb that made it returns, unless a test
/// [pauses](MemoryStore::pause_invalidations) that.
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<SharedState>,
    node: Arc<Node>,
    longest_lease: Duration,
}

struct SharedState {
    clock: Arc<dyn Clock>,
    records: Mutex<Records>,
    nodes: Mutex<Vec<Weak<Node>>>,
    last_lease: AtomicU64,
}

impl SharedState {
    /// A number that no other node has, so that no node accepts another's lease.
    fn next_lease(&self) -> u64 {
        self.last_lease.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn add_node(&self) -> Arc<Node> {
        let node = Arc::new(Node::new(self.next_lease()));
        let mut nodes = self.nodes.lock();
        nodes.retain(|node| node.strong_count() > 0);
        nodes.push(Arc::downgrade(&node));
        node
    }

    fn nodes(&self) -> Vec<Arc<Node>> {
        self.nodes.lock().iter().filter_map(Weak::upgrade).collect()
    }
}

impl MemoryStore {
    /// An empty store on the machine's clock.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }

    /// An empty store on the given clock, usually a clone of the test's
    /// [`ManualClock`](super::ManualClock).
    #[must_use]
    pub fn with_clock(clock: impl Clock) -> Self {
        let shared = Arc::new(SharedState {
            clock: Arc::new(clock),
            records: Mutex::default(),
            nodes: Mutex::default(),
            last_lease: AtomicU64::new(0),
        });
        let node = shared.add_node();
        Self { shared, node, longest_lease: Duration::ZERO }
    }

    /// Another instance over the same data, as another process would have.
    #[must_use]
    pub fn node(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), node: self.shared.add_node(), ..*self }
    }

    /// The instances of `N` nodes over the same data.
    ///
    /// ```
    /// use cloakroom::Sessions;
    /// use cloakroom_testkit::MemoryStore;
    ///
    /// let [one, other] = MemoryStore::new().nodes().map(|store| Sessions::builder().store(store).build().unwrap());
    /// # drop((one, other));
    /// ```
    #[must_use]
    pub fn nodes<const N: usize>(&self) -> [Self; N] {
        std::array::from_fn(|_| self.node())
    }

    /// Sets the maximum invalidation delay that the store reports: zero by default. The store only
    /// reports it, and does not end a longer [pause](Self::pause_invalidations).
    #[must_use]
    pub fn with_max_lease(self, longest_lease: Duration) -> Self {
        Self { longest_lease, ..self }
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    fn tell_other_nodes(&self, notice: Notice) {
        for node in self.shared.nodes() {
            if !Arc::ptr_eq(&node, &self.node) {
                node.tell(notice);
            }
        }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows the number of records, never their content.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("records", &self.len()).finish_non_exhaustive()
    }
}

/// Every verb takes the lease before it reads the record: if the node is disconnected in between,
/// the copy comes with the lease that has ended.
impl Store for MemoryStore {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        let lease = self.node.lease();
        let now = self.now();
        let mut records = self.shared.records.lock();
        Ok(records.live(selector, now).map(|record| LeasedRecord::new(record.clone(), lease)))
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        let lease = self.node.lease();
        let now = self.now();
        let done = self.shared.records.lock().create(selector, record, now);
        Ok(if done { Created::Done(lease) } else { Created::Exists })
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        let lease = self.node.lease();
        let now = self.now();
        let (decision, answer) = match self.shared.records.lock().commit(selector, &commit, now) {
            None => return Ok(Committed::Gone),
            Some((decision, record)) => (decision, record.committed(&commit, decision, lease)),
        };
        if decision == Decision::Apply {
            self.tell_other_nodes(Notice::Changed(selector));
        }
        Ok(answer)
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        for touch in touches {
            let now = self.now();
            if self.shared.records.lock().touch(touch, now) {
                self.tell_other_nodes(Notice::Changed(touch.selector));
            }
        }
        Ok(())
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let now = self.now();
        let answer = self.shared.records.lock().destroy(selector, guard, now);
        if answer == Destroyed::Done {
            self.tell_other_nodes(Notice::Changed(selector));
        }
        Ok(answer)
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        _until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        let now = self.now();
        Ok(self.shared.records.lock().admit(principal, selector, limit, now))
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        let mut records = self.shared.records.lock();
        selectors.into_iter().for_each(|selector| records.index.dismiss(principal, selector));
        Ok(())
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        let now = self.now();
        let listed = self.shared.records.lock().members(principal, &page, now);
        listed.ok_or_else(invalid_cursor)
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        let now = self.now();
        self.shared.records.lock().list(&page, now).ok_or_else(invalid_cursor)
    }

    async fn count(&self) -> Result<u64, StoreError> {
        let now = self.now();
        Ok(self.shared.records.lock().count(now) as u64)
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.node.attach(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.node.is_lease_valid(lease)
    }

    fn is_lease_lost(&self) -> bool {
        self.node.lease() == Lease::NONE
    }

    fn time(&self) -> Option<Timestamp> {
        Some(self.now())
    }

    fn max_lease(&self) -> Duration {
        self.longest_lease
    }
}

fn invalid_cursor() -> StoreError {
    StoreError::new(StoreErrorKind::InvalidCursor, "the cursor is not from this store")
}
