//! What a request knows of its client's token and session.

use crate::cache::{Cell, Snapshot, State};
#[cfg(feature = "jwt")]
use crate::identity::Principal;
use crate::identity::{Hint, Token};
use crate::sessions::{Access, Bearer, Delivery, Engine, Open, SessionError, UnconfirmedRequest};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::handle::Reply;

/// What the client holds, as far as this request knows.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) bearer: Option<Bearer>,
    pub(super) cell: Option<Arc<Cell>>,
    pub(super) standing: Standing,
    pub(super) news: News,
    /// Who answered when this request first asked for the session.
    pub(super) answered_by: Option<AnsweredBy>,
    /// The shared tier was asked by this request, whatever was in memory.
    pub(super) is_refreshed: bool,
    /// A read was answered as if there were no session, as the shared tier was away: so are all others.
    pub(super) is_read_as_absent: bool,
    /// The client should get its token again, although it is the same.
    pub(super) outdated: bool,
    /// How long the session may live, as far as this request had to know that.
    term: Option<Kept>,
    /// Whether the token was the present one when the response was ready, where that had to be asked.
    settled: Option<bool>,
    /// The version hint that the client came with.
    presented: Option<Hint>,
    /// Where this node could not tell what the token opens, until the request asks.
    unconfirmed: Option<Arc<UnconfirmedRequest>>,
    /// What this request made of its client's token, until the response has it.
    delivery: Option<Arc<Delivery>>,
}

/// Which tier a request had its session from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnsweredBy {
    /// The memory of this process, without asking anybody.
    Memory,
    /// The shared tier.
    Store,
}

/// What this request has learned about its client's token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
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
pub(super) enum News {
    #[default]
    None,
    /// It made a new one.
    NewToken,
    /// It has the present one kept for longer.
    KeptLonger,
    LoggedOut,
}

impl Held {
    /// The client logged out by this request, and holds nothing any more.
    pub(super) fn logged_out() -> Self {
        Self { news: News::LoggedOut, ..Self::default() }
    }

    /// What is known of a token without asking anybody.
    pub(super) fn glance(engine: &Engine, token: &Token) -> Self {
        let now = engine.now();
        let (bearer, cell, opens) = engine.glance(token, now);
        let standing = if opens { Standing::Opened } else { Standing::Anonymous };
        let unconfirmed = if opens { None } else { engine.note_unconfirmed(&bearer, now) };
        Self { bearer: Some(bearer), cell, standing, presented: bearer.seen, unconfirmed, ..Self::default() }
    }

    /// The request is over.
    pub(super) fn finish(&mut self, engine: &Engine) {
        if let Some(request) = self.unconfirmed.take() {
            request.finish(engine.now());
        }
    }

    /// Takes in what asking for the session brought, unless this request changed its token meanwhile.
    pub(super) fn note(&mut self, bearer: &Bearer, access: Access) -> Option<Open> {
        let same = self.bearer.is_some_and(|held| held.fingerprint == bearer.fingerprint);
        if let Some(request) = self.unconfirmed.take_if(|_| same) {
            request.settle();
        }
        match access {
            Access::Open(open) => Some(self.opened(open, same, AnsweredBy::Memory)),
            Access::Fetched(open) => Some(self.opened(open, same, AnsweredBy::Store)),
            Access::Superseded if same => {
                self.superseded();
                None
            }
            Access::RolledBack if same => {
                // As without a token: a write may start a session, under a token of its own. Not where this request
                // was shown the one that is lost.
                if !self.was_opened() {
                    self.standing = Standing::Anonymous;
                }
                self.news = News::None;
                None
            }
            Access::Superseded | Access::RolledBack | Access::Nothing => None,
        }
    }

    fn opened(&mut self, (cell, state): Open, same: bool, by: AnsweredBy) -> Open {
        if same {
            self.standing = Standing::Opened;
            self.is_read_as_absent = false;
            self.answered_by.get_or_insert(by);
            self.learn(&cell, &state);
        }
        (cell, state)
    }

    /// The cell to ask next time, and the version that the client sees by this request's answer.
    fn learn(&mut self, cell: &Arc<Cell>, state: &State) {
        if !self.cell.as_ref().is_some_and(|held| Arc::ptr_eq(held, cell)) {
            self.cell = Some(Arc::clone(cell));
        }
        if let Some(snapshot) = state.snapshot() {
            self.sees(snapshot);
        }
    }

    /// The client sees this version by this request's answer.
    fn sees(&mut self, snapshot: &Snapshot) {
        let Some(bearer) = &mut self.bearer else { return };
        bearer.opened = true;
        if let Some(origin) = &snapshot.origin {
            bearer.seen = Some(Hint { version: snapshot.version, nonce: origin.nonce as u16 });
        }
    }

    /// Whether this request was given the session that its token names.
    pub(super) fn was_opened(&self) -> bool {
        self.bearer.is_some_and(|bearer| bearer.opened)
    }

    /// Answers this read, and all that follow, as if there were no session; the error where another one was given it.
    pub(super) fn read_as_absent(&mut self, error: SessionError) -> Result<Option<Open>, SessionError> {
        if self.was_opened() {
            return Err(error);
        }
        self.is_read_as_absent = true;
        Ok(None)
    }

    /// The token was replaced: whatever this request had to tell about it is nobody's business any more.
    pub(super) fn superseded(&mut self) {
        self.standing = Standing::Superseded;
        self.news = News::None;
    }

    /// What `read` finds in the session, if it is in memory and may be used now: what `note` does, but
    /// with nothing counted in or out of cell and state, which all requests of a session would write to.
    pub(super) fn glimpse<R>(
        &mut self,
        engine: &Engine,
        read: impl FnOnce(&Snapshot, Timestamp) -> Option<R>,
    ) -> Option<R> {
        if self.is_read_as_absent {
            return None;
        }
        let now = engine.now();
        let state = engine.view(self.cell.as_ref()?, self.bearer.as_ref()?, now)?;
        let snapshot = state.snapshot()?;
        self.standing = Standing::Opened;
        self.answered_by.get_or_insert(AnsweredBy::Memory);
        self.sees(snapshot);
        read(snapshot, now)
    }

    /// From now on the client holds this, once the response has brought it.
    pub(super) fn adopt(&mut self, bearer: Bearer, cell: Arc<Cell>, made: Arc<Delivery>) {
        if let Some(before) = self.delivery.take() {
            before.done();
            made.ends_if_lost();
        }
        self.join(bearer, cell, Some(made));
    }

    /// From now on the client holds what another request of it made, which may not have been delivered either.
    pub(super) fn join(&mut self, bearer: Bearer, cell: Arc<Cell>, made: Option<Arc<Delivery>>) {
        self.delivery = made;
        self.bearer = Some(bearer);
        self.term = cell.state().last_known().map(Kept::of);
        self.cell = Some(cell);
        self.standing = Standing::Opened;
        self.news = News::NewToken;
    }

    /// The response carries the token that this request made.
    pub(super) fn delivered(&mut self) {
        if let Some(made) = self.delivery.take() {
            made.done();
        }
    }

    /// There will be no response. What that means for a token that this request made is for others to do, without a lock.
    pub(super) fn abandon(&mut self) -> Option<Arc<Delivery>> {
        self.delivery.take()
    }

    /// Who is logged in, as far as is known here.
    #[cfg(feature = "jwt")]
    pub(super) fn principal(&self) -> Option<Principal> {
        let state = self.cell.as_ref()?.state();
        self.last_known(&state)?.principal().cloned()
    }

    /// What was known last of the session under this very token: what was known before a login is about somebody else.
    fn last_known<'a>(&self, state: &'a State) -> Option<&'a Snapshot> {
        let bearer = self.bearer.as_ref()?;
        state.last_known().filter(|snapshot| snapshot.fingerprint == bearer.fingerprint)
    }

    /// Takes in the state of the session at the end of the request, if that could be learned.
    pub(super) fn settle(&mut self, state: Option<&State>) {
        let present = state.and_then(State::snapshot);
        let is_present = |snapshot: &Snapshot| self.bearer.is_some_and(|held| held.fingerprint == snapshot.fingerprint);
        self.settled = Some(present.is_some_and(is_present));
        self.term = present.map(Kept::of).or(self.term);
    }

    /// Whether what the client has should be replaced, although its secret is the same.
    fn is_to_be_told(&self, bearer: &Bearer) -> bool {
        self.outdated || bearer.seen != self.presented
    }

    /// Whether the client sees another version by this answer than it knows of.
    pub(super) fn shows_news(&self) -> bool {
        self.bearer.is_some_and(|bearer| bearer.seen != self.presented)
    }

    /// What the response has to tell the client of its token, by one look at the session.
    ///
    /// Nothing about a token that was replaced or whose session ended since: its client may be
    /// receiving the new one with another response, which this one would overwrite. A version that the client should be told
    /// then has to become that of every node first. Where it is not known what became of the token,
    /// because the copy was invalidated, a token that this request made is told; of any other, the shared
    /// tier has to say first whether it is the present one. It also has to say how long a session lives of which nothing is in
    /// memory under this token.
    pub(super) fn reply(&self, now: Timestamp) -> Reply {
        if self.news == News::LoggedOut {
            return Reply::Forget;
        }
        let (Some(bearer), Some(cell)) = (&self.bearer, &self.cell) else { return Reply::Unchanged };
        if self.news == News::None && !self.is_to_be_told(bearer) {
            return Reply::Unchanged;
        }
        let state = cell.state();
        let known = self.last_known(&state).map(Kept::of);
        let is_present = match &**state {
            State::Live(snapshot) => Some(snapshot.fingerprint == bearer.fingerprint),
            State::Vacant(_) if known.is_none() && self.settled.is_none() => None,
            State::Vacant(_) if self.news == News::NewToken => Some(true),
            State::Vacant(_) => self.settled,
            State::Ended(_) => Some(false),
        };
        match is_present {
            None => Reply::Unsettled,
            Some(false) if self.settled.is_none() && self.shows_news() => Reply::Unsettled,
            Some(false) => Reply::Unchanged,
            Some(true) => {
                let asked = self.term.filter(|_| self.settled.is_some() && state.snapshot().is_none());
                let Kept { until, persistent } = asked.or(known).or(self.term).unwrap_or_default();
                Reply::Keep { token: bearer.token(), lifetime: until.since(now), persistent }
            }
        }
    }
}

/// For how long a client keeps its token.
#[derive(Clone, Copy, Debug, Default)]
struct Kept {
    until: Timestamp,
    /// It should outlive the browser.
    persistent: bool,
}

impl Kept {
    fn of(snapshot: &Snapshot) -> Self {
        Self { until: snapshot.absolute, persistent: snapshot.is_persistent() }
    }
}

#[cfg(test)]
mod tests;
