//! A request's knowledge of its client's token and session.

mod activity;
mod state;

use crate::cache::{Entry, EntryState, SecretLineage, Snapshot, StampedState};
use crate::engine::{Credential, Engine, Lookup, OpenSession, PendingDelivery};
use crate::error::SessionError;
use crate::sync::Arc;
use crate::telemetry::Counters;
use crate::time::Timestamp;
use crate::token::{Principal, Token, VersionHint};

use super::request::TokenUpdate;
use activity::RequestActivity;
use state::TokenState;

/// The client's token, and its session as far as this request knows it.
#[derive(Debug, Default)]
pub(super) struct ClientToken {
    state: TokenState,
    activity: RequestActivity,
    /// The new token that this request made, until the response carries it.
    delivery: Option<Arc<PendingDelivery>>,
    /// The version hint in the request's token.
    sent_version: Option<VersionHint>,
    /// The client should get the same token again, in the current format.
    needs_new_format: bool,
    /// Which tier answered when this request first asked for the session.
    source: Option<SessionSource>,
    /// This request has read the session from the shared tier, ignoring cached copies.
    is_refreshed: bool,
    /// A read was answered as if there were no session, because the shared tier was unavailable.
    /// All further reads of the request get the same result.
    is_read_as_absent: bool,
    /// The session's remaining lifetime, if this request had to learn it.
    lifetime: Option<CookieLifetime>,
    /// Whether the token was current when the response was ready, if that had to be asked.
    is_current: Option<bool>,
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

impl ClientToken {
    /// Looks the token up without I/O. From here on, the request is in progress if it counts as
    /// activity.
    pub(super) fn lookup(engine: &Engine, token: &Token, is_activity: bool) -> Self {
        let now = engine.now();
        let (credential, entry, opens) = engine.lookup_cached(token, now);
        let mut client_token = Self {
            state: TokenState::presented(credential, entry, opens),
            activity: RequestActivity::new(is_activity),
            sent_version: credential.client_version,
            ..Self::default()
        };
        client_token.begin_activity();
        if credential.lineage.is_none() {
            client_token.activity.add_unconfirmed(engine, &credential);
        }
        if let (Some(entry), true) = (client_token.state.entry(), client_token.activity.is_counted()) {
            engine.expect_activity(entry, now);
        }
        client_token
    }

    pub(super) fn credential(&self) -> Option<Credential> {
        self.state.credential().copied()
    }

    pub(super) fn entry(&self) -> Option<&Arc<Entry>> {
        self.state.entry()
    }

    /// Returns the client's credential if a rotation has replaced it.
    pub(super) fn superseded_credential(&self) -> Option<Credential> {
        self.credential().filter(|_| self.state.is_superseded())
    }

    /// Returns `true` if a write may create a session for this client.
    pub(super) const fn may_create(&self) -> bool {
        self.state.may_create()
    }

    /// Returns `true` if this request logged the client out.
    pub(super) const fn is_removed(&self) -> bool {
        self.state.is_removed()
    }

    /// Returns the tier that answered when this request first asked for the session.
    pub(super) const fn source(&self) -> Option<SessionSource> {
        self.source
    }

    /// Returns `true` if this request has read the session from the shared tier, ignoring cached
    /// copies.
    pub(super) const fn is_refreshed(&self) -> bool {
        self.is_refreshed
    }

    pub(super) const fn is_read_as_absent(&self) -> bool {
        self.is_read_as_absent
    }

    /// Sends the same token again, in the current format.
    pub(super) const fn reissue_in_current_format(&mut self) {
        self.needs_new_format = true;
    }

    /// Records that this request logged the client out, so that the client has no token any more.
    pub(super) fn log_out(&mut self) {
        self.forget();
        self.state.logged_out();
    }

    /// Replaces the token that the request presented by another one, of which nothing is known yet.
    pub(super) fn replace_presented(&mut self, credential: Credential) {
        self.forget();
        self.state = TokenState::presented(credential, None, false);
    }

    /// Forgets everything about the client, but not about the request.
    pub(super) fn forget(&mut self) {
        self.activity.end_in(self.state.entry());
        self.activity.confirm();
        *self = Self { activity: std::mem::take(&mut self.activity), ..Self::default() };
        self.state.forgotten();
    }

    /// Keeps the session from falling idle from here on, if the request counts as activity and its
    /// session is known.
    fn begin_activity(&mut self) {
        let lineage = self.state.credential().and_then(|credential| credential.lineage);
        if let (Some(entry), Some(lineage)) = (self.state.entry(), lineage) {
            self.activity.begin_in(entry, lineage);
        }
    }

    /// Ends the request, or whatever else kept the session from falling idle, and counts the end as
    /// activity.
    pub(super) fn finish(&mut self, engine: &Engine) {
        self.activity.finish_unconfirmed(engine);
        if self.activity.end_in(self.state.entry()) {
            self.count_activity(engine);
        }
    }

    /// Records that the response has started. Later reads count as activity one by one.
    pub(super) fn begin_response(&mut self, engine: &Engine) {
        if self.activity.begin_response() {
            self.finish(engine);
        }
    }

    pub(super) const fn has_response_begun(&self) -> bool {
        self.activity.has_response_begun()
    }

    /// Counts an access as activity if no request is in progress any more.
    fn count_after_response(&self, engine: &Engine) {
        if self.activity.has_response_begun() && self.activity.is_active() {
            self.count_activity(engine);
        }
    }

    fn count_activity(&self, engine: &Engine) {
        if let (Some(credential), Some(entry)) = (self.state.credential(), self.state.entry()) {
            engine.count_activity(credential, entry, engine.now());
        }
    }

    /// Excludes the request from activity, whatever it has done or will do. Its writes still count.
    pub(super) fn set_passive(&mut self) {
        self.activity.end_in(self.state.entry());
        self.activity.set_passive();
    }

    /// Returns `true` if this request counts as activity.
    pub(super) const fn is_active(&self) -> bool {
        self.activity.is_active()
    }

    /// Keeps the session from falling idle, even after the response has started.
    pub(super) fn keep_active(&mut self, engine: &Engine) {
        self.activity.add_guard();
        self.begin_activity();
        if let Some(credential) = self.state.credential() {
            // Only if the request has not yet asked which session the token opens.
            self.activity.add_unconfirmed(engine, credential);
        }
    }

    pub(super) fn stop_keeping_active(&mut self, engine: &Engine) {
        if self.activity.remove_guard() {
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
        let open = self.on_passive_access(engine.counters(), credential, access);
        if open.is_some() {
            self.count_after_response(engine);
        }
        open
    }

    /// Applies the result of a lookup like `on_access`, but never counts as activity.
    pub(super) fn on_passive_access(
        &mut self,
        counters: &Counters,
        credential: &Credential,
        access: Lookup,
    ) -> Option<OpenSession> {
        let same = self.state.credential().is_some_and(|known| known.fingerprint == credential.fingerprint);
        if same {
            self.activity.confirm();
        }
        let (open, source) = match access {
            Lookup::Open(open) => (open, SessionSource::Memory),
            Lookup::Fetched(open) => (open, SessionSource::Store),
            Lookup::Superseded if same => {
                self.state.superseded();
                return None;
            }
            Lookup::RolledBack if same => {
                self.state.rolled_back();
                return None;
            }
            Lookup::Superseded | Lookup::RolledBack | Lookup::Missing => return None,
        };
        if same {
            self.opened(counters, &open, source);
        }
        Some(open)
    }

    /// Remembers the entry for the next lookup, and the version that this response shows the
    /// client.
    fn opened(&mut self, counters: &Counters, open: &OpenSession, source: SessionSource) {
        self.is_read_as_absent = false;
        self.answered_from(counters, source);
        if self.state.entry().is_none_or(|known| !Arc::ptr_eq(known, &open.entry)) {
            self.activity.end_in(self.state.entry());
        }
        self.state.opened(&open.entry);
        if let Some(snapshot) = open.snapshot() {
            self.observe_snapshot((snapshot.lineage(), snapshot.version_hint()));
        }
        self.begin_activity();
    }

    /// Records the tier that answered when this request first asked for the session. The hits of the
    /// shared tier are counted where records are read.
    fn answered_from(&mut self, counters: &Counters, source: SessionSource) {
        if self.source.is_none() {
            self.source = Some(source);
            if source == SessionSource::Memory {
                counters.local_hits.count();
            }
        }
    }

    /// Records the lineage and the version of the session that this response shows the client.
    fn observe_snapshot(&mut self, (lineage, version): (SecretLineage, Option<VersionHint>)) {
        let Some(credential) = self.state.credential_mut() else { return };
        credential.has_opened = true;
        credential.lineage.get_or_insert(lineage);
        credential.client_version = version.or(credential.client_version);
    }

    /// Records that the client has seen this version, because it made it.
    pub(super) fn observe_version(&mut self, hint: Option<VersionHint>) {
        if let Some(credential) = self.state.credential_mut() {
            credential.observe(hint);
        }
    }

    /// Records that the session was read from the shared tier, ignoring cached copies.
    pub(super) const fn refreshed(&mut self) {
        self.is_refreshed = true;
    }

    /// Returns `true` if this request has been given the session that its token names.
    pub(super) fn was_opened(&self) -> bool {
        self.state.credential().is_some_and(|credential| credential.has_opened)
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
        self.state.superseded();
    }

    /// Sends the same token again, with a longer lifetime.
    pub(super) fn keep_longer(&mut self) {
        self.state.kept_longer();
    }

    /// Opens the session if it is in memory and may be used now. Returns it with the client's
    /// credential.
    pub(super) fn try_open(&mut self, engine: &Engine) -> Option<(Credential, OpenSession)> {
        let state = self.try_use(engine, |_, state, _| state.clone())?;
        Some((self.credential()?, OpenSession::new(Arc::clone(self.entry()?), state)))
    }

    /// Reads from the session if it is in memory and may be used now.
    pub(super) fn try_read<R>(
        &mut self,
        engine: &Engine,
        read: impl FnOnce(&Snapshot, Timestamp) -> Option<R>,
    ) -> Option<R> {
        self.try_use(engine, |snapshot, _, now| read(snapshot, now))?
    }

    /// Does the work of `on_access` for a session in memory, without touching the reference counts
    /// of the entry and its content, which all requests of a session would contend on.
    fn try_use<R>(
        &mut self,
        engine: &Engine,
        read: impl FnOnce(&Snapshot, &StampedState, Timestamp) -> R,
    ) -> Option<R> {
        if self.is_read_as_absent {
            return None;
        }
        let now = engine.now();
        let (entry, credential) = (self.state.entry()?, self.state.credential()?);
        let (content, shown) = engine.read_cached(entry, credential, now, |snapshot, state| {
            (read(snapshot, state, now), (snapshot.lineage(), snapshot.version_hint()))
        })?;
        self.state.opened_known_entry();
        self.answered_from(engine.counters(), SessionSource::Memory);
        self.observe_snapshot(shown);
        self.count_after_response(engine);
        Some(content)
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
        self.activity.end_in(self.state.entry());
        self.delivery = made;
        // Another login may have followed: that session does not belong to this request.
        let is_own = |snapshot: &&Snapshot| snapshot.fingerprint == credential.fingerprint;
        let lineage;
        (lineage, self.lifetime) = entry.read(|state| {
            let known = state.last_known();
            (known.filter(is_own).map(Snapshot::lineage), known.map(CookieLifetime::of))
        });
        self.state.issued(Credential { lineage, ..credential }, entry);
        self.begin_activity();
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
        self.state.entry()?.read(|state| self.last_known(state)?.principal().cloned())
    }

    /// Returns the last known snapshot under this very token: a snapshot from before a
    /// login belongs to another visitor.
    fn last_known<'a>(&self, state: &'a EntryState) -> Option<&'a Snapshot> {
        let credential = self.state.credential()?;
        state.last_known().filter(|snapshot| snapshot.fingerprint == credential.fingerprint)
    }

    /// Applies the state of the session at the end of the request, if it could be learned.
    pub(super) fn resolve(&mut self, state: Option<&EntryState>) {
        let present = state.and_then(EntryState::snapshot);
        let is_present = |snapshot: &Snapshot| {
            self.state.credential().is_some_and(|credential| credential.fingerprint == snapshot.fingerprint)
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
        self.state.credential().is_some_and(|credential| credential.client_version != self.sent_version)
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
        if self.state.is_removed() {
            return TokenUpdate::Remove;
        }
        let (Some(credential), Some(entry)) = (self.state.credential(), self.state.entry()) else {
            return TokenUpdate::None;
        };
        if !self.state.must_send() && !self.needs_reissue(credential) {
            return TokenUpdate::None;
        }
        let state = entry.state();
        let known = self.last_known(&state).map(CookieLifetime::of);
        let is_present = match &*state {
            EntryState::Live(snapshot) => Some(snapshot.fingerprint == credential.fingerprint),
            EntryState::Invalidated(_) if known.is_none() && self.is_current.is_none() => None,
            EntryState::Invalidated(_) if self.state.is_issued() => Some(true),
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
        let lifetimes = &snapshot.lifetimes;
        Self { until: lifetimes.absolute_deadline(), persistent: lifetimes.is_persistent() }
    }
}

#[cfg(test)]
mod tests;
