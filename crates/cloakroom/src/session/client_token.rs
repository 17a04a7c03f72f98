//! A request's knowledge of its client's token and session.

use crate::cache::{Entry, EntryState, SecretLineage, Snapshot};
use crate::engine::{Credential, Engine, Lookup, OpenSession, PendingDelivery, UnconfirmedRequest};
use crate::error::SessionError;
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Principal, Token, VersionHint};

use super::request::TokenUpdate;

/// The client's token, and its session as far as this request knows it.
#[derive(Debug, Default)]
pub(super) struct ClientToken {
    pub(super) credential: Option<Credential>,
    pub(super) entry: Option<Arc<Entry>>,
    pub(super) status: TokenStatus,
    pub(super) change: TokenChange,
    /// Which tier answered when this request first asked for the session.
    pub(super) source: Option<SessionSource>,
    /// This request has read the session from the shared tier, ignoring cached copies.
    pub(super) is_refreshed: bool,
    /// A read was answered as if there were no session, because the shared tier was unavailable.
    /// All further reads of the request get the same result.
    pub(super) is_read_as_absent: bool,
    /// The client should get the same token again, in the current format.
    pub(super) needs_new_format: bool,
    /// The session's remaining lifetime, if this request had to learn it.
    lifetime: Option<CookieLifetime>,
    /// Whether the token was current when the response was ready, if that had to be asked.
    is_current: Option<bool>,
    /// The version hint in the request's token.
    sent_version: Option<VersionHint>,
    /// Set while this node cannot tell what the token opens, until the request asks.
    unconfirmed: Option<Arc<UnconfirmedRequest>>,
    /// The new token that this request made, until the response carries it.
    delivery: Option<Arc<PendingDelivery>>,
    /// The secret lineage under which this request counts as in progress in `entry`, while it does.
    counted_lineage: Option<SecretLineage>,
    /// The request does not count as activity.
    is_passive: bool,
    pub(super) has_response_begun: bool,
    /// The number of `KeepActive` guards, which keep the session from falling idle even after the
    /// response has started.
    keep_active_count: u32,
}

/// The tier that a request's session was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionSource {
    /// The memory of this process, without I/O.
    Memory,
    /// The shared tier.
    Store,
}

/// The status of the client's token, as far as this request knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TokenStatus {
    /// It has opened nothing so far, or there is none: a write may create a session.
    #[default]
    Anonymous,
    /// It has opened a session. If that session ends meanwhile, a write must not silently start
    /// another.
    Opened,
    /// A rotation has replaced it. A write must not start a session whose cookie would overwrite
    /// the newer one that the client may be receiving right now.
    Superseded,
}

/// How this request changed its client's token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TokenChange {
    #[default]
    None,
    /// The request made a new token.
    Issued,
    /// The request extended the lifetime of the current token.
    KeptLonger,
    Removed,
}

impl ClientToken {
    /// Records that this request logged the client out, so that the client has no token any more.
    pub(super) fn log_out(&mut self) {
        self.remove_request();
        *self = Self { change: TokenChange::Removed, ..self.forgotten() };
    }

    /// Forgets everything about the client, but not about the request.
    pub(super) fn forget(&mut self) {
        self.remove_request();
        *self = self.forgotten();
    }

    fn forgotten(&self) -> Self {
        let Self { is_passive, has_response_begun, keep_active_count: keepers, .. } = *self;
        Self { is_passive, has_response_begun, keep_active_count: keepers, ..Self::default() }
    }

    /// Looks the token up without I/O. From here on, the request is in progress if it counts as
    /// activity.
    pub(super) fn lookup(engine: &Engine, token: &Token, is_activity: bool) -> Self {
        let now = engine.now();
        let (credential, entry, opens) = engine.lookup_cached(token, now);
        let standing = if opens { TokenStatus::Opened } else { TokenStatus::Anonymous };
        let presented = credential.client_version;
        let mut client_token = Self {
            credential: Some(credential),
            entry,
            status: standing,
            sent_version: presented,
            is_passive: !is_activity,
            ..Self::default()
        };
        if is_activity && credential.lineage.is_none() {
            client_token.unconfirmed = engine.add_unconfirmed(&credential, now);
        }
        client_token.add_request();
        if let (Some(entry), Some(_)) = (&client_token.entry, client_token.counted_lineage) {
            engine.expect_activity(entry, now);
        }
        client_token
    }

    /// Keeps the session from falling idle from here on, if the request counts as activity and its
    /// session is known.
    fn add_request(&mut self) {
        let counts = !self.is_passive && (!self.has_response_begun || self.keep_active_count > 0);
        if let (true, None, Some(entry), Some(lineage)) =
            (counts, self.counted_lineage, &self.entry, self.credential.and_then(|credential| credential.lineage))
        {
            entry.add_request(lineage);
            self.counted_lineage = Some(lineage);
        }
    }

    fn remove_request(&mut self) -> bool {
        let Some(lineage) = self.counted_lineage.take() else { return false };
        if let Some(entry) = &self.entry {
            entry.remove_request(lineage);
        }
        true
    }

    /// Ends the request, or whatever else kept the session from falling idle, and counts the end as
    /// activity.
    pub(super) fn finish(&mut self, engine: &Engine) {
        if let Some(request) = self.unconfirmed.take() {
            request.finish(engine.now());
        }
        if self.remove_request() {
            self.count_activity(engine);
        }
    }

    /// Records that the response has started. Later reads count as activity one by one.
    pub(super) fn begin_response(&mut self, engine: &Engine) {
        self.has_response_begun = true;
        if self.keep_active_count == 0 {
            self.finish(engine);
        }
    }

    /// Counts an access as activity if no request is in progress any more.
    fn count_after_response(&self, engine: &Engine) {
        if self.has_response_begun && !self.is_passive {
            self.count_activity(engine);
        }
    }

    fn count_activity(&self, engine: &Engine) {
        if let (Some(credential), Some(entry)) = (&self.credential, &self.entry) {
            engine.count_activity(credential, entry, engine.now());
        }
    }

    /// Excludes the request from activity, whatever it has done or will do. Its writes still count.
    pub(super) fn set_passive(&mut self) {
        self.is_passive = true;
        self.remove_request();
        if let Some(request) = self.unconfirmed.take() {
            request.settle();
        }
    }

    /// Returns `true` if this request counts as activity.
    pub(super) const fn is_active(&self) -> bool {
        !self.is_passive
    }

    /// Keeps the session from falling idle, even after the response has started.
    pub(super) fn keep_active(&mut self, engine: &Engine) {
        self.keep_active_count += 1;
        self.add_request();
        if self.counted_lineage.is_none() && self.unconfirmed.is_none() && !self.is_passive {
            // The request has not yet asked which session the token opens.
            self.unconfirmed = self.credential.and_then(|credential| engine.add_unconfirmed(&credential, engine.now()));
        }
    }

    pub(super) fn stop_keeping_active(&mut self, engine: &Engine) {
        self.keep_active_count -= 1;
        if self.has_response_begun && self.keep_active_count == 0 {
            self.finish(engine);
        }
    }

    /// Applies the result of a lookup, unless this request changed its token meanwhile. Counts as
    /// activity if the response has started.
    pub(super) fn on_access(
        &mut self,
        engine: &Engine,
        credential: &Credential,
        access: Lookup,
    ) -> Option<OpenSession> {
        let open = self.on_passive_access(credential, access);
        if open.is_some() {
            self.count_after_response(engine);
        }
        open
    }

    /// Applies the result of a lookup like `on_access`, but never counts as activity.
    pub(super) fn on_passive_access(&mut self, credential: &Credential, access: Lookup) -> Option<OpenSession> {
        let same = self.credential.is_some_and(|client_token| client_token.fingerprint == credential.fingerprint);
        if let Some(request) = self.unconfirmed.take_if(|_| same) {
            request.settle();
        }
        match access {
            Lookup::Open(open) => Some(self.opened(open, same, SessionSource::Memory)),
            Lookup::Fetched(open) => Some(self.opened(open, same, SessionSource::Store)),
            Lookup::Superseded if same => {
                self.superseded();
                None
            }
            Lookup::RolledBack if same => {
                // As without a token: a write may start a session, under a token of its own. Not if
                // this request has already used the lost state.
                if !self.was_opened() {
                    self.status = TokenStatus::Anonymous;
                }
                self.change = TokenChange::None;
                None
            }
            Lookup::Superseded | Lookup::RolledBack | Lookup::Missing => None,
        }
    }

    fn opened(&mut self, open: OpenSession, same: bool, by: SessionSource) -> OpenSession {
        if same {
            self.status = TokenStatus::Opened;
            self.is_read_as_absent = false;
            self.source.get_or_insert(by);
            self.remember_entry(&open.entry, &open.state);
        }
        open
    }

    /// Remembers the entry for the next lookup, and the version that this response shows the
    /// client.
    fn remember_entry(&mut self, entry: &Arc<Entry>, state: &EntryState) {
        if !self.entry.as_ref().is_some_and(|client_token| Arc::ptr_eq(client_token, entry)) {
            self.remove_request();
            self.entry = Some(Arc::clone(entry));
        }
        if let Some(snapshot) = state.snapshot() {
            self.observe_version(snapshot);
        }
        self.add_request();
    }

    /// Records the version that this response shows the client.
    fn observe_version(&mut self, snapshot: &Snapshot) {
        let Some(credential) = &mut self.credential else { return };
        credential.has_opened = true;
        if credential.lineage.is_none() {
            credential.lineage = Some(snapshot.lineage());
        }
        if let Some(origin) = &snapshot.store_meta {
            credential.client_version = Some(VersionHint { version: snapshot.version, nonce: origin.nonce as u16 });
        }
    }

    /// Returns `true` if this request has been given the session that its token names.
    pub(super) fn was_opened(&self) -> bool {
        self.credential.is_some_and(|credential| credential.has_opened)
    }

    /// Answers this read and all later ones as if there were no session. Returns the error if an
    /// earlier read got the session.
    pub(super) fn read_as_absent(&mut self, error: SessionError) -> Result<Option<OpenSession>, SessionError> {
        if self.was_opened() {
            return Err(error);
        }
        self.is_read_as_absent = true;
        Ok(None)
    }

    /// Records that the token was replaced: the response must not send it.
    pub(super) fn superseded(&mut self) {
        self.status = TokenStatus::Superseded;
        self.change = TokenChange::None;
    }

    /// Reads from the session if it is in memory and may be used now. Does the work of `on_access`
    /// without touching the reference counts of entry and state, which all requests of a session
    /// would contend on.
    pub(super) fn try_read<R>(
        &mut self,
        engine: &Engine,
        read: impl FnOnce(&Snapshot, Timestamp) -> Option<R>,
    ) -> Option<R> {
        if self.is_read_as_absent {
            return None;
        }
        let now = engine.now();
        let state = engine.borrow_cached(self.entry.as_ref()?, self.credential.as_ref()?, now)?;
        let snapshot = state.snapshot()?;
        self.status = TokenStatus::Opened;
        self.source.get_or_insert(SessionSource::Memory);
        self.observe_version(snapshot);
        if self.has_response_begun {
            self.count_after_response(engine);
        }
        read(snapshot, now)
    }

    /// Replaces the client's token with a new one that the response will carry.
    pub(super) fn replace_token(&mut self, credential: Credential, entry: Arc<Entry>, made: Arc<PendingDelivery>) {
        if let Some(before) = self.delivery.take() {
            before.disarm();
            made.ends_if_lost();
        }
        self.share_token(credential, entry, Some(made));
    }

    /// Adopts the token that another request of the same client made, which may not be delivered
    /// yet either.
    pub(super) fn share_token(
        &mut self,
        credential: Credential,
        entry: Arc<Entry>,
        made: Option<Arc<PendingDelivery>>,
    ) {
        self.remove_request();
        self.delivery = made;
        // Another login may have followed: that session does not belong to this request.
        let is_own = |snapshot: &&Snapshot| snapshot.fingerprint == credential.fingerprint;
        let lineage = entry.state().last_known().filter(is_own).map(Snapshot::lineage);
        self.credential = Some(Credential { lineage, ..credential });
        self.lifetime = entry.state().last_known().map(CookieLifetime::of);
        self.entry = Some(entry);
        self.status = TokenStatus::Opened;
        self.change = TokenChange::Issued;
        self.add_request();
    }

    /// Records that the response carries the token that this request made.
    pub(super) fn delivered(&mut self) {
        if let Some(made) = self.delivery.take() {
            made.disarm();
        }
    }

    /// Takes the undelivered token, because there will be no response. The caller drops it outside
    /// of the lock, which undoes what is safe to undo.
    pub(super) fn abandon(&mut self) -> Option<Arc<PendingDelivery>> {
        self.delivery.take()
    }

    /// Returns the principal, as far as it is known here.
    pub(super) fn principal(&self) -> Option<Principal> {
        let state = self.entry.as_ref()?.state();
        self.last_known(&state)?.principal().cloned()
    }

    /// Returns the last known snapshot under this very token: a snapshot from before a
    /// login belongs to another visitor.
    fn last_known<'a>(&self, state: &'a EntryState) -> Option<&'a Snapshot> {
        let credential = self.credential.as_ref()?;
        state.last_known().filter(|snapshot| snapshot.fingerprint == credential.fingerprint)
    }

    /// Applies the state of the session at the end of the request, if it could be learned.
    pub(super) fn resolve(&mut self, state: Option<&EntryState>) {
        let present = state.and_then(EntryState::snapshot);
        let is_present = |snapshot: &Snapshot| {
            self.credential.is_some_and(|client_token| client_token.fingerprint == snapshot.fingerprint)
        };
        self.is_current = Some(present.is_some_and(is_present));
        self.lifetime = present.map(CookieLifetime::of).or(self.lifetime);
    }

    /// Returns `true` if the client needs the token again although its secret is unchanged.
    fn needs_reissue(&self, credential: &Credential) -> bool {
        self.needs_new_format || credential.client_version != self.sent_version
    }

    /// Returns `true` if this response shows the client another version than its token names.
    pub(super) fn has_newer_version(&self) -> bool {
        self.credential.is_some_and(|credential| credential.client_version != self.sent_version)
    }

    /// Returns what the response must tell the client about its token, from a single look at the
    /// session.
    ///
    /// Never send a token that was replaced or whose session ended: a concurrent response may be
    /// delivering the new one, and this one would overwrite it. If the client has to learn of a
    /// version all the same, wait first until no node serves an older one (`Pending`). If the entry
    /// was invalidated, a token issued by this request is still sent; for any other, ask the store
    /// first (`Pending`) whether it is current, and how long the session lives if nothing is in
    /// memory under this token.
    pub(super) fn token_update(&self, now: Timestamp) -> TokenUpdate {
        if self.change == TokenChange::Removed {
            return TokenUpdate::Remove;
        }
        let (Some(credential), Some(entry)) = (&self.credential, &self.entry) else { return TokenUpdate::None };
        if self.change == TokenChange::None && !self.needs_reissue(credential) {
            return TokenUpdate::None;
        }
        let state = entry.state();
        let known = self.last_known(&state).map(CookieLifetime::of);
        let is_present = match &**state {
            EntryState::Live(snapshot) => Some(snapshot.fingerprint == credential.fingerprint),
            EntryState::Invalidated(_) if known.is_none() && self.is_current.is_none() => None,
            EntryState::Invalidated(_) if self.change == TokenChange::Issued => Some(true),
            EntryState::Invalidated(_) => self.is_current,
            EntryState::Ended(_) => Some(false),
        };
        match is_present {
            None => TokenUpdate::Pending,
            Some(false) if self.is_current.is_none() && self.has_newer_version() => TokenUpdate::Pending,
            Some(false) => TokenUpdate::None,
            Some(true) => {
                let asked = self.lifetime.filter(|_| self.is_current.is_some() && state.snapshot().is_none());
                let CookieLifetime { until, persistent } = asked.or(known).or(self.lifetime).unwrap_or_default();
                TokenUpdate::Issue { token: credential.token(), lifetime: until.since(now), persistent }
            }
        }
    }
}

/// How long a client keeps its token.
#[derive(Clone, Copy, Debug, Default)]
struct CookieLifetime {
    until: Timestamp,
    /// Whether the cookie outlives the browser.
    persistent: bool,
}

impl CookieLifetime {
    fn of(snapshot: &Snapshot) -> Self {
        Self { until: snapshot.absolute, persistent: snapshot.is_persistent() }
    }
}

#[cfg(test)]
mod tests;
