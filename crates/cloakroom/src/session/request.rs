use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::cache::Snapshot;
use crate::config::{OnInvalidToken, OnStoreError};
use crate::engine::{Engine, OpenSession};
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::time::Timestamp;
#[cfg(feature = "jwt")]
use crate::token::Principal;
use crate::token::Token;

use super::client_token::{ClientToken, SessionSource, TokenChange, TokenStatus};
use super::layer_context::{LayerContext, LayerOptions};
use super::presented_token::{CarrierKind, PresentedToken, TokenRefusal};

const SEVERAL_COOKIES: &str = "several cookies of the session's name have different tokens";
/// How soon a store that did not answer is asked again what to tell the client.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// One request's hold on its client's session. Clones are the same hold.
#[derive(Clone)]
pub(crate) struct RequestSession {
    request: Arc<RequestState>,
    /// Of the layer through which this one came, which may be further in than the one that answers.
    options: LayerOptions,
}

struct RequestState {
    layer: Arc<LayerContext>,
    client_token: Mutex<ClientToken>,
    used: AtomicBool,
    has_token: bool,
    refusal: Option<TokenRefusal>,
    carrier: CarrierKind,
    lock: tokio::sync::Mutex<()>,
}

/// What the response has to tell the client about its token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenUpdate {
    /// Nothing.
    None,
    /// A version, but it is not known under which token, or there is none: [`resolve_pending`](RequestSession::resolve_pending) that, and ask again.
    Pending,
    /// A token to keep.
    Issue {
        token: Token,
        /// After this long it opens nothing any more.
        lifetime: Duration,
        /// It should outlive the browser.
        persistent: bool,
    },
    /// That it may forget its token.
    Remove,
}

impl RequestSession {
    /// Looks for the token's session in memory, which does not fall idle while the request is in progress. No I/O.
    pub(crate) fn new(desk: Arc<LayerContext>, shown: &PresentedToken, way: CarrierKind) -> Self {
        let token = shown.token();
        let mut held = token.map_or_else(ClientToken::default, |token| {
            ClientToken::lookup(&desk.engine, token, !desk.options.without_activity)
        });
        held.needs_new_format = matches!(shown, PresentedToken::NeedsReissue(_));
        let options = desk.options;
        let request = Arc::new(RequestState {
            layer: desk,
            client_token: Mutex::new(held),
            used: AtomicBool::new(false),
            has_token: token.is_some(),
            refusal: shown.refusal(),
            carrier: way,
            lock: tokio::sync::Mutex::new(()),
        });
        Self { request, options }
    }

    /// The session of the same request, with the options that a layer further in changes.
    pub(crate) fn with_options(&self, inner: LayerOptions) -> Self {
        if inner.without_activity {
            self.with_token(ClientToken::set_passive);
        }
        Self { request: Arc::clone(&self.request), options: inner.inside(self.options) }
    }

    /// Whether both are the session of one request under one layer.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.request, &other.request)
    }

    /// By which way the client is to be answered.
    pub(crate) fn carrier(&self) -> CarrierKind {
        self.request.carrier
    }

    /// Why what the request showed opens no session, where that is known without looking.
    pub(crate) fn refusal(&self) -> Option<TokenRefusal> {
        self.request.refusal
    }

    /// Whether the client showed a token. An answer that depends on that depends on the session.
    pub(super) fn has_token(&self) -> bool {
        self.request.used.store(true, Ordering::Relaxed);
        self.request.has_token
    }

    /// Whether anybody asked for something of the session, so that the response depends on it.
    pub(crate) fn was_used(&self) -> bool {
        self.request.used.load(Ordering::Relaxed)
    }

    /// The response carries what [`TokenUpdate::Issue`] says.
    pub(crate) fn token_delivered(&self) {
        self.with_token(ClientToken::delivered);
    }

    /// The request ends without a response: its handler panicked, or it was cancelled.
    pub(crate) fn abandon(&self) {
        drop(self.with_token(ClientToken::abandon));
    }

    /// Whether somebody else has the session still, now that the response begins: what follows of it, such as a stream,
    /// may depend on the session.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.request) > 1
    }

    /// What the response has to tell the client.
    pub(crate) fn token_update(&self) -> TokenUpdate {
        let now = self.engine().now();
        self.with_token(|held| held.token_update(now))
    }

    /// Asks whether the token of this request is still the present one. If it is dead, or nobody answers, the client
    /// is not told of a version: it might be receiving a newer token right now, which this one would overwrite. Where it
    /// knows of an older one, no node serves that any more by then, so that it needs not be told.
    pub(crate) async fn resolve_pending(&self) {
        let present = match self.open().await {
            Ok(Some(present)) => Some(present),
            asked if self.has_newer_version() => self.wait_out_leases(asked.is_ok()).await,
            _ => None,
        };
        self.with_token(|held| held.resolve(present.as_ref().map(|(_, state)| &**state)));
    }

    /// Whether the client holds a token, and sees another version by this answer than the token says.
    fn has_newer_version(&self) -> bool {
        self.request.has_token && self.with_token(|held| held.has_newer_version())
    }

    /// Waits for as long as other nodes may serve copies that are old, as the news may not have reached them. Unless the
    /// token is dead, and while nobody says so, goes on asking.
    async fn wait_out_leases(&self, mut is_dead: bool) -> Option<OpenSession> {
        let longest = self.engine().store.as_ref().map(|store| store.max_lease())?;
        let answer = async {
            while !is_dead {
                crate::sync::sleep(POLL_INTERVAL).await;
                match self.open().await {
                    Ok(Some(present)) => return present,
                    asked => is_dead = asked.is_ok(),
                }
            }
            std::future::pending().await
        };
        crate::sync::timeout(longest, answer).await
    }

    /// What a token says that says more than which session it opens: when it is made, and for whom.
    #[cfg(feature = "jwt")]
    pub(crate) fn claims_now(&self) -> (Timestamp, Option<Principal>) {
        (self.engine().now(), self.with_token(|held| held.principal()))
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.request.layer.engine
    }

    /// What the transport left at the desk, if it is a `C`.
    pub(crate) fn transport<C: Any>(&self) -> Option<&C> {
        self.request.layer.transport.downcast_ref()
    }

    pub(super) fn with_token<R>(&self, act: impl FnOnce(&mut ClientToken) -> R) -> R {
        act(&mut self.request.client_token.lock())
    }

    /// Lines up creation, login, renewal and logout, so that a request creates one session at most.
    pub(super) async fn lock(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.request.lock.lock().await
    }

    /// What `read` finds in the live session without waiting. `None` says nothing: then [`open`](Self::open) it.
    pub(super) fn try_read<R>(&self, read: impl FnOnce(&Snapshot, Timestamp) -> Option<R>) -> Option<R> {
        self.request.used.store(true, Ordering::Relaxed);
        if self.must_refresh() {
            return None;
        }
        self.with_token(|held| held.try_read(self.engine(), read))
    }

    /// Whether memory may not answer yet.
    fn must_refresh(&self) -> bool {
        self.options.always_refresh && !self.with_token(|held| held.is_refreshed)
    }

    /// The live session that the client's token opens by what the shared tier says now.
    pub(super) async fn refresh(&self) -> Result<Option<OpenSession>, SessionError> {
        self.request.used.store(true, Ordering::Relaxed);
        let Some(credential) = self.with_token(|held| held.credential) else { return self.missing_token() };
        let access = self.engine().refresh(&credential).await?;
        Ok(self.with_token(|held| {
            held.is_refreshed = true;
            held.on_access(self.engine(), &credential, access)
        }))
    }

    /// The live session that the client's token opens, if there is one.
    pub(super) async fn open(&self) -> Result<Option<OpenSession>, SessionError> {
        if self.must_refresh() {
            return Box::pin(self.refresh()).await;
        }
        self.request.used.store(true, Ordering::Relaxed);
        let (credential, entry) = self.with_token(|held| (held.credential, held.entry.clone()));
        let Some(credential) = credential else { return self.missing_token() };
        let access = self.engine().open(&credential, entry.as_ref()).await?;
        Ok(self.with_token(|held| held.on_access(self.engine(), &credential, access)))
    }

    /// The same without counting as activity: for who waits, or has done what is to be told only.
    pub(super) async fn open_passively(&self) -> Result<Option<OpenSession>, SessionError> {
        self.request.used.store(true, Ordering::Relaxed);
        let (credential, entry) = self.with_token(|held| (held.credential, held.entry.clone()));
        let Some(credential) = credential else { return self.missing_token() };
        let access = self.engine().open(&credential, entry.as_ref()).await?;
        Ok(self.with_token(|held| held.on_passive_access(&credential, access)))
    }

    /// An error if a token that is made now cannot reach the client any more.
    pub(super) fn check_response_not_begun(&self) -> Result<(), SessionError> {
        match self.with_token(|held| held.has_response_begun) {
            true => Err(SessionError::new(SessionErrorKind::ResponseBegun)),
            false => Ok(()),
        }
    }
}

/// A request in progress, until its response begins or nobody waits for it any more.
pub(crate) struct InProgress(RequestSession);

impl InProgress {
    pub(crate) const fn new(handle: RequestSession) -> Self {
        Self(handle)
    }

    pub(crate) const fn handle(&self) -> &RequestSession {
        &self.0
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        // Whoever has the last share has nobody to tell that the response has begun.
        if self.0.is_shared() {
            self.0.with_token(|held| held.begin_response(self.0.engine()));
        }
    }
}

impl RequestSession {
    /// Whether the client came with nothing, or with too much.
    fn missing_token(&self) -> Result<Option<OpenSession>, SessionError> {
        match self.request.refusal {
            Some(TokenRefusal::ConflictingTokens) => Err(SessionError::new(SessionErrorKind::Ambiguous)),
            _ => Ok(None),
        }
    }

    /// The live session, for an answer that changes nothing. Where the shared tier cannot be asked, what
    /// the layer says instead.
    ///
    /// All reads of a request agree: once one of them was given the session, no later one is given `None`.
    pub(super) async fn open_to_read(&self) -> Result<Option<OpenSession>, SessionError> {
        if self.with_token(|held| held.is_read_as_absent) {
            return Ok(None);
        }
        match self.open_or_ended().await {
            Err(error) if error.kind() == SessionErrorKind::StoreUnavailable => self.on_store_error(error),
            answer => answer,
        }
    }

    /// The same, where a fault of the shared tier is an error whatever the layer says.
    pub(super) async fn open_or_ended(&self) -> Result<Option<OpenSession>, SessionError> {
        self.present_or_ended(self.open().await?)
    }

    /// The same by what the shared tier says now.
    #[cfg(feature = "axum")]
    pub(super) async fn refresh_or_ended(&self) -> Result<Option<OpenSession>, SessionError> {
        self.present_or_ended(self.refresh().await?)
    }

    /// The live session, for a change of what is in it. An error where the client has none that may be changed, and
    /// where a new one could overwrite the visitor's own.
    pub(super) async fn open_to_write(&self) -> Result<Option<OpenSession>, SessionError> {
        let open = self.open().await?;
        if open.is_none() {
            self.check_may_issue()?;
            if self.with_token(|held| held.status) != TokenStatus::Anonymous || self.is_invalid() {
                return Err(SessionError::new(SessionErrorKind::Ended));
            }
        }
        Ok(open)
    }

    /// An error if a new token would overwrite another one of which nobody can say whether it is the visitor's.
    pub(super) fn check_may_issue(&self) -> Result<(), SessionError> {
        use SessionErrorKind::{Ambiguous, TooManyCookies};
        match self.request.refusal {
            Some(TokenRefusal::ConflictingTokens) => Err(SessionError::new(Ambiguous)),
            Some(TokenRefusal::SeveralCookies) => Err(SessionError::with_source(Ambiguous, SEVERAL_COOKIES)),
            Some(TokenRefusal::OversizedCookies) => Err(SessionError::new(TooManyCookies)),
            Some(TokenRefusal::Invalid) | None => Ok(()),
        }
    }

    /// What a request without a live session is told that asks for something in it.
    fn present_or_ended(&self, open: Option<OpenSession>) -> Result<Option<OpenSession>, SessionError> {
        if open.is_none() && (self.with_token(|held| held.was_opened()) || self.is_invalid()) {
            return Err(SessionError::new(SessionErrorKind::Ended));
        }
        Ok(open)
    }

    /// Whether the request shows a token that opens nothing, where that is not the same as to show none. To be asked
    /// when it is known to open nothing.
    fn is_invalid(&self) -> bool {
        let rejects = match self.options.on_invalid_token {
            Some(answer) => answer == OnInvalidToken::Reject,
            None => self.request.carrier == CarrierKind::Header,
        };
        let shown = self.request.has_token || self.request.refusal == Some(TokenRefusal::Invalid);
        rejects && shown && !self.with_token(|held| held.change == TokenChange::Removed)
    }

    fn on_store_error(&self, error: SessionError) -> Result<Option<OpenSession>, SessionError> {
        let bound = match self.options.on_store_error.unwrap_or_default() {
            OnStoreError::Fail => return Err(error),
            OnStoreError::Anonymous => return self.with_token(|held| held.read_as_absent(error)),
            OnStoreError::ServeStale(bound) => bound,
        };
        let (credential, entry) = self.with_token(|held| (held.credential, held.entry.clone()));
        let stale =
            credential.zip(entry).and_then(|(credential, entry)| self.engine().stale(&credential, &entry, bound));
        if stale.is_some() {
            self.engine().telemetry.counters.stale_sessions_served.count();
        }
        stale.map(Some).ok_or(error)
    }

    /// The latest activity that this request knows of: itself, if it counts.
    pub(super) fn activity(&self) -> Timestamp {
        if self.with_token(|held| held.is_active()) { self.engine().now() } else { Timestamp::default() }
    }

    /// Who answered when this request first asked for its session.
    pub(super) fn source(&self) -> Option<SessionSource> {
        self.with_token(|held| held.source)
    }
}

impl Drop for RequestState {
    fn drop(&mut self) {
        self.client_token.get_mut().finish(&self.layer.engine);
    }
}

impl fmt::Debug for RequestSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
