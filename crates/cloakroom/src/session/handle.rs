use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::cache::Snapshot;
#[cfg(feature = "jwt")]
use crate::identity::Principal;
use crate::identity::Token;
use crate::sessions::{Engine, OnInvalidToken, OnStoreError, Open, SessionError, SessionErrorKind};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::time::Timestamp;

use super::desk::{Desk, LayerOptions};
use super::held::{AnsweredBy, Held, News, Standing};
use super::shown::{Refusal, Shown, Way};

const SEVERAL_COOKIES: &str = "several cookies of the session's name have different tokens";
/// How soon a store that did not answer is asked again what to tell the client.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// One request's hold on its client's session. Clones are the same hold.
#[derive(Clone)]
pub(crate) struct Handle {
    request: Arc<Inner>,
    /// Of the layer through which this one came, which may be further in than the one that answers.
    options: LayerOptions,
}

struct Inner {
    desk: Arc<Desk>,
    held: Mutex<Held>,
    used: AtomicBool,
    came_with_token: bool,
    refusal: Option<Refusal>,
    way: Way,
    turn: tokio::sync::Mutex<()>,
}

/// What the response has to tell the client about its token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// Nothing.
    Unchanged,
    /// A version, but it is not known under which token, or there is none: [`settle`](Handle::settle) that, and ask again.
    Unsettled,
    /// A token to keep.
    Keep {
        token: Token,
        /// After this long it opens nothing any more.
        lifetime: Duration,
        /// It should outlive the browser.
        persistent: bool,
    },
    /// That it may forget its token.
    Forget,
}

impl Handle {
    /// Looks for the token's session in memory, which does not fall idle while the request is in progress. No I/O.
    pub(crate) fn new(desk: Arc<Desk>, shown: &Shown, way: Way) -> Self {
        let token = shown.token();
        let mut held =
            token.map_or_else(Held::default, |token| Held::glance(&desk.engine, token, !desk.options.without_activity));
        held.outdated = matches!(shown, Shown::Outdated(_));
        let options = desk.options;
        let request = Arc::new(Inner {
            desk,
            held: Mutex::new(held),
            used: AtomicBool::new(false),
            came_with_token: token.is_some(),
            refusal: shown.refusal(),
            way,
            turn: tokio::sync::Mutex::new(()),
        });
        Self { request, options }
    }

    /// The session of the same request, with the options that a layer further in changes.
    pub(crate) fn with_options(&self, inner: LayerOptions) -> Self {
        if inner.without_activity {
            self.with_held(Held::be_passive);
        }
        Self { request: Arc::clone(&self.request), options: inner.inside(self.options) }
    }

    /// Whether both are the session of one request under one layer.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.request, &other.request)
    }

    /// By which way the client is to be answered.
    pub(crate) fn way(&self) -> Way {
        self.request.way
    }

    /// Why what the request showed opens no session, where that is known without looking.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.request.refusal
    }

    /// Whether the client showed a token. An answer that depends on that depends on the session.
    pub(super) fn came_with_token(&self) -> bool {
        self.request.used.store(true, Ordering::Relaxed);
        self.request.came_with_token
    }

    /// Whether anybody asked for something of the session, so that the response depends on it.
    pub(crate) fn was_used(&self) -> bool {
        self.request.used.load(Ordering::Relaxed)
    }

    /// The response carries what [`Reply::Keep`] says.
    pub(crate) fn delivered(&self) {
        self.with_held(Held::delivered);
    }

    /// The request ends without a response: its handler panicked, or it was cancelled.
    pub(crate) fn abandon(&self) {
        drop(self.with_held(Held::abandon));
    }

    /// Whether somebody else has the session still, now that the response begins: what follows of it, such as a stream,
    /// may depend on the session.
    pub(crate) fn outlives_its_response(&self) -> bool {
        Arc::strong_count(&self.request) > 1
    }

    /// What the response has to tell the client.
    pub(crate) fn reply(&self) -> Reply {
        let now = self.engine().now();
        self.with_held(|held| held.reply(now))
    }

    /// Asks whether the token of this request is still the present one. If it is dead, or nobody answers, the client
    /// is not told of a version: it might be receiving a newer token right now, which this one would overwrite. Where it
    /// knows of an older one, no node serves that any more by then, so that it needs not be told.
    pub(crate) async fn settle(&self) {
        let present = match self.open().await {
            Ok(Some(present)) => Some(present),
            asked if self.is_ahead_of_its_client() => self.outlast_older_copies(asked.is_ok()).await,
            _ => None,
        };
        self.with_held(|held| held.settle(present.as_ref().map(|(_, state)| &**state)));
    }

    /// Whether the client holds a token, and sees another version by this answer than the token says.
    fn is_ahead_of_its_client(&self) -> bool {
        self.request.came_with_token && self.with_held(|held| held.shows_news())
    }

    /// Waits for as long as other nodes may serve copies that are old, as the news may not have reached them. Unless the
    /// token is dead, and while nobody says so, goes on asking.
    async fn outlast_older_copies(&self, mut is_dead: bool) -> Option<Open> {
        let longest = self.engine().store.as_ref().map(|store| store.longest_lease())?;
        let answer = async {
            while !is_dead {
                crate::sync::pause(ASK_AGAIN).await;
                match self.open().await {
                    Ok(Some(present)) => return present,
                    asked => is_dead = asked.is_ok(),
                }
            }
            std::future::pending().await
        };
        crate::sync::within(longest, answer).await
    }

    /// What a token says that says more than which session it opens: when it is made, and for whom.
    #[cfg(feature = "jwt")]
    pub(crate) fn bearer_now(&self) -> (Timestamp, Option<Principal>) {
        (self.engine().now(), self.with_held(|held| held.principal()))
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.request.desk.engine
    }

    /// What the transport left at the desk, if it is a `C`.
    pub(crate) fn transport<C: Any>(&self) -> Option<&C> {
        self.request.desk.transport.downcast_ref()
    }

    pub(super) fn with_held<R>(&self, act: impl FnOnce(&mut Held) -> R) -> R {
        act(&mut self.request.held.lock())
    }

    /// Lines up creation, login, renewal and logout, so that a request creates one session at most.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.request.turn.lock().await
    }

    /// What `read` finds in the live session without waiting. `None` says nothing: then [`open`](Self::open) it.
    pub(super) fn glimpse<R>(&self, read: impl FnOnce(&Snapshot, Timestamp) -> Option<R>) -> Option<R> {
        self.request.used.store(true, Ordering::Relaxed);
        if self.must_refresh() {
            return None;
        }
        self.with_held(|held| held.glimpse(self.engine(), read))
    }

    /// Whether memory may not answer yet.
    fn must_refresh(&self) -> bool {
        self.options.always_refresh && !self.with_held(|held| held.is_refreshed)
    }

    /// The live session that the client's token opens by what the shared tier says now.
    pub(super) async fn refresh(&self) -> Result<Option<Open>, SessionError> {
        self.request.used.store(true, Ordering::Relaxed);
        let Some(bearer) = self.with_held(|held| held.bearer) else { return self.without_token() };
        let access = self.engine().refresh(&bearer).await?;
        Ok(self.with_held(|held| {
            held.is_refreshed = true;
            held.note(self.engine(), &bearer, access)
        }))
    }

    /// The live session that the client's token opens, if there is one.
    pub(super) async fn open(&self) -> Result<Option<Open>, SessionError> {
        if self.must_refresh() {
            return Box::pin(self.refresh()).await;
        }
        self.request.used.store(true, Ordering::Relaxed);
        let (bearer, cell) = self.with_held(|held| (held.bearer, held.cell.clone()));
        let Some(bearer) = bearer else { return self.without_token() };
        let access = self.engine().open(&bearer, cell.as_ref()).await?;
        Ok(self.with_held(|held| held.note(self.engine(), &bearer, access)))
    }

    /// The same without counting as activity: for who waits, or has done what is to be told only.
    pub(super) async fn open_unnoticed(&self) -> Result<Option<Open>, SessionError> {
        self.request.used.store(true, Ordering::Relaxed);
        let (bearer, cell) = self.with_held(|held| (held.bearer, held.cell.clone()));
        let Some(bearer) = bearer else { return self.without_token() };
        let access = self.engine().open(&bearer, cell.as_ref()).await?;
        Ok(self.with_held(|held| held.take_note(&bearer, access)))
    }

    /// An error if a token that is made now cannot reach the client any more.
    pub(super) fn can_give_token(&self) -> Result<(), SessionError> {
        match self.with_held(|held| held.has_response_begun) {
            true => Err(SessionError::new(SessionErrorKind::ResponseBegun)),
            false => Ok(()),
        }
    }
}

/// A request in progress, until its response begins or nobody waits for it any more.
pub(crate) struct InProgress(Handle);

impl InProgress {
    pub(crate) const fn new(handle: Handle) -> Self {
        Self(handle)
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.0
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        // Whoever has the last share has nobody to tell that the response has begun.
        if self.0.outlives_its_response() {
            self.0.with_held(|held| held.begin_response(self.0.engine()));
        }
    }
}

impl Handle {
    /// Whether the client came with nothing, or with too much.
    fn without_token(&self) -> Result<Option<Open>, SessionError> {
        match self.request.refusal {
            Some(Refusal::Contradiction) => Err(SessionError::new(SessionErrorKind::Ambiguous)),
            _ => Ok(None),
        }
    }

    /// The live session, for an answer that changes nothing. Where the shared tier cannot be asked, what
    /// the layer says instead.
    ///
    /// All reads of a request agree: once one of them was given the session, no later one is given `None`.
    pub(super) async fn open_to_read(&self) -> Result<Option<Open>, SessionError> {
        if self.with_held(|held| held.is_read_as_absent) {
            return Ok(None);
        }
        match self.open_or_ended().await {
            Err(error) if error.kind() == SessionErrorKind::StoreUnavailable => self.without_store(error),
            answer => answer,
        }
    }

    /// The same, where a fault of the shared tier is an error whatever the layer says.
    pub(super) async fn open_or_ended(&self) -> Result<Option<Open>, SessionError> {
        self.present_or_ended(self.open().await?)
    }

    /// The same by what the shared tier says now.
    #[cfg(feature = "axum")]
    pub(super) async fn refresh_or_ended(&self) -> Result<Option<Open>, SessionError> {
        self.present_or_ended(self.refresh().await?)
    }

    /// The live session, for a change of what is in it. An error where the client has none that may be changed, and
    /// where a new one could overwrite the visitor's own.
    pub(super) async fn open_to_write(&self) -> Result<Option<Open>, SessionError> {
        let open = self.open().await?;
        if open.is_none() {
            self.may_get_a_new_token()?;
            if self.with_held(|held| held.standing) != Standing::Anonymous || self.is_invalid() {
                return Err(SessionError::new(SessionErrorKind::Ended));
            }
        }
        Ok(open)
    }

    /// An error if a new token would overwrite another one of which nobody can say whether it is the visitor's.
    pub(super) fn may_get_a_new_token(&self) -> Result<(), SessionError> {
        use SessionErrorKind::{Ambiguous, TooManyCookies};
        match self.request.refusal {
            Some(Refusal::Contradiction) => Err(SessionError::new(Ambiguous)),
            Some(Refusal::SeveralCookies) => Err(SessionError::with_source(Ambiguous, SEVERAL_COOKIES)),
            Some(Refusal::OversizedCookies) => Err(SessionError::new(TooManyCookies)),
            Some(Refusal::Invalid) | None => Ok(()),
        }
    }

    /// What a request without a live session is told that asks for something in it.
    fn present_or_ended(&self, open: Option<Open>) -> Result<Option<Open>, SessionError> {
        if open.is_none() && (self.with_held(|held| held.was_opened()) || self.is_invalid()) {
            return Err(SessionError::new(SessionErrorKind::Ended));
        }
        Ok(open)
    }

    /// Whether the request shows a token that opens nothing, where that is not the same as to show none. To be asked
    /// when it is known to open nothing.
    fn is_invalid(&self) -> bool {
        let rejects = match self.options.on_invalid_token {
            Some(answer) => answer == OnInvalidToken::Reject,
            None => self.request.way == Way::Header,
        };
        let shown = self.request.came_with_token || self.request.refusal == Some(Refusal::Invalid);
        rejects && shown && !self.with_held(|held| held.news == News::LoggedOut)
    }

    fn without_store(&self, error: SessionError) -> Result<Option<Open>, SessionError> {
        let bound = match self.options.on_store_error.unwrap_or_default() {
            OnStoreError::Fail => return Err(error),
            OnStoreError::Anonymous => return self.with_held(|held| held.read_as_absent(error)),
            OnStoreError::ServeStale(bound) => bound,
        };
        let (bearer, cell) = self.with_held(|held| (held.bearer, held.cell.clone()));
        let stale = bearer.zip(cell).and_then(|(bearer, cell)| self.engine().stale(&bearer, &cell, bound));
        if stale.is_some() {
            self.engine().ledger.counters.stale_sessions_served.count();
        }
        stale.map(Some).ok_or(error)
    }

    /// The latest activity that this request knows of: itself, if it counts.
    pub(super) fn activity(&self) -> Timestamp {
        if self.with_held(|held| held.is_active()) { self.engine().now() } else { Timestamp::default() }
    }

    /// Who answered when this request first asked for its session.
    pub(super) fn answered_by(&self) -> Option<AnsweredBy> {
        self.with_held(|held| held.answered_by)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.held.get_mut().finish(&self.desk.engine);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
