//! Notifications between nodes, which make a change known sooner than the next poll. They decide
//! nothing: one that is lost costs the time until that poll.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Namespace, StoreError};
use sqlx::Executor;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;

use super::database::Database;
use super::fault::{self, Effect};
use super::feed::Feed;
use super::rows::PgQuery;
use super::statements::CHANNEL;

/// The shortest time between two notifications of a node. A notification takes a lock of the whole
/// server while it is committed.
const BATCH: Duration = Duration::from_millis(5);

/// The wait before another attempt to listen.
const RETRY: Duration = Duration::from_secs(1);

/// The longest wait before another attempt, if notifications do not arrive.
const LONGEST_RETRY: Duration = Duration::from_secs(300);

/// The time without a notification after which the link is tried, in leases.
const QUIET: u32 = 10;

/// How long the node waits for its own notification to find out whether notifications arrive.
const TRIAL: Duration = Duration::from_secs(2);

/// Notifies the other nodes of a namespace of changes.
pub(super) struct Notifier {
    changed: Arc<Notify>,
}

/// The two tasks: one that notifies and one that listens.
pub(super) struct WakeUp {
    database: Database,
    namespace: Namespace,
    node: i64,
    feed: Arc<Feed>,
    /// The time without a notification after which the link is tried.
    quiet: Duration,
}

/// The end of an attempt to listen.
enum Received {
    /// Notifications do not arrive, because a pooler keeps them.
    Nothing,
    UntilItBroke,
}

impl Notifier {
    /// Also returns what the task that notifies waits for.
    pub(super) fn new() -> (Self, Arc<Notify>) {
        let changed = Arc::new(Notify::new());
        (Self { changed: Arc::clone(&changed) }, changed)
    }

    /// Notifies the other nodes soon. Waits for nothing.
    pub(super) fn changed(&self) {
        self.changed.notify_one();
    }
}

impl WakeUp {
    pub(super) fn new(database: Database, namespace: Namespace, feed: Arc<Feed>, lease: Duration) -> Arc<Self> {
        Arc::new(Self { database, namespace, node: super::random_number(), feed, quiet: lease * QUIET })
    }

    /// Sends one notification for all changes that were made meanwhile.
    pub(super) async fn send(self: Arc<Self>, changed: Arc<Notify>) {
        loop {
            changed.notified().await;
            // The next poll of the others finds the change if this fails.
            drop(self.notify("").await);
            tokio::time::sleep(BATCH).await;
        }
    }

    /// Wakes the feed whenever another node notifies.
    pub(super) async fn listen(self: Arc<Self>) {
        let (mut wait, mut is_reported) = (RETRY, false);
        while !self.database.pool.is_closed() {
            match self.receive().await {
                Ok(Received::Nothing) => {
                    if !std::mem::replace(&mut is_reported, true) {
                        tracing::warn!(
                            "notifications do not arrive, probably because of a connection pooler; nodes learn of \
                             each other's changes by polling alone"
                        );
                    }
                    wait = (wait * 2).min(LONGEST_RETRY);
                }
                Ok(Received::UntilItBroke) => (wait, is_reported) = (RETRY, false),
                Err(error) => tracing::debug!(%error, "notifications of other nodes are not received at present"),
            }
            tokio::time::sleep(wait).await;
        }
    }

    /// Listens over one connection until it breaks.
    async fn receive(&self) -> Result<Received, StoreError> {
        let failed = |error| fault::fault(error, Effect::Reads);
        let mut listener = PgListener::connect_with(&self.database.pool).await.map_err(failed)?;
        self.in_time(listener.listen(CHANNEL)).await?;
        if !self.arrives(&mut listener).await? {
            return Ok(Received::Nothing);
        }
        tracing::debug!("notifications of other nodes are received");
        // It may have missed some.
        self.feed.wake();
        loop {
            match tokio::time::timeout(self.quiet, listener.try_recv()).await {
                Ok(Ok(Some(notification))) if self.is_foreign(notification.payload()) => self.feed.wake(),
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None) | Err(_)) => return Ok(Received::UntilItBroke),
                // Nobody has changed anything, or the link is dead and nobody has said so.
                Err(_) => {
                    if let Err(error) = self.in_time(listener.execute("SELECT 1")).await {
                        tracing::debug!(%error, "the connection for notifications has gone silent and is replaced");
                        return Ok(Received::UntilItBroke);
                    }
                }
            }
        }
    }

    async fn in_time<T>(&self, answer: impl Future<Output = sqlx::Result<T>>) -> Result<T, StoreError> {
        let answer = tokio::time::timeout(self.database.deadline, answer).await;
        answer.unwrap_or_else(|_| Err(fault::timed_out())).map_err(|error| fault::fault(error, Effect::Reads))
    }

    /// Sends a notification to this node itself.
    async fn arrives(&self, listener: &mut PgListener) -> Result<bool, StoreError> {
        self.notify(" trial").await?;
        let own = async {
            while let Some(notification) = listener.try_recv().await? {
                if notification.payload() == self.payload(" trial") {
                    break;
                }
            }
            Ok(true)
        };
        let arrived = tokio::time::timeout(TRIAL, own).await.unwrap_or(Ok(false));
        arrived.map_err(|error| fault::fault(error, Effect::Reads))
    }

    async fn notify(&self, suffix: &str) -> Result<(), StoreError> {
        let bind = |query: PgQuery<'static>| query.bind(CHANNEL).bind(self.payload(suffix));
        self.database.query_row(Effect::Reads, &self.database.statements.notify, bind).await.map(drop)
    }

    fn payload(&self, suffix: &str) -> String {
        format!("{:016x} {}{suffix}", self.node, self.namespace)
    }

    fn is_foreign(&self, payload: &str) -> bool {
        let Some((node, namespace)) = payload.split_once(' ') else { return false };
        namespace == self.namespace.as_str() && node != format!("{:016x}", self.node)
    }
}
