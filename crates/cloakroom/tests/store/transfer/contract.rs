//! The conformance suite on two stores during a transfer.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};
use cloakroom::transfer::TransferStore;
use cloakroom_testkit::{ManualClock, MemoryStore, conformance};

use crate::backend::MemoryBackend;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Following,
    Moving,
}

struct Transfer {
    mode: Mode,
    old: MemoryStore,
    new: MemoryStore,
    store: TransferStore<MemoryStore, MemoryStore>,
}

impl Transfer {
    fn new(mode: Mode, old: MemoryStore, new: MemoryStore) -> Self {
        let make = if mode == Mode::Following { TransferStore::following } else { TransferStore::moving };
        Self { mode, store: make(old.clone(), new.clone()).unwrap(), old, new }
    }

    fn on(mode: Mode, clock: &ManualClock) -> Self {
        Self::new(mode, MemoryStore::with_clock(clock.clone()), MemoryStore::with_clock(clock.clone()))
    }

    fn node(&self) -> Self {
        Self::new(self.mode, self.old.node(), self.new.node())
    }
}

impl Store for Transfer {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        self.store.load(selector).await
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        self.store.create(selector, record).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        self.store.commit(selector, commit).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.store.touch(touches).await
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        self.store.destroy(selector, guard).await
    }

    async fn destroy_many(&self, selectors: Vec<Selector>) -> Vec<Result<Destroyed, StoreError>> {
        self.store.destroy_many(selectors).await
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        self.store.add_member(principal, selector, until, limit).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.store.remove_members(principal, selectors).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        self.store.list_members(principal, page).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        self.store.list(page).await
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.store.subscribe(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.store.is_lease_valid(lease)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_follows_passes_the_conformance_suite() {
    let make = |clock: &ManualClock| Transfer::on(Mode::Following, clock);
    conformance(MemoryBackend::new(make, |store| &store.old, Transfer::node)).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_moves_sessions_passes_the_conformance_suite() {
    let make = |clock: &ManualClock| Transfer::on(Mode::Moving, clock);
    conformance(MemoryBackend::new(make, |store| &store.new, Transfer::node)).await.assert_passed();
}
