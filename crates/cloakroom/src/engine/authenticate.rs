//! Authentication: from a token to the live session that it opens.

use std::time::Duration;

use tracing::field::debug;
use tracing::{Instrument, Span};

use crate::cache::{
    EndReason, Entry, EntryState, LocalCache, SecretLineage, SecretMatch, Snapshot, Stamp, StampedState,
};
use crate::store::{DynStore, Lease, LeasedRecord};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Selector, Token, VersionHint};

use super::credential::{ChangeAuthor, Credential};
use super::open_session::OpenSession;
use super::rollback::is_at_least;
use crate::config::ReusePolicy;
use crate::engine::Engine;
use crate::error::SessionError;
use crate::telemetry::{EventKind, fail, lock as locked};

/// Time after its replacement during which a token may be presented without being treated as
/// stolen.
const REUSE_TOLERANCE: Duration = Duration::from_secs(60);
/// Number of retries of a fill that an invalidation overtook.
const FILL_ATTEMPTS: usize = 3;

/// Result of looking up a token.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// A live session, from memory.
    Open(OpenSession),
    /// A live session, read from the shared tier.
    Fetched(OpenSession),
    /// The record is older than what the client has seen, and must not be served.
    RolledBack,
    /// The session lives, but this secret is not, or no longer, its secret.
    Superseded,
    /// There is no such session.
    Missing,
}

/// Result of a lookup in the local tier alone.
enum LocalLookup {
    /// A live session that the client may use.
    Open(StampedState),
    /// The session lives, but this is not its secret.
    Superseded,
    /// There is no such session.
    Missing,
    /// Only the shared tier can decide.
    NeedsStore,
}

impl LocalLookup {
    /// Returns the result, unless only the shared tier can decide.
    fn decided(self, entry: &Arc<Entry>) -> Option<Lookup> {
        match self {
            Self::Open(state) => Some(Lookup::Open(OpenSession::new(Arc::clone(entry), state))),
            Self::Superseded => Some(Lookup::Superseded),
            Self::Missing => Some(Lookup::Missing),
            Self::NeedsStore => None,
        }
    }
}

impl Engine {
    /// Looks up a token in the local tier, without any I/O. Returns its credential, its entry if
    /// there is one, and whether the token opens the session as far as this node knows.
    ///
    /// The credential receives the session's lineage only from a current copy: later reads of the
    /// record admit any credential of that lineage, and an outdated copy may admit a dead token.
    pub(crate) fn lookup_cached(&self, token: &Token, now: Timestamp) -> (Credential, Option<Arc<Entry>>, bool) {
        let mut credential = self.credential(token);
        let entry = self.cache.get(&token.selector);
        let opened = entry.as_ref().and_then(|entry| self.admit_cached(entry, &credential, now));
        if opened.is_none() && self.store.is_none() {
            self.telemetry.counters.tokens_unknown.count();
        }
        credential.lineage = opened.and_then(|(lineage, is_current)| is_current.then_some(lineage));
        if credential.lineage.is_some() {
            self.end_duplicates_of(&token.selector, now);
        }
        (credential, entry, opened.is_some())
    }

    /// Returns the session's lineage, if the client's secret opens the session, and whether the
    /// copy is current.
    fn admit_cached(
        &self,
        entry: &Arc<Entry>,
        credential: &Credential,
        now: Timestamp,
    ) -> Option<(SecretLineage, bool)> {
        let admitted = entry.read(|state| {
            let snapshot = state.snapshot()?;
            let opens =
                entry.expiry_reason(snapshot, now).is_none() && entry.admits(snapshot, credential.fingerprint, now);
            opens.then(|| (snapshot.lineage(), self.is_current(snapshot, credential.client_version, now)))
        });
        if admitted.is_none() && self.store.is_none() {
            self.end_refused(entry, credential, now);
        }
        admitted
    }

    /// Ends a session that did not admit a client, if its time is over or if the client's secret was
    /// replaced long ago. Without a shared tier, nothing else has to be asked.
    #[cold]
    fn end_refused(&self, entry: &Arc<Entry>, credential: &Credential, now: Timestamp) {
        let state = entry.state();
        let Some(snapshot) = state.snapshot() else { return };
        if entry.expiry_reason(snapshot, now).is_some() {
            self.cache.end_expired(entry, now);
        } else if self.check_reuse(entry, snapshot, credential, now) {
            self.cache.end(entry, EndReason::Reused);
        }
    }

    /// Returns `true` if a client may use the session now: by its secret, or because its request
    /// was admitted before and only renewals have replaced the secret since.
    pub(super) fn admits(&self, entry: &Entry, snapshot: &Snapshot, credential: &Credential, now: Timestamp) -> bool {
        entry.admits(snapshot, credential.fingerprint, now) || credential.lineage == Some(snapshot.lineage())
    }

    /// Returns the author of a client's changes, for a session that admits the client.
    pub(crate) fn writer(&self, credential: &Credential, entry: &Entry) -> ChangeAuthor {
        self.writer_of(credential, entry, &entry.state())
    }

    /// Like [`writer`](Self::writer), for a given state of the entry.
    pub(super) fn writer_of(&self, credential: &Credential, entry: &Entry, state: &EntryState) -> ChangeAuthor {
        match state.snapshot() {
            Some(snapshot)
                if credential.lineage == Some(snapshot.lineage())
                    && !entry.admits(snapshot, credential.fingerprint, self.now()) =>
            {
                ChangeAuthor::RenewedClient(snapshot.fingerprint, snapshot.verifier)
            }
            _ => ChangeAuthor::Client(*credential),
        }
    }

    fn match_secret(&self, snapshot: &Snapshot, credential: &Credential, now: Timestamp) -> SecretMatch {
        snapshot.match_secret(
            credential.fingerprint,
            || self.verifier_hasher.hash(&credential.selector, &credential.secret),
            now,
        )
    }

    /// Counts and announces a secret that opened the session once but no longer does. Returns
    /// `true` if the session must end for it.
    fn check_reuse(&self, entry: &Entry, snapshot: &Snapshot, credential: &Credential, now: Timestamp) -> bool {
        if self.match_secret(snapshot, credential, entry.latest(now)) != SecretMatch::Reused {
            return false;
        }
        self.telemetry.counters.tokens_reused.count();
        self.telemetry.announce(EventKind::TokenReused, Some(&entry.selector), snapshot.principal());
        let dead_since = snapshot.previous().map(|(previous, _)| previous.dead_since());
        self.policy.reuse == ReusePolicy::End && dead_since.is_some_and(|since| now.since(since) > REUSE_TOLERANCE)
    }

    /// Looks up what a client may use now, without an entry from an earlier lookup.
    pub(crate) async fn open_by_token(&self, credential: &Credential) -> Result<Lookup, SessionError> {
        self.open(credential, self.cache.get(&credential.selector).as_ref()).await
    }

    /// Looks up what a client may use now, on the shared tier where the local one cannot decide.
    pub(crate) async fn open(
        &self,
        credential: &Credential,
        entry: Option<&Arc<Entry>>,
    ) -> Result<Lookup, SessionError> {
        let now = self.now();
        if let Some(decided) = entry.and_then(|entry| self.check_cached(entry, credential, now).decided(entry)) {
            if matches!(decided, Lookup::Superseded | Lookup::Missing) {
                self.telemetry.counters.local_negative_hits.count();
            }
            return Ok(decided);
        }
        match &self.store {
            None => {
                self.telemetry.counters.local_negative_hits.count();
                Ok(Lookup::Missing)
            }
            // Boxed, like everything that waits for the shared tier, to keep the futures of
            // handlers small.
            Some(store) => {
                let fetch = self.fetch(&**store, credential);
                Box::pin(self.traced(self.telemetry.open_span(&credential.selector), fetch)).await
            }
        }
    }

    /// Runs work between the tiers in its span, and marks it as failed if it is.
    pub(super) async fn traced<T>(
        &self,
        span: Span,
        work: impl Future<Output = Result<T, SessionError>>,
    ) -> Result<T, SessionError> {
        let outcome = work.instrument(span.clone()).await;
        if let Err(error) = &outcome {
            fail(&span, debug(error.kind()));
        }
        outcome
    }

    /// Looks up what a client may use now on the shared tier, whatever is in memory.
    pub(crate) async fn refresh(&self, credential: &Credential) -> Result<Lookup, SessionError> {
        let entry = self.cache.get(&credential.selector);
        if let Some(entry) =
            entry.as_ref().filter(|entry| self.store.is_some() && !self.has_other_secret(entry, credential))
        {
            // Suspect the copy for all requests: reads in progress began before this one, so they
            // must not fill the entry again.
            self.cache.suspect(entry, self.now());
        }
        self.open(credential, entry.as_ref()).await
    }

    /// Reads from the session, if the client may use it now and the local tier can decide that. The
    /// entry is locked meanwhile, with the rules of [`Entry::read`].
    pub(crate) fn read_cached<R>(
        &self,
        entry: &Entry,
        credential: &Credential,
        now: Timestamp,
        read: impl FnOnce(&Snapshot, &StampedState) -> R,
    ) -> Option<R> {
        entry.read(|state| {
            let snapshot = state.snapshot()?;
            let usable = self.admits(entry, snapshot, credential, now)
                && entry.expiry_reason(snapshot, now).is_none()
                && self.is_current(snapshot, credential.client_version, now);
            usable.then(|| read(snapshot, state))
        })
    }

    /// Returns `true` if there is a copy that the client's secret does not open.
    fn has_other_secret(&self, entry: &Entry, credential: &Credential) -> bool {
        let now = self.now();
        entry.read(|state| state.snapshot().is_some_and(|snapshot| !self.admits(entry, snapshot, credential, now)))
    }

    /// Returns `true` if the client's secret opens the session according to the last known copy.
    fn is_known_secret(&self, entry: &Entry, credential: &Credential) -> bool {
        let now = self.now();
        entry.read(|state| state.last_known().is_some_and(|snapshot| self.admits(entry, snapshot, credential, now)))
    }

    /// Returns `true` if the shared tier has rejected this secret, and would report any change of
    /// the record since.
    fn is_rejected(&self, store: &dyn DynStore, entry: &Entry, credential: &Credential) -> bool {
        let Some(rejected) = entry.rejection(credential.fingerprint) else { return false };
        if !store.is_lease_valid(Lease::new(rejected.lease)) {
            return false;
        }
        self.telemetry.counters.tokens_unknown.count();
        if rejected.is_reused {
            self.telemetry.counters.tokens_reused.count();
            let state = entry.state();
            let principal = state.last_known().and_then(|snapshot| snapshot.principal());
            self.telemetry.announce(EventKind::TokenReused, Some(&entry.selector), principal);
        }
        true
    }

    /// Remembers the rejection of a secret, unless the client had opened the session in this
    /// request or the passing of time decides whether the reuse ends it.
    fn remember_rejection(&self, entry: &Entry, before: &StampedState, snapshot: &Snapshot, credential: &Credential) {
        let is_reused = self.match_secret(snapshot, credential, self.now()) == SecretMatch::Reused;
        if credential.has_opened || is_reused && self.policy.reuse == ReusePolicy::End {
            return;
        }
        if let Some(store_meta) = &snapshot.store_meta {
            entry.remember_rejection(before.stamp, credential.fingerprint, store_meta.lease, is_reused);
        }
    }

    /// Returns what the client could use before the shared tier became unreachable, if that was no
    /// longer ago than `bound`.
    pub(crate) fn stale(&self, credential: &Credential, entry: &Arc<Entry>, bound: Duration) -> Option<OpenSession> {
        let now = self.now();
        let state = entry.state();
        let state = match &*state {
            // Its lease has lapsed, but the store has not reported that yet.
            EntryState::Live(_) => state,
            EntryState::Invalidated(invalidated) if now.since(invalidated.suspect_since?) <= bound => {
                StampedState::detached(EntryState::Live(invalidated.last_copy.as_deref()?.clone()))
            }
            EntryState::Invalidated(_) | EntryState::Ended(_) => return None,
        };
        let snapshot = state.snapshot().filter(|snapshot| had_lease(snapshot))?;
        let usable = self.admits(entry, snapshot, credential, now)
            && entry.expiry_reason(snapshot, now).is_none()
            && is_at_least(snapshot, credential.client_version);
        usable.then(|| OpenSession::new(Arc::clone(entry), state))
    }

    fn check_cached(&self, entry: &Arc<Entry>, credential: &Credential, now: Timestamp) -> LocalLookup {
        loop {
            let state = entry.state();
            let Some(snapshot) = state.snapshot() else {
                return if matches!(*state, EntryState::Ended(_)) {
                    LocalLookup::Missing
                } else {
                    LocalLookup::NeedsStore
                };
            };
            let admitted = self.admits(entry, snapshot, credential, now);
            let overdue = entry.expiry_reason(snapshot, now).is_some();
            if self.store.is_some() {
                // Only the record includes the requests and the secrets of other nodes.
                let known = admitted && !overdue && self.is_current(snapshot, credential.client_version, now);
                return if known { LocalLookup::Open(state) } else { LocalLookup::NeedsStore };
            }
            if !overdue {
                return if admitted { LocalLookup::Open(state) } else { LocalLookup::Superseded };
            }
            // If this does not end it, another request has just prolonged it: check again.
            self.cache.end_expired(entry, now);
        }
    }

    /// Returns `true` if a copy may be served without asking: its lease is valid and the store still
    /// keeps the record, and it is at least as new as what the client has seen, even if the
    /// invalidation is delayed.
    fn is_current(&self, snapshot: &Snapshot, seen: Option<VersionHint>, now: Timestamp) -> bool {
        let (Some(store), Some(store_meta)) = (&self.store, &snapshot.store_meta) else { return self.store.is_none() };
        is_at_least(snapshot, seen)
            && now < store_meta.store_deadline
            && store.is_lease_valid(Lease::new(store_meta.lease))
    }

    /// Reads the record and makes it the copy of this process, unless an invalidation overtakes the
    /// read.
    async fn fetch(&self, store: &dyn DynStore, credential: &Credential) -> Result<Lookup, SessionError> {
        self.ensure_maintenance();
        loop {
            let entry = self.cache.get_or_insert_unread(&credential.selector, self.now());
            // An unverified secret waits only for requests with the same one, and no commit waits
            // for it.
            let lock = if self.is_known_secret(&entry, credential) {
                entry.commit_lock()
            } else {
                entry.secret_lock(credential.fingerprint)
            };
            let _guard = locked(&lock).await;
            if let Some(access) = self.fill(store, &entry, credential).await? {
                return Ok(access);
            }
        }
    }

    /// Returns what a client may use now, from the entry or from the record, which then fills the
    /// entry. `None` if the entry has left the table.
    pub(super) async fn fill(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        credential: &Credential,
    ) -> Result<Option<Lookup>, SessionError> {
        let mut attempts = 0..FILL_ATTEMPTS;
        loop {
            // Another request may have filled it while this one waited for the lock.
            if let Some(decided) = self.check_cached(entry, credential, self.now()).decided(entry) {
                return Ok(Some(decided));
            }
            if self.is_rejected(store, entry, credential) {
                self.telemetry.counters.local_negative_hits.count();
                return Ok(Some(Lookup::Superseded));
            }
            let Some(before) = self.reserve(entry) else { return Ok(None) };
            self.telemetry.counters.local_misses.count();
            let Some(mut snapshot) = self.load(store, entry, &before).await? else {
                self.telemetry.counters.tokens_unknown.count();
                return Ok(Some(Lookup::Missing));
            };
            if !self.verify_secret(entry, &mut snapshot, credential).await? {
                self.remember_rejection(entry, &before, &snapshot, credential);
                return Ok(Some(Lookup::Superseded));
            }
            if self.is_rolled_back(entry, &snapshot, credential) {
                return Ok(Some(Lookup::RolledBack));
            }
            let filled = self.cache.replace(entry, &before, snapshot.clone())?;
            if filled.is_some() {
                self.report_lost_version(entry, &before, &snapshot, credential);
            }
            // After the last attempt, use the record for this response only: it was current when
            // the read began.
            if filled.is_some() || attempts.next().is_none() {
                let read = StampedState { stamp: filled.unwrap_or(Stamp::NONE), state: EntryState::Live(snapshot) };
                return Ok(Some(self.finish_load(Arc::clone(entry), read, credential)));
            }
        }
    }

    /// Reports that the store has lost a version that this node had. For a client that has seen
    /// that version itself, `finish_load` reports it.
    fn report_lost_version(
        &self,
        entry: &Arc<Entry>,
        before: &EntryState,
        snapshot: &Snapshot,
        credential: &Credential,
    ) {
        if is_at_least(snapshot, credential.client_version)
            && !is_at_least(snapshot, before.last_known().and_then(Snapshot::version_hint))
        {
            self.report_rollback(entry, snapshot);
        }
    }

    /// Reserves the entry for a fill: any transition from here on makes the fill fail. `None` if
    /// the entry has left the table, where no invalidation would reach it.
    pub(super) fn reserve(&self, entry: &Arc<Entry>) -> Option<StampedState> {
        let before = entry.state();
        self.cache.contains(entry).then_some(before)
    }

    /// Reads the record of an entry. `None` if there is none: then the entry has ended.
    async fn load(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        before: &EntryState,
    ) -> Result<Option<Snapshot>, SessionError> {
        let mut unfilled_guard = RemoveIfUnfilled { cache: &self.cache, entry, answered: false };
        let answer = self.load_record(store, entry.selector).await?;
        // A session whose touch was reported late outlives its timeout in the store by that delay,
        // so the deadline is checked here. The requests that this process has seen count only if it
        // ever had a copy.
        let seen_here = before.last_known().map(|_| entry.last_seen()).unwrap_or_default();
        let answer = answer.filter(|LeasedRecord { record, .. }| {
            self.now() < record.lifetimes.store_deadline(record.last_seen.max(seen_here))
        });
        let Some(loaded) = answer else {
            unfilled_guard.answered = true;
            self.mark_ended(entry);
            return Ok(None);
        };
        entry.touch(loaded.record.last_seen);
        entry.mark_touch_reported(loaded.record.last_seen);
        let snapshot = self.decode(&entry.selector, loaded.record, loaded.lease, before);
        unfilled_guard.answered = snapshot.is_ok();
        snapshot.map(Some)
    }

    /// Reads a record, and counts whether there is one.
    pub(super) async fn load_record(
        &self,
        store: &dyn DynStore,
        selector: Selector,
    ) -> Result<Option<LeasedRecord>, SessionError> {
        self.telemetry.counters.store_loads.count();
        let answer = self.count_error(store.load(selector).await)?;
        let counters = &self.telemetry.counters;
        let found = if answer.is_some() { &counters.store_hits } else { &counters.store_misses };
        found.count();
        Ok(answer)
    }

    /// Returns `true` if the client's secret opens the session according to the record, and
    /// remembers its fingerprint. Otherwise checks for reuse, which may end the session.
    async fn verify_secret(
        &self,
        entry: &Arc<Entry>,
        snapshot: &mut Snapshot,
        credential: &Credential,
    ) -> Result<bool, SessionError> {
        let now = self.now();
        let proof = self.match_secret(snapshot, credential, entry.latest(now));
        snapshot.remember_fingerprint(proof, credential.fingerprint);
        if self.admits(entry, snapshot, credential, now) {
            return Ok(true);
        }
        if credential.has_opened {
            return Ok(false);
        }
        self.telemetry.counters.tokens_unknown.count();
        if self.check_reuse(entry, snapshot, credential, now) {
            self.end(&credential.selector, Some(Arc::clone(entry)), EndReason::Reused).await?;
        }
        Ok(false)
    }

    /// Returns the entry of a session that the application itself changes.
    pub(crate) async fn entry_for(&self, selector: &Selector) -> Result<Option<Arc<Entry>>, SessionError> {
        Ok(self.open_by_selector(selector).await?.map(|open| open.entry))
    }

    /// Returns `true` unless the time of the session is over. Over a shared tier, a session that
    /// another node has seen lately may live a tenth of its idle timeout longer than its record
    /// shows, because touches are reported no more often than that.
    pub(crate) fn may_live(&self, entry: &Entry, snapshot: &Snapshot) -> bool {
        match self.store {
            None => entry.expiry_reason(snapshot, self.now()).is_none(),
            Some(_) => entry.is_in_use(snapshot) || self.now() < snapshot.lifetimes.store_deadline(entry.last_seen()),
        }
    }

    /// Opens a session for the application itself, whatever its secret is. Not activity.
    pub(crate) async fn open_by_selector(&self, selector: &Selector) -> Result<Option<OpenSession>, SessionError> {
        let Some(store) = &self.store else {
            return Ok(self.cache.get(selector).map(|entry| {
                let state = entry.state();
                OpenSession::new(entry, state)
            }));
        };
        self.ensure_maintenance();
        let mut attempts = 0..FILL_ATTEMPTS;
        loop {
            let entry = self.cache.get_or_insert_unread(selector, self.now());
            let commit_lock = entry.commit_lock();
            let _guard = locked(&commit_lock).await;
            let Some(before) = self.reserve(&entry) else { continue };
            if before.snapshot().is_some_and(|snapshot| self.is_current(snapshot, None, self.now())) {
                return Ok(Some(OpenSession::new(entry, before)));
            }
            let inserted = before.last_known().is_none().then(|| entry.last_seen());
            let Some(snapshot) = self.load(&**store, &entry, &before).await? else { return Ok(None) };
            if let (Some(inserted), Some(reported)) = (inserted, snapshot.last_reported()) {
                entry.was_last_seen(inserted, reported);
            }
            let filled = self.cache.replace(&entry, &before, snapshot.clone())?;
            // After the last attempt, what was read serves this call only: it was current when the
            // read began.
            if filled.is_some() || attempts.next().is_none() {
                let read = StampedState { stamp: filled.unwrap_or(Stamp::NONE), state: EntryState::Live(snapshot) };
                return Ok(Some(OpenSession::new(entry, read)));
            }
        }
    }
}

/// Returns `true` if the store ever promised to report when this copy goes out of date. Otherwise
/// the age of the copy is unknown.
fn had_lease(snapshot: &Snapshot) -> bool {
    snapshot.store_meta.as_ref().is_some_and(|store_meta| Lease::new(store_meta.lease) != Lease::NONE)
}

/// Drop guard of a read from the shared tier: removes an entry that the read did not fill, whether
/// the store is down or the request was dropped. Otherwise requests with random tokens would leave
/// entries behind.
pub(super) struct RemoveIfUnfilled<'a> {
    pub(super) cache: &'a LocalCache,
    pub(super) entry: &'a Arc<Entry>,
    pub(super) answered: bool,
}

impl Drop for RemoveIfUnfilled<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.cache.remove_if_unfilled(self.entry);
        }
    }
}
