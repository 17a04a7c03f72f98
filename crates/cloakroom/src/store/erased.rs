//! The store's type ends here, so that it never appears in a handler.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Timestamp;

use super::{
    Admission, Commit, Committed, Copies, Created, Destroyed, Guard, Lease, Limit, Loaded, Member, Page, PageRequest,
    Principal, Record, Store, StoreError, Tag, Touch,
};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
type Answer<'a, T> = Boxed<'a, Result<T, StoreError>>;

/// [`Store`] with its futures boxed.
pub(crate) trait AnyStore: Send + Sync {
    fn load(&self, tag: Tag) -> Answer<'_, Option<Loaded>>;
    fn create(&self, tag: Tag, record: Record) -> Answer<'_, Created>;
    fn commit(&self, tag: Tag, commit: Commit) -> Answer<'_, Committed>;
    fn touch(&self, touches: Vec<Touch>) -> Answer<'_, ()>;
    fn destroy(&self, tag: Tag, guard: Guard) -> Answer<'_, Destroyed>;
    fn destroy_many(&self, tags: Vec<Tag>) -> Boxed<'_, Vec<Result<Destroyed, StoreError>>>;
    fn admit<'a>(
        &'a self,
        principal: &'a Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<'a, Admission>;
    fn dismiss<'a>(&'a self, principal: &'a Principal, tags: Vec<Tag>) -> Answer<'a, ()>;
    fn members<'a>(&'a self, principal: &'a Principal, page: PageRequest) -> Answer<'a, Page<Member>>;
    fn namespace(&self) -> &str;
    fn attach(&self, copies: Arc<dyn Copies>);
    fn vouches(&self, lease: Lease) -> bool;
    fn time(&self) -> Option<Timestamp>;
    fn longest_lease(&self) -> Duration;
}

impl<S: Store> AnyStore for S {
    fn load(&self, tag: Tag) -> Answer<'_, Option<Loaded>> {
        Box::pin(Store::load(self, tag))
    }

    fn create(&self, tag: Tag, record: Record) -> Answer<'_, Created> {
        Box::pin(Store::create(self, tag, record))
    }

    fn commit(&self, tag: Tag, commit: Commit) -> Answer<'_, Committed> {
        Box::pin(Store::commit(self, tag, commit))
    }

    fn touch(&self, touches: Vec<Touch>) -> Answer<'_, ()> {
        Box::pin(Store::touch(self, touches))
    }

    fn destroy(&self, tag: Tag, guard: Guard) -> Answer<'_, Destroyed> {
        Box::pin(Store::destroy(self, tag, guard))
    }

    fn destroy_many(&self, tags: Vec<Tag>) -> Boxed<'_, Vec<Result<Destroyed, StoreError>>> {
        Box::pin(Store::destroy_many(self, tags))
    }

    fn admit<'a>(
        &'a self,
        principal: &'a Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<'a, Admission> {
        Box::pin(Store::admit(self, principal, tag, until, limit))
    }

    fn dismiss<'a>(&'a self, principal: &'a Principal, tags: Vec<Tag>) -> Answer<'a, ()> {
        Box::pin(Store::dismiss(self, principal, tags))
    }

    fn members<'a>(&'a self, principal: &'a Principal, page: PageRequest) -> Answer<'a, Page<Member>> {
        Box::pin(Store::members(self, principal, page))
    }

    fn namespace(&self) -> &str {
        Store::namespace(self)
    }

    fn attach(&self, copies: Arc<dyn Copies>) {
        Store::attach(self, copies);
    }

    fn vouches(&self, lease: Lease) -> bool {
        Store::vouches(self, lease)
    }

    fn time(&self) -> Option<Timestamp> {
        Store::time(self)
    }

    fn longest_lease(&self) -> Duration {
        Store::longest_lease(self)
    }
}
