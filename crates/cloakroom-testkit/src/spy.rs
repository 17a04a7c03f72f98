use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Verb;
use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Endpoint, Guard, Invalidate, Lease, LeasedRecord, Limit, Member,
    Page, PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};

/// A store that records its calls, so that a test can assert round trips and not only results.
///
/// Clones share the log: give one to the builder and keep another. A call counts when its future is
/// first polled, whatever its outcome. [`subscribe`](Store::subscribe) and
/// [`is_lease_valid`](Store::is_lease_valid) are not counted, because they are not round trips.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cloakroom::store::StoreError> {
/// use cloakroom::store::{Selector, Store};
/// use cloakroom_testkit::{Call, MemoryStore, SpyStore, Verb};
///
/// let store = SpyStore::new(MemoryStore::new());
/// store.load(Selector::from_bytes([7; 16])).await?;
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

/// One call recorded by a [`SpyStore`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// A record was read.
    Load,
    /// A record was created, or the attempt was made.
    Create,
    /// A commit was sent.
    Commit,
    /// A batch of this many touches was sent.
    Touch(usize),
    /// A record was removed.
    Destroy,
    /// A session was added to the index of its principal.
    AddMember,
    /// A session was removed from the index of its principal.
    RemoveMembers,
    /// The sessions of a principal were listed.
    ListMembers,
    /// The sessions of the store were listed.
    List,
    /// The principals of the store were listed.
    ListPrincipals,
    /// The sessions of the store were counted.
    Count,
}

impl Call {
    /// The verb that was called.
    #[must_use]
    pub const fn verb(self) -> Verb {
        match self {
            Self::Load => Verb::Load,
            Self::Create => Verb::Create,
            Self::Commit => Verb::Commit,
            Self::Touch(_) => Verb::Touch,
            Self::Destroy => Verb::Destroy,
            Self::AddMember => Verb::AddMember,
            Self::RemoveMembers => Verb::RemoveMembers,
            Self::ListMembers => Verb::ListMembers,
            Self::List => Verb::List,
            Self::ListPrincipals => Verb::ListPrincipals,
            Self::Count => Verb::Count,
        }
    }
}

impl<S> SpyStore<S> {
    /// Wraps `store` and records its calls.
    pub fn new(store: S) -> Self {
        Self { spied: Arc::new(Spied { store, calls: Mutex::default() }) }
    }

    /// The wrapped store.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.spied.store
    }

    /// All calls since the log was last taken, in the order in which they began.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.spied.calls.lock().clone()
    }

    /// Returns all calls since the log was last taken, and empties the log.
    pub fn take_calls(&self) -> Vec<Call> {
        std::mem::take(&mut *self.spied.calls.lock())
    }

    /// Number of calls of `verb` since the log was last taken.
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
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        self.note(Call::Load).load(selector).await
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        self.note(Call::Create).create(selector, record).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        self.note(Call::Commit).commit(selector, commit).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.note(Call::Touch(touches.len())).touch(touches).await
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        self.note(Call::Destroy).destroy(selector, guard).await
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        self.note(Call::AddMember).add_member(principal, selector, until, limit).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.note(Call::RemoveMembers).remove_members(principal, selectors).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        self.note(Call::ListMembers).list_members(principal, page).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        self.note(Call::List).list(page).await
    }

    async fn list_principals(&self, page: PageRequest) -> Result<Page<Principal>, StoreError> {
        self.note(Call::ListPrincipals).list_principals(page).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.note(Call::Count).count().await
    }

    fn endpoint(&self) -> Endpoint {
        self.spied.store.endpoint()
    }

    fn namespace(&self) -> &str {
        self.spied.store.namespace()
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.spied.store.subscribe(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.spied.store.is_lease_valid(lease)
    }

    fn is_lease_lost(&self) -> bool {
        self.spied.store.is_lease_lost()
    }

    fn time(&self) -> Option<Timestamp> {
        self.spied.store.time()
    }

    fn max_lease(&self) -> Duration {
        self.spied.store.max_lease()
    }
}
