//! From a token to the live session that it opens.

use std::time::Duration;

use crate::cache::{Cell, EndReason, Proof, Snapshot, State};
use crate::identity::{Hint, Tag, Token};
use crate::store::{AnyStore, Lease};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::bearer::Bearer;
use super::convert;
use super::engine::Engine;
use super::error::SessionError;
use super::events::EventKind;
use super::policy::ReusePolicy;

/// How long a replaced token may be shown without being taken for stolen.
const STRAGGLER: Duration = Duration::from_secs(60);
/// How often a fill that an invalidation overtook is tried again.
const FILL_ATTEMPTS: usize = 3;

/// A session and its state, as a bearer may use it now.
pub(crate) type Open = (Arc<Cell>, Arc<State>);

/// What a token opens.
#[derive(Debug)]
pub(crate) enum Access {
    /// A live session.
    Open(Open),
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
    /// The cell that a token names if it is in memory, and whether the token opens it, without any
    /// I/O. Counts as activity if it does.
    pub(crate) fn glance(&self, token: &Token, now: Timestamp) -> (Bearer, Option<Arc<Cell>>, bool) {
        let bearer = self.bearer(token);
        let cell = self.tier.get(&token.tag);
        let opens = cell.as_ref().is_some_and(|cell| self.greet(cell, &bearer, now));
        if !opens && self.store.is_none() {
            self.ledger.counters.tokens_unknown.count();
        }
        (bearer, cell, opens)
    }

    /// Whether the bearer's secret opens the session in this cell, as far as is known here.
    fn greet(&self, cell: &Arc<Cell>, bearer: &Bearer, now: Timestamp) -> bool {
        let state = cell.state();
        let Some(snapshot) = state.snapshot() else { return false };
        if let Some(reason) = cell.overdue(snapshot, now) {
            if self.store.is_none() {
                self.tier.end(cell, reason);
            }
            return false;
        }
        if !snapshot.admits(bearer.fingerprint, now) {
            if self.store.is_none() && self.suspect(cell, snapshot, bearer, now) {
                self.tier.end(cell, EndReason::Reused);
            }
            return false;
        }
        cell.see(now);
        self.report_activity(cell, now);
        true
    }

    /// A secret that does not open the session: did it once? Answers whether the session must end for it.
    fn suspect(&self, cell: &Cell, snapshot: &Snapshot, bearer: &Bearer, now: Timestamp) -> bool {
        if snapshot.prove(&bearer.secret, &self.fingerprints, now) != Proof::Reused {
            return false;
        }
        self.ledger.counters.tokens_reused.count();
        self.ledger.record(EventKind::TokenReused, Some(&cell.tag), snapshot.principal());
        let dead_since = snapshot.previous().map(|(previous, _)| previous.until);
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
            Some(store) => self.fetch(&**store, bearer).await,
        }
    }

    fn look(&self, cell: &Arc<Cell>, bearer: &Bearer, now: Timestamp) -> Local {
        let state = cell.state();
        let Some(snapshot) = state.snapshot() else {
            return if matches!(**state, State::Ended(_)) { Local::Closed } else { Local::Unsure };
        };
        let admitted = snapshot.admits(bearer.fingerprint, now);
        if self.store.is_some() {
            let usable = admitted && self.is_current(snapshot, bearer.seen) && cell.overdue(snapshot, now).is_none();
            return if usable { Local::Open(Arc::clone(&state)) } else { Local::Unsure };
        }
        if let Some(reason) = cell.overdue(snapshot, now) {
            self.tier.end(cell, reason);
            return Local::Closed;
        }
        if admitted {
            return Local::Open(Arc::clone(&state));
        }
        Local::Superseded
    }

    /// Whether a copy may be served without asking: its store vouches for it, and it is at least as
    /// new as what its client has seen, also if the invalidation that says so is late.
    fn is_current(&self, snapshot: &Snapshot, seen: Option<Hint>) -> bool {
        let (Some(store), Some(origin)) = (&self.store, &snapshot.origin) else { return self.store.is_none() };
        let covers = seen.is_none_or(|seen| {
            snapshot.version > seen.version || (snapshot.version == seen.version && origin.nonce as u16 == seen.nonce)
        });
        covers && store.vouches(Lease::new(origin.lease))
    }

    /// Reads the record and makes it the copy of this process, unless an invalidation overtakes it.
    async fn fetch(&self, store: &dyn AnyStore, bearer: &Bearer) -> Result<Access, SessionError> {
        self.keep_house();
        let mut attempts = 0..FILL_ATTEMPTS;
        loop {
            let cell = self.tier.get_or_vacant(&bearer.tag, self.now());
            let turn = cell.turn();
            let _turn = turn.lock().await;
            // Somebody may have read it while this request waited for its turn.
            match self.look(&cell, bearer, self.now()) {
                Local::Open(state) => return Ok(Access::Open((Arc::clone(&cell), state))),
                Local::Superseded => return Ok(Access::Superseded),
                Local::Closed => return Ok(Access::Nothing),
                Local::Unsure => {}
            }
            // The reservation: whatever happens to the cell from here on keeps this read out of it.
            let before = Arc::clone(&cell.state());
            self.ledger.counters.store_loads.count();
            let Some(loaded) = self.watched(store.load(bearer.tag).await)? else {
                self.tier.end(&cell, EndReason::Gone);
                self.ledger.counters.tokens_unknown.count();
                return Ok(Access::Nothing);
            };
            cell.see(loaded.record.last_seen);
            cell.mark_reported(loaded.record.last_seen);
            let mut snapshot = convert::snapshot(loaded.record, loaded.lease, &before);
            if !self.recognise(&cell, &mut snapshot, bearer).await? {
                return Ok(Access::Superseded);
            }
            if let Ok(Some(filled)) = self.tier.replace(&cell, &before, snapshot.clone()) {
                self.seen_in(&cell);
                return Ok(Access::Open((Arc::clone(&cell), filled.after)));
            }
            if attempts.next().is_none() {
                return Ok(Access::Open(self.detached(bearer, snapshot)));
            }
        }
    }

    /// Whether the bearer's secret opens the session as the record says; remembers it if so.
    async fn recognise(&self, cell: &Arc<Cell>, snapshot: &mut Snapshot, bearer: &Bearer) -> Result<bool, SessionError> {
        let now = self.now();
        let proof = snapshot.prove(&bearer.secret, &self.fingerprints, now);
        snapshot.recognise(proof, bearer.fingerprint);
        if snapshot.admits(bearer.fingerprint, now) {
            return Ok(true);
        }
        self.ledger.counters.tokens_unknown.count();
        if self.suspect(cell, snapshot, bearer, now) {
            self.end(&bearer.tag, Some(Arc::clone(cell)), EndReason::Reused).await?;
        }
        Ok(false)
    }

    /// A copy for one use: nobody invalidates it, so its lease says that nobody vouches for it.
    fn detached(&self, bearer: &Bearer, mut snapshot: Snapshot) -> Open {
        if let Some(origin) = &mut snapshot.origin {
            origin.lease = Lease::NONE.number();
        }
        let cell = Arc::new(Cell::new(bearer.tag, State::Live(snapshot), self.now()));
        let state = Arc::clone(&cell.state());
        (cell, state)
    }

    fn seen_in(&self, cell: &Arc<Cell>) {
        let now = self.now();
        cell.see(now);
        self.report_activity(cell, now);
    }

    /// The live copy of a session that the application itself wants to change.
    pub(super) async fn tag_cell(&self, tag: &Tag) -> Result<Option<Arc<Cell>>, SessionError> {
        let Some(store) = &self.store else { return Ok(self.tier.get(tag)) };
        let cell = self.tier.get_or_vacant(tag, self.now());
        let turn = cell.turn();
        let _turn = turn.lock().await;
        let before = Arc::clone(&cell.state());
        if before.snapshot().is_some_and(|snapshot| self.is_current(snapshot, None)) {
            return Ok(Some(Arc::clone(&cell)));
        }
        let Some(loaded) = self.watched(store.load(*tag).await)? else {
            self.tier.end(&cell, EndReason::Gone);
            return Ok(None);
        };
        let snapshot = convert::snapshot(loaded.record, loaded.lease, &before);
        drop(self.tier.replace(&cell, &before, snapshot));
        Ok(Some(Arc::clone(&cell)))
    }
}
