//! The changes of other nodes: the tail of the table of changes, and the lease that reading it
//! prolongs.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cloakroom::Timestamp;
use cloakroom::store::{Lease, Leases, Namespace, Selector};
use parking_lot::Mutex;
use sqlx::Row;
use sqlx::postgres::PgRow;
use tokio::sync::{Notify, watch};

use super::database::{Database, OwnConnection};
use super::fault;
use super::own_writes::OwnWrites;
use super::watched_lists::{ListName, WatchedLists};
use crate::node::Nodes;
use crate::record;

/// The shortest time between two polls, even if other nodes report changes all the time.
const SHORTEST: Duration = Duration::from_millis(5);

/// The number of polls without any use of a copy after which polling pauses.
const UNUSED_POLLS: u32 = 60;

/// How long changes are kept, in leases.
const KEPT: u32 = 30;

/// The maximum wait before the next attempt to connect.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// The slot of the only lease of a store.
const SLOT: usize = 0;

/// A snapshot that comes after all others.
const LAST: &str = "9223372036854775807:9223372036854775807:";

/// The state that the task which polls shares with the calls of the store.
pub(super) struct Feed {
    pub(super) nodes: Arc<Nodes>,
    pub(super) own_writes: OwnWrites,
    pub(super) watched_lists: WatchedLists,
    leases: Leases,
    current: Mutex<Current>,
    /// Whether a copy was used since the last poll.
    used: AtomicBool,
    paused: AtomicBool,
    wake: Notify,
    /// How long changes are kept.
    kept: Duration,
    state: watch::Sender<FeedState>,
    /// Snapshots of the time for which changes are kept, the latest last.
    snapshots: Mutex<VecDeque<(Instant, String)>>,
}

/// The lease under which records are read now, and the server that it is about.
#[derive(Clone, Copy)]
pub(super) struct Current {
    lease: Lease,
    server: i64,
    /// The server's time, and when it was that.
    time: Option<(Timestamp, Instant)>,
}

impl Current {
    /// The lease of an answer by `server`.
    pub(super) fn lease_of(self, server: i64) -> Lease {
        if server == self.server { self.lease } else { Lease::NONE }
    }
}

/// Whether changes arrive.
#[derive(Clone, Debug)]
pub(super) enum FeedState {
    Starting,
    Following,
    Failed(Arc<sqlx::Error>),
}

/// A poll's answer.
struct Poll {
    server: i64,
    is_standby: bool,
    now: i64,
    snapshot: String,
    epoch: Option<i64>,
    is_complete: bool,
    changes: Vec<(Selector, i64)>,
    /// The changed lists, if they were asked for.
    lists: Option<Vec<(ListName, i64)>>,
}

/// What a poll has seen, from where the next one continues.
struct Position {
    server: i64,
    epoch: i64,
    snapshot: String,
}

impl Poll {
    fn read(row: &PgRow, with_lists: bool) -> sqlx::Result<Self> {
        let changed = row.try_get::<Option<Vec<Vec<u8>>>, _>("selectors")?.unwrap_or_default();
        let writes = row.try_get::<Option<Vec<i64>>, _>("writes")?.unwrap_or_default();
        Ok(Self {
            server: row.try_get("server")?,
            is_standby: row.try_get("is_standby")?,
            now: row.try_get("now")?,
            snapshot: row.try_get("snapshot")?,
            epoch: row.try_get("epoch")?,
            is_complete: row.try_get::<Option<bool>, _>("is_complete")?.unwrap_or_default(),
            lists: with_lists.then(|| decode(&changed, &writes, ListName::read)),
            changes: decode(&changed, &writes, |selector| record::selector(selector).ok()),
        })
    }

    /// Returns `true` if this poll has seen everything that changed since `last`.
    fn continues(&self, last: &Position, epoch: i64) -> bool {
        self.server == last.server && epoch == last.epoch && self.is_complete
    }
}

/// All that `read` can decode, each with the write that changed it.
fn decode<T>(changed: &[Vec<u8>], writes: &[i64], read: impl Fn(&[u8]) -> Option<T>) -> Vec<(T, i64)> {
    changed.iter().zip(writes).filter_map(|(column, write)| Some((read(column)?, *write))).collect()
}

impl Feed {
    pub(super) fn new(nodes: Arc<Nodes>, lease: Duration) -> Arc<Self> {
        let current = Current { lease: Lease::NONE, server: 0, time: None };
        Arc::new(Self {
            nodes,
            own_writes: OwnWrites::default(),
            watched_lists: WatchedLists::default(),
            leases: Leases::with_slots(SLOT + 1),
            current: Mutex::new(current),
            used: AtomicBool::new(true),
            paused: AtomicBool::new(false),
            wake: Notify::new(),
            kept: lease * KEPT,
            state: watch::Sender::new(FeedState::Starting),
            snapshots: Mutex::default(),
        })
    }

    /// The lease for a call. To be read before the call is sent: a change that comes between the
    /// two is reported under this lease.
    pub(super) fn current(&self) -> Current {
        self.mark_used();
        *self.current.lock()
    }

    /// Makes a feed that has paused go on.
    pub(super) fn mark_used(&self) {
        self.used.store(true, Ordering::SeqCst);
        if self.paused.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
    }

    pub(super) fn is_lease_valid(&self, lease: Lease) -> bool {
        // A load first, because all requests share this flag.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
        self.leases.is_valid(lease)
    }

    /// While nobody uses a copy, the lease may run out.
    pub(super) fn is_lease_lost(&self) -> bool {
        !self.paused.load(Ordering::SeqCst) && !self.leases.is_held(SLOT)
    }

    pub(super) fn time(&self) -> Option<Timestamp> {
        let (time, at) = self.current.lock().time?;
        Some(time.after(at.elapsed()))
    }

    /// Polls soon, because another node has reported a change.
    pub(super) fn wake(&self) {
        self.wake.notify_one();
    }

    pub(super) fn state(&self) -> watch::Receiver<FeedState> {
        self.state.subscribe()
    }

    /// The snapshot that sees the changes which every node has read. `None` if it is not known yet.
    pub(super) fn read_by_all(&self) -> Option<String> {
        let mut snapshots = self.snapshots.lock();
        let mut last = None;
        while snapshots.front().is_some_and(|(at, _)| at.elapsed() >= self.kept) {
            last = snapshots.pop_front();
        }
        last.map(|(_, snapshot)| snapshot)
    }

    /// Invalidates all copies, and begins a new lease.
    fn begin_lease(&self, sent: Instant, server: i64, lease: Duration) {
        let new = self.leases.fresh(SLOT);
        self.leases.release(SLOT);
        self.current.lock().lease = Lease::NONE;
        // Those of another server mean nothing here.
        self.snapshots.lock().clear();
        // Before the lease begins: a write that is based on an old copy must find that copy gone.
        self.nodes.changed_all();
        self.leases.begin(new, sent + lease);
        let mut current = self.current.lock();
        (current.lease, current.server) = (new, server);
    }

    fn end_lease(&self) {
        self.leases.release(SLOT);
        self.current.lock().lease = Lease::NONE;
    }
}

/// The task that polls.
pub(super) struct FeedTask {
    pub(super) feed: Arc<Feed>,
    pub(super) database: Database,
    pub(super) namespace: Namespace,
    pub(super) lease: Duration,
    pub(super) poll_interval: Duration,
}

impl FeedTask {
    /// Follows the changes, over a new connection whenever one breaks.
    pub(super) async fn run(self) {
        let mut wait = self.poll_interval.min(LONGEST_WAIT) / 4;
        loop {
            let began = Instant::now();
            let error = match self.follow().await {
                Ok(never) => match never {},
                Err(error) => error,
            };
            self.feed.end_lease();
            let error = Arc::new(error);
            // Once per outage, which has an attempt per second.
            match self.feed.state.send_replace(FeedState::Failed(Arc::clone(&error))) {
                FeedState::Failed(_) => {
                    tracing::debug!(%error, "changes of sessions by other nodes still cannot be read");
                }
                _ => {
                    tracing::warn!(%error, "changes of sessions by other nodes cannot be read; copies in memory are not used");
                }
            }
            wait = if began.elapsed() > LONGEST_WAIT { self.poll_interval / 4 } else { (wait * 2).min(LONGEST_WAIT) };
            tokio::time::sleep(wait).await;
        }
    }

    /// Polls over one connection until it breaks.
    async fn follow(&self) -> sqlx::Result<std::convert::Infallible> {
        let mut connection = OwnConnection::open(&self.database).await?;
        let mut position = None;
        let mut unused = 0;
        loop {
            self.feed.own_writes.before_poll();
            let sent = Instant::now();
            let poll = self.poll(&mut connection, position.as_ref()).await?;
            if poll.is_standby {
                return Err(sqlx::Error::Protocol("the server is a standby".to_owned()));
            }
            let Some(epoch) = poll.epoch else {
                self.begin_feed(&mut connection).await?;
                position = None;
                continue;
            };
            self.handle(&poll, epoch, position.as_ref(), sent);
            position = Some(Position { server: poll.server, epoch, snapshot: poll.snapshot });
            unused = if self.feed.used.swap(false, Ordering::Relaxed) { 0 } else { unused + 1 };
            self.wait(sent, unused >= UNUSED_POLLS).await;
        }
    }

    async fn poll(&self, connection: &mut OwnConnection, position: Option<&Position>) -> sqlx::Result<Poll> {
        let query = connection.query(&self.database.statements.changes);
        let query = query.bind(position.map_or_else(|| LAST.to_owned(), |position| position.snapshot.clone()));
        // Before the poll is sent: what is asked for later did not get its lists.
        let with_lists = self.feed.watched_lists.is_any();
        let query = query.bind(self.namespace.as_str().to_owned()).bind(with_lists);
        let answer = tokio::time::timeout(self.lease.max(self.database.deadline), connection.fetch_all(query)).await;
        let rows = answer.map_err(|_| fault::timed_out())??;
        Poll::read(rows.first().ok_or(sqlx::Error::RowNotFound)?, with_lists)
    }

    async fn begin_feed(&self, connection: &mut OwnConnection) -> sqlx::Result<()> {
        let query = connection.query(&self.database.statements.begin_feed).bind(super::random_number());
        let made = tokio::time::timeout(self.database.deadline, connection.fetch_all(query)).await;
        made.map_err(|_| fault::timed_out())?.map(drop)
    }

    fn handle(&self, poll: &Poll, epoch: i64, last: Option<&Position>, sent: Instant) {
        let feed = &self.feed;
        if last.is_some_and(|last| poll.continues(last, epoch)) {
            let is_foreign = |write: i64| !feed.own_writes.contains(write);
            let foreign: Vec<_> =
                poll.changes.iter().filter(|(_, write)| is_foreign(*write)).map(|(selector, _)| *selector).collect();
            feed.nodes.changed_anywhere(&foreign);
            feed.leases.prolong(feed.current.lock().lease, sent + self.lease);
            let changed = poll.lists.as_ref().map(|lists| {
                // The local tier of a write knows of it already.
                let lists = lists.iter().filter(|(_, write)| !feed.nodes.is_one() || is_foreign(*write));
                lists.filter_map(|(name, _)| feed.watched_lists.principal_of(name)).collect()
            });
            // A list that was first asked for while the poll was on its way may have changed.
            feed.nodes.members_changed(&changed.unwrap_or_else(|| feed.watched_lists.all()));
        } else {
            feed.begin_lease(sent, poll.server, self.lease);
            feed.nodes.members_changed(&feed.watched_lists.all());
            if let FeedState::Failed(_) = feed.state.send_replace(FeedState::Following) {
                tracing::info!("changes of sessions by other nodes are read again");
            }
        }
        feed.own_writes.after_poll();
        let now = Timestamp::from_millis(u64::try_from(poll.now).unwrap_or_default());
        // The answer was made at some time between the two.
        feed.current.lock().time = Some((now, sent + sent.elapsed() / 2));
        let mut snapshots = feed.snapshots.lock();
        if snapshots.back().is_none_or(|(at, _)| at.elapsed() >= feed.kept / 60) {
            snapshots.push_back((Instant::now(), poll.snapshot.clone()));
        }
    }

    /// Waits until the next poll is due.
    async fn wait(&self, last: Instant, pause: bool) {
        let feed = &self.feed;
        if pause {
            feed.paused.store(true, Ordering::SeqCst);
            // A use that came just before the line above did not wake this task, and a notification
            // of another node is no use.
            while !feed.used.load(Ordering::SeqCst) {
                feed.wake.notified().await;
            }
            feed.paused.store(false, Ordering::Relaxed);
            return;
        }
        drop(tokio::time::timeout(self.poll_interval, feed.wake.notified()).await);
        tokio::time::sleep(SHORTEST.saturating_sub(last.elapsed())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_that_cannot_be_decoded_shifts_no_write_to_another_session() {
        let (first, second) = (Selector::from_bytes([1; 16]), Selector::from_bytes([2; 16]));
        let selectors = vec![first.as_bytes().to_vec(), vec![0], second.as_bytes().to_vec()];
        let read = |column: &[u8]| record::selector(column).ok();
        assert_eq!(decode(&selectors, &[10, 20, 30], read), [(first, 10), (second, 30)]);
    }
}
