use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::application::{PrincipalSessions, SessionInfo};
use crate::engine::PrincipalSubscription;
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::Arc;
use crate::time::{Sleep, Timestamp};
use crate::token::PublicId;

use super::steps::{Steps, Watcher};
use super::wait::notified_or_due;

/// How often the list is read from a shared tier while it is watched: not every store reports the
/// changes of other nodes, and a report may be lost.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// When the list is read again after a change was reported. A login adds the session to the index
/// before it changes the session, and only then is the session on the list.
const SETTLING: [Duration; 3] = [Duration::from_millis(10), Duration::from_millis(40), Duration::from_millis(200)];

/// A stream of the sessions of a principal.
///
/// Returned by [`PrincipalSessions::watch`]. The first item is the present
/// [`list`](PrincipalSessions::list), and each further one a later list in which a session was added
/// or has ended, or was logged in to again. Activity alone is not a change.
///
/// A login, logout or revocation is delivered at once: from this node by itself, from another node
/// by a report of the shared tier, if that is Redis or PostgreSQL. With other stores, and if a report
/// is lost, it is found when the list is read again, once per second while it is watched. The list is
/// also read when the time of one of its sessions is over. A reader that is slow skips lists in
/// between. While the shared tier cannot be reached, the stream waits.
///
/// It never ends, as a principal without sessions may log in again; in a handler, end it with
/// [`Session::ended`](crate::Session::ended). An `Err` item reports another failure than a store
/// that cannot be reached, once per kind; the stream goes on.
pub struct SessionsWatch(Steps<ListWatcher>);

impl SessionsWatch {
    /// Waits for the next list.
    ///
    /// Cancel safe: if the future is dropped, no list is lost.
    pub async fn next(&mut self) -> Option<Result<Vec<SessionInfo>, SessionError>> {
        poll_fn(|context| self.0.poll_next(context)).await
    }
}

impl Stream for SessionsWatch {
    type Item = Result<Vec<SessionInfo>, SessionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context)
    }
}

impl fmt::Debug for SessionsWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionsWatch").finish_non_exhaustive()
    }
}

/// What distinguishes one list from the next: the sessions with their logins and labels.
type Shown = Vec<(PublicId, Timestamp, Option<Arc<str>>)>;

struct ListWatcher {
    sessions: PrincipalSessions,
    subscription: PrincipalSubscription,
    delivered: Option<Shown>,
    /// The error that was delivered last, if no list was since.
    failed: Option<SessionErrorKind>,
    /// The reads that follow the last report of a change.
    settling: std::slice::Iter<'static, Duration>,
    /// When the first session of the last list ends if it is not seen again; far away if the list
    /// could not be read.
    ends_at: Timestamp,
}

impl ListWatcher {
    /// Returns the item for a list, unless it was delivered.
    fn item(&mut self, list: Result<(Vec<SessionInfo>, Timestamp), SessionError>) -> Option<<Self as Watcher>::Item> {
        self.ends_at = list.as_ref().map_or(Timestamp::MAX, |(_, ends_at)| *ends_at);
        match list {
            Ok((list, _)) => {
                let shown: Shown =
                    list.iter().map(|info| (info.id, info.authenticated_at, info.label.clone())).collect();
                let is_new = self.failed.take().is_some() || self.delivered.as_ref() != Some(&shown);
                self.delivered = Some(shown);
                is_new.then_some(Ok(list))
            }
            Err(error) if error.kind() == SessionErrorKind::StoreUnavailable => None,
            Err(error) => (self.failed.replace(error.kind()) != Some(error.kind())).then_some(Err(error)),
        }
    }

    async fn wait(&mut self) {
        let engine = self.sessions.engine();
        if !engine.has_shared_tier() {
            return self.subscription.changed().await;
        }
        let again: Sleep = match self.settling.next() {
            Some(pause) => Box::pin(crate::sync::sleep(*pause)),
            None => engine.sleep(self.ends_at.since(engine.now()).min(READ_INTERVAL)),
        };
        if notified_or_due(self.subscription.changed(), Some(again)).await {
            self.settling = SETTLING.iter();
        }
    }
}

impl Watcher for ListWatcher {
    type Item = Result<Vec<SessionInfo>, SessionError>;

    async fn next(&mut self) -> Option<Self::Item> {
        loop {
            // Before the list is read: a change that comes later wakes this watcher again.
            self.subscription.mark_seen();
            self.sessions.engine().watch_members(self.sessions.principal()).await;
            let list = self.sessions.list_until().await;
            if let Some(item) = self.item(list) {
                return Some(item);
            }
            self.wait().await;
        }
    }
}

impl PrincipalSessions {
    /// Follows the list of sessions: returns a stream of lists, for a page of devices that is open.
    ///
    /// [`SessionsWatch`] states what is delivered. Over a shared tier, each stream reads the whole
    /// list once per second, so it is not for principals with thousands of sessions, nor for
    /// thousands of streams at once.
    ///
    /// ```
    /// # use cloakroom::{SessionError, Sessions};
    /// # async fn show(devices: usize) {}
    /// async fn follow(sessions: Sessions, user: u64) -> Result<(), SessionError> {
    ///     let mut lists = sessions.of(user).watch();
    ///     while let Some(devices) = lists.next().await {
    ///         show(devices?.len()).await;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    #[must_use]
    pub fn watch(&self) -> SessionsWatch {
        let subscription = self.engine().watch_principal(self.principal());
        SessionsWatch(Steps::new(ListWatcher {
            sessions: self.clone(),
            subscription,
            delivered: None,
            failed: None,
            settling: [].iter(),
            ends_at: Timestamp::MAX,
        }))
    }
}
