use std::time::Duration;

use crate::cache::{Cell, Change, Edit, EndReason, Origin, Refused, Rotation, Snapshot, State, Term, Tier};
use crate::identity::{Hint, Tag};
use crate::store::{self, Action, AnyStore, Commit, Committed, Lease, Lifetimes, Loaded, Previous, StoreErrorKind};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::bearer::Writer;
use super::convert;
use super::engine::Engine;
use super::error::{SessionError, SessionErrorKind};

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
        Change { guard: writer.local(), edits, rotation, term, base, now }
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
        self.committed(cell, writer, change.now);
        Ok(())
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
        // Not earlier than what is known of the session: a clock that lags behind prolongs no grace.
        let change = &proposal.change(writer, cell.latest(self.now()));
        let turn = cell.turn();
        let _turn = turn.lock().await;
        let mut attempt = 0;
        loop {
            if let Some(hint) = self.attempt(store, cell, writer, change).await? {
                return Ok(hint);
            }
            attempt += 1;
            if !self.back_off(attempt).await {
                return Err(Refused::Conflict.into());
            }
        }
    }

    /// `None` if a commit that insisted on its base was overtaken: the copy is up to date then, and says whether
    /// what the change goes by is still there.
    async fn attempt(
        &self,
        store: &dyn AnyStore,
        cell: &Arc<Cell>,
        writer: &Writer,
        change: &Change<'_>,
    ) -> Result<Option<Hint>, CommitError> {
        let before = Arc::clone(&cell.state());
        let snapshot = match &*before {
            State::Live(snapshot) => snapshot,
            State::Vacant(_) => return Err(Refused::Vacant.into()),
            State::Ended(reason) => return Err(Refused::Ended(*reason).into()),
        };
        let mut next = snapshot.apply(change).map_err(Refused::from)?;
        // Boxed, because it is kept for a repeat that hardly ever comes, in a future that is better small.
        let mut commit = Box::new(self.shared_commit(snapshot, writer, change)?);
        for edit in &commit.edits {
            if let Action::Put { payload, .. } = &edit.action {
                next.values.weigh(&edit.key, payload.len());
            }
        }
        self.tier.check(&next)?;
        self.seal_commit(&cell.tag, &next, &mut commit)?;
        let (nonce, exact) = (commit.nonce, commit.exact_base);
        let mut doubt = Doubt::of(&self.tier, cell);
        let answer = self.settled(store, cell.tag, &commit).await;
        // A store that was not reached, or refused, has changed nothing: the copy is as good as it was.
        if answer.as_ref().map_or_else(|error| error.kind() == SessionErrorKind::StoreUnavailable, |_| true) {
            doubt.dispel();
        }
        match answer? {
            Committed::Done(receipt) => {
                let version = receipt.version;
                let next = match receipt.record {
                    Some(record) => self.take_in(&cell.tag, *record, receipt.lease, &State::Live(next)),
                    None => Ok(Snapshot { version, origin: origin(receipt.lease, nonce, &next, change.now), ..next }),
                };
                match next {
                    Ok(next) => self.install(cell, &before, next),
                    // The change is made; that something else in the record does not read is for who reads it.
                    Err(_) => self.tier.vacate(cell),
                }
                cell.mark_reported(change.now);
                self.committed(cell, writer, change.now);
                Ok(Some(Hint { version, nonce: nonce as u16 }))
            }
            Committed::Conflict(loaded) => {
                self.learn(cell, &before, loaded)?;
                if exact { Ok(None) } else { Err(Refused::Conflict.into()) }
            }
            Committed::Superseded(loaded) => {
                self.learn(cell, &before, loaded)?;
                Err(Refused::Superseded.into())
            }
            Committed::Gone => Err(Refused::Ended(self.found_gone(cell)).into()),
        }
    }

    fn shared_commit(&self, base: &Snapshot, writer: &Writer, change: &Change<'_>) -> Result<Commit, SessionError> {
        let mut commit = Commit::new(base.version, self.nonces.next(), writer.shared(&self.verifiers), change.now);
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
                store.commit(tag, commit.clone()).await.map_err(|_| lost)
            }
            answer => answer,
        };
        self.watched(answer)
    }

    /// Keeps what a refusal taught about the record.
    fn learn(&self, cell: &Arc<Cell>, before: &Arc<State>, loaded: Loaded) -> Result<(), SessionError> {
        match self.take_in(&cell.tag, loaded.record, loaded.lease, before) {
            Ok(snapshot) => self.install(cell, before, snapshot),
            Err(error) => {
                self.tier.vacate(cell);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Makes `next` the copy. Where only the form of the values changed since `before` (a reader
    /// decoded one, the timer packed them), it replaces that; where anything else happened, there is no copy.
    fn install(&self, cell: &Arc<Cell>, before: &Arc<State>, next: Snapshot) {
        let next = Arc::new(State::Live(next));
        let mut present = Arc::clone(before);
        let version = |state: &State| state.snapshot().map(|snapshot| snapshot.version);
        loop {
            match self.tier.put(cell, &present, Arc::clone(&next)) {
                Ok(Some(_)) => break,
                Ok(None) => present = Arc::clone(&cell.state()),
                Err(_) => return self.tier.vacate(cell),
            }
            if version(&present) != version(before) {
                return self.tier.vacate(cell);
            }
        }
        // This cell may have been forgotten meanwhile, and another one filled from before the commit.
        self.tier.vacate_other(cell);
    }
}

/// How often a commit is tried that other nodes keep overtaking.
const ATTEMPTS: u32 = 10;

impl Engine {
    /// Makes a change on a session that is found by its tag, wherever its copy is or is not.
    pub(crate) async fn commit_by_tag(
        &self,
        tag: &Tag,
        writer: &Writer,
        proposal: Proposal<'_>,
    ) -> Result<(), CommitError> {
        for _ in 0..ATTEMPTS {
            let Some(cell) = self.tag_cell(tag).await? else {
                return Err(Refused::Ended(EndReason::Gone).into());
            };
            match self.commit(&cell, writer, proposal).await {
                Err(CommitError::Refused(Refused::Vacant)) => {}
                outcome => return outcome.map(drop),
            }
        }
        Err(Refused::Conflict.into())
    }

    /// Whether a change that was overtaken should be tried again; waits a moment where that helps.
    ///
    /// Where there is one tier, somebody else's success is the only reason to fail, so trying on
    /// always ends. Between nodes, a little random waiting takes them out of step.
    pub(crate) async fn back_off(&self, attempt: u32) -> bool {
        if self.store.is_none() || attempt == 0 {
            return true;
        }
        if attempt >= ATTEMPTS {
            return false;
        }
        let micros = self.random_number() % (200 << attempt.min(5));
        crate::sync::pause(Duration::from_micros(micros)).await;
        true
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
    Some(Box::new(Origin { lease: lease.number(), nonce, kept_until }))
}
