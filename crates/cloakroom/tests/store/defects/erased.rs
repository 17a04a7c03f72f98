//! One type for all defects: the suite is compiled once for it, and not once for each of them.

use std::pin::Pin;
use std::sync::Arc;

use cloakroom::store::{
    Admission, Commit, Committed, Copies, Created, Destroyed, Guard, Lease, Limit, Loaded, Member, Page, PageRequest,
    Principal, Record, Tag, Touch,
};

use cloakroom::Timestamp;

use super::{Answer, Defect, Sound};

type Boxed<'a, T> = Pin<Box<dyn Future<Output = Answer<T>> + Send + 'a>>;

/// [`Defect`] with its futures boxed.
pub(super) trait AnyDefect: Send + Sync {
    /// The same defect in another instance of the store.
    fn another(&self) -> Box<dyn AnyDefect>;
    fn load<'a>(&'a self, sound: &'a Sound, tag: Tag) -> Boxed<'a, Option<Loaded>>;
    fn create<'a>(&'a self, sound: &'a Sound, tag: Tag, record: Record) -> Boxed<'a, Created>;
    fn commit<'a>(&'a self, sound: &'a Sound, tag: Tag, commit: Commit) -> Boxed<'a, Committed>;
    fn touch<'a>(&'a self, sound: &'a Sound, touches: Vec<Touch>) -> Boxed<'a, ()>;
    fn destroy<'a>(&'a self, sound: &'a Sound, tag: Tag, guard: Guard) -> Boxed<'a, Destroyed>;
    fn destroy_many<'a>(
        &'a self,
        sound: &'a Sound,
        tags: Vec<Tag>,
    ) -> Pin<Box<dyn Future<Output = Vec<Answer<Destroyed>>> + Send + 'a>>;
    fn admit<'a>(
        &'a self,
        sound: &'a Sound,
        principal: &'a Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Boxed<'a, Admission>;
    fn dismiss<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, tags: Vec<Tag>) -> Boxed<'a, ()>;
    fn members<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, page: PageRequest) -> Boxed<'a, Page<Member>>;
    fn attach(&self, sound: &Sound, copies: Arc<dyn Copies>);
    fn vouches(&self, sound: &Sound, lease: Lease) -> bool;
}

impl<D: Defect> AnyDefect for D {
    fn another(&self) -> Box<dyn AnyDefect> {
        Box::new(D::default())
    }

    fn load<'a>(&'a self, sound: &'a Sound, tag: Tag) -> Boxed<'a, Option<Loaded>> {
        Box::pin(Defect::load(self, sound, tag))
    }

    fn create<'a>(&'a self, sound: &'a Sound, tag: Tag, record: Record) -> Boxed<'a, Created> {
        Box::pin(Defect::create(self, sound, tag, record))
    }

    fn commit<'a>(&'a self, sound: &'a Sound, tag: Tag, commit: Commit) -> Boxed<'a, Committed> {
        Box::pin(Defect::commit(self, sound, tag, commit))
    }

    fn touch<'a>(&'a self, sound: &'a Sound, touches: Vec<Touch>) -> Boxed<'a, ()> {
        Box::pin(Defect::touch(self, sound, touches))
    }

    fn destroy<'a>(&'a self, sound: &'a Sound, tag: Tag, guard: Guard) -> Boxed<'a, Destroyed> {
        Box::pin(Defect::destroy(self, sound, tag, guard))
    }

    fn destroy_many<'a>(
        &'a self,
        sound: &'a Sound,
        tags: Vec<Tag>,
    ) -> Pin<Box<dyn Future<Output = Vec<Answer<Destroyed>>> + Send + 'a>> {
        Box::pin(Defect::destroy_many(self, sound, tags))
    }

    fn admit<'a>(
        &'a self,
        sound: &'a Sound,
        principal: &'a Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Boxed<'a, Admission> {
        Box::pin(Defect::admit(self, sound, principal, tag, until, limit))
    }

    fn dismiss<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, tags: Vec<Tag>) -> Boxed<'a, ()> {
        Box::pin(Defect::dismiss(self, sound, principal, tags))
    }

    fn members<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, page: PageRequest) -> Boxed<'a, Page<Member>> {
        Box::pin(Defect::members(self, sound, principal, page))
    }

    fn attach(&self, sound: &Sound, copies: Arc<dyn Copies>) {
        Defect::attach(self, sound, copies);
    }

    fn vouches(&self, sound: &Sound, lease: Lease) -> bool {
        Defect::vouches(self, sound, lease)
    }
}
