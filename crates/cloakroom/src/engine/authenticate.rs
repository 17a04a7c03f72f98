//! From a token to the live session that it opens.

use std::time::Duration;

use arc_swap::Guard;

use crate::cache::{EndReason, Entry, EntryState, LocalCache, SecretLineage, SecretMatch, Snapshot};
use crate::store::{DynStore, Lease, LeasedRecord};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Selector, Token, VersionHint};

use super::credential::{ChangeAuthor, Credential};
use super::rollback::{hint_of, is_at_least};
use crate::config::ReusePolicy;
use crate::engine::Engine;
use crate::error::SessionError;
use crate::telemetry::EventKind;

/// How long a replaced token may be shown without being taken for stolen.
const REUSE_TOLERANCE: Duration = Duration::from_secs(60);
/// How often a fill that an invalidation overtook is tried again.
const FILL_ATTEMPTS: usize = 3;

/// A session and its state, as a bearer may use it now.
pub(crate) type OpenSession = (Arc<Entry>, Arc<EntryState>);

/// What a token opens.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// A live session, from memory.
    Open(OpenSession),
    /// A live session, for which the shared tier had to be asked.
    Fetched(OpenSession),
    /// Nothing: its record is older than what the bearer has seen, and may not be served.
    RolledBack,
    /// Nothing: the session that it names lives, but this secret is not, or no longer, its secret.
    Superseded,
    /// Nothing.
    Missing,
}

/// Whether the local tier can answer for a bearer.
enum LocalLookup {
    /// It can: this is the session.
    Open(Arc<EntryState>),
    /// It can: this is not the secret of the session.
    Superseded,
    /// It can: there is no session.
    Missing,
    /// Only the shared tier can.
    NeedsStore,
}

impl Engine {
    /// The cell that a token names if it is in memory, and whether the token opens it as far as is known here, without
    /// any I/O.
    ///
    /// The bearer gets the lineage of the session's secrets only by a copy that is current: a later look at the record
    /// admits whoever has it, and an outdated copy may admit a token that is dead.
    pub(crate) fn lookup_cached(&self, token: &Token, now: Timestamp) -> (Credential, Option<Arc<Entry>>, bool) {
        let mut credential = self.credential(token);
        let entry = self.cache.get(&token.selector);
        let opened = entry.as_ref().and_then(|entry| self.admit_cached(entry, &credential, now));
        if opened.is_none() && self.store.is_none() {
            self.telemetry.counters.tokens_unknown.count();
        }
        credential.lineage = opened.and_then(|(lineage, is_current)| is_current.then_some(lineage));
        (credential, entry, opened.is_some())
    }

    /// The lineage of secrets in this cell, if the bearer's opens the session, and whether the copy is current.
    fn admit_cached(
        &self,
        entry: &Arc<Entry>,
        credential: &Credential,
        now: Timestamp,
    ) -> Option<(SecretLineage, bool)> {
        let state = entry.state();
        let snapshot = state.snapshot()?;
        if entry.expiry_reason(snapshot, now).is_some() {
            if self.store.is_none() {
                self.cache.end_expired(entry, now);
            }
            return None;
        }
        if !entry.admits(snapshot, credential.fingerprint, now) {
            if self.store.is_none() && self.check_reuse(entry, snapshot, credential, now) {
                self.cache.end(entry, EndReason::Reused);
            }
            return None;
        }
        Some((snapshot.lineage(), self.is_current(snapshot, credential.client_version, now)))
    }

    /// Whether a bearer may use the session now: by its secret, or because the request was admitted under it before and
    /// nothing but renewals replaced it since.
    pub(super) fn admits(&self, entry: &Entry, snapshot: &Snapshot, credential: &Credential, now: Timestamp) -> bool {
        entry.admits(snapshot, credential.fingerprint, now) || credential.lineage == Some(snapshot.lineage())
    }

    /// In whose name a bearer writes whom the session in this cell admits.
    pub(crate) fn writer(&self, credential: &Credential, entry: &Entry) -> ChangeAuthor {
        self.writer_of(credential, entry, &entry.state())
    }

    /// The same by a state of the cell.
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

    /// A secret that does not open the session: did it once? Answers whether the session must end for it.
    fn check_reuse(&self, entry: &Entry, snapshot: &Snapshot, credential: &Credential, now: Timestamp) -> bool {
        if self.match_secret(snapshot, credential, entry.latest(now)) != SecretMatch::Reused {
            return false;
        }
        self.telemetry.counters.tokens_reused.count();
        self.telemetry.announce(EventKind::TokenReused, Some(&entry.selector), snapshot.principal());
        let dead_since = snapshot.previous().map(|(previous, _)| previous.dead_since());
        self.policy.reuse == ReusePolicy::End && dead_since.is_some_and(|since| now.since(since) > REUSE_TOLERANCE)
    }

    /// What a bearer may use now. Asks the shared tier where the local one cannot know.
    pub(crate) async fn open(
        &self,
        credential: &Credential,
        entry: Option<&Arc<Entry>>,
    ) -> Result<Lookup, SessionError> {
        let now = self.now();
        if let Some(entry) = entry {
            match self.check_cached(entry, credential, now) {
                LocalLookup::Open(state) => return Ok(Lookup::Open((Arc::clone(entry), state))),
                LocalLookup::Superseded => return Ok(Lookup::Superseded),
                LocalLookup::Missing => return Ok(Lookup::Missing),
                LocalLookup::NeedsStore => {}
            }
        }
        match &self.store {
            None => Ok(Lookup::Missing),
            // Boxed, like all that waits for the shared tier: the futures of handlers stay small.
            Some(store) => Box::pin(self.fetch(&**store, credential)).await,
        }
    }

    /// What a bearer may use now by what the shared tier says now, whatever is in memory.
    pub(crate) async fn refresh(&self, credential: &Credential) -> Result<Lookup, SessionError> {
        let entry = self.cache.get(&credential.selector);
        if let Some(entry) =
            entry.as_ref().filter(|entry| self.store.is_some() && !self.has_other_secret(entry, credential))
        {
            // For all: reads that are under way began before this one, so they must not fill it again.
            self.cache.suspect(entry, self.now());
        }
        self.open(credential, entry.as_ref()).await
    }

    /// A borrow of the state, if the bearer may use it now and the local tier can answer for that.
    pub(crate) fn borrow_cached(
        &self,
        entry: &Entry,
        credential: &Credential,
        now: Timestamp,
    ) -> Option<Guard<Arc<EntryState>>> {
        let state = entry.state();
        let snapshot = state.snapshot()?;
        let usable = self.admits(entry, snapshot, credential, now)
            && entry.expiry_reason(snapshot, now).is_none()
            && self.is_current(snapshot, credential.client_version, now);
        usable.then_some(state)
    }

    /// Whether there is a copy that the bearer's secret does not open.
    fn has_other_secret(&self, entry: &Entry, credential: &Credential) -> bool {
        entry.state().snapshot().is_some_and(|snapshot| !self.admits(entry, snapshot, credential, self.now()))
    }

    /// Whether the bearer's secret has opened the session here, by what was known last.
    fn is_known_secret(&self, entry: &Entry, credential: &Credential) -> bool {
        entry.state().last_known().is_some_and(|snapshot| self.admits(entry, snapshot, credential, self.now()))
    }

    /// Whether the shared tier has said that this secret does not open the session, and would tell if that changed.
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

    /// Remembers that, unless it is time that decides what becomes of it.
    fn remember_rejection(
        &self,
        entry: &Entry,
        before: &Arc<EntryState>,
        snapshot: &Snapshot,
        credential: &Credential,
    ) {
        let is_reused = self.match_secret(snapshot, credential, self.now()) == SecretMatch::Reused;
        if credential.has_opened || is_reused && self.policy.reuse == ReusePolicy::End {
            return;
        }
        if let Some(store_meta) = &snapshot.store_meta {
            entry.remember_rejection(before, credential.fingerprint, store_meta.lease, is_reused);
        }
    }

    /// What the bearer could use before the shared tier was lost, if that was no longer ago than `bound`.
    pub(crate) fn stale(&self, credential: &Credential, entry: &Arc<Entry>, bound: Duration) -> Option<OpenSession> {
        let now = self.now();
        let state = Arc::clone(&entry.state());
        let state = match &*state {
            // Its lease has lapsed, and the store has not said so yet.
            EntryState::Live(_) => state,
            EntryState::Invalidated(invalidated) if now.since(invalidated.suspect_since?) <= bound => {
                Arc::clone(invalidated.last_copy.as_ref()?)
            }
            EntryState::Invalidated(_) | EntryState::Ended(_) => return None,
        };
        let snapshot = state.snapshot().filter(|snapshot| had_lease(snapshot))?;
        let usable = self.admits(entry, snapshot, credential, now)
            && entry.expiry_reason(snapshot, now).is_none()
            && is_at_least(snapshot, credential.client_version);
        usable.then(|| (Arc::clone(entry), state))
    }

    fn check_cached(&self, entry: &Arc<Entry>, credential: &Credential, now: Timestamp) -> LocalLookup {
        loop {
            let state = entry.state();
            let Some(snapshot) = state.snapshot() else {
                return if matches!(**state, EntryState::Ended(_)) {
                    LocalLookup::Missing
                } else {
                    LocalLookup::NeedsStore
                };
            };
            let admitted = self.admits(entry, snapshot, credential, now);
            let overdue = entry.expiry_reason(snapshot, now).is_some();
            if self.store.is_some() {
                // Only the record knows what other nodes saw, and which secrets they gave out.
                let known = admitted && !overdue && self.is_current(snapshot, credential.client_version, now);
                return if known { LocalLookup::Open(Arc::clone(&state)) } else { LocalLookup::NeedsStore };
            }
            if !overdue {
                return if admitted { LocalLookup::Open(Arc::clone(&state)) } else { LocalLookup::Superseded };
            }
            // If it does not end, somebody has just prolonged it: look again.
            self.cache.end_expired(entry, now);
        }
    }

    /// Whether a copy may be served without asking: its store vouches for it and still has the record,
    /// and it is at least as new as what its client has seen, also if the invalidation that says so is late.
    fn is_current(&self, snapshot: &Snapshot, seen: Option<VersionHint>, now: Timestamp) -> bool {
        let (Some(store), Some(store_meta)) = (&self.store, &snapshot.store_meta) else { return self.store.is_none() };
        is_at_least(snapshot, seen)
            && now < store_meta.store_deadline
            && store.is_lease_valid(Lease::new(store_meta.lease))
    }

    /// Reads the record and makes it the copy of this process, unless an invalidation overtakes it.
    async fn fetch(&self, store: &dyn DynStore, credential: &Credential) -> Result<Lookup, SessionError> {
        self.ensure_maintenance();
        loop {
            let entry = self.cache.get_or_insert_unread(&credential.selector, self.now());
            // A secret that has not proved itself here waits for nobody but its like, and no commit waits for it.
            let turn = if self.is_known_secret(&entry, credential) {
                entry.commit_lock()
            } else {
                entry.secret_lock(credential.fingerprint)
            };
            let _turn = turn.lock().await;
            if let Some(access) = self.fill(store, &entry, credential).await? {
                return Ok(access);
            }
        }
    }

    /// What a bearer may use now, by the cell or by the record, which it is filled from then. `None` if the cell has
    /// left the table.
    pub(super) async fn fill(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        credential: &Credential,
    ) -> Result<Option<Lookup>, SessionError> {
        let mut attempts = 0..FILL_ATTEMPTS;
        loop {
            // Somebody may have read it while this request waited for its turn.
            match self.check_cached(entry, credential, self.now()) {
                LocalLookup::Open(state) => return Ok(Some(Lookup::Open((Arc::clone(entry), state)))),
                LocalLookup::Superseded => return Ok(Some(Lookup::Superseded)),
                LocalLookup::Missing => return Ok(Some(Lookup::Missing)),
                LocalLookup::NeedsStore => {}
            }
            if self.is_rejected(store, entry, credential) {
                return Ok(Some(Lookup::Superseded));
            }
            let Some(before) = self.reserve(entry) else { return Ok(None) };
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
            let read = Arc::new(EntryState::Live(snapshot));
            let filled = self.cache.replace_state(entry, &before, Arc::clone(&read))?.is_some();
            if let (true, Some(snapshot)) = (filled, read.snapshot()) {
                // A client that has seen what is lost is told when it comes.
                if is_at_least(snapshot, credential.client_version)
                    && !is_at_least(snapshot, before.last_known().and_then(hint_of))
                {
                    self.report_rollback(entry, snapshot);
                }
            }
            // At last what was overtaken is good for this one answer: it was true when it was asked for.
            if filled || attempts.next().is_none() {
                return Ok(Some(self.finish_load(Arc::clone(entry), read, credential)));
            }
        }
    }

    /// The reservation for a fill: whatever happens to the cell from here on keeps the fill out of
    /// it. `None` if the cell has left the table, where no invalidation would reach it.
    pub(super) fn reserve(&self, entry: &Arc<Entry>) -> Option<Arc<EntryState>> {
        let before = Arc::clone(&entry.state());
        self.cache.contains(entry).then_some(before)
    }

    /// Reads the record for a cell. `None` if there is none: then the cell has ended.
    async fn load(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        before: &EntryState,
    ) -> Result<Option<Snapshot>, SessionError> {
        let mut asking = RemoveIfUnfilled { cache: &self.cache, entry, answered: false };
        self.telemetry.counters.store_loads.count();
        let answer = self.count_error(store.load(entry.selector).await)?;
        // One that was reported late outlives its timeout in the store by as much. What this process saw counts if it
        // ever had the session.
        let seen_here = before.last_known().map(|_| entry.last_seen()).unwrap_or_default();
        let answer = answer.filter(|LeasedRecord { record, .. }| {
            self.now() < record.lifetimes.store_deadline(record.last_seen.max(seen_here))
        });
        let Some(loaded) = answer else {
            asking.answered = true;
            self.mark_ended(entry);
            return Ok(None);
        };
        entry.touch(loaded.record.last_seen);
        entry.mark_touch_reported(loaded.record.last_seen);
        let snapshot = self.decode(&entry.selector, loaded.record, loaded.lease, before);
        asking.answered = snapshot.is_ok();
        snapshot.map(Some)
    }

    /// Whether the bearer's secret opens the session as the record says; remembers it if so.
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

    /// The live copy of a session that the application itself wants to change.
    pub(crate) async fn entry_for(&self, selector: &Selector) -> Result<Option<Arc<Entry>>, SessionError> {
        let Some(store) = &self.store else { return Ok(self.cache.get(selector)) };
        loop {
            let entry = self.cache.get_or_insert_unread(selector, self.now());
            let turn = entry.commit_lock();
            let _turn = turn.lock().await;
            let Some(before) = self.reserve(&entry) else { continue };
            if !before.snapshot().is_some_and(|snapshot| self.is_current(snapshot, None, self.now())) {
                let Some(snapshot) = self.load(&**store, &entry, &before).await? else { return Ok(None) };
                self.cache.replace(&entry, &before, snapshot)?;
            }
            return Ok(Some(Arc::clone(&entry)));
        }
    }
}

/// Whether a store ever promised to say when this copy goes out of date. If not, nobody knows its age.
fn had_lease(snapshot: &Snapshot) -> bool {
    snapshot.store_meta.as_ref().is_some_and(|store_meta| Lease::new(store_meta.lease) != Lease::NONE)
}

/// A question to the shared tier. A cell that it does not fill must not stay behind, whether the
/// store is down or the request was dropped: anybody can ask with a random token.
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
