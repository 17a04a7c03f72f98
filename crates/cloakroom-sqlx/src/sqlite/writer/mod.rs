//! The one task that writes.
//!
//! Calls that arrive while a transaction runs share the next one. So a single call does not wait for
//! others, and many calls pay for one transaction.

mod batch;
mod clean;
mod commit;
mod create;
mod destroy;
mod job;
mod members;
mod panic;
mod touch;
mod transaction;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cloakroom::Clock;
use cloakroom::store::{Namespace, StoreError};
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

pub(super) use commit::CommitRecord;
pub(super) use create::Create;
pub(super) use destroy::Destroy;
pub(super) use members::{Admit, Dismiss};
pub(super) use touch::TouchAll;

use super::fault::{Location, SqliteErrorKind};
use super::owner::{self, Owner};
use crate::node::{Node, Nodes};
use batch::Batch;
use clean::{Clean, Rest};
use job::{Job, Operation, Waiting};
use panic::catch;
use transaction::Ended;

/// The maximum number of calls in one transaction, which bounds how long the first of them waits.
const BATCH: usize = 64;

/// The maximum number of calls that wait for the writer; more wait for a place.
const QUEUE: usize = 1024;

enum Message {
    Job(Box<dyn Job>),
    Close,
}

/// The way to the writer. The writer ends when the last handle is dropped.
#[derive(Clone)]
pub(super) struct WriterHandle {
    queue: mpsc::Sender<Message>,
    location: Location,
    deadline: Duration,
    /// Whether the writer ends because the file may have another owner.
    is_replaced: Arc<AtomicBool>,
    /// Closed once the file is released.
    released: watch::Receiver<()>,
}

impl WriterHandle {
    /// Has the writer do something on behalf of the clone `origin`.
    pub(super) async fn run<O: Operation>(&self, operation: O, origin: &Arc<Node>) -> Result<O::Output, StoreError> {
        let (reply, answer) = oneshot::channel();
        let waiting = Waiting { operation, origin: Arc::clone(origin), reply, applied: None };
        let deadline = Instant::now() + self.deadline;
        let place = timeout_at(deadline, self.queue.reserve()).await;
        let place = place.map_err(|_| self.location.slow())?;
        place.map_err(|_| self.closed())?.send(Message::Job(Box::new(waiting)));
        let answer = timeout_at(deadline, answer).await;
        let answer = answer.map_err(|_| self.location.slow_write())?;
        answer.map_err(|_| self.location.interrupted())?
    }

    /// Returns `true` until the writer begins to end, and the file may get another owner.
    pub(super) fn is_open(&self) -> bool {
        !self.queue.is_closed() && !self.is_replaced.load(Ordering::Relaxed)
    }

    /// The error of a call after the writer has begun to end.
    pub(super) fn closed(&self) -> StoreError {
        if self.is_replaced.load(Ordering::Relaxed) { self.location.replaced() } else { self.location.closed() }
    }

    /// Ends the writer after what has been asked so far, and waits until the file is released.
    pub(super) async fn close(&self) {
        // An error means that the writer ends already.
        drop(self.queue.send(Message::Close).await);
        let mut released = self.released.clone();
        while released.changed().await.is_ok() {}
    }
}

/// What the writer works with.
pub(super) struct Writer {
    pub(super) pool: SqlitePool,
    /// Kept between transactions in a pool of the store's own, because the pool tests each connection
    /// that it gets back. The application's pool may have one connection only.
    pub(super) connection: Option<PoolConnection<Sqlite>>,
    /// The pools that belong to the store, and not to the application.
    pub(super) own_pools: Vec<SqlitePool>,
    pub(super) owner: Owner,
    /// Whether the owner turned out to be none any more.
    pub(super) is_replaced: Arc<AtomicBool>,
    pub(super) namespace: Namespace,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) nodes: Arc<Nodes>,
    pub(super) location: Location,
    /// The maximum wait for a connection of the pool.
    pub(super) busy_timeout: Duration,
}

impl Writer {
    /// Starts the writer. A call waits for it up to `deadline`.
    pub(super) fn start(self, deadline: Duration) -> WriterHandle {
        let (queue, messages) = mpsc::channel(QUEUE);
        let (releases, released) = watch::channel(());
        let (location, is_replaced) = (self.location.clone(), Arc::clone(&self.is_replaced));
        let handle = WriterHandle { queue, location, deadline, is_replaced, released };
        tokio::spawn(async move {
            self.serve(messages).await;
            drop(releases);
        });
        handle
    }

    async fn serve(mut self, mut messages: mpsc::Receiver<Message>) {
        let mut waiting = Vec::with_capacity(BATCH);
        let mut next_cleaning = self.clock.sleep(Duration::ZERO);
        let mut checks = interval(owner::CHECK);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if self.is_replaced.load(Ordering::Relaxed) {
                // What is waiting fails in its transaction.
                messages.close();
            }
            tokio::select! {
                received = messages.recv_many(&mut waiting, BATCH) => {
                    if received == 0 {
                        break;
                    }
                    let mut jobs = Vec::with_capacity(waiting.len());
                    for message in waiting.drain(..) {
                        match message {
                            Message::Job(job) => jobs.push(job),
                            Message::Close => messages.close(),
                        }
                    }
                    if catch(self.write(jobs)).await.is_err() && !self.recovers().await {
                        break;
                    }
                }
                () = &mut next_cleaning => {
                    let pause = catch(self.clean()).await;
                    if pause.is_err() && !self.recovers().await {
                        break;
                    }
                    next_cleaning = self.clock.sleep(pause.unwrap_or(clean::PERIOD));
                }
                _ = checks.tick() => drop(self.is_owner()),
            }
        }
        drop(messages);
        self.release().await;
    }

    /// Closes the connections, and then releases the file: the next owner must not meet a transaction
    /// of this one.
    async fn release(mut self) {
        drop(self.connection.take());
        for pool in &self.own_pools {
            pool.close().await;
        }
        drop(self.owner);
    }

    /// Goes on after a panic. Returns `false` if that is not safe.
    ///
    /// The panic closed the connection if it was in the middle of a transaction, which ended that.
    /// Callers that were not answered do not know whether their changes were committed, and neither
    /// does anybody else, so no copy of a session is kept.
    async fn recovers(&self) -> bool {
        tracing::error!(file = %self.location.path().display(), "the task that writes the sessions panicked");
        // A database in memory may have ended with its connection.
        self.owner.has_file() && catch(async { self.nodes.changed_all() }).await.is_ok()
    }

    /// Returns `true` if no other process owns the sessions; otherwise the writer ends.
    fn is_owner(&mut self) -> bool {
        if self.owner.is_owner() {
            return true;
        }
        if !self.is_replaced.swap(true, Ordering::Relaxed) {
            let file = self.location.path().display();
            tracing::error!(%file, "the database or its lock was deleted or replaced; the store is closed");
        }
        false
    }

    /// Does the jobs in one transaction, or each in its own if one of them spoils it.
    async fn write(&mut self, mut jobs: Vec<Box<dyn Job>>) {
        if jobs.is_empty() {
            return;
        }
        let error = match self.transact(&mut jobs).await {
            Ok(()) => return jobs.into_iter().for_each(|job| job.succeed(&self.nodes)),
            Err(error) => error,
        };
        if jobs.len() == 1 || !error.concerns_one_call() {
            return jobs.into_iter().for_each(|job| self.fail(job, &error));
        }
        for job in jobs {
            let mut alone = [job];
            let outcome = self.transact(&mut alone).await;
            let [job] = alone;
            match outcome {
                Ok(()) => job.succeed(&self.nodes),
                Err(error) => self.fail(job, &error),
            }
        }
    }

    fn fail(&self, job: Box<dyn Job>, failure: &Failure) {
        let fault = failure.report(&self.location);
        if failure.is_unknown() { job.fail_unknown(fault, &self.nodes) } else { job.fail(fault) }
    }

    async fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(), Failure> {
        let mut connection = self.connection().await.map_err(Failure::before)?;
        self.transact_on(&mut connection, jobs).await?;
        if self.owns_pool() {
            self.connection = Some(connection);
        }
        Ok(())
    }

    /// The connection of the transaction before, or one of the pool.
    async fn connection(&mut self) -> sqlx::Result<PoolConnection<Sqlite>> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => timeout(self.busy_timeout, self.pool.acquire()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut)),
        }
    }

    fn owns_pool(&self) -> bool {
        !self.own_pools.is_empty()
    }

    async fn transact_on(
        &mut self,
        connection: &mut PoolConnection<Sqlite>,
        jobs: &mut [Box<dyn Job>],
    ) -> Result<(), Failure> {
        let selectors = jobs.iter().flat_map(|job| job.selectors()).copied().collect();
        let batch = Batch::begin(connection, &self.namespace, &*self.clock, selectors).await;
        let mut batch = batch.map_err(Failure::before)?;
        if !self.is_owner() {
            batch.roll_back().await;
            return Err(Failure::Replaced);
        }
        for job in jobs {
            if let Err(error) = job.apply(&mut batch).await {
                batch.roll_back().await;
                return Err(Failure::before(error));
            }
        }
        batch.commit().await.map_err(|(error, ended)| Failure::at_commit(error, ended))
    }

    /// Removes some expired sessions. Returns how long to wait before the next ones.
    async fn clean(&mut self) -> Duration {
        let (reply, mut answer) = oneshot::channel();
        let origin = Arc::new(Node::default());
        self.write(vec![Box::new(Waiting { operation: Clean, origin, reply, applied: None })]).await;
        match answer.try_recv() {
            Ok(Ok(Rest::Some)) => Duration::ZERO,
            Ok(Ok(Rest::None)) | Err(_) => clean::PERIOD,
            Ok(Err(error)) => {
                tracing::warn!(?error, "expired sessions could not be removed; it is tried again");
                clean::PERIOD
            }
        }
    }
}

/// Why a transaction was not committed.
enum Failure {
    Sqlite {
        error: sqlx::Error,
        /// Whether it may have been committed nevertheless.
        is_unknown: bool,
    },
    /// The file may have another owner.
    Replaced,
}

impl Failure {
    /// The transaction was rolled back.
    const fn before(error: sqlx::Error) -> Self {
        Self::Sqlite { error, is_unknown: false }
    }

    /// A disk that fails, or a connection that breaks, may do so after the commit reached the file.
    fn at_commit(error: sqlx::Error, ended: Ended) -> Self {
        let may_have_been_committed = matches!(
            SqliteErrorKind::of(&error),
            SqliteErrorKind::Io | SqliteErrorKind::Broken | SqliteErrorKind::Other
        );
        let is_unknown = ended == Ended::Before && may_have_been_committed;
        Self::Sqlite { error, is_unknown }
    }

    const fn is_unknown(&self) -> bool {
        matches!(self, Self::Sqlite { is_unknown: true, .. })
    }

    fn concerns_one_call(&self) -> bool {
        match self {
            Self::Sqlite { error, is_unknown } => !is_unknown && SqliteErrorKind::of(error).concerns_one_call(),
            Self::Replaced => false,
        }
    }

    fn report(&self, location: &Location) -> StoreError {
        match self {
            Self::Sqlite { error, is_unknown: true } => location.lost(error),
            Self::Sqlite { error, is_unknown: false } => location.fault(error),
            Self::Replaced => location.replaced(),
        }
    }
}
