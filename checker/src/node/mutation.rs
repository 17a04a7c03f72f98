//! Stores that are broken on purpose, because a checker that cannot fail proves nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use clap::ValueEnum;
use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Expect, Guard, Invalidate, Lease, LeasedRecord, Limit, Member,
    Page, PageRequest, Principal, Record, Selector, Store, StoreError, StoreErrorKind, StoredValue, Touch,
};
use parking_lot::Mutex;

/// A defect of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mutation {
    /// Overwrites what others wrote meanwhile, like a store that writes whole records.
    LostUpdate,
    /// Reports a write as successful without making it.
    FalseSuccess,
    /// Reports a write as failed but makes it.
    FalseFailure,
    /// Writes twice, like a client that retries a write of unknown outcome.
    Repeat,
    /// Returns an old record, as a replica would.
    StaleRead,
    /// Ignores invalidations and treats every copy as valid for ever.
    Deaf,
    /// Restores a removed record, like a request that began before the logout.
    Resurrect,
    /// Returns the values of another session.
    Leak,
}

/// One call in this many goes wrong; if all did, that would be too easy to notice.
const RATE: u64 = 10;

#[derive(Debug)]
pub(crate) struct MutatedStore<S> {
    store: Arc<S>,
    how: Mutation,
    calls: AtomicU64,
    old: Mutex<HashMap<Selector, Record>>,
    last: Mutex<Vec<StoredValue>>,
}

impl<S: Store> MutatedStore<S> {
    pub(crate) fn new(store: S, how: Mutation) -> Self {
        let (calls, old, last) = Default::default();
        Self { store: Arc::new(store), how, calls, old, last }
    }

    fn should_fail(&self, how: Mutation) -> bool {
        self.how == how && self.calls.fetch_add(1, Relaxed) % RATE == RATE - 1
    }

    async fn commit_twice(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        let mut again = commit.clone();
        self.store.commit(selector, commit).await?;
        // A new nonce, so that the store cannot recognize the repeated write.
        again.nonce = again.nonce.wrapping_add(1);
        for edit in &mut again.edits {
            if let cloakroom::store::Action::Put { payload: cloakroom::store::Payload::Present(bytes), .. } =
                &mut edit.action
            {
                *bytes = doubled(bytes);
            }
            edit.expect = Expect::Any;
        }
        self.store.commit(selector, again).await
    }
}

/// The change applied twice: the last item is appended again.
fn doubled(bytes: &Arc<[u8]>) -> Arc<[u8]> {
    let text = String::from_utf8_lossy(bytes);
    let Ok(mut items) = serde_json::from_str::<crate::view::Items>(&text) else { return Arc::clone(bytes) };
    items.list.extend(items.list.last().copied());
    serde_json::to_vec(&items).map_or_else(|_| Arc::clone(bytes), Arc::from)
}

impl<S: Store> Store for MutatedStore<S> {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        let Some(mut loaded) = self.store.load(selector).await? else { return Ok(None) };
        if self.should_fail(Mutation::Leak) {
            loaded.record.values.clone_from(&self.last.lock());
        } else if self.how == Mutation::Leak {
            self.last.lock().clone_from(&loaded.record.values);
        }
        if self.how == Mutation::StaleRead {
            let old = self.old.lock().insert(selector, loaded.record.clone());
            if let Some(old) = old.filter(|old| old.verifier == loaded.record.verifier)
                && self.should_fail(Mutation::StaleRead)
            {
                loaded.record = old;
            }
        }
        Ok(Some(loaded))
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        self.store.create(selector, record).await
    }

    async fn commit(&self, selector: Selector, mut commit: Commit) -> Result<Committed, StoreError> {
        // Logins and renewals are left intact: without its token a client cannot check anything.
        if commit.rotation.is_some() {
            return self.store.commit(selector, commit).await;
        }
        if self.how == Mutation::LostUpdate {
            commit.edits.iter_mut().for_each(|edit| edit.expect = Expect::Any);
        }
        if self.should_fail(Mutation::FalseSuccess) {
            let receipt = cloakroom::store::CommitReceipt::new(commit.next_version(), Lease::NONE);
            return Ok(Committed::Done(receipt));
        }
        if self.should_fail(Mutation::FalseFailure) {
            self.store.commit(selector, commit).await?;
            return Err(StoreError::new(StoreErrorKind::Unavailable, "a false report"));
        }
        if self.should_fail(Mutation::Repeat) {
            return self.commit_twice(selector, commit).await;
        }
        self.store.commit(selector, commit).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.store.touch(touches).await
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let before = if self.how == Mutation::Resurrect { self.store.load(selector).await? } else { None };
        let answer = self.store.destroy(selector, guard).await?;
        if let Some(before) = before.filter(|_| self.should_fail(Mutation::Resurrect)) {
            let store = Arc::clone(&self.store);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(300)).await;
                store.create(selector, before.record).await
            });
        }
        Ok(answer)
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        self.store.add_member(principal, selector, until, limit).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.store.remove_members(principal, selectors).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        self.store.list_members(principal, page).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        self.store.list(page).await
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        if self.how != Mutation::Deaf {
            self.store.subscribe(copies);
        }
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.how == Mutation::Deaf || self.store.is_lease_valid(lease)
    }
}
