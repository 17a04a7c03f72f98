//! Moves live sessions from one store to another while both serve.

mod lease;
mod members;
mod move_state;
mod mover;
mod place;
mod report;
mod wait;

pub use report::{TransferFailure, TransferReport};

use std::fmt;

use super::{
    Admission, Commit, Committed, Created, Destroyed, Endpoint, Guard, Invalidate, Lease, LeasedRecord, Limit, Member,
    Page, PageRequest, Principal, Record, Selector, Store, StoreError, StoreErrorKind, Touch,
};
use crate::config_error::ConfigError;
use crate::random::{OsRandom, RandomSource};
use crate::sync::Arc;
use crate::time::Timestamp;

use lease::Half;
use mover::Stores;
use place::Place;

/// The number of sessions that [`TransferStore::transfer_all`] requests per page of the old store.
const PAGE: usize = 100;
/// How often a call of [`TransferStore::transfer_all`] looks through the old store.
const LOOKS: usize = 4;
/// The number of sessions that are moved or ended at a time.
const SIDE_BY_SIDE: usize = 16;

/// Two stores during the change from one to the other: nobody is logged out by it.
///
/// The change takes three deployments, each of which may replace the nodes one by one:
///
/// 1. All nodes get [`TransferStore::following`]. Sessions stay in the old store.
/// 2. All nodes get [`TransferStore::moving`]. New sessions begin in the new store, and each old one
///    moves with its first request. Then [`transfer_all`](Self::transfer_all) moves the rest.
/// 3. All nodes get the new store alone.
///
/// ```no_run
/// use cloakroom::{Sessions, transfer::TransferStore};
/// # async fn serve(old: cloakroom_testkit::MemoryStore, new: cloakroom_testkit::MemoryStore) -> Result<(), Box<dyn std::error::Error>> {
///
/// let store = TransferStore::moving(old, new)?;
/// let sessions = Sessions::builder().store(store.clone()).build()?;
/// // ... serve requests, and once no node of the first deployment is left:
/// let report = store.transfer_all().await?;
/// assert!(report.is_complete(), "{report:?}");
/// # Ok(())
/// # }
/// ```
///
/// A session is in one of the two stores at any instant, under its own token, with its values,
/// timeouts and principal. The guarantees of [`Store`] hold for it as in either store, with two
/// exceptions while it moves: a list of its principal's sessions may show it twice, and a limit on
/// the number of sessions counts both stores without a common lock, so that logins at the same
/// moment may exceed it.
///
/// Both stores must be reachable from the first deployment until the third. While the new one cannot
/// store anything, sessions stay in the old one. To go back after the second deployment, complete
/// the move, use the new store alone, and move in the other direction: two transfers in opposite
/// directions at a time refuse the sessions that they meet in the middle of a move.
///
/// A moved session is the youngest in the list of its principal, and a store that keeps writes only
/// in memory for a while may lose a moved session with its last moments.
///
/// During the change, a call asks the new store first and then the old one, so a call that a
/// single store answers in one round trip takes two or three. A move takes about ten, once.
/// Copies in memory are served as always.
///
/// When not to use it: if every session may end, replace the store. For stores with different
/// namespaces: a verifier is bound to its namespace, so no client could be recognised.
///
/// Cheap to clone; clones share the stores. [`Self::transfer_all`] may run on several nodes at a
/// time.
pub struct TransferStore<Old, New> {
    stores: Arc<Stores<Old, New>>,
}

impl<Old: Store, New: Store> TransferStore<Old, New> {
    /// A store for nodes that begin sessions in the old store, and follow those that other nodes
    /// have moved to the new one.
    ///
    /// # Errors
    /// If the stores have different namespaces, or the operating system provides no randomness.
    pub fn following(old: Old, new: New) -> Result<Self, ConfigError> {
        Self::new(old, new, false, &OsRandom)
    }

    /// A store for nodes that begin sessions in the new store, and move each session of the old
    /// one at its first use.
    ///
    /// Use it only when no node uses the old store alone any more: such a node would take a moved
    /// session for an ended one.
    ///
    /// # Errors
    /// As for [`following`](Self::following).
    pub fn moving(old: Old, new: New) -> Result<Self, ConfigError> {
        Self::new(old, new, true, &OsRandom)
    }

    fn new(old: Old, new: New, moves: bool, random: &dyn RandomSource) -> Result<Self, ConfigError> {
        if old.namespace() != new.namespace() {
            let problem = format!(
                "is {:?} in the old store and {:?} in the new one; give both the same namespace",
                old.namespace(),
                new.namespace()
            );
            return Err(ConfigError::new("namespace", problem));
        }
        let stores = Stores::new(old, new, moves, random)
            .map_err(|error| ConfigError::new("random", format!("does not work: {error}")))?;
        Ok(Self { stores: Arc::new(stores) })
    }

    /// Moves all sessions that are still in the old store.
    ///
    /// Call it on one node or several, once every node uses [`moving`](Self::moving). It may be
    /// repeated at any time, and continues what an earlier call began. It lists the old store, for
    /// which a user of a Redis server with access rules needs `+scan`.
    ///
    /// It stops at the first failure of a store, and goes on after a session that cannot be moved by
    /// itself, because its record cannot be decoded. The report counts both.
    ///
    /// # Errors
    /// If the old store cannot be listed; what was moved until then stays moved.
    /// [`StoreErrorKind::Refused`] on a node that only [follows](Self::following).
    pub async fn transfer_all(&self) -> Result<TransferReport, StoreError> {
        if !self.stores.moves {
            let problem = "this node follows moves; only one with `TransferStore::moving` can move sessions";
            return Err(StoreError::new(StoreErrorKind::Refused, problem));
        }
        let mut report = TransferReport::default();
        for _ in 0..LOOKS {
            let before = report.moved;
            let is_whole = self.transfer_listed(&mut report).await?;
            // Sessions may have begun behind the position of the list.
            report.is_old_empty = is_whole && report.moved == before;
            if report.is_old_empty || report.failed > 0 {
                break;
            }
        }
        Ok(report)
    }

    /// Moves the sessions on one list of the old store. Returns `false` if it stopped before its end.
    async fn transfer_listed(&self, report: &mut TransferReport) -> Result<bool, StoreError> {
        let mut request = PageRequest::first(PAGE);
        loop {
            let page = self.stores.old.list(request.clone()).await?;
            let settle = |stores: Arc<Stores<Old, New>>, selector| async move { stores.settle(selector).await };
            let settled = self.side_by_side(&page.items, settle).await;
            let mut go_on = true;
            for (selector, settled) in page.items.into_iter().zip(settled) {
                go_on &= report.add(selector, settled);
            }
            match page.next {
                _ if !go_on => return Ok(false),
                Some(next) => request = request.after(next),
                None => return Ok(true),
            }
        }
    }

    /// Calls `work` for each selector, several at a time. Returns the results in the order of the
    /// selectors.
    async fn side_by_side<T, F>(
        &self,
        selectors: &[Selector],
        work: impl Fn(Arc<Stores<Old, New>>, Selector) -> F,
    ) -> Vec<Result<T, StoreError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let mut results = Vec::with_capacity(selectors.len());
        for group in selectors.chunks(SIDE_BY_SIDE) {
            let tasks: Vec<_> =
                group.iter().map(|selector| Task::spawn(work(Arc::clone(&self.stores), *selector))).collect();
            for task in tasks {
                results.push(task.result().await);
            }
        }
        results
    }
}

/// A task that ends with its caller.
struct Task<T>(tokio::task::JoinHandle<Result<T, StoreError>>);

impl<T: Send + 'static> Task<T> {
    fn spawn(work: impl Future<Output = Result<T, StoreError>> + Send + 'static) -> Self {
        Self(tokio::spawn(work))
    }

    async fn result(mut self) -> Result<T, StoreError> {
        (&mut self.0).await.unwrap_or_else(|error| Err(StoreError::new(StoreErrorKind::Unknown, error)))
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<Old, New> Clone for TransferStore<Old, New> {
    fn clone(&self) -> Self {
        Self { stores: Arc::clone(&self.stores) }
    }
}

impl<Old, New> fmt::Debug for TransferStore<Old, New> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransferStore").field("moves", &self.stores.moves).finish_non_exhaustive()
    }
}

impl<Old: Store, New: Store> Store for TransferStore<Old, New> {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        Ok(self.stores.find(selector).await?.map(Place::into_leased))
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        let stores = &self.stores;
        if stores.moves {
            return Ok(Half::New.tag_created(stores.new.create(selector, record).await?));
        }
        let verifier = record.verifier;
        let created = stores.old.create(selector, record).await?;
        // If this call repeats one whose answer was lost, the session may have begun and moved.
        if stores.is_in_new(selector).await? {
            stores.old.destroy(selector, Guard::Current(verifier)).await?;
            return Ok(Created::Done(Lease::NONE));
        }
        Ok(Half::Old.tag_created(created))
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        self.stores.commit(selector, commit).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        // No guard holds for a record that is being moved, and a store skips those it does not have.
        let in_old = self.stores.old.touch(touches.clone()).await;
        self.stores.new.touch(touches).await.and(in_old)
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        self.stores.destroy(selector, guard).await
    }

    async fn destroy_many(&self, selectors: Vec<Selector>) -> Vec<Result<Destroyed, StoreError>> {
        let destroy =
            |stores: Arc<Stores<Old, New>>, selector| async move { stores.destroy(selector, Guard::Anyone).await };
        self.side_by_side(&selectors, destroy).await
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        self.stores.add_member(principal, selector, until, limit).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        let in_old = self.stores.old.remove_members(principal, selectors.clone()).await;
        self.stores.new.remove_members(principal, selectors).await.and(in_old)
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        self.stores.list_members(principal, page).await
    }

    async fn watch_members(&self, principal: &Principal) -> Result<(), StoreError> {
        let in_old = self.stores.old.watch_members(principal).await;
        self.stores.new.watch_members(principal).await.and(in_old)
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        let (half, request) = Half::requested(page)?;
        let page = match half {
            Half::Old => self.stores.old.list(request).await?,
            Half::New => self.stores.new.list(request).await?,
        };
        Ok(half.continued(page))
    }

    async fn list_principals(&self, page: PageRequest) -> Result<Page<Principal>, StoreError> {
        let (half, request) = Half::requested(page)?;
        let page = match half {
            Half::Old => self.stores.old.list_principals(request).await?,
            Half::New => self.stores.new.list_principals(request).await?,
        };
        Ok(half.continued(page))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        Ok(self.stores.old.count().await? + self.stores.new.count().await?)
    }

    fn endpoint(&self) -> Endpoint {
        self.stores.new.endpoint()
    }

    fn namespace(&self) -> &str {
        self.stores.new.namespace()
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.stores.old.subscribe(Arc::clone(&copies));
        self.stores.new.subscribe(Arc::clone(&copies));
        self.stores.add_copies(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        match Half::of(lease) {
            (Half::Old, lease) => self.stores.old.is_lease_valid(lease),
            (Half::New, lease) => self.stores.new.is_lease_valid(lease),
        }
    }

    fn is_lease_lost(&self) -> bool {
        self.stores.old.is_lease_lost() || self.stores.new.is_lease_lost()
    }

    fn time(&self) -> Option<Timestamp> {
        self.stores.new.time().or_else(|| self.stores.old.time())
    }

    fn max_lease(&self) -> std::time::Duration {
        self.stores.old.max_lease().max(self.stores.new.max_lease())
    }
}
