//! One type for all defects, so that the suite is compiled once and not once for each of them.

use std::pin::Pin;
use std::sync::Arc;

use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Principal, Record, Selector, Touch,
};

use cloakroom::Timestamp;

use super::{Defect, Inner, StoreResult};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = StoreResult<T>> + Send + 'a>>;

/// A [`Defect`] with boxed futures.
pub(super) trait AnyDefect: Send + Sync {
    /// Creates the defect anew, for another instance of the store.
    fn new_instance(&self) -> Box<dyn AnyDefect>;
    fn load<'a>(&'a self, inner: &'a Inner, selector: Selector) -> Boxed<'a, Option<LeasedRecord>>;
    fn create<'a>(&'a self, inner: &'a Inner, selector: Selector, record: Record) -> Boxed<'a, Created>;
    fn commit<'a>(&'a self, inner: &'a Inner, selector: Selector, commit: Commit) -> Boxed<'a, Committed>;
    fn touch<'a>(&'a self, inner: &'a Inner, touches: Vec<Touch>) -> Boxed<'a, ()>;
    fn destroy<'a>(&'a self, inner: &'a Inner, selector: Selector, guard: Guard) -> Boxed<'a, Destroyed>;
    fn destroy_many<'a>(
        &'a self,
        inner: &'a Inner,
        selectors: Vec<Selector>,
    ) -> Pin<Box<dyn Future<Output = Vec<StoreResult<Destroyed>>> + Send + 'a>>;
    fn add_member<'a>(
        &'a self,
        inner: &'a Inner,
        principal: &'a Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Boxed<'a, Admission>;
    fn remove_members<'a>(
        &'a self,
        inner: &'a Inner,
        principal: &'a Principal,
        selectors: Vec<Selector>,
    ) -> Boxed<'a, ()>;
    fn list_members<'a>(
        &'a self,
        inner: &'a Inner,
        principal: &'a Principal,
        page: PageRequest,
    ) -> Boxed<'a, Page<Member>>;
    fn list<'a>(&'a self, inner: &'a Inner, page: PageRequest) -> Boxed<'a, Page<Selector>>;
    fn list_principals<'a>(&'a self, inner: &'a Inner, page: PageRequest) -> Boxed<'a, Page<Principal>>;
    fn count<'a>(&'a self, inner: &'a Inner) -> Boxed<'a, u64>;
    fn subscribe(&self, inner: &Inner, copies: Arc<dyn Invalidate>);
    fn is_lease_valid(&self, inner: &Inner, lease: Lease) -> bool;
}

impl<D: Defect> AnyDefect for D {
    fn new_instance(&self) -> Box<dyn AnyDefect> {
        Box::new(D::default())
    }

    fn load<'a>(&'a self, inner: &'a Inner, selector: Selector) -> Boxed<'a, Option<LeasedRecord>> {
        Box::pin(Defect::load(self, inner, selector))
    }

    fn create<'a>(&'a self, inner: &'a Inner, selector: Selector, record: Record) -> Boxed<'a, Created> {
        Box::pin(Defect::create(self, inner, selector, record))
    }

    fn commit<'a>(&'a self, inner: &'a Inner, selector: Selector, commit: Commit) -> Boxed<'a, Committed> {
        Box::pin(Defect::commit(self, inner, selector, commit))
    }

    fn touch<'a>(&'a self, inner: &'a Inner, touches: Vec<Touch>) -> Boxed<'a, ()> {
        Box::pin(Defect::touch(self, inner, touches))
    }

    fn destroy<'a>(&'a self, inner: &'a Inner, selector: Selector, guard: Guard) -> Boxed<'a, Destroyed> {
        Box::pin(Defect::destroy(self, inner, selector, guard))
    }

    fn destroy_many<'a>(
        &'a self,
        inner: &'a Inner,
        selectors: Vec<Selector>,
    ) -> Pin<Box<dyn Future<Output = Vec<StoreResult<Destroyed>>> + Send + 'a>> {
        Box::pin(Defect::destroy_many(self, inner, selectors))
    }

    fn add_member<'a>(
        &'a self,
        inner: &'a Inner,
        principal: &'a Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Boxed<'a, Admission> {
        Box::pin(Defect::add_member(self, inner, principal, selector, until, limit))
    }

    fn remove_members<'a>(
        &'a self,
        inner: &'a Inner,
        principal: &'a Principal,
        selectors: Vec<Selector>,
    ) -> Boxed<'a, ()> {
        Box::pin(Defect::remove_members(self, inner, principal, selectors))
    }

    fn list_members<'a>(
        &'a self,
        inner: &'a Inner,
        principal: &'a Principal,
        page: PageRequest,
    ) -> Boxed<'a, Page<Member>> {
        Box::pin(Defect::list_members(self, inner, principal, page))
    }

    fn list<'a>(&'a self, inner: &'a Inner, page: PageRequest) -> Boxed<'a, Page<Selector>> {
        Box::pin(Defect::list(self, inner, page))
    }

    fn list_principals<'a>(&'a self, inner: &'a Inner, page: PageRequest) -> Boxed<'a, Page<Principal>> {
        Box::pin(Defect::list_principals(self, inner, page))
    }

    fn count<'a>(&'a self, inner: &'a Inner) -> Boxed<'a, u64> {
        Box::pin(Defect::count(self, inner))
    }

    fn subscribe(&self, inner: &Inner, copies: Arc<dyn Invalidate>) {
        Defect::subscribe(self, inner, copies);
    }

    fn is_lease_valid(&self, inner: &Inner, lease: Lease) -> bool {
        Defect::is_lease_valid(self, inner, lease)
    }
}
