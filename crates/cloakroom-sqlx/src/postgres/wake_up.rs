//! Notifications between nodes, which make a change known sooner than the next poll. They decide
//! nothing: one that is lost costs the time until that poll.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Namespace, StoreError};
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

/// How long the node waits for its own notification to find out whether notifications arrive.
const TRIAL: Duration = Duration::from_secs(2);

/// Notifies the other nodes of a namespace of changes.
pub(super) struct Notifier {
    changed: Arc<Notify>,
}

/// The two tasks: one that notifies and one that listens.
pub(super) struct WakeUp {
    pub(super) database: Database,
    pub(super) namespace: Namespace,
    pub(super) node: i64,
    pub(super) feed: Arc<Feed>,
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
        let mut is_first = true;
        while !self.database.pool.is_closed() {
            match self.receive(&mut is_first).await {
                Ok(()) => return,
                Err(error) => tracing::debug!(%error, "notifications of other nodes are not received at present"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Returns when notifications do not arrive here at all, because a pooler keeps them.
    async fn receive(&self, is_first: &mut bool) -> Result<(), StoreError> {
        let failed = |error| fault::fault(error, Effect::Reads);
        let mut listener = PgListener::connect_with(&self.database.pool).await.map_err(failed)?;
        listener.listen(CHANNEL).await.map_err(failed)?;
        if *is_first && !self.arrives(&mut listener).await? {
            tracing::warn!(
                "notifications do not arrive, probably because of a connection pooler; nodes learn of each other's \
                 changes by polling alone"
            );
            return Ok(());
        }
        *is_first = false;
        // It may have missed some.
        self.feed.wake();
        while let Some(notification) = listener.try_recv().await.map_err(failed)? {
            if self.is_foreign(notification.payload()) {
                self.feed.wake();
            }
        }
        Err(failed(sqlx::Error::WorkerCrashed))
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
