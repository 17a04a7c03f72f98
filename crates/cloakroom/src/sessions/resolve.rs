//! From a token to the live session that it opens.

use std::time::Duration;

use arc_swap::Guard;

use crate::cache::{Cell, EndReason, Lineage, Proof, Snapshot, State, Tier};
use crate::identity::{Hint, Tag, Token};
use crate::store::{AnyStore, Lease, Loaded};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::bearer::{Bearer, Writer};
use super::engine::Engine;
use super::error::SessionError;
use super::events::EventKind;
use super::policy::ReusePolicy;
use super::rollback::{covers, hint_of};

/// How long a replaced token may be shown without being taken for stolen.
const STRAGGLER: Duration = Duration::from_secs(60);
/// How often a fill that an invalidation overtook is tried again.
const FILL_ATTEMPTS: usize = 3;

/// A session and its state, as a bearer may use it now.
pub(crate) type Open = (Arc<Cell>, Arc<State>);

/// What a token opens.
#[derive(Debug)]
pub(crate) enum Access {
    /// A live session, from memory.
    Open(Open),
    /// A live session, for which the shared tier had to be asked.
    Fetched(Open),
    /// Nothing: its record is older than what the bearer has seen, and may not be served.
    RolledBack,
    /// Nothing: the session that it names lives, but this secret is not, or no longer, its secret.
    Superseded,
    /// Nothing.
    Nothing,
}

/// Whether the local tier can answer for a bearer.
enum Local {
    /// It can: this is the session.
    Open(Arc<State>),
    /// It can: this is not the secret of the session.
    Superseded,
    /// It can: there is no session.
    Closed,
    /// Only the shared tier can.
    Unsure,
}

impl Engine {
    /// The cell that a token names if it is in memory, and whether the token opens it as far as is known here, without
    /// any I/O.
    ///
    /// The bearer gets the lineage of the session's secrets only by a copy that is current: a later look at the record
    /// admits whoever has it, and an outdated copy may admit a token that is dead.
    pub(crate) fn glance(&self, token: &Token, now: Timestamp) -> (Bearer, Option<Arc<Cell>>, bool) {
        let mut bearer = self.bearer(token);
        let cell = self.tier.get(&token.tag);
        let opened = cell.as_ref().and_then(|cell| self.greet(cell, &bearer, now));
        if opened.is_none() && self.store.is_none() {
            self.ledger.counters.tokens_unknown.count();
        }
        bearer.lineage = opened.and_then(|(lineage, is_current)| is_current.then_some(lineage));
        (bearer, cell, opened.is_some())
    }

    /// The lineage of secrets in this cell, if the bearer's opens the session, and whether the copy is current.
    fn greet(&self, cell: &Arc<Cell>, bearer: &Bearer, now: Timestamp) -> Option<(Lineage, bool)> {
        let state = cell.state();
        let snapshot = state.snapshot()?;
        if cell.overdue(snapshot, now).is_some() {
            if self.store.is_none() {
                self.tier.end_overdue(cell, now);
            }
            return None;
        }
        if !cell.admits(snapshot, bearer.fingerprint, now) {
            if self.store.is_none() && self.suspect(cell, snapshot, bearer, now) {
                self.tier.end(cell, EndReason::Reused);
            }
            return None;
        }
        Some((snapshot.lineage(), self.is_current(snapshot, bearer.seen, now)))
    }

    /// Whether a bearer may use the session now: by its secret, or because the request was admitted under it before and
    /// nothing but renewals replaced it since.
    pub(super) fn admits(&self, cell: &Cell, snapshot: &Snapshot, bearer: &Bearer, now: Timestamp) -> bool {
        cell.admits(snapshot, bearer.fingerprint, now) || bearer.lineage == Some(snapshot.lineage())
    }

    /// In whose name a bearer writes whom the session in this cell admits.
    pub(crate) fn writer(&self, bearer: &Bearer, cell: &Cell) -> Writer {
        self.writer_of(bearer, cell, &cell.state())
    }

    /// The same by a state of the cell.
    pub(super) fn writer_of(&self, bearer: &Bearer, cell: &Cell, state: &State) -> Writer {
        match state.snapshot() {
            Some(snapshot)
                if bearer.lineage == Some(snapshot.lineage())
                    && !cell.admits(snapshot, bearer.fingerprint, self.now()) =>
            {
                Writer::Follower(snapshot.fingerprint, snapshot.verifier)
            }
            _ => Writer::Holder(*bearer),
        }
    }

    fn proof(&self, snapshot: &Snapshot, bearer: &Bearer, now: Timestamp) -> Proof {
        snapshot.prove(bearer.fingerprint, || self.verifiers.of(&bearer.tag, &bearer.secret), now)
    }

    /// A secret that does not open the session: did it once? Answers whether the session must end for it.
    fn suspect(&self, cell: &Cell, snapshot: &Snapshot, bearer: &Bearer, now: Timestamp) -> bool {
        if self.proof(snapshot, bearer, cell.latest(now)) != Proof::Reused {
            return false;
        }
        self.ledger.counters.tokens_reused.count();
        self.ledger.record(EventKind::TokenReused, Some(&cell.tag), snapshot.principal());
        let dead_since = snapshot.previous().map(|(previous, _)| previous.dead_since());
        self.policy.reuse == ReusePolicy::End && dead_since.is_some_and(|since| now.since(since) > STRAGGLER)
    }

    /// What a bearer may use now. Asks the shared tier where the local one cannot know.
    pub(crate) async fn open(&self, bearer: &Bearer, cell: Option<&Arc<Cell>>) -> Result<Access, SessionError> {
        let now = self.now();
        if let Some(cell) = cell {
            match self.look(cell, bearer, now) {
                Local::Open(state) => return Ok(Access::Open((Arc::clone(cell), state))),
                Local::Superseded => return Ok(Access::Superseded),
                Local::Closed => return Ok(Access::Nothing),
                Local::Unsure => {}
            }
        }
        match &self.store {
            None => Ok(Access::Nothing),
            // Boxed, like all that waits for the shared tier: the futures of handlers stay small.
            Some(store) => Box::pin(self.fetch(&**store, bearer)).await,
        }
    }

    /// What a bearer may use now by what the shared tier says now, whatever is in memory.
    pub(crate) async fn refresh(&self, bearer: &Bearer) -> Result<Access, SessionError> {
        let cell = self.tier.get(&bearer.tag);
        if let Some(cell) = cell.as_ref().filter(|cell| self.store.is_some() && !self.is_strange_to(cell, bearer)) {
            // For all: reads that are under way began before this one, so they must not fill it again.
            self.tier.doubt(cell, self.now());
        }
        self.open(bearer, cell.as_ref()).await
    }

    /// A borrow of the state, if the bearer may use it now and the local tier can answer for that.
    pub(crate) fn view(&self, cell: &Cell, bearer: &Bearer, now: Timestamp) -> Option<Guard<Arc<State>>> {
        let state = cell.state();
        let snapshot = state.snapshot()?;
        let usable = self.admits(cell, snapshot, bearer, now)
            && cell.overdue(snapshot, now).is_none()
            && self.is_current(snapshot, bearer.seen, now);
        usable.then_some(state)
    }

    /// Whether there is a copy that the bearer's secret does not open.
    fn is_strange_to(&self, cell: &Cell, bearer: &Bearer) -> bool {
        cell.state().snapshot().is_some_and(|snapshot| !self.admits(cell, snapshot, bearer, self.now()))
    }

    /// Whether the bearer's secret has opened the session here, by what was known last.
    fn is_proved(&self, cell: &Cell, bearer: &Bearer) -> bool {
        cell.state().last_known().is_some_and(|snapshot| self.admits(cell, snapshot, bearer, self.now()))
    }

    /// Whether the shared tier has said that this secret does not open the session, and would tell if that changed.
    fn is_denied(&self, store: &dyn AnyStore, cell: &Cell, bearer: &Bearer) -> bool {
        let Some(denial) = cell.denial(bearer.fingerprint) else { return false };
        if !store.vouches(Lease::new(denial.lease)) {
            return false;
        }
        self.ledger.counters.tokens_unknown.count();
        if denial.is_reused {
            self.ledger.counters.tokens_reused.count();
            let state = cell.state();
            let principal = state.last_known().and_then(|snapshot| snapshot.principal());
            self.ledger.record(EventKind::TokenReused, Some(&cell.tag), principal);
        }
        true
    }

    /// Remembers that, unless it is time that decides what becomes of it.
    fn deny(&self, cell: &Cell, before: &Arc<State>, snapshot: &Snapshot, bearer: &Bearer) {
        let is_reused = self.proof(snapshot, bearer, self.now()) == Proof::Reused;
        if bearer.opened || is_reused && self.policy.reuse == ReusePolicy::End {
            return;
        }
        if let Some(origin) = &snapshot.origin {
            cell.deny(before, bearer.fingerprint, origin.lease, is_reused);
        }
    }

    /// What the bearer could use before the shared tier was lost, if that was no longer ago than `bound`.
    pub(crate) fn stale(&self, bearer: &Bearer, cell: &Arc<Cell>, bound: Duration) -> Option<Open> {
        let now = self.now();
        let state = Arc::clone(&cell.state());
        let state = match &*state {
            // Its lease has lapsed, and the store has not said so yet.
            State::Live(_) => state,
            State::Vacant(vacancy) if now.since(vacancy.doubted_at?) <= bound => Arc::clone(vacancy.former.as_ref()?),
            State::Vacant(_) | State::Ended(_) => return None,
        };
        let snapshot = state.snapshot().filter(|snapshot| was_vouched_for(snapshot))?;
        let usable = self.admits(cell, snapshot, bearer, now)
            && cell.overdue(snapshot, now).is_none()
            && covers(snapshot, bearer.seen);
        usable.then(|| (Arc::clone(cell), state))
    }

    fn look(&self, cell: &Arc<Cell>, bearer: &Bearer, now: Timestamp) -> Local {
        loop {
            let state = cell.state();
            let Some(snapshot) = state.snapshot() else {
                return if matches!(**state, State::Ended(_)) { Local::Closed } else { Local::Unsure };
            };
            let admitted = self.admits(cell, snapshot, bearer, now);
            let overdue = cell.overdue(snapshot, now).is_some();
            if self.store.is_some() {
                // Only the record knows what other nodes saw, and which secrets they gave out.
                let known = admitted && !overdue && self.is_current(snapshot, bearer.seen, now);
                return if known { Local::Open(Arc::clone(&state)) } else { Local::Unsure };
            }
            if !overdue {
                return if admitted { Local::Open(Arc::clone(&state)) } else { Local::Superseded };
            }
            // If it does not end, somebody has just prolonged it: look again.
            self.tier.end_overdue(cell, now);
        }
    }

    /// Whether a copy may be served without asking: its store vouches for it and still has the record,
    /// and it is at least as new as what its client has seen, also if the invalidation that says so is late.
    fn is_current(&self, snapshot: &Snapshot, seen: Option<Hint>, now: Timestamp) -> bool {
        let (Some(store), Some(origin)) = (&self.store, &snapshot.origin) else { return self.store.is_none() };
        covers(snapshot, seen) && now < origin.kept_until && store.vouches(Lease::new(origin.lease))
    }

    /// Reads the record and makes it the copy of this process, unless an invalidation overtakes it.
    async fn fetch(&self, store: &dyn AnyStore, bearer: &Bearer) -> Result<Access, SessionError> {
        self.keep_house();
        loop {
            let cell = self.tier.get_or_vacant(&bearer.tag, self.now());
            // A secret that has not proved itself here waits for nobody but its like, and no commit waits for it.
            let turn = if self.is_proved(&cell, bearer) { cell.turn() } else { cell.line(bearer.fingerprint) };
            let _turn = turn.lock().await;
            if let Some(access) = self.fill(store, &cell, bearer).await? {
                return Ok(access);
            }
        }
    }

    /// What a bearer may use now, by the cell or by the record, which it is filled from then. `None` if the cell has
    /// left the table.
    pub(super) async fn fill(
        &self,
        store: &dyn AnyStore,
        cell: &Arc<Cell>,
        bearer: &Bearer,
    ) -> Result<Option<Access>, SessionError> {
        let mut attempts = 0..FILL_ATTEMPTS;
        loop {
            // Somebody may have read it while this request waited for its turn.
            match self.look(cell, bearer, self.now()) {
                Local::Open(state) => return Ok(Some(Access::Open((Arc::clone(cell), state)))),
                Local::Superseded => return Ok(Some(Access::Superseded)),
                Local::Closed => return Ok(Some(Access::Nothing)),
                Local::Unsure => {}
            }
            if self.is_denied(store, cell, bearer) {
                return Ok(Some(Access::Superseded));
            }
            let Some(before) = self.reserve(cell) else { return Ok(None) };
            let Some(mut snapshot) = self.load(store, cell, &before).await? else {
                self.ledger.counters.tokens_unknown.count();
                return Ok(Some(Access::Nothing));
            };
            if !self.recognise(cell, &mut snapshot, bearer).await? {
                self.deny(cell, &before, &snapshot, bearer);
                return Ok(Some(Access::Superseded));
            }
            if self.rejects(cell, &snapshot, bearer) {
                return Ok(Some(Access::RolledBack));
            }
            let read = Arc::new(State::Live(snapshot));
            let filled = self.tier.put(cell, &before, Arc::clone(&read))?.is_some();
            if let (true, Some(snapshot)) = (filled, read.snapshot()) {
                // A client that has seen what is lost is told when it comes.
                if covers(snapshot, bearer.seen) && !covers(snapshot, before.last_known().and_then(hint_of)) {
                    self.note_rollback(cell, snapshot);
                }
            }
            // At last what was overtaken is good for this one answer: it was true when it was asked for.
            if filled || attempts.next().is_none() {
                return Ok(Some(self.opened(Arc::clone(cell), read, bearer)));
            }
        }
    }

    /// The reservation for a fill: whatever happens to the cell from here on keeps the fill out of
    /// it. `None` if the cell has left the table, where no invalidation would reach it.
    pub(super) fn reserve(&self, cell: &Arc<Cell>) -> Option<Arc<State>> {
        let before = Arc::clone(&cell.state());
        self.tier.holds(cell).then_some(before)
    }

    /// Reads the record for a cell. `None` if there is none: then the cell has ended.
    async fn load(
        &self,
        store: &dyn AnyStore,
        cell: &Arc<Cell>,
        before: &State,
    ) -> Result<Option<Snapshot>, SessionError> {
        let mut asking = Asking { tier: &self.tier, cell, answered: false };
        self.ledger.counters.store_loads.count();
        let answer = self.watched(store.load(cell.tag).await)?;
        // One that was reported late outlives its timeout in the store by as much. What this process saw counts if it
        // ever had the session.
        let seen_here = before.last_known().map(|_| cell.last_seen()).unwrap_or_default();
        let answer = answer
            .filter(|Loaded { record, .. }| self.now() < record.lifetimes.kept_until(record.last_seen.max(seen_here)));
        let Some(loaded) = answer else {
            asking.answered = true;
            self.found_gone(cell);
            return Ok(None);
        };
        cell.see(loaded.record.last_seen);
        cell.mark_reported(loaded.record.last_seen);
        let snapshot = self.take_in(&cell.tag, loaded.record, loaded.lease, before);
        asking.answered = snapshot.is_ok();
        snapshot.map(Some)
    }

    /// Whether the bearer's secret opens the session as the record says; remembers it if so.
    async fn recognise(
        &self,
        cell: &Arc<Cell>,
        snapshot: &mut Snapshot,
        bearer: &Bearer,
    ) -> Result<bool, SessionError> {
        let now = self.now();
        let proof = self.proof(snapshot, bearer, cell.latest(now));
        snapshot.recognise(proof, bearer.fingerprint);
        if self.admits(cell, snapshot, bearer, now) {
            return Ok(true);
        }
        if bearer.opened {
            return Ok(false);
        }
        self.ledger.counters.tokens_unknown.count();
        if self.suspect(cell, snapshot, bearer, now) {
            self.end(&bearer.tag, Some(Arc::clone(cell)), EndReason::Reused).await?;
        }
        Ok(false)
    }

    /// The live copy of a session that the application itself wants to change.
    pub(crate) async fn tag_cell(&self, tag: &Tag) -> Result<Option<Arc<Cell>>, SessionError> {
        let Some(store) = &self.store else { return Ok(self.tier.get(tag)) };
        loop {
            let cell = self.tier.get_or_vacant(tag, self.now());
            let turn = cell.turn();
            let _turn = turn.lock().await;
            let Some(before) = self.reserve(&cell) else { continue };
            if !before.snapshot().is_some_and(|snapshot| self.is_current(snapshot, None, self.now())) {
                let Some(snapshot) = self.load(&**store, &cell, &before).await? else { return Ok(None) };
                self.tier.replace(&cell, &before, snapshot)?;
            }
            return Ok(Some(Arc::clone(&cell)));
        }
    }
}

/// Whether a store ever promised to say when this copy goes out of date. If not, nobody knows its age.
fn was_vouched_for(snapshot: &Snapshot) -> bool {
    snapshot.origin.as_ref().is_some_and(|origin| Lease::new(origin.lease) != Lease::NONE)
}

/// A question to the shared tier. A cell that it does not fill must not stay behind, whether the
/// store is down or the request was dropped: anybody can ask with a random token.
pub(super) struct Asking<'a> {
    pub(super) tier: &'a Tier,
    pub(super) cell: &'a Arc<Cell>,
    pub(super) answered: bool,
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.tier.forget_unfilled(self.cell);
        }
    }
}
