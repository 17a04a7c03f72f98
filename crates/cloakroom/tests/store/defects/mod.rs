//! Stores that break one guarantee each. For each of them, exactly the right checks must fail.

mod all_sessions;
mod commits;
mod creates;
mod erased;
mod invalidations;
mod lifetimes;
mod limits;
mod lists;
mod logouts;
mod principals;
mod races;
mod secrets;
mod values;

use std::ops::Deref;
use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};
use cloakroom_testkit::{ManualClock, MemoryStore, conformance};

use crate::backend::MemoryBackend;
use erased::AnyDefect;

type StoreResult<T> = Result<T, StoreError>;

/// A defect of a store. Each method follows the contract unless it is overridden.
trait Defect: Default + Send + Sync + 'static {
    /// Stops the clock of the inner store.
    const CLOCK_STOPPED: bool = false;

    fn load(
        &self,
        inner: &Inner,
        selector: Selector,
    ) -> impl Future<Output = StoreResult<Option<LeasedRecord>>> + Send {
        inner.load(selector)
    }

    fn create(
        &self,
        inner: &Inner,
        selector: Selector,
        record: Record,
    ) -> impl Future<Output = StoreResult<Created>> + Send {
        inner.create(selector, record)
    }

    fn commit(
        &self,
        inner: &Inner,
        selector: Selector,
        commit: Commit,
    ) -> impl Future<Output = StoreResult<Committed>> + Send {
        inner.commit(selector, commit)
    }

    fn touch(&self, inner: &Inner, touches: Vec<Touch>) -> impl Future<Output = StoreResult<()>> + Send {
        inner.touch(touches)
    }

    fn destroy(
        &self,
        inner: &Inner,
        selector: Selector,
        guard: Guard,
    ) -> impl Future<Output = StoreResult<Destroyed>> + Send {
        inner.destroy(selector, guard)
    }

    fn destroy_many(
        &self,
        inner: &Inner,
        selectors: Vec<Selector>,
    ) -> impl Future<Output = Vec<StoreResult<Destroyed>>> + Send {
        async move {
            let mut results = Vec::new();
            for selector in selectors {
                results.push(self.destroy(inner, selector, Guard::Anyone).await);
            }
            results
        }
    }

    fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> impl Future<Output = StoreResult<Admission>> + Send {
        inner.add_member(principal, selector, until, limit)
    }

    fn remove_members(
        &self,
        inner: &Inner,
        principal: &Principal,
        selectors: Vec<Selector>,
    ) -> impl Future<Output = StoreResult<()>> + Send {
        inner.remove_members(principal, selectors)
    }

    fn list_members(
        &self,
        inner: &Inner,
        principal: &Principal,
        page: PageRequest,
    ) -> impl Future<Output = StoreResult<Page<Member>>> + Send {
        inner.list_members(principal, page)
    }

    fn list(&self, inner: &Inner, page: PageRequest) -> impl Future<Output = StoreResult<Page<Selector>>> + Send {
        inner.list(page)
    }

    fn list_principals(
        &self,
        inner: &Inner,
        page: PageRequest,
    ) -> impl Future<Output = StoreResult<Page<Principal>>> + Send {
        inner.list_principals(page)
    }

    fn count(&self, inner: &Inner) -> impl Future<Output = StoreResult<u64>> + Send {
        inner.count()
    }

    fn subscribe(&self, inner: &Inner, copies: Arc<dyn Invalidate>) {
        inner.subscribe(copies);
    }

    fn is_lease_valid(&self, inner: &Inner, lease: Lease) -> bool {
        inner.is_lease_valid(lease)
    }
}

/// The correct store that a defect delegates to, and the clock of the suite.
struct Inner {
    store: MemoryStore,
    clock: ManualClock,
}

impl Deref for Inner {
    type Target = MemoryStore;

    fn deref(&self) -> &MemoryStore {
        &self.store
    }
}

/// A store with a defect.
pub(crate) struct BrokenStore {
    inner: Inner,
    defect: Box<dyn AnyDefect>,
}

impl BrokenStore {
    fn new<D: Defect>(clock: &ManualClock) -> Self {
        let store = MemoryStore::with_clock(if D::CLOCK_STOPPED { ManualClock::new() } else { clock.clone() });
        Self { inner: Inner { store, clock: clock.clone() }, defect: Box::new(D::default()) }
    }

    fn node(&self) -> Self {
        let inner = Inner { store: self.inner.store.node(), clock: self.inner.clock.clone() };
        Self { inner, defect: self.defect.new_instance() }
    }
}

impl Store for BrokenStore {
    async fn load(&self, selector: Selector) -> StoreResult<Option<LeasedRecord>> {
        self.defect.load(&self.inner, selector).await
    }

    async fn create(&self, selector: Selector, record: Record) -> StoreResult<Created> {
        self.defect.create(&self.inner, selector, record).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        self.defect.commit(&self.inner, selector, commit).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> StoreResult<()> {
        self.defect.touch(&self.inner, touches).await
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        self.defect.destroy(&self.inner, selector, guard).await
    }

    async fn destroy_many(&self, selectors: Vec<Selector>) -> Vec<StoreResult<Destroyed>> {
        self.defect.destroy_many(&self.inner, selectors).await
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        self.defect.add_member(&self.inner, principal, selector, until, limit).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> StoreResult<()> {
        self.defect.remove_members(&self.inner, principal, selectors).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        self.defect.list_members(&self.inner, principal, page).await
    }

    async fn list(&self, page: PageRequest) -> StoreResult<Page<Selector>> {
        self.defect.list(&self.inner, page).await
    }

    async fn list_principals(&self, page: PageRequest) -> StoreResult<Page<Principal>> {
        self.defect.list_principals(&self.inner, page).await
    }

    async fn count(&self) -> StoreResult<u64> {
        self.defect.count(&self.inner).await
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.defect.subscribe(&self.inner, copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.defect.is_lease_valid(&self.inner, lease)
    }
}

/// Asserts that exactly the named checks fail for this defect.
///
/// Runs on one thread and in virtual time, so that a race has the same result in every run.
#[track_caller]
fn assert_fails<D: Defect>(expected: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let backend = MemoryBackend::new(BrokenStore::new::<D>, |store| &store.inner.store, BrokenStore::node);
    let report = runtime.block_on(conformance(backend));
    assert_eq!(report.failed().collect::<Vec<_>>(), expected, "{report}");
}
