use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{
    Admission, BATCH, Commit, Committed, Created, Cursor, Destroyed, Endpoint, Guard, Invalidate, Lease, LeasedRecord,
    Limit, Member, Namespace, Page, PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};
use cloakroom::{Clock, Timestamp};
use sqlx::SqlitePool;

use super::LEASE;
use super::all_sessions::{count, list_principals};
use super::builder::SqliteStoreBuilder;
use super::fault::{self, Location};
use super::list::list;
use super::load::load;
use super::members::list_members;
use super::writer::{Admit, CommitRecord, Create, Destroy, Dismiss, TouchAll, WriterHandle};
use crate::cursor::position;
use crate::error::OpenError;
use crate::node::{Node, Nodes};

/// The maximum number of touches in one call to the writer, so that they delay no commit for long.
const TOUCHES: usize = 256;

/// Session store in an SQLite file: the sessions survive a restart of the program.
///
/// One process owns the sessions in a file, so its copies in memory are never out of date, and
/// reading them never touches the file. Writes that arrive together share one transaction.
///
/// Cheap to clone; clones share the file. Several [`Sessions`](cloakroom::Sessions) of one process
/// over clones of one store see each other's changes at once. The file is released when the last
/// clone is dropped, or by [`close`](Self::close).
///
/// When not to use it: for several processes or machines at a time. Do not change the tables by
/// other means while a process uses them: it would not notice.
///
/// Must be opened within a Tokio runtime, which runs the task that writes.
pub struct SqliteStore {
    inner: Arc<StoreInner>,
    node: Arc<Node>,
}

pub(super) struct StoreInner {
    pub(super) readers: SqlitePool,
    pub(super) writer: WriterHandle,
    pub(super) namespace: Namespace,
    pub(super) nodes: Arc<Nodes>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) location: Location,
    /// The maximum time of a call.
    pub(super) deadline: Duration,
}

impl SqliteStore {
    /// Opens the file at `path`, and creates it if it does not exist.
    ///
    /// If another process uses the sessions in the file, waits up to 30 s for it to end. All
    /// settings have defaults; change them with [`builder`](Self::builder).
    ///
    /// # Errors
    /// Everything that prevents the use of the file, each with its remedy.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, OpenError> {
        Self::builder().open(path).await
    }

    /// Uses the database of the application's own pool, in tables whose names begin with
    /// `cloakroom_`.
    ///
    /// The options of the pool decide how durable and how fast the store is; WAL mode and at least
    /// two connections are recommended. As for [`open`](Self::open), one process at a time uses the
    /// sessions.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn in_pool(pool: SqlitePool) -> Result<Self, OpenError> {
        Self::builder().in_pool(pool).await
    }

    /// A builder with all settings at their defaults.
    pub fn builder() -> SqliteStoreBuilder {
        SqliteStoreBuilder::new()
    }

    pub(super) fn new(inner: StoreInner) -> Self {
        let node = inner.nodes.add();
        Self { inner: Arc::new(inner), node }
    }

    /// Finishes the writes that have been asked for, closes the file and releases it for the next
    /// process. Later calls of this store and its clones fail, reads included. A pool of the
    /// application stays open.
    ///
    /// Dropping the last clone does the same in the background.
    pub async fn close(&self) {
        self.inner.writer.close().await;
    }

    /// Reads, and fails if no connection becomes free or the disk does not answer in time.
    async fn read<T>(&self, reading: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
        // The pool of an application stays open, and the sessions may have another owner.
        if !self.inner.writer.is_open() {
            return Err(self.inner.writer.closed());
        }
        let read = tokio::time::timeout(self.inner.deadline, reading).await;
        read.map_err(|_| self.inner.location.slow())?.map_err(|error| self.inner.location.fault(&error))
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

/// The clone has local tiers of its own.
impl Clone for SqliteStore {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), node: self.inner.nodes.add() }
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").field("namespace", &self.inner.namespace).finish_non_exhaustive()
    }
}

impl Store for SqliteStore {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        let loaded = self.read(load(&self.inner.readers, &self.inner.namespace, selector, self.now())).await?;
        let record = loaded.map_err(fault::malformed)?;
        Ok(record.map(|record| LeasedRecord::new(record, LEASE)))
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        self.inner.writer.run(Create { selector, record }, &self.node).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        self.inner.writer.run(CommitRecord { selector, commit }, &self.node).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        for touches in touches.chunks(TOUCHES) {
            let selectors = touches.iter().map(|touch| touch.selector).collect();
            let touched = self.inner.writer.run(TouchAll { touches: touches.to_vec(), selectors }, &self.node).await;
            outcome = outcome.and(touched);
        }
        outcome
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let answers = self.inner.writer.run(Destroy { selectors: vec![selector], guard }, &self.node).await?;
        answers.into_iter().next().unwrap_or(Ok(Destroyed::Gone))
    }

    async fn destroy_many(&self, selectors: Vec<Selector>) -> Vec<Result<Destroyed, StoreError>> {
        let count = selectors.len();
        match self.inner.writer.run(Destroy { selectors, guard: Guard::Anyone }, &self.node).await {
            Ok(answers) => answers,
            Err(error) => {
                let (kind, error) = (error.kind(), Arc::new(error));
                (0..count).map(|_| Err(StoreError::new(kind, Arc::clone(&error)))).collect()
            }
        }
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        _until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        self.inner.writer.run(Admit { principal: principal.clone(), selector, limit }, &self.node).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.inner.writer.run(Dismiss { principal: principal.clone(), selectors }, &self.node).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        let after = page.after.as_ref().map_or(Ok(0), |cursor| position(cursor.as_str()))?;
        let limit = page.limit.get().min(BATCH);
        let listed = list_members(&self.inner.readers, &self.inner.namespace, principal, after, limit, self.now());
        let (items, next) = self.read(listed).await?.map_err(fault::malformed)?;
        Ok(Page::new(items, next.map(|admission| Cursor::new(admission.to_string()))))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        let after = page.after.as_ref().map_or(Ok(0), |cursor| position(cursor.as_str()))?;
        let limit = page.limit.get().min(BATCH);
        let listed = self.read(list(&self.inner.readers, &self.inner.namespace, after, limit)).await?;
        let (items, next) = listed.map_err(fault::malformed)?;
        Ok(Page::new(items, next.map(|row| Cursor::new(row.to_string()))))
    }

    async fn list_principals(&self, page: PageRequest) -> Result<Page<Principal>, StoreError> {
        let after = page.after.as_ref().map_or(Ok(0), |cursor| position(cursor.as_str()))?;
        let limit = page.limit.get().min(BATCH);
        let listed = list_principals(&self.inner.readers, &self.inner.namespace, after, limit);
        let (items, next) = self.read(listed).await?;
        Ok(Page::new(items, next.map(|admission| Cursor::new(admission.to_string()))))
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.read(count(&self.inner.readers, &self.inner.namespace, self.now())).await
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::new("sqlite")
    }

    fn namespace(&self) -> &str {
        self.inner.namespace.as_str()
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.node.subscribe(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        lease == LEASE && self.inner.writer.is_open()
    }

    fn time(&self) -> Option<Timestamp> {
        Some(self.now())
    }
}
