use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Verb;
use crate::store::{
    Admission, Commit, Committed, Copies, Created, Destroyed, Guard, Lease, Limit, Loaded, Member, Page, PageRequest,
    Principal, Record, Store, StoreError, Tag, Touch,
};
use crate::time::Timestamp;

/// A store that remembers which calls were made, so that a test can assert round trips, not just results.
///
/// Clones share the log: give one to the builder and keep another. A call counts when its future
/// is first polled, whatever becomes of it. [`attach`](Store::attach) and
/// [`vouches`](Store::vouches) pass through uncounted: they are not round trips.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cloakroom::store::StoreError> {
/// use cloakroom::store::{Store, Tag};
/// use cloakroom::testkit::{Call, MemoryStore, SpyStore, Verb};
///
/// let store = SpyStore::new(MemoryStore::new());
/// store.load(Tag::from_bytes([7; 16])).await?;
/// assert_eq!(store.take_calls(), [Call::Load]);
/// assert_eq!(store.count(Verb::Load), 0);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SpyStore<S> {
    spied: Arc<Spied<S>>,
}

struct Spied<S> {
    store: S,
    calls: Mutex<Vec<Call>>,
}

/// One call that a [`SpyStore`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// A record was read.
    Load,
    /// A record was created, or was tried to.
    Create,
    /// A change was sent.
    Commit,
    /// A batch of so many touches was sent.
    Touch(usize),
    /// A record was removed.
    Destroy,
    /// A session was entered into the index of its principal.
    Admit,
    /// A session was taken out of it.
    Dismiss,
    /// The sessions of a principal were asked for.
    Members,
}

impl Call {
    /// Which verb was called.
    #[must_use]
    pub const fn verb(self) -> Verb {
        match self {
            Self::Load => Verb::Load,
            Self::Create => Verb::Create,
            Self::Commit => Verb::Commit,
            Self::Touch(_) => Verb::Touch,
            Self::Destroy => Verb::Destroy,
            Self::Admit => Verb::Admit,
            Self::Dismiss => Verb::Dismiss,
            Self::Members => Verb::Members,
        }
    }
}

impl<S> SpyStore<S> {
    /// Watches `store`.
    pub fn new(store: S) -> Self {
        Self { spied: Arc::new(Spied { store, calls: Mutex::default() }) }
    }

    /// The store behind the spy.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.spied.store
    }

    /// All calls since the log was last taken, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.spied.calls.lock().clone()
    }

    /// The same, and empties the log.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.spied.calls.lock())
    }

    /// How many calls of `verb` there were since the log was last taken.
    #[must_use]
    pub fn count(&self, verb: Verb) -> usize {
        self.spied.calls.lock().iter().filter(|call| call.verb() == verb).count()
    }

    fn note(&self, call: Call) -> &S {
        self.spied.calls.lock().push(call);
        &self.spied.store
    }
}

impl<S> Clone for SpyStore<S> {
    fn clone(&self) -> Self {
        Self { spied: Arc::clone(&self.spied) }
    }
}

impl<S: fmt::Debug> fmt::Debug for Spied<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spied").field("store", &self.store).field("calls", &self.calls.lock().len()).finish()
    }
}

impl<S: Store> Store for SpyStore<S> {
    async fn load(&self, tag: Tag) -> Result<Option<Loaded>, StoreError> {
        self.note(Call::Load).load(tag).await
    }

    async fn create(&self, tag: Tag, record: Record) -> Result<Created, StoreError> {
        self.note(Call::Create).create(tag, record).await
    }

    async fn commit(&self, tag: Tag, commit: Commit) -> Result<Committed, StoreError> {
        self.note(Call::Commit).commit(tag, commit).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.note(Call::Touch(touches.len())).touch(touches).await
    }

    async fn destroy(&self, tag: Tag, guard: Guard) -> Result<Destroyed, StoreError> {
        self.note(Call::Destroy).destroy(tag, guard).await
    }

    async fn admit(
        &self,
        principal: &Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        self.note(Call::Admit).admit(principal, tag, until, limit).await
    }

    async fn dismiss(&self, principal: &Principal, tags: Vec<Tag>) -> Result<(), StoreError> {
        self.note(Call::Dismiss).dismiss(principal, tags).await
    }

    async fn members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        self.note(Call::Members).members(principal, page).await
    }

    fn namespace(&self) -> &str {
        self.spied.store.namespace()
    }

    fn attach(&self, copies: Arc<dyn Copies>) {
        self.spied.store.attach(copies);
    }

    fn vouches(&self, lease: Lease) -> bool {
        self.spied.store.vouches(lease)
    }

    fn time(&self) -> Option<Timestamp> {
        self.spied.store.time()
    }

    fn longest_lease(&self) -> Duration {
        self.spied.store.longest_lease()
    }
}
