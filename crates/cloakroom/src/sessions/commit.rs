use std::time::Duration;

use crate::cache::{Cell, Change, Edit, EndReason, Origin, Refused, Rotation, Snapshot, State, Term, Tier};
use crate::identity::{Hint, Tag};
use crate::store::{
    self, Action, AnyStore, Commit, Committed, Lease, Lifetimes, Loaded, Previous, Receipt, StoreErrorKind, Writers,
};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::writers::step;

use super::bearer::Writer;
use super::convert;
use super::engine::Engine;
use super::error::{SessionError, SessionErrorKind};
use super::rollback::{covers, hint_of};

/// Why an outcome stays unknown although the store has answered the retry.
const FORGOTTEN: &str = "the answer was lost, and the record no longer says whether the change is in it";

/// Why a change was not made: the session says no, or something is broken.
#[derive(Debug)]
pub(crate) enum CommitError {
    Refused(Refused),
    Fault(SessionError),
}

impl CommitError {
    /// Whether the change may be in the shared tier in spite of this.
    pub(crate) fn may_have_been_made(&self) -> bool {
        matches!(self, Self::Fault(error) if error.kind() == SessionErrorKind::OutcomeUnknown)
    }
}

impl From<Refused> for CommitError {
    fn from(refused: Refused) -> Self {
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
pub(crate) struct Proposal<'a> {
    pub(crate) edits: &'a [Edit],
    pub(crate) rotation: Option<&'a Rotation>,
    pub(crate) term: Option<Term>,
    /// The session's version that it holds for; `None` for any.
    pub(crate) base: Option<u64>,
}

impl<'a> Proposal<'a> {
    fn change(&self, writer: &Writer, now: Timestamp) -> Change<'a> {
        let Self { edits, rotation, term, base } = *self;
        Change { guard: writer.local(), edits, rotation, term, base, now, step: 1 }
    }
}

impl Engine {
    /// Makes one atomic change on every tier. Answers the version that the writer has seen then.
    ///
    /// When this returns `Ok`, the change is where the next reader on any node will find it.
    pub(crate) async fn commit(
        &self,
        cell: &Arc<Cell>,
        writer: &Writer,
        proposal: Proposal<'_>,
    ) -> Result<Option<Hint>, CommitError> {
        match &self.store {
            None => self.commit_alone(cell, writer, proposal).map(|()| None),
            Some(store) => Box::pin(self.commit_shared(&**store, cell, writer, proposal)).await.map(Some),
        }
    }

    /// The same where there is no shared tier, and hence nothing to wait for.
    pub(crate) fn commit_alone(
        &self,
        cell: &Arc<Cell>,
        writer: &Writer,
        proposal: Proposal<'_>,
    ) -> Result<(), CommitError> {
        let change = proposal.change(writer, cell.latest(self.now()));
        self.tier.commit(cell, &change).inspect_err(|refused| self.count_refused(*refused))?;
        self.keep_share(cell);
        self.committed(cell, writer, change.now);
        Ok(())
    }

    /// Ends the oldest sessions of a principal that takes more than its share of the memory, so
    /// that it never takes that of others: sessions that somebody is logged in to are not evicted
    /// for anybody else.
    fn keep_share(&self, cell: &Arc<Cell>) {
        let state = Arc::clone(&cell.state());
        let Some(snapshot) = state.snapshot() else { return };
        let (Some(account), Some(principal)) = (snapshot.account(), snapshot.principal()) else { return };
        while account.bytes() > self.policy.share() {
            let Some(oldest) = self.ledger.index.oldest_but(principal, cell) else { return };
            if !self.tier.end(&oldest, EndReason::Evicted) {
                self.ledger.index.dismiss(principal, &oldest);
            }
        }
    }

    fn committed(&self, cell: &Cell, writer: &Writer, now: Timestamp) {
        if writer.is_client() {
            cell.see(now);
        }
        cell.drop_overtaken_flights();
        self.ledger.counters.commits.count();
    }

    /// The same where there is a shared tier, which is told first.
    pub(crate) async fn commit_shared(
        &self,
        store: &dyn AnyStore,
        cell: &Arc<Cell>,
        writer: &Writer,
        proposal: Proposal<'_>,
    ) -> Result<Hint, CommitError> {
        let turn = cell.turn();
        let _turn = turn.lock().await;
        let mut patience = self.patience();
        let mut before = Arc::clone(&cell.state());
        loop {
            match self.attempt(store, cell, &before, writer, proposal).await? {
                Attempt::Made(hint) => return Ok(hint),
                Attempt::Overtaken(present) => before = present,
            }
            if !patience.lasts().await {
                return Err(Refused::Conflict.into());
            }
        }
    }

    /// Makes a change on the session as it was `before`. The caller has the session's turn.
    pub(super) async fn attempt(
        &self,
        store: &dyn AnyStore,
        cell: &Arc<Cell>,
        before: &State,
        writer: &Writer,
        proposal: Proposal<'_>,
    ) -> Result<Attempt, CommitError> {
        let snapshot = match before {
            State::Live(snapshot) => snapshot,
            State::Vacant(_) => return Err(Refused::Vacant.into()),
            State::Ended(reason) => return Err(Refused::Ended(*reason).into()),
        };
        let nonce = self.nonces.next();
        // Not earlier than what is known of the session: a clock that lags behind prolongs no
        // grace. What the application does by itself is no activity.
        let is_activity = !matches!(writer, Writer::Application);
        let now = if is_activity { cell.latest(self.now()) } else { cell.last_seen() };
        let change = Change { step: step(nonce), ..proposal.change(writer, now) };
        let mut next = snapshot.apply(&change).map_err(Refused::from)?;
        // Boxed, because it is kept for a repeat that hardly ever comes, in a future that is better small.
        let mut commit = Box::new(self.shared_commit(snapshot, writer, &change, nonce)?);
        for edit in &commit.edits {
            if let Action::Put { payload, .. } = &edit.action {
                next.values.weigh(&edit.key, payload.len());
            }
        }
        self.tier.check(&next)?;
        self.seal_commit(&cell.tag, &next, &mut commit)?;
        let reserved = self.reserve(cell);
        let mut doubt = Doubt::of(&self.tier, cell);
        let answer = self.settled(store, cell.tag, &commit).await;
        // A store that was not reached, or refused, has changed nothing: the copy is as good as it was.
        if answer.as_ref().map_or_else(|error| error.kind() == SessionErrorKind::StoreUnavailable, |_| true) {
            doubt.dispel();
        }
        let overtaken = |loaded| self.learn(cell, reserved.as_ref(), snapshot, before, loaded);
        match answer? {
            Committed::Done(receipt) => {
                let hint = self.made(cell, reserved.as_ref(), next, receipt, (nonce, change.now));
                self.committed(cell, writer, change.now);
                Ok(Attempt::Made(hint))
            }
            Committed::Conflict(loaded) => Ok(Attempt::Overtaken(overtaken(loaded)?)),
            Committed::Superseded(loaded) => overtaken(loaded).and(Err(Refused::Superseded.into())),
            Committed::Gone => Err(Refused::Ended(self.found_gone(cell)).into()),
            Committed::Unknown => {
                self.tier.vacate(cell);
                Err(SessionError::with_source(SessionErrorKind::OutcomeUnknown, FORGOTTEN).into())
            }
        }
    }

    /// Makes what a commit left behind the copy. Answers what its client has seen by that.
    fn made(
        &self,
        cell: &Arc<Cell>,
        reserved: Option<&Arc<State>>,
        next: Snapshot,
        receipt: Receipt,
        (nonce, now): (u64, Timestamp),
    ) -> Hint {
        let version = receipt.version;
        // What the record has, which is not this write if others have written since.
        let hint = Hint { version, nonce: receipt.record.as_ref().map_or(nonce, |record| record.nonce) as u16 };
        let next = match receipt.record {
            Some(record) => self.take_in(&cell.tag, *record, receipt.lease, &State::Live(next)),
            None => Ok(Snapshot { version, origin: origin(receipt.lease, nonce, &next, now), ..next }),
        };
        match next {
            Ok(next) => drop(self.install(cell, reserved, next)),
            // The change is made; that something else in the record does not read is for who reads it.
            Err(_) => self.tier.vacate(cell),
        }
        cell.mark_reported(now);
        hint
    }

    fn shared_commit(
        &self,
        base: &Snapshot,
        writer: &Writer,
        change: &Change<'_>,
        nonce: u64,
    ) -> Result<Commit, SessionError> {
        let mut commit = Commit::new(base.version, nonce, writer.shared(&self.verifiers), change.now);
        commit.step = change.step;
        commit.exact_base = change.base.is_some();
        for edit in change.edits {
            commit.edits.push(convert::edit(edit).map_err(SessionError::encode)?);
        }
        commit.lifetimes = change.term.map(|term| Lifetimes {
            persistent: term.persistent,
            ..Lifetimes::new(base.created_at, Duration::from_millis(term.idle), term.absolute)
        });
        commit.rotation = change.rotation.map(|rotation| {
            let previous = Previous::new(base.verifier, rotation.previous);
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
    async fn settled(&self, store: &dyn AnyStore, tag: Tag, commit: &Commit) -> Result<Committed, SessionError> {
        let answer = match store.commit(tag, commit.clone()).await {
            // A second attempt that fails says nothing about the first.
            Err(lost) if lost.kind() == StoreErrorKind::Unknown => {
                let retry = Commit { is_retry: true, ..commit.clone() };
                store.commit(tag, retry).await.map_err(|_| lost)
            }
            answer => answer,
        };
        self.watched(answer)
    }

    /// Keeps what a refusal taught about the record, and answers it.
    fn learn(
        &self,
        cell: &Arc<Cell>,
        reserved: Option<&Arc<State>>,
        former: &Snapshot,
        before: &State,
        loaded: Loaded,
    ) -> Result<Arc<State>, CommitError> {
        let snapshot = self.take_in(&cell.tag, loaded.record, loaded.lease, before).inspect_err(|_| {
            self.tier.vacate(cell);
        })?;
        if !covers(&snapshot, hint_of(former)) {
            self.note_rollback(cell, &snapshot);
        }
        Ok(self.install(cell, reserved, snapshot))
    }

    /// Makes `next` the copy, and answers it. Where only the form of the values changed since the place was `reserved`,
    /// before the store was asked (a reader decoded one, the timer packed them), it replaces that; where anything else
    /// happened, there is no copy.
    fn install(&self, cell: &Arc<Cell>, reserved: Option<&Arc<State>>, next: Snapshot) -> Arc<State> {
        let next = Arc::new(State::Live(next));
        let version = |state: Option<&Arc<State>>| state.and_then(|state| state.snapshot()).map(|it| it.version);
        let mut present = reserved.filter(|state| !matches!(***state, State::Ended(_))).cloned();
        while let Some(expected) = &present {
            match self.tier.put(cell, expected, Arc::clone(&next)) {
                Ok(Some(_)) => {
                    // This cell may have been forgotten meanwhile, and another one filled from before the commit.
                    self.tier.vacate_other(cell);
                    return next;
                }
                Ok(None) => present = Some(Arc::clone(&cell.state())),
                Err(_) => break,
            }
            if version(present.as_ref()).is_none() || version(present.as_ref()) != version(reserved) {
                break;
            }
        }
        self.tier.vacate(cell);
        next
    }
}

/// What an attempt to change a session came to.
pub(super) enum Attempt {
    /// The change is made; its client has seen this.
    Made(Hint),
    /// Another node was first. This is what it left.
    Overtaken(Arc<State>),
}

impl Engine {
    /// Makes a change on a session that is found by its tag, wherever its copy is or is not.
    pub(crate) async fn commit_by_tag(
        &self,
        tag: &Tag,
        writer: &Writer,
        proposal: Proposal<'_>,
    ) -> Result<(), CommitError> {
        let mut patience = self.patience();
        loop {
            let Some(cell) = self.tag_cell(tag).await? else {
                return Err(Refused::Ended(EndReason::Gone).into());
            };
            match self.commit(&cell, writer, proposal).await {
                Err(CommitError::Refused(Refused::Vacant)) => {}
                outcome => return outcome.map(drop),
            }
            if !patience.lasts().await {
                return Err(Refused::Conflict.into());
            }
        }
    }
}

/// Until the answer to a commit or an end is in, nobody knows what the record looks like. If it never comes,
/// because it was lost or because the request was dropped, the copy has to go.
pub(super) struct Doubt<'a> {
    tier: &'a Tier,
    cell: &'a Cell,
    stands: bool,
}

impl<'a> Doubt<'a> {
    pub(super) const fn of(tier: &'a Tier, cell: &'a Cell) -> Self {
        Self { tier, cell, stands: true }
    }

    /// The answer is in.
    pub(super) const fn dispel(&mut self) {
        self.stands = false;
    }
}

impl Drop for Doubt<'_> {
    fn drop(&mut self) {
        if self.stands {
            self.tier.vacate(self.cell);
        }
    }
}

/// The origin of a copy whose record was last seen at `now`.
fn origin(lease: Lease, nonce: u64, next: &Snapshot, now: Timestamp) -> Option<Box<Origin>> {
    let kept_until = Lifetimes::new(next.created_at, Duration::from_millis(next.idle), next.absolute).kept_until(now);
    let mut writers =
        next.origin.as_ref().map_or_else(|| Writers::new(Vec::new(), next.version), |origin| origin.writers.clone());
    writers.add(nonce, next.version);
    Some(Box::new(Origin { lease: lease.number(), nonce, kept_until, writers }))
}
