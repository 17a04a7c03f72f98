//! One type for all defects: the suite is compiled once for it, and not once for each of them.

use std::pin::Pin;
use std::sync::Arc;

use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Principal, Record, Selector, Touch,
};

use cloakroom::Timestamp;

use super::{Answer, Defect, Sound};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

/// [`Defect`] with its futures boxed.
pub(super) trait AnyDefect: Send + Sync {
    /// The same defect in another instance of the store.
    fn another(&self) -> Box<dyn AnyDefect>;
    fn load<'a>(&'a self, sound: &'a Sound, selector: Selector) -> Boxed<'a, Option<LeasedRecord>>;
    fn create<'a>(&'a self, sound: &'a Sound, selector: Selector, record: Record) -> Boxed<'a, Created>;
    fn commit<'a>(&'a self, sound: &'a Sound, selector: Selector, commit: Commit) -> Boxed<'a, Committed>;
    fn touch<'a>(&'a self, sound: &'a Sound, touches: Vec<Touch>) -> Boxed<'a, ()>;
    fn destroy<'a>(&'a self, sound: &'a Sound, selector: Selector, guard: Guard) -> Boxed<'a, Destroyed>;
    fn destroy_many<'a>(
        &'a self,
        sound: &'a Sound,
        selectors: Vec<Selector>,
    ) -> Pin<Box<dyn Future<Output = Vec<Answer<Destroyed>>> + Send + 'a>>;
    fn admit<'a>(
        &'a self,
        sound: &'a Sound,
        principal: &'a Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Boxed<'a, Admission>;
    fn dismiss<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, selectors: Vec<Selector>) -> Boxed<'a, ()>;
    fn members<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, page: PageRequest) -> Boxed<'a, Page<Member>>;
    fn attach(&self, sound: &Sound, copies: Arc<dyn Invalidate>);
    fn vouches(&self, sound: &Sound, lease: Lease) -> bool;
}

impl<D: Defect> AnyDefect for D {
    fn another(&self) -> Box<dyn AnyDefect> {
        Box::new(D::default())
    }

    fn load<'a>(&'a self, sound: &'a Sound, selector: Selector) -> Boxed<'a, Option<LeasedRecord>> {
        Box::pin(Defect::load(self, sound, selector))
    }

    fn create<'a>(&'a self, sound: &'a Sound, selector: Selector, record: Record) -> Boxed<'a, Created> {
        Box::pin(Defect::create(self, sound, selector, record))
    }

    fn commit<'a>(&'a self, sound: &'a Sound, selector: Selector, commit: Commit) -> Boxed<'a, Committed> {
        Box::pin(Defect::commit(self, sound, selector, commit))
    }

    fn touch<'a>(&'a self, sound: &'a Sound, touches: Vec<Touch>) -> Boxed<'a, ()> {
        Box::pin(Defect::touch(self, sound, touches))
    }

    fn destroy<'a>(&'a self, sound: &'a Sound, selector: Selector, guard: Guard) -> Boxed<'a, Destroyed> {
        Box::pin(Defect::destroy(self, sound, selector, guard))
    }

    fn destroy_many<'a>(
        &'a self,
        sound: &'a Sound,
        selectors: Vec<Selector>,
    ) -> Pin<Box<dyn Future<Output = Vec<Answer<Destroyed>>> + Send + 'a>> {
        Box::pin(Defect::destroy_many(self, sound, selectors))
    }

    fn admit<'a>(
        &'a self,
        sound: &'a Sound,
        principal: &'a Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Boxed<'a, Admission> {
        Box::pin(Defect::admit(self, sound, principal, selector, until, limit))
    }

    fn dismiss<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, selectors: Vec<Selector>) -> Boxed<'a, ()> {
        Box::pin(Defect::dismiss(self, sound, principal, selectors))
    }

    fn members<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, page: PageRequest) -> Boxed<'a, Page<Member>> {
        Box::pin(Defect::members(self, sound, principal, page))
    }

    fn attach(&self, sound: &Sound, copies: Arc<dyn Invalidate>) {
        Defect::attach(self, sound, copies);
    }

    fn vouches(&self, sound: &Sound, lease: Lease) -> bool {
        Defect::vouches(self, sound, lease)
    }
}
