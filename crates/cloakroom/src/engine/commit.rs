use std::time::Duration;

use crate::cache::{
    Change, ChangeError, EndReason, Entry, EntryState, LocalCache, SecretRotation, SessionLifetimes, Snapshot,
    StoreMeta, ValueEdit,
};
use crate::store::{
    self, Action, Commit, CommitReceipt, Committed, DynStore, Lease, LeasedRecord, Lifetimes, PreviousSecret,
    StoreErrorKind, Writers,
};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Selector, VersionHint};
use crate::writers::version_step;

use super::convert;
use super::credential::ChangeAuthor;
use super::rollback::{hint_of, is_at_least};
use crate::engine::Engine;
use crate::error::{SessionError, SessionErrorKind};

/// Why an outcome stays unknown although the store has answered the retry.
const OUTCOME_FORGOTTEN: &str = "the answer was lost, and the record no longer says whether the change is in it";

/// Why a change was not made: the session says no, or something is broken.
#[derive(Debug)]
pub(crate) enum CommitError {
    Refused(ChangeError),
    Fault(SessionError),
}

impl CommitError {
    /// Whether the change may be in the shared tier in spite of this.
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
    pub(crate) term: Option<SessionLifetimes>,
    /// The session's version that it holds for; `None` for any.
    pub(crate) base: Option<u64>,
}

impl<'a> ProposedChange<'a> {
    fn change(&self, writer: &ChangeAuthor, now: Timestamp) -> Change<'a> {
        let Self { edits, rotation, term, base } = *self;
        Change { guard: writer.local(), edits, rotation, lifetimes: term, base, now, step: 1 }
    }
}

impl Engine {
    /// Makes one atomic change on every tier. Answers the version that the writer has seen then.
    ///
    /// When this returns `Ok`, the change is where the next reader on any node will find it.
    pub(crate) async fn commit(
        &self,
        entry: &Arc<Entry>,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<Option<VersionHint>, CommitError> {
        match &self.store {
            None => self.commit_local(entry, writer, proposal).map(|()| None),
            Some(store) => Box::pin(self.commit_shared(&**store, entry, writer, proposal)).await.map(Some),
        }
    }

    /// The same where there is no shared tier, and hence nothing to wait for.
    pub(crate) fn commit_local(
        &self,
        entry: &Arc<Entry>,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<(), CommitError> {
        let change = proposal.change(writer, entry.latest(self.now()));
        self.cache.commit(entry, &change).inspect_err(|refused| self.count_refused(*refused))?;
        self.enforce_share(entry);
        self.committed(entry, writer, change.now);
        Ok(())
    }

    /// Ends the oldest sessions of a principal that takes more than its share of the memory, so
    /// that it never takes that of others: sessions that somebody is logged in to are not evicted
    /// for anybody else.
    fn enforce_share(&self, entry: &Arc<Entry>) {
        let state = Arc::clone(&entry.state());
        let Some(snapshot) = state.snapshot() else { return };
        let (Some(account), Some(principal)) = (snapshot.account(), snapshot.principal()) else { return };
        while account.bytes() > self.policy.share() {
            let Some(oldest) = self.telemetry.index.oldest_but(principal, entry) else { return };
            if !self.cache.end(&oldest, EndReason::Evicted) {
                self.telemetry.index.remove(principal, &oldest);
            }
        }
    }

    fn committed(&self, entry: &Entry, writer: &ChangeAuthor, now: Timestamp) {
        if writer.is_client() {
            entry.touch(now);
        }
        entry.drop_superseded_loads();
        self.telemetry.counters.commits.count();
    }

    /// The same where there is a shared tier, which is told first.
    pub(crate) async fn commit_shared(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<VersionHint, CommitError> {
        let turn = entry.commit_lock();
        let _turn = turn.lock().await;
        let mut patience = self.conflict_backoff();
        let mut before = Arc::clone(&entry.state());
        loop {
            match self.attempt(store, entry, &before, writer, proposal).await? {
                Attempt::Made(hint) => return Ok(hint),
                Attempt::Superseded(present) => before = present,
            }
            if !patience.wait().await {
                return Err(ChangeError::Conflict.into());
            }
        }
    }

    /// Makes a change on the session as it was `before`. The caller has the session's turn.
    pub(super) async fn attempt(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        before: &EntryState,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<Attempt, CommitError> {
        let snapshot = match before {
            EntryState::Live(snapshot) => snapshot,
            EntryState::Invalidated(_) => return Err(ChangeError::Invalidated.into()),
            EntryState::Ended(reason) => return Err(ChangeError::Ended(*reason).into()),
        };
        let nonce = self.nonces.next();
        // Not earlier than what is known of the session: a clock that lags behind prolongs no
        // grace. What the application does by itself is no activity.
        let is_activity = !matches!(writer, ChangeAuthor::Application);
        let now = if is_activity { entry.latest(self.now()) } else { entry.last_seen() };
        let change = Change { step: version_step(nonce), ..proposal.change(writer, now) };
        let mut next = snapshot.apply(&change).map_err(ChangeError::from)?;
        // Boxed, because it is kept for a repeat that hardly ever comes, in a future that is better small.
        let mut commit = Box::new(self.shared_commit(snapshot, writer, &change, nonce)?);
        for edit in &commit.edits {
            if let Action::Put { payload, .. } = &edit.action {
                next.values.raise_size(&edit.key, payload.len());
            }
        }
        self.cache.check(&next)?;
        self.seal_commit(&entry.selector, &next, &mut commit)?;
        let reserved = self.reserve(entry);
        let mut doubt = InvalidateOnDrop::new(&self.cache, entry);
        let answer = self.send(store, entry.selector, &commit).await;
        // A store that was not reached, or refused, has changed nothing: the copy is as good as it was.
        if answer.as_ref().map_or_else(|error| error.kind() == SessionErrorKind::StoreUnavailable, |_| true) {
            doubt.disarm();
        }
        let overtaken = |loaded| self.adopt_record(entry, reserved.as_ref(), snapshot, before, loaded);
        match answer? {
            Committed::Done(receipt) => {
                let hint = self.install_commit(entry, reserved.as_ref(), next, receipt, (nonce, change.now));
                self.committed(entry, writer, change.now);
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

    /// Makes what a commit left behind the copy. Answers what its client has seen by that.
    fn install_commit(
        &self,
        entry: &Arc<Entry>,
        reserved: Option<&Arc<EntryState>>,
        next: Snapshot,
        receipt: CommitReceipt,
        (nonce, now): (u64, Timestamp),
    ) -> VersionHint {
        let version = receipt.version;
        // What the record has, which is not this write if others have written since.
        let hint = VersionHint { version, nonce: receipt.record.as_ref().map_or(nonce, |record| record.nonce) as u16 };
        let next = match receipt.record {
            Some(record) => self.decode(&entry.selector, *record, receipt.lease, &EntryState::Live(next)),
            None => Ok(Snapshot { version, store_meta: store_meta(receipt.lease, nonce, &next, now), ..next }),
        };
        match next {
            Ok(next) => drop(self.install(entry, reserved, next)),
            // The change is made; that something else in the record does not read is for who reads it.
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
        commit.exact_base = change.base.is_some();
        for edit in change.edits {
            commit.edits.push(convert::edit(edit).map_err(SessionError::encode)?);
        }
        commit.lifetimes = change.lifetimes.map(|term| Lifetimes {
            persistent: term.persistent,
            ..Lifetimes::new(base.created_at, Duration::from_millis(term.idle), term.absolute)
        });
        commit.rotation = change.rotation.map(|rotation| {
            let previous = PreviousSecret::new(base.verifier, rotation.previous);
            let mut shared = store::Rotation::new(rotation.verifier, Some(previous));
            if let Some(login) = &rotation.login {
                shared.authentication = Some(login.authentication.clone());
                shared.keep_only =
                    login.keep_only.as_ref().map(|keys| keys.iter().map(|key| Arc::from(*key)).collect());
            }
            shared
        });
        Ok(commit)
    }

    /// Sends a commit, once more if the reply was lost: its nonce makes that safe.
    async fn send(&self, store: &dyn DynStore, selector: Selector, commit: &Commit) -> Result<Committed, SessionError> {
        let answer = match store.commit(selector, commit.clone()).await {
            // A second attempt that fails says nothing about the first.
            Err(lost) if lost.kind() == StoreErrorKind::Unknown => {
                let retry = Commit { is_retry: true, ..commit.clone() };
                store.commit(selector, retry).await.map_err(|_| lost)
            }
            answer => answer,
        };
        self.count_error(answer)
    }

    /// Keeps what a refusal taught about the record, and answers it.
    fn adopt_record(
        &self,
        entry: &Arc<Entry>,
        reserved: Option<&Arc<EntryState>>,
        former: &Snapshot,
        before: &EntryState,
        loaded: LeasedRecord,
    ) -> Result<Arc<EntryState>, CommitError> {
        let snapshot = self.decode(&entry.selector, loaded.record, loaded.lease, before).inspect_err(|_| {
            self.cache.invalidate(entry);
        })?;
        if !is_at_least(&snapshot, hint_of(former)) {
            self.report_rollback(entry, &snapshot);
        }
        Ok(self.install(entry, reserved, snapshot))
    }

    /// Makes `next` the copy, and answers it. Where only the form of the values changed since the place was `reserved`,
    /// before the store was asked (a reader decoded one, the timer packed them), it replaces that; where anything else
    /// happened, there is no copy.
    fn install(&self, entry: &Arc<Entry>, reserved: Option<&Arc<EntryState>>, next: Snapshot) -> Arc<EntryState> {
        let next = Arc::new(EntryState::Live(next));
        let version = |state: Option<&Arc<EntryState>>| state.and_then(|state| state.snapshot()).map(|it| it.version);
        let mut present = reserved.filter(|state| !matches!(***state, EntryState::Ended(_))).cloned();
        while let Some(expected) = &present {
            match self.cache.replace_state(entry, expected, Arc::clone(&next)) {
                Ok(Some(_)) => {
                    // This cell may have been forgotten meanwhile, and another one filled from before the commit.
                    self.cache.invalidate_successor(entry);
                    return next;
                }
                Ok(None) => present = Some(Arc::clone(&entry.state())),
                Err(_) => break,
            }
            if version(present.as_ref()).is_none() || version(present.as_ref()) != version(reserved) {
                break;
            }
        }
        self.cache.invalidate(entry);
        next
    }
}

/// What an attempt to change a session came to.
pub(super) enum Attempt {
    /// The change is made; its client has seen this.
    Made(VersionHint),
    /// Another node was first. This is what it left.
    Superseded(Arc<EntryState>),
}

impl Engine {
    /// Makes a change on a session that is found by its tag, wherever its copy is or is not.
    pub(crate) async fn commit_by_selector(
        &self,
        selector: &Selector,
        writer: &ChangeAuthor,
        proposal: ProposedChange<'_>,
    ) -> Result<(), CommitError> {
        let mut patience = self.conflict_backoff();
        loop {
            let Some(entry) = self.entry_for(selector).await? else {
                return Err(ChangeError::Ended(EndReason::Gone).into());
            };
            match self.commit(&entry, writer, proposal).await {
                Err(CommitError::Refused(ChangeError::Invalidated)) => {}
                outcome => return outcome.map(drop),
            }
            if !patience.wait().await {
                return Err(ChangeError::Conflict.into());
            }
        }
    }
}

/// Until the answer to a commit or an end is in, nobody knows what the record looks like. If it never comes,
/// because it was lost or because the request was dropped, the copy has to go.
pub(super) struct InvalidateOnDrop<'a> {
    cache: &'a LocalCache,
    entry: &'a Entry,
    is_armed: bool,
}

impl<'a> InvalidateOnDrop<'a> {
    pub(super) const fn new(cache: &'a LocalCache, entry: &'a Entry) -> Self {
        Self { cache, entry, is_armed: true }
    }

    /// The answer is in.
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

/// The origin of a copy whose record was last seen at `now`.
fn store_meta(lease: Lease, nonce: u64, next: &Snapshot, now: Timestamp) -> Option<Box<StoreMeta>> {
    let kept_until =
        Lifetimes::new(next.created_at, Duration::from_millis(next.idle), next.absolute).store_deadline(now);
    let mut writers = next
        .store_meta
        .as_ref()
        .map_or_else(|| Writers::new(Vec::new(), next.version), |store_meta| store_meta.writers.clone());
    writers.add(nonce, next.version);
    Some(Box::new(StoreMeta { lease: lease.number(), nonce, store_deadline: kept_until, writers }))
}
