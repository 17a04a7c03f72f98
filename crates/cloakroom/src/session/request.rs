use std::any::Any;
use std::fmt;
use std::time::Duration;

use crate::cache::{Entry, Snapshot};
use crate::config::{OnInvalidToken, OnStoreError};
use crate::engine::{Credential, Engine, OpenSession};
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::time::Timestamp;
use crate::token::{Principal, PublicId, Token};

use super::client_token::{ClientToken, SessionSource};
use super::layer_context::{LayerContext, LayerOptions};
use super::presented_token::{CarrierKind, PresentedToken, TokenRefusal};

const SEVERAL_COOKIES: &str = "several cookies with the session's name have different tokens";
/// How often a store that did not answer is polled for the pending token update.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// One request's access to its client's session. Clones share it.
#[derive(Clone)]
pub(crate) struct RequestSession {
    request: Arc<RequestState>,
    /// The options of the layer through which this clone came, which may be inside the layer that
    /// sends the response.
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

/// The change of the client's token that the response must carry.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TokenUpdate {
    /// Nothing.
    None,
    /// A newer version, but under which token is unknown, or there is none: call
    /// [`resolve_pending`](RequestSession::resolve_pending), then ask again.
    Pending,
    /// A token to keep.
    Issue {
        token: Token,
        /// After this long, the token opens nothing.
        lifetime: Duration,
        /// Whether the cookie outlives the browser.
        persistent: bool,
    },
    /// The client may forget its token.
    Remove,
}

impl RequestSession {
    /// Looks the session up in memory, and keeps it from falling idle while the request is in
    /// progress. No I/O.
    pub(crate) fn new(context: Arc<LayerContext>, shown: &PresentedToken, way: CarrierKind) -> Self {
        let token = shown.token();
        let mut client_token = token.map_or_else(ClientToken::default, |token| {
            ClientToken::lookup(&context.engine, token, !context.options.without_activity)
        });
        if matches!(shown, PresentedToken::NeedsReissue(_)) {
            client_token.reissue_in_current_format();
        }
        let options = context.options;
        let request = Arc::new(RequestState {
            layer: context,
            client_token: Mutex::new(client_token),
            used: AtomicBool::new(false),
            has_token: token.is_some(),
            refusal: shown.refusal(),
            carrier: way,
            lock: tokio::sync::Mutex::new(()),
        });
        Self { request, options }
    }

    /// Returns the session of the same request, with the options of a layer further inside.
    pub(crate) fn with_options(&self, inner: LayerOptions) -> Self {
        if inner.without_activity {
            self.with_token(ClientToken::set_passive);
        }
        Self { request: Arc::clone(&self.request), options: inner.inside(self.options) }
    }

    /// Returns `true` if both are the session of one request under one layer.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.request, &other.request)
    }

    /// Returns the carrier for the response.
    pub(crate) fn carrier(&self) -> CarrierKind {
        self.request.carrier
    }

    /// Returns why the presented token opens no session, if that is known without a lookup.
    pub(crate) fn refusal(&self) -> Option<TokenRefusal> {
        self.request.refusal
    }

    /// Returns `true` if the client presented a token. A response that depends on this depends on
    /// the session.
    pub(super) fn has_token(&self) -> bool {
        self.request.used.store(true, Ordering::Relaxed);
        self.request.has_token
    }

    /// Returns `true` if the session was accessed, so that the response depends on it.
    pub(crate) fn was_used(&self) -> bool {
        self.request.used.load(Ordering::Relaxed)
    }

    /// Records that the response carries the token of [`TokenUpdate::Issue`].
    pub(crate) fn token_delivered(&self) {
        self.with_token(ClientToken::delivered);
    }

    /// Ends the request without a response: its handler panicked, or it was cancelled.
    pub(crate) fn abandon(&self) {
        drop(self.with_token(ClientToken::abandon));
    }

    /// Returns `true` if the session is still shared when the response starts: the rest of the
    /// response, such as a stream, may depend on the session.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.request) > 1
    }

    /// Returns what the response must tell the client.
    pub(crate) fn token_update(&self) -> TokenUpdate {
        let now = self.engine().now();
        self.with_token(|client_token| client_token.token_update(now))
    }

    /// Asks the store whether this request's token is still current. If it is not, or the store
    /// does not answer, sends no version hint: a concurrent response may be delivering a newer
    /// token, which this one would overwrite. If the client knows an older version, waits until
    /// every lease that could serve it has expired, so that the hint is not needed.
    pub(crate) async fn resolve_pending(&self) {
        let present = match self.open().await {
            Ok(Some(present)) => Some(present),
            asked if self.has_newer_version() => self.wait_out_leases(asked.is_ok()).await,
            _ => None,
        };
        self.with_token(|client_token| client_token.resolve(present.as_ref().map(|open| &*open.state)));
    }

    /// Returns `true` if the client has a token, and this response shows a newer version than the
    /// token names.
    fn has_newer_version(&self) -> bool {
        self.request.has_token && self.with_token(|client_token| client_token.has_newer_version())
    }

    /// Waits for as long as other nodes may serve outdated copies because the invalidation may not
    /// have reached them. Meanwhile keeps asking the store, unless the token is known to be dead.
    async fn wait_out_leases(&self, mut is_dead: bool) -> Option<OpenSession> {
        let longest = self.engine().max_lease()?;
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

    /// Returns what a codec may state beside the token: the time of issue and the principal.
    pub(crate) fn claims_now(&self) -> (Timestamp, Option<Principal>) {
        (self.engine().now(), self.with_token(|client_token| client_token.principal()))
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.request.layer.engine
    }

    /// Returns the transport's data in the layer context, if it is a `C`.
    pub(crate) fn transport<C: Any>(&self) -> Option<&C> {
        self.request.layer.transport.downcast_ref()
    }

    pub(super) fn with_token<R>(&self, act: impl FnOnce(&mut ClientToken) -> R) -> R {
        act(&mut self.request.client_token.lock())
    }

    /// Returns the client's credential. `None` if the client has no token.
    pub(super) fn credential(&self) -> Option<Credential> {
        self.with_token(|client_token| client_token.credential())
    }

    /// Returns the public id of the session that the client's token names, if it has a token.
    pub(super) fn named_id(&self) -> Option<PublicId> {
        self.credential().map(|credential| PublicId::of(&credential.selector))
    }

    /// Replaces the request's token by this one, and sends it to the client if it opens a session.
    /// Returns whether the token belongs to one, even if it was replaced since.
    pub(super) async fn replace_presented(&self, token: &Token) -> Result<bool, SessionError> {
        let _turn = self.lock().await;
        let credential = self.engine().credential(token);
        self.with_token(|client_token| client_token.replace_presented(credential));
        let looked_up = self.engine().open_by_token(&credential).await;
        self.with_token(|client_token| {
            let opened = looked_up.map(|lookup| client_token.on_access(self.engine(), &credential, lookup));
            match opened {
                Ok(Some(open)) => {
                    let credential = client_token.credential().unwrap_or(credential);
                    client_token.share_token(credential, open.entry, None);
                    Ok(true)
                }
                Ok(None) if client_token.superseded_credential().is_some() => Ok(true),
                Ok(None) | Err(_) => {
                    client_token.forget();
                    opened.map(|_| false)
                }
            }
        })
    }

    fn credential_and_entry(&self) -> (Option<Credential>, Option<Arc<Entry>>) {
        self.with_token(|client_token| (client_token.credential(), client_token.entry().cloned()))
    }

    /// Serializes creation, login, renewal and logout, so that a request creates at most one
    /// session.
    pub(super) async fn lock(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.request.lock.lock().await
    }

    /// Reads from the live session without waiting. After `None`, nothing is known:
    /// [`open`](Self::open) the session.
    pub(super) fn try_read<R>(&self, read: impl FnOnce(&Snapshot, Timestamp) -> Option<R>) -> Option<R> {
        self.request.used.store(true, Ordering::Relaxed);
        if self.must_refresh() {
            return None;
        }
        self.with_token(|client_token| client_token.try_read(self.engine(), read))
    }

    /// Opens the session without waiting, like [`try_read`](Self::try_read), and returns it with the
    /// client's credential.
    pub(super) fn try_open(&self) -> Option<(Credential, OpenSession)> {
        self.request.used.store(true, Ordering::Relaxed);
        self.with_token(|client_token| client_token.try_open(self.engine()))
    }

    /// Returns `true` if the request has to read from the shared tier first.
    fn must_refresh(&self) -> bool {
        self.options.always_refresh && !self.with_token(|client_token| client_token.is_refreshed())
    }

    /// Opens the live session of the client's token, according to the shared tier now.
    pub(super) async fn refresh(&self) -> Result<Option<OpenSession>, SessionError> {
        self.request.used.store(true, Ordering::Relaxed);
        let Some(credential) = self.credential() else {
            return self.missing_token();
        };
        let access = self.engine().refresh(&credential).await?;
        Ok(self.with_token(|client_token| {
            client_token.refreshed();
            client_token.on_access(self.engine(), &credential, access)
        }))
    }

    /// Opens the live session of the client's token, if there is one.
    pub(super) async fn open(&self) -> Result<Option<OpenSession>, SessionError> {
        if self.must_refresh() {
            return Box::pin(self.refresh()).await;
        }
        self.request.used.store(true, Ordering::Relaxed);
        let (credential, entry) = self.credential_and_entry();
        let Some(credential) = credential else { return self.missing_token() };
        let access = self.engine().open(&credential, entry.as_ref()).await?;
        Ok(self.with_token(|client_token| client_token.on_access(self.engine(), &credential, access)))
    }

    /// Opens the session without counting as activity: for a task that waits for its end.
    pub(super) async fn open_passively(&self) -> Result<Option<OpenSession>, SessionError> {
        self.request.used.store(true, Ordering::Relaxed);
        let (credential, entry) = self.credential_and_entry();
        let Some(credential) = credential else { return self.missing_token() };
        let access = self.engine().open(&credential, entry.as_ref()).await?;
        let counters = self.engine().counters();
        Ok(self.with_token(|client_token| client_token.on_passive_access(counters, &credential, access)))
    }

    /// Returns an error if a new token could no longer reach the client.
    pub(super) fn check_response_not_begun(&self) -> Result<(), SessionError> {
        match self.with_token(|client_token| client_token.has_response_begun()) {
            true => Err(SessionError::new(SessionErrorKind::ResponseBegun)),
            false => Ok(()),
        }
    }
}

/// A request in progress, until its response starts or the request is cancelled.
pub(crate) struct InProgress(RequestSession);

impl InProgress {
    pub(crate) const fn new(handle: RequestSession) -> Self {
        Self(handle)
    }

    pub(crate) const fn session(&self) -> &RequestSession {
        &self.0
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        // For the last share, dropping the request state counts the activity.
        if self.0.is_shared() {
            self.0.with_token(|client_token| client_token.begin_response(self.0.engine()));
        }
    }
}

impl RequestSession {
    /// The result for a request without a usable token: no session, or an error for conflicting
    /// tokens.
    fn missing_token(&self) -> Result<Option<OpenSession>, SessionError> {
        match self.request.refusal {
            Some(TokenRefusal::ConflictingTokens) => Err(SessionError::new(SessionErrorKind::Ambiguous)),
            _ => Ok(None),
        }
    }

    /// Opens the live session for a read. If the shared tier cannot be reached, the layer's
    /// `on_store_error` decides.
    ///
    /// All reads of a request agree: once one of them was given the session, no later one is given
    /// `None`.
    pub(super) async fn open_to_read(&self) -> Result<Option<OpenSession>, SessionError> {
        if self.with_token(|client_token| client_token.is_read_as_absent()) {
            return Ok(None);
        }
        match self.open_or_ended().await {
            Err(error) if error.kind() == SessionErrorKind::StoreUnavailable => self.on_store_error(error),
            answer => answer,
        }
    }

    /// Like `open_to_read`, but an error of the shared tier is always an error, whatever the
    /// layer's option.
    pub(super) async fn open_or_ended(&self) -> Result<Option<OpenSession>, SessionError> {
        self.present_or_ended(self.open().await?)
    }

    /// Like `open_or_ended`, according to the shared tier now.
    #[cfg(feature = "axum")]
    pub(super) async fn refresh_or_ended(&self) -> Result<Option<OpenSession>, SessionError> {
        self.present_or_ended(self.refresh().await?)
    }

    /// Opens the live session for a write. Returns an error if the client has no session that may
    /// be changed, and if a new session's token could overwrite the visitor's own.
    pub(super) async fn open_to_write(&self) -> Result<Option<OpenSession>, SessionError> {
        let open = self.open().await?;
        if open.is_none() {
            self.check_may_issue()?;
            if !self.with_token(|client_token| client_token.may_create()) || self.is_invalid() {
                return Err(SessionError::new(SessionErrorKind::Ended));
            }
        }
        Ok(open)
    }

    /// Returns an error if a new token would overwrite another one that may be the visitor's.
    pub(super) fn check_may_issue(&self) -> Result<(), SessionError> {
        use SessionErrorKind::{Ambiguous, TooManyCookies};
        match self.request.refusal {
            Some(TokenRefusal::ConflictingTokens) => Err(SessionError::new(Ambiguous)),
            Some(TokenRefusal::SeveralCookies) => Err(SessionError::with_source(Ambiguous, SEVERAL_COOKIES)),
            Some(TokenRefusal::OversizedCookies) => Err(SessionError::new(TooManyCookies)),
            Some(TokenRefusal::Invalid) | None => Ok(()),
        }
    }

    /// Turns the absence of a session into an error if the request had one before, or if its token
    /// is rejected.
    fn present_or_ended(&self, open: Option<OpenSession>) -> Result<Option<OpenSession>, SessionError> {
        if open.is_none() && (self.with_token(|client_token| client_token.was_opened()) || self.is_invalid()) {
            return Err(SessionError::new(SessionErrorKind::Ended));
        }
        Ok(open)
    }

    /// Returns `true` if the request carries a token that opens nothing and the layer rejects that.
    /// Call it only when the token is known to open nothing.
    fn is_invalid(&self) -> bool {
        let rejects = match self.options.on_invalid_token {
            Some(answer) => answer == OnInvalidToken::Reject,
            None => self.request.carrier == CarrierKind::Header,
        };
        let shown = self.request.has_token || self.request.refusal == Some(TokenRefusal::Invalid);
        rejects && shown && !self.with_token(|client_token| client_token.is_removed())
    }

    fn on_store_error(&self, error: SessionError) -> Result<Option<OpenSession>, SessionError> {
        let bound = match self.options.on_store_error.unwrap_or_default() {
            OnStoreError::Fail => return Err(error),
            OnStoreError::Anonymous => return self.with_token(|client_token| client_token.read_as_absent(error)),
            OnStoreError::ServeStale(bound) => bound,
        };
        let (credential, entry) = self.credential_and_entry();
        let stale =
            credential.zip(entry).and_then(|(credential, entry)| self.engine().stale(&credential, &entry, bound));
        if stale.is_some() {
            self.engine().counters().stale_sessions_served.count();
        }
        stale.map(Some).ok_or(error)
    }

    /// Returns the latest activity that this request knows of: itself, if it counts.
    pub(super) fn activity(&self) -> Timestamp {
        if self.with_token(|client_token| client_token.is_active()) {
            self.engine().now()
        } else {
            Timestamp::default()
        }
    }

    /// Returns the tier that answered when this request first asked for its session.
    pub(super) fn source(&self) -> Option<SessionSource> {
        self.with_token(|client_token| client_token.source())
    }
}

impl Drop for RequestState {
    fn drop(&mut self) {
        self.client_token.get_mut().finish(&self.layer.engine);
    }
}

impl fmt::Debug for RequestSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestSession").finish_non_exhaustive()
    }
}
