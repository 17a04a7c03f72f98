use std::collections::{HashMap, HashSet};

use cloakroom::Timestamp;
use cloakroom::store::{Namespace, Record, Selector};
use sqlx::{Row, SqliteConnection};

use super::transaction::OpenTransaction;
use crate::record::{self, instant};
use crate::sqlite::rows::{self, Statement};
use crate::sqlite::session::SessionRow;
use crate::sqlite::statements::{self, Repeated};

/// Several calls in one transaction.
///
/// What they have in common is done together: their sessions are read by one statement, and their
/// changes are collected until [`flush`](Self::flush) writes them.
pub(in crate::sqlite) struct Batch {
    transaction: OpenTransaction,
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

impl Batch {
    /// A batch in a transaction. `now` is read after the transaction has begun, because a wait for
    /// its lock must not prolong the life of a session.
    pub(super) fn new(transaction: OpenTransaction, namespace: &Namespace, now: Timestamp) -> Self {
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
            let query = part.iter().fold(self.query(sql), |query, selector| rows::bind_selector(query, *selector));
            let found = query.fetch_all(self.transaction.connection()).await?;
            self.sessions.extend(part.iter().map(|selector| (*selector, None)));
            for row in &found {
                if let Ok(selector) = record::selector(&rows::session(row)?.selector) {
                    self.sessions.insert(selector, Some(SessionRow::read(row)?));
                }
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
        let (updated, touched) = (std::mem::take(&mut self.updated), std::mem::take(&mut self.touched));
        let mut written = Vec::with_capacity(updated.len());
        let mut seen = Vec::with_capacity(touched.len());
        for (selector, session) in &mut self.sessions {
            let Some(session) = session else { continue };
            let (id, expires_at) = (session.id, session.expires_at);
            if updated.contains(selector) {
                written.extend(session.record().ok().map(|record| (id, expires_at, record.clone())));
            } else if touched.contains(selector) {
                seen.extend(session.header().ok().map(|record| (id, expires_at, record.last_seen)));
            }
        }
        self.run(&statements::UPDATE, &written, |query, (id, expires_at, record)| {
            rows::bind_record(query, record).bind(*expires_at).bind(*id)
        })
        .await?;
        self.run(&statements::TOUCH, &seen, |query, (id, expires_at, last_seen)| {
            rows::bind_instant(query, *last_seen).bind(*expires_at).bind(*id)
        })
        .await
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

    /// Commits what was flushed.
    pub(super) async fn commit(self) -> sqlx::Result<()> {
        self.transaction.commit().await
    }

    pub(super) async fn roll_back(self) {
        self.transaction.roll_back().await;
    }
}
