use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};
use cloakroom_testkit::MemoryStore;

/// A point before or after a call to a store.
pub(super) trait Hook: Clone + Send + Sync + 'static {
    fn pass(&self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// A store with a hook around each call.
#[derive(Clone)]
pub(super) struct HookedStore<H> {
    pub(super) inner: MemoryStore,
    pub(super) hook: H,
    pub(super) namespace: &'static str,
}

impl<H: Hook> HookedStore<H> {
    async fn around<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.hook.pass().await?;
        let result = call.await;
        self.hook.pass().await?;
        result
    }
}

impl<H: Hook> Store for HookedStore<H> {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        self.around(self.inner.load(selector)).await
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        self.around(self.inner.create(selector, record)).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        self.around(self.inner.commit(selector, commit)).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.around(self.inner.touch(touches)).await
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        self.around(self.inner.destroy(selector, guard)).await
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        self.around(self.inner.add_member(principal, selector, until, limit)).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.around(self.inner.remove_members(principal, selectors)).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        self.around(self.inner.list_members(principal, page)).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        self.around(self.inner.list(page)).await
    }

    fn namespace(&self) -> &str {
        self.namespace
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.inner.subscribe(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.inner.is_lease_valid(lease)
    }
}
