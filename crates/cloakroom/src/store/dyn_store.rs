//! The object-safe form of [`Store`], so that the store's type never appears in a handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Timestamp;

use super::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type StoreFuture<'a, T> = Boxed<'a, Result<T, StoreError>>;

/// [`Store`] with its futures boxed.
#[doc(hidden)]
pub trait DynStore: Send + Sync {
    fn load(&self, selector: Selector) -> StoreFuture<'_, Option<LeasedRecord>>;
    fn create(&self, selector: Selector, record: Record) -> StoreFuture<'_, Created>;
    fn commit(&self, selector: Selector, commit: Commit) -> StoreFuture<'_, Committed>;
    fn touch(&self, touches: Vec<Touch>) -> StoreFuture<'_, ()>;
    fn destroy(&self, selector: Selector, guard: Guard) -> StoreFuture<'_, Destroyed>;
    fn destroy_many(&self, selectors: Vec<Selector>) -> Boxed<'_, Vec<Result<Destroyed, StoreError>>>;
    fn add_member<'a>(
        &'a self,
        principal: &'a Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreFuture<'a, Admission>;
    fn remove_members<'a>(&'a self, principal: &'a Principal, selectors: Vec<Selector>) -> StoreFuture<'a, ()>;
    fn list_members<'a>(&'a self, principal: &'a Principal, page: PageRequest) -> StoreFuture<'a, Page<Member>>;
    fn watch_members<'a>(&'a self, principal: &'a Principal) -> StoreFuture<'a, ()>;
    fn list(&self, page: PageRequest) -> StoreFuture<'_, Page<Selector>>;
    fn list_principals(&self, page: PageRequest) -> StoreFuture<'_, Page<Principal>>;
    fn count(&self) -> StoreFuture<'_, u64>;
    fn namespace(&self) -> &str;
    fn subscribe(&self, invalidate: Arc<dyn Invalidate>);
    fn is_lease_valid(&self, lease: Lease) -> bool;
    /// See [`Store::is_lease_lost`].
    fn is_lease_lost(&self) -> bool;
    fn time(&self) -> Option<Timestamp>;
    fn max_lease(&self) -> Duration;
}

impl<S: Store> DynStore for S {
    fn load(&self, selector: Selector) -> StoreFuture<'_, Option<LeasedRecord>> {
        Box::pin(Store::load(self, selector))
    }

    fn create(&self, selector: Selector, record: Record) -> StoreFuture<'_, Created> {
        Box::pin(Store::create(self, selector, record))
    }

    fn commit(&self, selector: Selector, commit: Commit) -> StoreFuture<'_, Committed> {
        Box::pin(Store::commit(self, selector, commit))
    }

    fn touch(&self, touches: Vec<Touch>) -> StoreFuture<'_, ()> {
        Box::pin(Store::touch(self, touches))
    }

    fn destroy(&self, selector: Selector, guard: Guard) -> StoreFuture<'_, Destroyed> {
        Box::pin(Store::destroy(self, selector, guard))
    }

    fn destroy_many(&self, selectors: Vec<Selector>) -> Boxed<'_, Vec<Result<Destroyed, StoreError>>> {
        Box::pin(Store::destroy_many(self, selectors))
    }

    fn add_member<'a>(
        &'a self,
        principal: &'a Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreFuture<'a, Admission> {
        Box::pin(Store::add_member(self, principal, selector, until, limit))
    }

    fn remove_members<'a>(&'a self, principal: &'a Principal, selectors: Vec<Selector>) -> StoreFuture<'a, ()> {
        Box::pin(Store::remove_members(self, principal, selectors))
    }

    fn list_members<'a>(&'a self, principal: &'a Principal, page: PageRequest) -> StoreFuture<'a, Page<Member>> {
        Box::pin(Store::list_members(self, principal, page))
    }

    fn watch_members<'a>(&'a self, principal: &'a Principal) -> StoreFuture<'a, ()> {
        Box::pin(Store::watch_members(self, principal))
    }

    fn list(&self, page: PageRequest) -> StoreFuture<'_, Page<Selector>> {
        Box::pin(Store::list(self, page))
    }

    fn list_principals(&self, page: PageRequest) -> StoreFuture<'_, Page<Principal>> {
        Box::pin(Store::list_principals(self, page))
    }

    fn count(&self) -> StoreFuture<'_, u64> {
        Box::pin(Store::count(self))
    }

    fn namespace(&self) -> &str {
        Store::namespace(self)
    }

    fn subscribe(&self, invalidate: Arc<dyn Invalidate>) {
        Store::subscribe(self, invalidate);
    }

    fn is_lease_lost(&self) -> bool {
        Store::is_lease_lost(self)
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        Store::is_lease_valid(self, lease)
    }

    fn time(&self) -> Option<Timestamp> {
        Store::time(self)
    }

    fn max_lease(&self) -> Duration {
        Store::max_lease(self)
    }
}
