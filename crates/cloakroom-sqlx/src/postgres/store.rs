use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Endpoint, Guard, Invalidate, Lease, LeasedRecord, Limit, Member,
    Namespace, Page, PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};
use sqlx::{PgPool, Row};

use super::builder::PostgresStoreBuilder;
use super::database::Database;
use super::fault::{self, Effect};
use super::feed::Feed;
use super::rows;
use super::tasks::Tasks;
use super::wake_up::Notifier;
use crate::connect_error::ConnectError;
use crate::cursor::position;
use crate::node::{Node, Nodes};

/// Session store in PostgreSQL, for any number of nodes.
///
/// Each node keeps copies of the sessions that it serves, and reading them does not touch the
/// database. A change by one node reaches the others within milliseconds through a notification,
/// and at the latest with the next poll of the table of changes.
///
/// Cheap to clone; clones share their connections. Needs PostgreSQL 13 or newer.
///
/// When not to use it: one process on one machine needs no server
/// (`SqliteStore` with the feature `sqlite`).
///
/// Must be opened within a Tokio runtime, which runs the tasks that poll and clean.
pub struct PostgresStore {
    inner: Arc<StoreInner>,
    node: Arc<Node>,
}

pub(super) struct StoreInner {
    pub(super) database: Database,
    pub(super) namespace: Namespace,
    pub(super) nodes: Arc<Nodes>,
    pub(super) feed: Arc<Feed>,
    pub(super) notifier: Notifier,
    pub(super) lease: Duration,
    pub(super) _tasks: Tasks,
}

impl PostgresStore {
    /// Connects to the database at `url`, and creates the tables if they are missing.
    ///
    /// ```text
    /// postgres://user:password@host/database
    /// ```
    ///
    /// All settings have defaults; change them with [`builder`](Self::builder).
    ///
    /// # Errors
    /// Everything that prevents the use of the database, each with its remedy.
    pub async fn connect(url: &str) -> Result<Self, ConnectError> {
        Self::builder().connect(url).await
    }

    /// Uses the application's own pool, in tables whose names begin with `cloakroom_`.
    ///
    /// The store keeps two connections of the pool for itself, so the pool needs at least four.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect).
    pub async fn in_pool(pool: PgPool) -> Result<Self, ConnectError> {
        Self::builder().in_pool(pool).await
    }

    /// A builder with all settings at their defaults.
    pub fn builder() -> PostgresStoreBuilder {
        PostgresStoreBuilder::new()
    }

    pub(super) fn new(inner: StoreInner) -> Self {
        let node = inner.nodes.add();
        Self { inner: Arc::new(inner), node }
    }

    /// Follows a change that the database has confirmed: other clones drop their copies, and other
    /// nodes are notified.
    fn changed(&self, selectors: &[Selector], write: i64) {
        self.inner.feed.mark_used();
        self.inner.feed.own_writes.answered(write);
        self.inner.nodes.changed(selectors, &self.node);
        if !self.inner.nodes.is_one() && self.inner.feed.watched_lists.is_any() {
            // The lists of other clones are reported by the poll.
            self.inner.feed.wake();
        }
        self.inner.notifier.changed();
    }
}

/// The clone has local tiers of its own.
impl Clone for PostgresStore {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner), node: self.inner.nodes.add() }
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("namespace", &self.inner.namespace).finish_non_exhaustive()
    }
}

impl Store for PostgresStore {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        self.inner.load(selector).await
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        self.inner.create(selector, &record).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        let committed = self.inner.commit(selector, &commit).await?;
        if let Committed::Done(_) = committed {
            self.changed(&[selector], commit.nonce.cast_signed());
        }
        Ok(committed)
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        let (write, selectors) =
            (super::random_number(), touches.iter().map(|touch| touch.selector).collect::<Vec<_>>());
        self.inner.touch(touches, write).await?;
        self.changed(&selectors, write);
        Ok(())
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let write = super::random_number();
        let destroyed = self.inner.destroy(selector, guard, write).await?;
        if destroyed == Destroyed::Done {
            self.changed(&[selector], write);
        }
        Ok(destroyed)
    }

    async fn destroy_many(&self, selectors: Vec<Selector>) -> Vec<Result<Destroyed, StoreError>> {
        let write = super::random_number();
        match self.inner.destroy_many(&selectors, write).await {
            Ok(mut removed) => {
                self.changed(&selectors, write);
                // A selector that is listed twice is removed once.
                let mut of = |selector| if removed.remove(selector) { Destroyed::Done } else { Destroyed::Gone };
                selectors.iter().map(|selector| Ok(of(selector))).collect()
            }
            // One statement removes them all, so its fault is that of each.
            Err(error) => {
                let (kind, shared) = (error.kind(), Arc::new(error));
                selectors.iter().map(|_| Err(StoreError::new(kind, Arc::clone(&shared)))).collect()
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
        self.inner.add_member(principal, selector, limit).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.inner.remove_members(principal, &selectors).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        let after = page.after.as_ref().map_or(Ok(0), |cursor| position(cursor.as_str()))?;
        self.inner.list_members(principal, after, &page).await
    }

    async fn watch_members(&self, principal: &Principal) -> Result<(), StoreError> {
        self.inner.feed.watched_lists.ask(principal);
        self.inner.feed.mark_used();
        Ok(())
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        let after = page.after.as_ref().map_or(Ok(0), |cursor| position(cursor.as_str()))?;
        self.inner.list(after, &page).await
    }

    async fn list_principals(&self, page: PageRequest) -> Result<Page<Principal>, StoreError> {
        let after = page.after.as_ref().map_or(Ok(0), |cursor| position(cursor.as_str()))?;
        self.inner.list_principals(after, &page).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.inner.count().await
    }

    fn endpoint(&self) -> Endpoint {
        let options = self.inner.database.pool.connect_options();
        let endpoint = Endpoint::new("postgresql").server(options.get_host(), Some(options.get_port()));
        match options.get_database() {
            Some(database) => endpoint.database_name(database),
            None => endpoint,
        }
    }

    fn namespace(&self) -> &str {
        self.inner.namespace.as_str()
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.node.subscribe(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.inner.feed.is_lease_valid(lease)
    }

    fn is_lease_lost(&self) -> bool {
        self.inner.feed.is_lease_lost()
    }

    fn time(&self) -> Option<Timestamp> {
        self.inner.feed.time()
    }

    fn max_lease(&self) -> Duration {
        self.inner.lease
    }
}

impl StoreInner {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        let current = self.feed.current();
        let bind = |query: rows::PgQuery<'static>| {
            query.bind(self.namespace.as_str().to_owned()).bind(selector.as_bytes().to_vec())
        };
        let row = self.database.query_row(Effect::Reads, &self.database.statements.load, bind).await?;
        let Some(row) = row else { return Ok(None) };
        let read = || {
            let (record, values) = (rows::columns(&row)?.decode(), rows::values(&row)?);
            let record = record.and_then(|mut record| {
                record.values = values?;
                Ok(record)
            });
            Ok((record, row.try_get("server")?))
        };
        let (record, server) = read().map_err(|error: sqlx::Error| fault::fault(error, Effect::Reads))?;
        let record = record.map_err(fault::malformed)?;
        Ok(Some(LeasedRecord::new(record, current.lease_of(server))))
    }
}
