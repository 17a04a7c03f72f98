use std::collections::{HashMap, HashSet};

use cloakroom::store::{Namespace, Record, Selector};
use cloakroom::{Clock, Timestamp};
use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, Sqlite, SqliteConnection};

use super::transaction::{Ended, OpenTransaction};
use crate::record::{self, instant};
use crate::sqlite::rows::{self, Statement};
use crate::sqlite::session::SessionRow;
use crate::sqlite::statements::{self, Repeated};

/// Several calls in one transaction.
///
/// What they have in common is done together: their sessions are read by one statement, and their
/// changes are collected until [`flush`](Self::flush) writes them.
pub(in crate::sqlite) struct Batch<'c> {
    transaction: OpenTransaction<'c>,
    namespace: Namespace,
    now: Timestamp,
    /// The sessions that were read, as the collected changes make them. `None`: there is no row.
    sessions: HashMap<Selector, Option<SessionRow>>,
    removed: Vec<(i64, Selector)>,
    updated: HashSet<Selector>,
    touched: HashSet<Selector>,
    /// The sessions that the present call has changed.
    changed: Vec<Selector>,
}

impl<'c> Batch<'c> {
    /// Begins a batch, and reads the sessions of its calls.
    ///
    /// The clock is read after the transaction has begun, because a wait for its lock must not
    /// prolong the life of a session.
    pub(super) async fn begin(
        connection: &'c mut PoolConnection<Sqlite>,
        namespace: &Namespace,
        clock: &dyn Clock,
        selectors: HashSet<Selector>,
    ) -> sqlx::Result<Self> {
        let selectors: Vec<_> = selectors.into_iter().collect();
        let mut parts = statements::BEGIN_AND_LOAD_MANY.parts(&selectors);
        let Some((sql, first)) = parts.next() else {
            let transaction = OpenTransaction::begin(connection).await?;
            return Ok(Self::new(transaction, namespace, clock.now()));
        };
        let (transaction, found) = OpenTransaction::begin_and_read(connection, loading(sql, namespace, first)).await?;
        let mut batch = Self::new(transaction, namespace, clock.now());
        let read = match batch.add(first, &found) {
            Ok(()) => batch.read(selectors[first.len()..].iter().copied()).await,
            failed => failed,
        };
        match read {
            Ok(()) => Ok(batch),
            Err(error) => {
                // Not left to the drop, which closes the connection: a database in memory would be
                // gone with it.
                batch.roll_back().await;
                Err(error)
            }
        }
    }

    fn new(transaction: OpenTransaction<'c>, namespace: &Namespace, now: Timestamp) -> Self {
        Self {
            transaction,
            namespace: namespace.clone(),
            now,
            sessions: HashMap::new(),
            removed: Vec::new(),
            updated: HashSet::new(),
            touched: HashSet::new(),
            changed: Vec::new(),
        }
    }

    /// The instant of the batch.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.transaction.connection()
    }

    /// A statement whose first parameter is the namespace.
    pub(super) fn query(&self, sql: &'static str) -> Statement {
        sqlx::query(sql).bind(self.namespace.as_str())
    }

    /// The sessions that the present call has changed.
    pub(super) fn take_changed(&mut self) -> Vec<Selector> {
        std::mem::take(&mut self.changed)
    }

    /// Reads the sessions that have not been read yet.
    pub(super) async fn read(&mut self, selectors: impl IntoIterator<Item = Selector> + Send) -> sqlx::Result<()> {
        let unread: HashSet<_> =
            selectors.into_iter().filter(|selector| !self.sessions.contains_key(selector)).collect();
        let unread: Vec<_> = unread.into_iter().collect();
        for (sql, part) in statements::LOAD_MANY.parts(&unread) {
            let statement = loading(sql, &self.namespace, part);
            let found = statement.fetch_all(self.transaction.connection()).await?;
            self.add(part, &found)?;
        }
        Ok(())
    }

    /// Adds the sessions that were read.
    fn add(&mut self, selectors: &[Selector], found: &[SqliteRow]) -> sqlx::Result<()> {
        self.sessions.extend(selectors.iter().map(|selector| (*selector, None)));
        for row in found {
            if let Ok(selector) = record::selector(&rows::session(row)?.selector) {
                self.sessions.insert(selector, Some(SessionRow::read(row)?));
            }
        }
        Ok(())
    }

    /// The session, even if its time is over.
    pub(super) async fn session(&mut self, selector: Selector) -> sqlx::Result<Option<&mut SessionRow>> {
        self.read([selector]).await?;
        Ok(self.sessions.get_mut(&selector).and_then(Option::as_mut))
    }

    /// The session if it is alive.
    pub(super) async fn live(&mut self, selector: Selector) -> sqlx::Result<Option<&mut SessionRow>> {
        let now = self.now;
        Ok(self.session(selector).await?.filter(|session| session.is_live(now)))
    }

    /// Inserts a session whose selector is free.
    pub(super) async fn insert(&mut self, selector: Selector, record: Record) -> sqlx::Result<()> {
        // A removed row may have the same selector.
        self.flush_removed().await?;
        let expires_at = instant(record.lifetimes.store_deadline(self.now));
        let insert = rows::bind_selector(self.query(statements::INSERT), selector);
        let insert = rows::bind_record(insert, &record).bind(expires_at).bind(expires_at);
        let id = insert.fetch_one(self.transaction.connection()).await?.try_get(0)?;
        self.sessions.insert(selector, Some(SessionRow::new(id, expires_at, record)));
        Ok(())
    }

    /// Collects the change of a session whose whole record was changed.
    pub(super) fn update(&mut self, selector: Selector) {
        self.restart_idle_timeout(selector);
        self.touched.remove(&selector);
        self.updated.insert(selector);
    }

    /// Collects the change of a session that was seen, and not changed otherwise.
    pub(super) fn touch(&mut self, selector: Selector) {
        self.restart_idle_timeout(selector);
        if !self.updated.contains(&selector) {
            self.touched.insert(selector);
        }
    }

    fn restart_idle_timeout(&mut self, selector: Selector) {
        let Some(Some(session)) = self.sessions.get_mut(&selector) else { return };
        if let Ok(record) = session.header() {
            session.expires_at = instant(record.lifetimes.store_deadline(self.now));
            self.changed.push(selector);
        }
    }

    /// Collects the removal of a session.
    pub(super) fn remove(&mut self, selector: Selector, id: i64) {
        self.updated.remove(&selector);
        self.touched.remove(&selector);
        self.sessions.insert(selector, None);
        self.removed.push((id, selector));
        self.changed.push(selector);
    }

    /// Writes what was collected, so that statements see it.
    pub(super) async fn flush(&mut self) -> sqlx::Result<()> {
        self.flush_removed().await?;
        let (written, seen) = self.take_collected();
        self.run(&statements::UPDATE, &written, WrittenSession::bind).await?;
        self.run(&statements::TOUCH, &seen, SeenSession::bind).await
    }

    /// Writes what was collected, and commits with the last statement.
    pub(super) async fn commit(mut self) -> Result<(), (sqlx::Error, Ended)> {
        match self.write_all_but_last().await {
            Ok(last) => self.transaction.commit(last).await,
            Err(error) => Err((error, self.transaction.roll_back().await)),
        }
    }

    /// Writes what was collected, except for the statement that it returns, which ends with the
    /// commit.
    async fn write_all_but_last(&mut self) -> sqlx::Result<Statement> {
        self.flush_removed().await?;
        let (written, seen) = self.take_collected();
        if seen.is_empty() {
            let statements = [&statements::UPDATE, &statements::UPDATE_AND_COMMIT];
            return self.run_all_but_last(statements, &written, WrittenSession::bind).await;
        }
        self.run(&statements::UPDATE, &written, WrittenSession::bind).await?;
        self.run_all_but_last([&statements::TOUCH, &statements::TOUCH_AND_COMMIT], &seen, SeenSession::bind).await
    }

    /// Takes the sessions that were changed, and those that were only seen.
    fn take_collected(&mut self) -> (Vec<WrittenSession>, Vec<SeenSession>) {
        let (updated, touched) = (std::mem::take(&mut self.updated), std::mem::take(&mut self.touched));
        let mut written = Vec::with_capacity(updated.len());
        let mut seen = Vec::with_capacity(touched.len());
        for (selector, session) in &mut self.sessions {
            let Some(session) = session else { continue };
            let (id, expires_at) = (session.id, session.expires_at);
            if updated.contains(selector) {
                let record = session.record().ok().cloned();
                written.extend(record.map(|record| WrittenSession { id, expires_at, record }));
            } else if touched.contains(selector) {
                let last_seen = session.header().ok().map(|record| record.last_seen);
                seen.extend(last_seen.map(|last_seen| SeenSession { id, expires_at, last_seen }));
            }
        }
        (written, seen)
    }

    async fn flush_removed(&mut self) -> sqlx::Result<()> {
        let removed = std::mem::take(&mut self.removed);
        let namespace = self.namespace.clone();
        self.run(&statements::REMOVE, &removed, |query, (id, selector)| {
            rows::bind_selector(query.bind(*id).bind(namespace.as_str()), *selector)
        })
        .await
    }

    /// Runs a statement for each item.
    pub(super) async fn run<T: Sync>(
        &mut self,
        statement: &'static Repeated,
        items: &[T],
        bind: impl Fn(Statement, &T) -> Statement + Send,
    ) -> sqlx::Result<()> {
        for (sql, part) in statement.parts(items) {
            part.iter().fold(sqlx::query(sql), &bind).execute(self.transaction.connection()).await?;
        }
        Ok(())
    }

    /// Runs a statement for each item, except for the last part of them. Returns the statement for
    /// that part, which ends with the commit.
    async fn run_all_but_last<T: Sync>(
        &mut self,
        [statement, and_commit]: [&'static Repeated; 2],
        items: &[T],
        bind: impl Fn(Statement, &T) -> Statement + Send + Copy,
    ) -> sqlx::Result<Statement> {
        let last = statement.parts(items).last().map_or(0, |(_, last)| last.len());
        let (before, last) = items.split_at(items.len() - last);
        self.run(statement, before, bind).await?;
        let last = and_commit.parts(last).next();
        Ok(last.map_or_else(|| sqlx::query(statements::COMMIT), |(sql, part)| part.iter().fold(sqlx::query(sql), bind)))
    }

    pub(super) async fn roll_back(self) -> Ended {
        self.transaction.roll_back().await
    }
}

fn loading(sql: &'static str, namespace: &Namespace, selectors: &[Selector]) -> Statement {
    let statement = sqlx::query(sql).bind(namespace.as_str().to_owned());
    selectors.iter().fold(statement, |statement, selector| rows::bind_selector(statement, *selector))
}

/// A session whose whole row is written.
struct WrittenSession {
    id: i64,
    expires_at: i64,
    record: Record,
}

impl WrittenSession {
    fn bind(statement: Statement, session: &Self) -> Statement {
        rows::bind_record(statement, &session.record).bind(session.expires_at).bind(session.id)
    }
}

/// A session of which only the last activity is written.
struct SeenSession {
    id: i64,
    expires_at: i64,
    last_seen: Timestamp,
}

impl SeenSession {
    fn bind(statement: Statement, session: &Self) -> Statement {
        rows::bind_instant(statement, session.last_seen).bind(session.expires_at).bind(session.id)
    }
}
