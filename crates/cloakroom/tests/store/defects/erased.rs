//! One type for all defects: the suite is compiled once for it, and not once for each of them.

use std::pin::Pin;
use std::sync::Arc;

use cloakroom::store::{
    Admission, Commit, Committed, Copies, Created, Destroyed, Guard, Lease, Limit, Loaded, Member, Principal, Record,
    Tag, Touch,
};

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
    fn admit<'a>(
        &'a self,
        sound: &'a Sound,
        principal: &'a Principal,
        tag: Tag,
        limit: Option<Limit>,
    ) -> Boxed<'a, Admission>;
    fn dismiss<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, tag: Tag) -> Boxed<'a, ()>;
    fn members<'a>(&'a self, sound: &'a Sound, principal: &'a Principal) -> Boxed<'a, Vec<Member>>;
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

    fn admit<'a>(
        &'a self,
        sound: &'a Sound,
        principal: &'a Principal,
        tag: Tag,
        limit: Option<Limit>,
    ) -> Boxed<'a, Admission> {
        Box::pin(Defect::admit(self, sound, principal, tag, limit))
    }

    fn dismiss<'a>(&'a self, sound: &'a Sound, principal: &'a Principal, tag: Tag) -> Boxed<'a, ()> {
        Box::pin(Defect::dismiss(self, sound, principal, tag))
    }

    fn members<'a>(&'a self, sound: &'a Sound, principal: &'a Principal) -> Boxed<'a, Vec<Member>> {
        Box::pin(Defect::members(self, sound, principal))
    }

    fn attach(&self, sound: &Sound, copies: Arc<dyn Copies>) {
        Defect::attach(self, sound, copies);
    }

    fn vouches(&self, sound: &Sound, lease: Lease) -> bool {
        Defect::vouches(self, sound, lease)
    }
}
