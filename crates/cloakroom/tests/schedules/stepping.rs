//! A store whose calls take time: other actions may run before it arrives and before it returns.

use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};
use cloakroom_testkit::MemoryStore;

use super::explore::step;

pub(crate) struct SteppingStore(pub(crate) MemoryStore);

async fn with_steps<T>(call: impl Future<Output = T>) -> T {
    step();
    let result = call.await;
    step();
    result
}

impl Store for SteppingStore {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        with_steps(self.0.load(selector)).await
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        with_steps(self.0.create(selector, record)).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        with_steps(self.0.commit(selector, commit)).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        with_steps(self.0.touch(touches)).await
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        with_steps(self.0.destroy(selector, guard)).await
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        with_steps(self.0.add_member(principal, selector, until, limit)).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        with_steps(self.0.remove_members(principal, selectors)).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        with_steps(self.0.list_members(principal, page)).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        with_steps(self.0.list(page)).await
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.0.subscribe(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.0.is_lease_valid(lease)
    }
}
