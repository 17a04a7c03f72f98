//! What a request knows of its client's token and session.

use crate::cache::{Entry, EntryState, SecretLineage, Snapshot};
use crate::engine::{Credential, Engine, Lookup, OpenSession, PendingDelivery, UnconfirmedRequest};
use crate::error::SessionError;
use crate::sync::Arc;
use crate::time::Timestamp;
#[cfg(feature = "jwt")]
use crate::token::Principal;
use crate::token::{Token, VersionHint};

use super::request::TokenUpdate;

/// What the client holds, as far as this request knows.
#[derive(Debug, Default)]
pub(super) struct ClientToken {
    pub(super) credential: Option<Credential>,
    pub(super) entry: Option<Arc<Entry>>,
    pub(super) status: TokenStatus,
    pub(super) change: TokenChange,
    /// Who answered when this request first asked for the session.
    pub(super) source: Option<SessionSource>,
    /// The shared tier was asked by this request, whatever was in memory.
    pub(super) is_refreshed: bool,
    /// A read was answered as if there were no session, as the shared tier was away: so are all others.
    pub(super) is_read_as_absent: bool,
    /// The client should get its token again, although it is the same.
    pub(super) needs_new_format: bool,
    /// How long the session may live, as far as this request had to know that.
    lifetime: Option<CookieLifetime>,
    /// Whether the token was the present one when the response was ready, where that had to be asked.
    is_current: Option<bool>,
    /// The version hint that the client came with.
    sent_version: Option<VersionHint>,
    /// Where this node could not tell what the token opens, until the request asks.
    unconfirmed: Option<Arc<UnconfirmedRequest>>,
    /// What this request made of its client's token, until the response has it.
    delivery: Option<Arc<PendingDelivery>>,
    /// Under which secrets this request keeps the session in `entry` from falling idle, while it does.
    entered: Option<SecretLineage>,
    /// It does not count as activity.
    is_passive: bool,
    pub(super) has_response_begun: bool,
    /// How many want the session kept from falling idle also when the response has begun.
    keep_active_count: u32,
}

/// Which tier a request had its session from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SessionSource {
    /// The memory of this process, without asking anybody.
    Memory,
    /// The shared tier.
    Store,
}

/// What this request has learned about its client's token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TokenStatus {
    /// It opened nothing so far, or there is none: a write may create a session.
    #[default]
    Anonymous,
    /// It opened a session. If that ends meanwhile, a write must not quietly start another.
    Opened,
    /// It was replaced by a rotation. A write must not start a session whose cookie would overwrite
    /// the newer one that the client may be receiving right now.
    Superseded,
}

/// What this request did to its client's token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TokenChange {
    #[default]
    None,
    /// It made a new one.
    Issued,
    /// It has the present one kept for longer.
    KeptLonger,
    Removed,
}

impl ClientToken {
    /// The client logged out by this request, and holds nothing any more.
    pub(super) fn log_out(&mut self) {
        self.remove_request();
        *self = Self { change: TokenChange::Removed, ..self.forgotten() };
    }

    /// Nothing is known of the client any more. What is known of the request stays.
    pub(super) fn forget(&mut self) {
        self.remove_request();
        *self = self.forgotten();
    }

    fn forgotten(&self) -> Self {
        let Self { is_passive, has_response_begun, keep_active_count: keepers, .. } = *self;
        Self { is_passive, has_response_begun, keep_active_count: keepers, ..Self::default() }
    }

    /// What is known of a token without asking anybody. The request is in progress from here on, if it is to count as
    /// activity.
    pub(super) fn lookup(engine: &Engine, token: &Token, is_activity: bool) -> Self {
        let now = engine.now();
        let (credential, entry, opens) = engine.lookup_cached(token, now);
        let standing = if opens { TokenStatus::Opened } else { TokenStatus::Anonymous };
        let presented = credential.client_version;
        let mut held = Self {
            credential: Some(credential),
            entry,
            status: standing,
            sent_version: presented,
            is_passive: !is_activity,
            ..Self::default()
        };
        if is_activity && credential.lineage.is_none() {
            held.unconfirmed = engine.add_unconfirmed(&credential, now);
        }
        held.add_request();
        if let (Some(entry), Some(_)) = (&held.entry, held.entered) {
            engine.expect_activity(entry, now);
        }
        held
    }

    /// The session does not fall idle from here on, if the request counts as activity and it is known which session.
    fn add_request(&mut self) {
        let counts = !self.is_passive && (!self.has_response_begun || self.keep_active_count > 0);
        if let (true, None, Some(entry), Some(lineage)) =
            (counts, self.entered, &self.entry, self.credential.and_then(|credential| credential.lineage))
        {
            entry.add_request(lineage);
            self.entered = Some(lineage);
        }
    }

    fn remove_request(&mut self) -> bool {
        let Some(lineage) = self.entered.take() else { return false };
        if let Some(entry) = &self.entry {
            entry.remove_request(lineage);
        }
        true
    }

    /// The request, or what else kept the session from falling idle, is over: that counts as activity.
    pub(super) fn finish(&mut self, engine: &Engine) {
        if let Some(request) = self.unconfirmed.take() {
            request.finish(engine.now());
        }
        if self.remove_request() {
            self.count_activity(engine);
        }
    }

    /// The response has begun. What is read from now on counts by itself.
    pub(super) fn begin_response(&mut self, engine: &Engine) {
        self.has_response_begun = true;
        if self.keep_active_count == 0 {
            self.finish(engine);
        }
    }

    /// What is done now counts as activity, though no request is in progress.
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

    /// The request does not count as activity, whatever it has done or will do, but for what it writes.
    pub(super) fn set_passive(&mut self) {
        self.is_passive = true;
        self.remove_request();
        if let Some(request) = self.unconfirmed.take() {
            request.settle();
        }
    }

    /// Whether the session is not idle, because of this very request.
    pub(super) const fn is_active(&self) -> bool {
        !self.is_passive
    }

    /// Somebody wants the session not to fall idle, whether the response has begun or not.
    pub(super) fn keep_active(&mut self, engine: &Engine) {
        self.keep_active_count += 1;
        self.add_request();
        if self.entered.is_none() && self.unconfirmed.is_none() && !self.is_passive {
            // Which session it is, nobody has asked yet.
            self.unconfirmed = self.credential.and_then(|credential| engine.add_unconfirmed(&credential, engine.now()));
        }
    }

    pub(super) fn stop_keeping_active(&mut self, engine: &Engine) {
        self.keep_active_count -= 1;
        if self.has_response_begun && self.keep_active_count == 0 {
            self.finish(engine);
        }
    }

    /// Takes in what asking for the session brought, unless this request changed its token meanwhile.
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

    /// The same without counting as activity, where the response has begun.
    pub(super) fn on_passive_access(&mut self, credential: &Credential, access: Lookup) -> Option<OpenSession> {
        let same = self.credential.is_some_and(|held| held.fingerprint == credential.fingerprint);
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
                // As without a token: a write may start a session, under a token of its own. Not where this request
                // was shown the one that is lost.
                if !self.was_opened() {
                    self.status = TokenStatus::Anonymous;
                }
                self.change = TokenChange::None;
                None
            }
            Lookup::Superseded | Lookup::RolledBack | Lookup::Missing => None,
        }
    }

    fn opened(&mut self, (entry, state): OpenSession, same: bool, by: SessionSource) -> OpenSession {
        if same {
            self.status = TokenStatus::Opened;
            self.is_read_as_absent = false;
            self.source.get_or_insert(by);
            self.remember_entry(&entry, &state);
        }
        (entry, state)
    }

    /// The cell to ask next time, and the version that the client sees by this request's answer.
    fn remember_entry(&mut self, entry: &Arc<Entry>, state: &EntryState) {
        if !self.entry.as_ref().is_some_and(|held| Arc::ptr_eq(held, entry)) {
            self.remove_request();
            self.entry = Some(Arc::clone(entry));
        }
        if let Some(snapshot) = state.snapshot() {
            self.observe_version(snapshot);
        }
        self.add_request();
    }

    /// The client sees this version by this request's answer.
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

    /// Whether this request was given the session that its token names.
    pub(super) fn was_opened(&self) -> bool {
        self.credential.is_some_and(|credential| credential.has_opened)
    }

    /// Answers this read, and all that follow, as if there were no session; the error where another one was given it.
    pub(super) fn read_as_absent(&mut self, error: SessionError) -> Result<Option<OpenSession>, SessionError> {
        if self.was_opened() {
            return Err(error);
        }
        self.is_read_as_absent = true;
        Ok(None)
    }

    /// The token was replaced: whatever this request had to tell about it is nobody's business any more.
    pub(super) fn superseded(&mut self) {
        self.status = TokenStatus::Superseded;
        self.change = TokenChange::None;
    }

    /// What `read` finds in the session, if it is in memory and may be used now: what `note` does, but
    /// with nothing counted in or out of cell and state, which all requests of a session would write to.
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

    /// From now on the client holds this, once the response has brought it.
    pub(super) fn replace_token(&mut self, credential: Credential, entry: Arc<Entry>, made: Arc<PendingDelivery>) {
        if let Some(before) = self.delivery.take() {
            before.disarm();
            made.ends_if_lost();
        }
        self.share_token(credential, entry, Some(made));
    }

    /// From now on the client holds what another request of it made, which may not have been delivered either.
    pub(super) fn share_token(
        &mut self,
        credential: Credential,
        entry: Arc<Entry>,
        made: Option<Arc<PendingDelivery>>,
    ) {
        self.remove_request();
        self.delivery = made;
        // Somebody else may have logged in since: that is not this request's session any more.
        let is_own = |snapshot: &&Snapshot| snapshot.fingerprint == credential.fingerprint;
        let lineage = entry.state().last_known().filter(is_own).map(Snapshot::lineage);
        self.credential = Some(Credential { lineage, ..credential });
        self.lifetime = entry.state().last_known().map(CookieLifetime::of);
        self.entry = Some(entry);
        self.status = TokenStatus::Opened;
        self.change = TokenChange::Issued;
        self.add_request();
    }

    /// The response carries the token that this request made.
    pub(super) fn delivered(&mut self) {
        if let Some(made) = self.delivery.take() {
            made.disarm();
        }
    }

    /// There will be no response. What that means for a token that this request made is for others to do, without a lock.
    pub(super) fn abandon(&mut self) -> Option<Arc<PendingDelivery>> {
        self.delivery.take()
    }

    /// Who is logged in, as far as is known here.
    #[cfg(feature = "jwt")]
    pub(super) fn principal(&self) -> Option<Principal> {
        let state = self.entry.as_ref()?.state();
        self.last_known(&state)?.principal().cloned()
    }

    /// What was known last of the session under this very token: what was known before a login is about somebody else.
    fn last_known<'a>(&self, state: &'a EntryState) -> Option<&'a Snapshot> {
        let credential = self.credential.as_ref()?;
        state.last_known().filter(|snapshot| snapshot.fingerprint == credential.fingerprint)
    }

    /// Takes in the state of the session at the end of the request, if that could be learned.
    pub(super) fn resolve(&mut self, state: Option<&EntryState>) {
        let present = state.and_then(EntryState::snapshot);
        let is_present =
            |snapshot: &Snapshot| self.credential.is_some_and(|held| held.fingerprint == snapshot.fingerprint);
        self.is_current = Some(present.is_some_and(is_present));
        self.lifetime = present.map(CookieLifetime::of).or(self.lifetime);
    }

    /// Whether what the client has should be replaced, although its secret is the same.
    fn needs_reissue(&self, credential: &Credential) -> bool {
        self.needs_new_format || credential.client_version != self.sent_version
    }

    /// Whether the client sees another version by this answer than it knows of.
    pub(super) fn has_newer_version(&self) -> bool {
        self.credential.is_some_and(|credential| credential.client_version != self.sent_version)
    }

    /// What the response has to tell the client of its token, by one look at the session.
    ///
    /// Nothing about a token that was replaced or whose session ended since: its client may be
    /// receiving the new one with another response, which this one would overwrite. A version that the client should be told
    /// then has to become that of every node first. Where it is not known what became of the token,
    /// because the copy was invalidated, a token that this request made is told; of any other, the shared
    /// tier has to say first whether it is the present one. It also has to say how long a session lives of which nothing is in
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

/// For how long a client keeps its token.
#[derive(Clone, Copy, Debug, Default)]
struct CookieLifetime {
    until: Timestamp,
    /// It should outlive the browser.
    persistent: bool,
}

impl CookieLifetime {
    fn of(snapshot: &Snapshot) -> Self {
        Self { until: snapshot.absolute, persistent: snapshot.is_persistent() }
    }
}

#[cfg(test)]
mod tests;
