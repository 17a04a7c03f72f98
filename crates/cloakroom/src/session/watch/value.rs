use std::fmt;
use std::future::poll_fn;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;

use crate::cache::EndReason;
use crate::engine::OpenSession;
use crate::error::{SessionError, SessionErrorKind};
use crate::session::Session;
use crate::session::detached::DetachedSession;
use crate::session::typed_value::read;
use crate::session::value::{SessionValue, key};
use crate::sync::Arc;

use super::steps::{Steps, Watcher};
use super::subscription::Subscription;
use super::wait::notified_or_due;
use super::watched::Watched;

/// How often a watcher over a shared tier checks, without I/O, that its copy is still current, and
/// asks again after a failure.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A stream of the versions of one value of a session.
///
/// Returned by [`Session::watch`] and [`DetachedSession::watch`]. The first item is the present
/// value, and each further one is a later version. `None` as a value means that the session has no
/// (fresh) one, because it was removed or never written. The end of the stream means that the
/// session has ended, or belongs to another login; [`end_reason`](Self::end_reason) says which.
///
/// - **Nothing newer is missed.** The last version is always delivered, whichever node, tab or device
///   wrote it. A reader that is slower than the writers skips versions in between.
/// - **Versions only go forward**, and none is delivered twice. An item that is requested after a
///   write of this process has returned is that write or a later one. Exception: if the shared tier
///   has lost writes that it had acknowledged, the stream follows it back.
/// - **A shared tier that cannot be reached ends nothing**: the stream waits, and continues with the
///   newest version.
/// - **A change on another node arrives with its invalidation**, normally within milliseconds. If the
///   invalidation is lost, the stream finds the change once the lease of its copy is over, at most a
///   second after that.
/// - **It keeps nothing alive.** Waiting is not activity; see [`keep_active`](Session::keep_active).
///   Expiry is noticed as late as by [`ended`](Session::ended).
///
/// An `Err` item reports that the value cannot be read, once per kind of error; the stream goes on.
/// A cached value is delivered when it is loaded, replaced or removed; the end of its freshness is
/// not an event.
///
/// It is a [`Stream`], for server-sent events and combinators, and has a [`next`](Self::next) of its
/// own. Dropping it ends the watch.
pub struct Watch<T: SessionValue>(Steps<ValueWatcher<T>>);

impl<T: SessionValue> Watch<T> {
    /// Waits for the next version. `None` when the session has ended.
    ///
    /// Cancel safe: if the future is dropped, no version is lost.
    pub async fn next(&mut self) -> Option<Result<Option<Arc<T>>, SessionError>> {
        poll_fn(|context| self.0.poll_next(context)).await
    }

    /// Returns why the session ended, once the stream has. `None` before that, and if the session
    /// lives on and only a login or a rotation has replaced the client's token.
    #[must_use]
    pub fn end_reason(&self) -> Option<EndReason> {
        self.0.over().and_then(ValueWatcher::end_reason)
    }
}

impl<T: SessionValue> Stream for Watch<T> {
    type Item = Result<Option<Arc<T>>, SessionError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context)
    }
}

impl<T: SessionValue> fmt::Debug for Watch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

struct ValueWatcher<T> {
    watched: Watched,
    /// `None` until the session was opened.
    subscription: Option<Subscription>,
    /// The version of the session that the value was last read from.
    session_version: Option<u64>,
    /// The version of the last value that was delivered, and whether there was one.
    delivered: Option<(u64, bool)>,
    /// The error that was delivered last, if no value was since.
    failed: Option<SessionErrorKind>,
    value: PhantomData<fn() -> T>,
}

impl<T: SessionValue> ValueWatcher<T> {
    /// Opens the session and subscribes to it, if there is one.
    async fn start(watched: Watched) -> Result<Self, SessionError> {
        let mut watcher = Self {
            watched,
            subscription: None,
            session_version: None,
            delivered: None,
            failed: None,
            value: PhantomData,
        };
        let limit = watcher.watched.engine().max_watches_per_session();
        while watcher.subscription.is_none() {
            let Some(open) = watcher.watched.open().await? else { break };
            watcher.subscription = Subscription::new(watcher.watched.engine(), &open.entry, limit)?;
        }
        Ok(watcher)
    }

    fn end_reason(&self) -> Option<EndReason> {
        self.subscription.as_ref().map_or(Some(EndReason::Gone), Subscription::end_reason)
    }

    /// Follows the session to another entry. Returns `true` if it did: then the state may have
    /// changed before the subscription, and has to be read again.
    fn follow(&mut self, open: &OpenSession) -> bool {
        if self.subscription.as_ref().is_some_and(|subscription| subscription.is_of(&open.entry)) {
            return false;
        }
        // Without the limit, because the place of the old subscription becomes free.
        if let Ok(Some(subscription)) = Subscription::new(self.watched.engine(), &open.entry, usize::MAX) {
            self.subscription = Some(subscription);
        }
        true
    }

    /// Returns the item for a state of the session, unless it was delivered.
    fn item(&mut self, open: &OpenSession) -> Option<Result<Option<Arc<T>>, SessionError>> {
        let version = open.snapshot()?.version;
        if self.session_version.replace(version) == Some(version) {
            return None;
        }
        let engine = self.watched.engine();
        let found = match read::<T>(engine, open, key::<T>()) {
            Ok(found) => found,
            Err(error) => return self.failure(error),
        };
        let version = found.version;
        let value = found.fresh(engine.now());
        let is_repeated = |(last, was_present): (u64, bool)| last == version || !was_present && value.is_none();
        let is_repeated = self.failed.is_none() && self.delivered.is_some_and(is_repeated);
        (self.failed, self.delivered) = (None, Some((version, value.is_some())));
        (!is_repeated).then_some(Ok(value))
    }

    /// Returns the item for a failure, unless the last item was the same one.
    fn failure(&mut self, error: SessionError) -> Option<Result<Option<Arc<T>>, SessionError>> {
        (self.failed.replace(error.kind()) != Some(error.kind())).then_some(Err(error))
    }

    /// Waits for the next notification; over a shared tier, for the next check at the latest.
    async fn wait(&mut self) {
        let engine = self.watched.engine();
        let check = engine.has_shared_tier().then(|| engine.sleep(CHECK_INTERVAL));
        if let Some(subscription) = &mut self.subscription {
            notified_or_due(subscription.changed(), check).await;
        }
    }
}

impl<T: SessionValue> Watcher for ValueWatcher<T> {
    type Item = Result<Option<Arc<T>>, SessionError>;

    async fn next(&mut self) -> Option<Self::Item> {
        loop {
            // Before the session is read: a change that comes later wakes this watcher again.
            self.subscription.as_mut()?.mark_seen();
            let item = match self.watched.open().await {
                Ok(None) => return None,
                Ok(Some(open)) if self.follow(&open) => continue,
                Ok(Some(open)) => self.item(&open),
                Err(error) if error.kind() == SessionErrorKind::Ambiguous => return None,
                // It does not mean that the session has ended or changed.
                Err(error) if error.kind() == SessionErrorKind::StoreUnavailable => None,
                Err(error) => {
                    self.session_version = None;
                    self.failure(error)
                }
            };
            if item.is_some() {
                return item;
            }
            self.wait().await;
        }
    }
}

impl Session {
    /// Follows the value of type `T`: returns a stream of its versions, from whichever tab, device
    /// or node changes it, until the session ends.
    ///
    /// For server-sent events and WebSockets. [`Watch`] states what is delivered. Creates nothing:
    /// without a session the stream ends at once.
    ///
    /// ```
    /// use axum::response::sse::{Event, Sse};
    /// use cloakroom::{Session, SessionError, SessionValue};
    /// # use serde::{Deserialize, Serialize};
    /// use futures_util::{Stream, StreamExt};
    ///
    /// # #[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
    /// struct Cart { items: Vec<String> }
    ///
    /// async fn badge(session: Session) -> Result<Sse<impl Stream<Item = Result<Event, SessionError>>>, SessionError> {
    ///     let carts = session.watch::<Cart>().await?;
    ///     Ok(Sse::new(carts.map(|cart| {
    ///         let count = cart?.map_or(0, |cart| cart.items.len());
    ///         Ok(Event::default().data(count.to_string()))
    ///     })))
    /// }
    /// # let _: axum::Router = axum::Router::new().route("/badge", axum::routing::get(badge));
    /// ```
    ///
    /// A login, a logout and a [rotation](Session::rotate) end the stream: the session then belongs
    /// to another token. A [renewal](Session::renew) does not. A session that nobody
    /// watches stores nothing for it. Over a shared tier, a stream wakes up once per second to check its
    /// copy, without I/O while the copy is current.
    ///
    /// # Errors
    /// - [`TooManyWatches`](SessionErrorKind::TooManyWatches) beyond
    ///   [`max_watches_per_session`](crate::SessionsBuilder::max_watches_per_session);
    /// - the errors of a shared tier, for the first read.
    pub async fn watch<T: SessionValue>(&self) -> Result<Watch<T>, SessionError> {
        let watcher = ValueWatcher::start(Watched::OfClient(self.request().clone())).await?;
        Ok(Watch(Steps::new(watcher)))
    }
}

impl DetachedSession {
    /// Follows the value of type `T`: returns a stream of its versions until the session ends.
    ///
    /// See [`Session::watch`] and [`Watch`]. A login to the session does not end this stream, unless
    /// the session was found among those of another principal.
    ///
    /// # Errors
    /// As [`Session::watch`].
    pub async fn watch<T: SessionValue>(&self) -> Result<Watch<T>, SessionError> {
        let watcher = ValueWatcher::start(Watched::Detached(self.clone())).await?;
        Ok(Watch(Steps::new(watcher)))
    }
}
