//! Commits: atomic changes of a session on every tier.

use tracing::Instrument;
use tracing::field::debug;

use crate::cache::{
    Change, ChangeError, EndReason, Entry, EntryState, LocalCache, SecretRotation, Snapshot, StampedState, StoreMeta,
    ValueEdit,
};
use crate::lifetimes::Lifetimes;
use crate::store::{
    self, Action, Commit, CommitReceipt, Committed, DynStore, Head, Lease, LeasedRecord, PreviousSecret,
    StoreErrorKind, Writers,
};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Selector, VersionHint};
use crate::writers::version_step;

use super::convert;
use super::credential::{ChangeAuthor, Credential};
use super::rollback::is_at_least;
use crate::engine::Engine;
use crate::error::{SessionError, SessionErrorKind};
use crate::telemetry::{Timer, fail, lock};

/// Reason why an outcome stays unknown although the store answered the retry.
const OUTCOME_FORGOTTEN: &str = "the reply was lost, and the record no longer shows whether the change was made";

/// Reason why a change was not made: it was refused, or something failed.
#[derive(Debug)]
pub(crate) enum CommitError {
    Refused(ChangeError),
    Fault(SessionError),
}

impl CommitError {
    /// Returns the result's name in metrics.
    const fn name(&self) -> &'static str {
        match self {
            Self::Refused(ChangeError::Conflict) => "conflict",
            Self::Refused(_) => "refused",
            Self::Fault(_) => "error",
        }
    }

    /// Returns `true` if the shared tier may have made the change despite the error.
    pub(crate) fn may_have_been_made(&self) -> bool {
        matches!(self, Self::Fault(error) if error.kind() == SessionErrorKind::OutcomeUnknown)
    }
}

impl From<ChangeError> for CommitError {
    fn from(refused: ChangeError) -> Self {
        Self::Refused(refused)
    }
}

impl From<SessionError> for CommitError {
    fn from(error: SessionError) -> Self {
        Self::Fault(error)
    }
}

impl From<CommitError> for SessionError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refused) => refused.into(),
            CommitError::Fault(fault) => fault,
        }
    }
}

/// A change without its guard and its instant, which the engine adds for each tier.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ProposedChange<'a> {
    pub(crate) edits: &'a [ValueEdit],
    pub(crate) rotation: Option<&'a SecretRotation>,
    pub(crate) lifetimes: Option<Lifetimes>,
    /// The session version that the change requires; `None` for any.
    pub(crate) base: Option<u64>,
}

impl<'a> ProposedChange<'a> {
    fn change(&self, writer: &ChangeAuthor, now: Timestamp) -> Change<'a> {
        let Self { edits, rotation, lifetimes, base } = *self;
        Change { guard: writer.local(), edits, rotation, lifetimes, base, now, step: 1 }
    }
}

impl Engine {
    /// Makes one atomic change on every tier. Returns the version that the writer has then seen.
    ///
    /// When this returns `Ok`, the next reader on any node finds the change.
    pub(crate) async fn commit(
        &self,
        entry: &Arc<Entry>,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<Option<VersionHint>, CommitError> {
        match &self.store {
            None => self.commit_local(entry, &entry.state(), writer, proposal).map(|()| None),
            Some(store) => {
                let shared = self.commit_shared(&**store, entry, writer, proposal);
                Box::pin(self.observe_commit(&entry.selector, shared)).await.map(Some)
            }
        }
    }

    /// Makes one atomic change in the name of a client, as [`commit`](Self::commit) does.
    pub(crate) async fn commit_as_client(
        &self,
        credential: &Credential,
        entry: &Arc<Entry>,
        proposal: ProposedChange<'_>,
    ) -> Result<Option<VersionHint>, CommitError> {
        let Some(store) = &self.store else {
            let seen = entry.state();
            let writer = self.writer_of(credential, entry, &seen);
            return self.commit_local(entry, &seen, &writer, proposal).map(|()| None);
        };
        // Boxed, with its author, so that the futures of handlers stay small.
        let shared =
            async move { self.commit_shared(&**store, entry, &self.writer(credential, entry), proposal).await };
        Box::pin(self.observe_commit(&entry.selector, shared)).await.map(Some)
    }

    /// Measures and traces a change over the shared tier.
    pub(super) async fn observe_commit<T>(
        &self,
        selector: &Selector,
        commit: impl Future<Output = Result<T, CommitError>>,
    ) -> Result<T, CommitError> {
        let (span, timer) = (self.telemetry.commit_span(selector), Timer::start());
        let outcome = commit.instrument(span.clone()).await;
        timer.commit(outcome.as_ref().map_or_else(CommitError::name, |_| "ok"));
        if let Err(CommitError::Fault(error)) = &outcome {
            fail(&span, debug(error.kind()));
        }
        outcome
    }

    /// Makes a change on the local tier alone. Without a shared tier there is nothing to wait for.
    /// `seen` is the state that the entry had a moment ago.
    pub(super) fn commit_local(
        &self,
        entry: &Arc<Entry>,
        seen: &StampedState,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<(), CommitError> {
        let change = proposal.change(writer, entry.latest(self.now()));
        self.cache.commit(entry, seen, &change).inspect_err(|refused| self.count_refused(*refused))?;
        self.enforce_memory_share(entry);
        self.committed(entry, writer, change.now);
        Ok(())
    }

    /// Ends the oldest sessions of a principal that exceeds its share of the memory. Otherwise it
    /// could use up the memory of others, because logged-in sessions are never evicted for another
    /// principal.
    fn enforce_memory_share(&self, entry: &Arc<Entry>) {
        let exceeded = entry.read(|state| {
            let snapshot = state.snapshot()?;
            let account = snapshot.account().filter(|account| account.bytes() > self.policy.share())?;
            Some((Arc::clone(account), snapshot.principal()?.clone()))
        });
        let Some((account, principal)) = exceeded else { return };
        while account.bytes() > self.policy.share() {
            let Some(oldest) = self.principals.oldest_but(&principal, entry) else { return };
            if !self.cache.end(&oldest, EndReason::Evicted) {
                self.principals.remove(&principal, &oldest);
            }
        }
    }

    fn committed(&self, entry: &Entry, writer: &ChangeAuthor, now: Timestamp) {
        if writer.is_client() {
            entry.touch(now);
        }
        entry.changed();
        self.telemetry.counters.commits.count();
    }

    /// Makes a change on the shared tier first, then on the local one. Retries while other nodes
    /// are faster, for at most the conflict timeout.
    pub(crate) async fn commit_shared(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<VersionHint, CommitError> {
        let commit_lock = entry.commit_lock();
        let _guard = lock(&commit_lock).await;
        let mut backoff = self.conflict_backoff();
        let mut before = entry.state();
        loop {
            match self.attempt(store, entry, &before, writer, proposal).await? {
                Attempt::Made(hint) => return Ok(hint),
                Attempt::Superseded(present) => before = present,
            }
            if !backoff.wait().await {
                return Err(ChangeError::Conflict.into());
            }
        }
    }

    /// Makes a change on the session as it was `before`. The caller holds the commit lock.
    pub(super) async fn attempt(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        before: &EntryState,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<Attempt, CommitError> {
        let snapshot = before.require_live()?;
        let prepared = self.prepare(entry, snapshot, writer, proposal)?;
        let reserved = self.reserve(entry);
        let answer = self.send_or_invalidate(store, entry, &prepared.commit).await?;
        let overtaken = |loaded| self.adopt_record(entry, reserved.as_ref(), snapshot, before, loaded);
        match answer {
            Committed::Done(receipt) => {
                let now = prepared.commit.now;
                let hint = self.install_commit(entry, reserved.as_ref(), prepared, receipt);
                self.committed(entry, writer, now);
                Ok(Attempt::Made(hint))
            }
            Committed::Conflict(loaded) => Ok(Attempt::Superseded(overtaken(loaded)?)),
            Committed::Superseded(loaded) => overtaken(loaded).and(Err(ChangeError::Superseded.into())),
            Committed::Gone => Err(ChangeError::Ended(self.mark_ended(entry)).into()),
            Committed::Unknown => {
                self.cache.invalidate(entry);
                Err(SessionError::with_source(SessionErrorKind::OutcomeUnknown, OUTCOME_FORGOTTEN).into())
            }
        }
    }

    /// Applies a change to a copy, checks the result, and encodes and encrypts the commit.
    fn prepare(
        &self,
        entry: &Entry,
        snapshot: &Snapshot,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<PreparedCommit, CommitError> {
        let nonce = self.nonces.next();
        // Not earlier than the latest instant known of the session, so that a clock that lags
        // behind prolongs no grace period. A change by the application itself is not activity.
        let is_activity = !matches!(writer, ChangeAuthor::Application);
        let now = match snapshot.last_reported() {
            _ if is_activity => entry.latest(self.now()),
            Some(reported) => reported,
            None => entry.last_seen(),
        };
        let change = Change { step: version_step(nonce), ..proposal.change(writer, now) };
        let mut next = snapshot.apply(&change)?;
        let mut commit = Box::new(self.shared_commit(snapshot, writer, &change, nonce)?);
        for edit in &commit.edits {
            if let Action::Put { payload, .. } = &edit.action {
                next.values.raise_size(&edit.key, payload.len());
            }
        }
        self.cache.check(&next)?;
        self.seal_commit(&entry.selector, &next, &mut commit)?;
        Ok(PreparedCommit { next, commit })
    }

    /// Sends a commit. Invalidates the copy if the commit may have been made although its reply did
    /// not arrive.
    async fn send_or_invalidate(
        &self,
        store: &dyn DynStore,
        entry: &Entry,
        commit: &Commit,
    ) -> Result<Committed, SessionError> {
        let mut invalidate_guard = InvalidateOnDrop::new(&self.cache, entry);
        let answer = self.send(store, entry.selector, commit).await;
        // A store that was not reached, or that refused, has changed nothing.
        let is_unchanged = |error: &SessionError| error.kind() == SessionErrorKind::StoreUnavailable;
        if answer.as_ref().map_or_else(is_unchanged, |_| true) {
            invalidate_guard.disarm();
        }
        answer
    }

    /// Makes the result of a commit the copy. Returns the version that the client has then seen.
    fn install_commit(
        &self,
        entry: &Arc<Entry>,
        reserved: Option<&StampedState>,
        PreparedCommit { next, commit }: PreparedCommit,
        receipt: CommitReceipt,
    ) -> VersionHint {
        let Commit { nonce, now, .. } = *commit;
        let version = receipt.version;
        // The nonce in the record, which is not that of this write if others have written since.
        let hint = VersionHint { version, nonce: receipt.record.as_ref().map_or(nonce, |record| record.nonce) as u16 };
        let next = match receipt.record {
            Some(record) => self.decode(&entry.selector, *record, receipt.lease, &EntryState::Live(next)),
            None => Ok(Snapshot { version, store_meta: store_meta(receipt.lease, nonce, &next, now), ..next }),
        };
        match next {
            Ok(next) => drop(self.install(entry, reserved, next)),
            // The commit succeeded. If another value in the record does not decode, its reader
            // reports that.
            Err(_) => self.cache.invalidate(entry),
        }
        entry.mark_touch_reported(now);
        hint
    }

    fn shared_commit(
        &self,
        base: &Snapshot,
        writer: &ChangeAuthor,
        change: &Change<'_>,
        nonce: u64,
    ) -> Result<Commit, SessionError> {
        let mut commit = Commit::new(base.version, nonce, writer.shared(&self.verifier_hasher), change.now);
        commit.step = change.step;
        commit.head = base
            .store_meta
            .as_ref()
            .map(|store_meta| Head::new(base.version, base.verifier, base.lifetimes, store_meta.writers.clone()));
        commit.exact_base = change.base.is_some();
        commit.edits.reserve_exact(change.edits.len());
        for edit in change.edits {
            commit.edits.push(convert::edit(edit).map_err(SessionError::encode)?);
        }
        commit.lifetimes = change.lifetimes;
        commit.rotation = change.rotation.map(|rotation| {
            let previous = PreviousSecret::new(base.verifier, rotation.previous);
            let mut shared = store::Rotation::new(rotation.verifier, Some(previous));
            if let Some(login) = &rotation.login {
                shared.authentication = Some(login.authentication.clone());
                shared.keep_only =
                    login.keep_only.as_ref().map(|keys| keys.iter().map(|key| Arc::from(&**key)).collect());
            }
            shared
        });
        Ok(commit)
    }

    /// Sends a commit, and again if the reply was lost: its nonce makes the retry safe.
    async fn send(&self, store: &dyn DynStore, selector: Selector, commit: &Commit) -> Result<Committed, SessionError> {
        let answer = match store.commit(selector, commit.clone()).await {
            // A failed retry proves nothing about the first attempt.
            Err(lost) if lost.kind() == StoreErrorKind::Unknown => {
                let retry = Commit { is_retry: true, ..commit.clone() };
                store.commit(selector, retry).await.map_err(|_| lost)
            }
            answer => answer,
        };
        self.count_error(answer)
    }

    /// Installs the record that came with a refusal, and returns its state.
    fn adopt_record(
        &self,
        entry: &Arc<Entry>,
        reserved: Option<&StampedState>,
        former: &Snapshot,
        before: &EntryState,
        loaded: LeasedRecord,
    ) -> Result<StampedState, CommitError> {
        let snapshot = self.decode(&entry.selector, loaded.record, loaded.lease, before).inspect_err(|_| {
            self.cache.invalidate(entry);
        })?;
        if !is_at_least(&snapshot, former.version_hint()) {
            self.report_rollback(entry, &snapshot);
        }
        Ok(self.install(entry, reserved, snapshot))
    }

    /// Makes `next` the copy, and returns it. If only the form of the values has changed since
    /// `reserved` was taken, before the store was asked (a reader decoded one, or the timer packed
    /// them), `next` replaces that state. If anything else happened, no copy is kept.
    fn install(&self, entry: &Arc<Entry>, reserved: Option<&StampedState>, next: Snapshot) -> StampedState {
        let version = |state: Option<&StampedState>| state.and_then(|state| state.snapshot()).map(|it| it.version);
        let mut present = reserved.filter(|state| !matches!(state.state, EntryState::Ended(_))).cloned();
        while let Some(expected) = &present {
            match self.cache.replace(entry, expected, next.clone()) {
                Ok(Some(stamp)) => {
                    // This entry may have been removed meanwhile, and its successor filled from
                    // before the commit.
                    self.cache.invalidate_successor(entry);
                    return StampedState { stamp, state: EntryState::Live(next) };
                }
                Ok(None) => present = Some(entry.state()),
                Err(_) => break,
            }
            if version(present.as_ref()).is_none() || version(present.as_ref()) != version(reserved) {
                break;
            }
        }
        self.cache.invalidate(entry);
        StampedState::detached(EntryState::Live(next))
    }
}

/// A commit that is ready to be sent, and the copy that it leads to.
struct PreparedCommit {
    next: Snapshot,
    /// Boxed to keep the future small: the commit is kept only for a retry, which is rare.
    commit: Box<Commit>,
}

/// Result of an attempt to change a session.
pub(super) enum Attempt {
    /// The change is made, and the client has seen this version.
    Made(VersionHint),
    /// Another node was first. This is the state that it left.
    Superseded(StampedState),
}

impl Engine {
    /// Makes a change on a session found by its selector, whether or not there is a copy of it.
    pub(crate) async fn commit_by_selector(
        &self,
        selector: &Selector,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<(), CommitError> {
        let mut backoff = self.conflict_backoff();
        loop {
            let Some(entry) = self.entry_for(selector).await? else {
                return Err(ChangeError::Ended(EndReason::Gone).into());
            };
            match self.commit(&entry, writer, proposal).await {
                Err(CommitError::Refused(ChangeError::Invalidated)) => {}
                outcome => return outcome.map(drop),
            }
            if !backoff.wait().await {
                return Err(ChangeError::Conflict.into());
            }
        }
    }
}

/// Drop guard that invalidates a copy unless it is disarmed.
///
/// The content of the record is unknown until the reply to a commit or an end arrives. If it never
/// does, because it was lost or because the request was dropped, the copy must go.
pub(super) struct InvalidateOnDrop<'a> {
    cache: &'a LocalCache,
    entry: &'a Entry,
    is_armed: bool,
}

impl<'a> InvalidateOnDrop<'a> {
    pub(super) const fn new(cache: &'a LocalCache, entry: &'a Entry) -> Self {
        Self { cache, entry, is_armed: true }
    }

    /// Keeps the copy, because the reply has arrived.
    pub(super) const fn disarm(&mut self) {
        self.is_armed = false;
    }
}

impl Drop for InvalidateOnDrop<'_> {
    fn drop(&mut self) {
        if self.is_armed {
            self.cache.invalidate(self.entry);
        }
    }
}

/// Returns the store metadata of a copy whose record was last seen at `now`.
fn store_meta(lease: Lease, nonce: u64, next: &Snapshot, now: Timestamp) -> Option<Arc<StoreMeta>> {
    let kept_until = next.lifetimes.store_deadline(now);
    let mut writers = next
        .store_meta
        .as_ref()
        .map_or_else(|| Writers::new(Vec::new(), next.version), |store_meta| store_meta.writers.clone());
    writers.add(nonce, next.version);
    Some(Arc::new(StoreMeta { lease: lease.number(), nonce, store_deadline: kept_until, writers }))
}
