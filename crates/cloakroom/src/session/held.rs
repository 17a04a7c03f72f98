//! What a request knows of its client's token and session.

use crate::cache::{Cell, Lineage, Snapshot, State};
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
    /// Under which secrets this request keeps the session in `cell` from falling idle, while it does.
    entered: Option<Lineage>,
    /// It does not count as activity.
    is_passive: bool,
    pub(super) has_response_begun: bool,
    /// How many want the session kept from falling idle also when the response has begun.
    keepers: u32,
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
    pub(super) fn log_out(&mut self) {
        self.leave();
        *self = Self { news: News::LoggedOut, ..self.forgotten() };
    }

    /// Nothing is known of the client any more. What is known of the request stays.
    pub(super) fn forget(&mut self) {
        self.leave();
        *self = self.forgotten();
    }

    fn forgotten(&self) -> Self {
        let Self { is_passive, has_response_begun, keepers, .. } = *self;
        Self { is_passive, has_response_begun, keepers, ..Self::default() }
    }

    /// What is known of a token without asking anybody. The request is in progress from here on, if it is to count as
    /// activity.
    pub(super) fn glance(engine: &Engine, token: &Token, is_activity: bool) -> Self {
        let now = engine.now();
        let (bearer, cell, opens) = engine.glance(token, now);
        let standing = if opens { Standing::Opened } else { Standing::Anonymous };
        let presented = bearer.seen;
        let mut held =
            Self { bearer: Some(bearer), cell, standing, presented, is_passive: !is_activity, ..Self::default() };
        if is_activity && bearer.lineage.is_none() {
            held.unconfirmed = engine.note_unconfirmed(&bearer, now);
        }
        held.enter();
        if let (Some(cell), Some(_)) = (&held.cell, held.entered) {
            engine.expect_activity(cell, now);
        }
        held
    }

    /// The session does not fall idle from here on, if the request counts as activity and it is known which session.
    fn enter(&mut self) {
        let counts = !self.is_passive && (!self.has_response_begun || self.keepers > 0);
        if let (true, None, Some(cell), Some(lineage)) =
            (counts, self.entered, &self.cell, self.bearer.and_then(|bearer| bearer.lineage))
        {
            cell.enter(lineage);
            self.entered = Some(lineage);
        }
    }

    fn leave(&mut self) -> bool {
        let Some(lineage) = self.entered.take() else { return false };
        if let Some(cell) = &self.cell {
            cell.leave(lineage);
        }
        true
    }

    /// The request, or what else kept the session from falling idle, is over: that counts as activity.
    pub(super) fn finish(&mut self, engine: &Engine) {
        if let Some(request) = self.unconfirmed.take() {
            request.finish(engine.now());
        }
        if self.leave() {
            self.count(engine);
        }
    }

    /// The response has begun. What is read from now on counts by itself.
    pub(super) fn begin_response(&mut self, engine: &Engine) {
        self.has_response_begun = true;
        if self.keepers == 0 {
            self.finish(engine);
        }
    }

    /// What is done now counts as activity, though no request is in progress.
    fn count_late(&self, engine: &Engine) {
        if self.has_response_begun && !self.is_passive {
            self.count(engine);
        }
    }

    fn count(&self, engine: &Engine) {
        if let (Some(bearer), Some(cell)) = (&self.bearer, &self.cell) {
            engine.count_activity(bearer, cell, engine.now());
        }
    }

    /// The request does not count as activity, whatever it has done or will do, but for what it writes.
    pub(super) fn be_passive(&mut self) {
        self.is_passive = true;
        self.leave();
        if let Some(request) = self.unconfirmed.take() {
            request.settle();
        }
    }

    /// Whether the session is not idle, because of this very request.
    pub(super) const fn is_active(&self) -> bool {
        !self.is_passive
    }

    /// Somebody wants the session not to fall idle, whether the response has begun or not.
    pub(super) fn keep(&mut self, engine: &Engine) {
        self.keepers += 1;
        self.enter();
        if self.entered.is_none() && self.unconfirmed.is_none() && !self.is_passive {
            // Which session it is, nobody has asked yet.
            self.unconfirmed = self.bearer.and_then(|bearer| engine.note_unconfirmed(&bearer, engine.now()));
        }
    }

    pub(super) fn let_go(&mut self, engine: &Engine) {
        self.keepers -= 1;
        if self.has_response_begun && self.keepers == 0 {
            self.finish(engine);
        }
    }

    /// Takes in what asking for the session brought, unless this request changed its token meanwhile.
    pub(super) fn note(&mut self, engine: &Engine, bearer: &Bearer, access: Access) -> Option<Open> {
        let open = self.take_note(bearer, access);
        if open.is_some() {
            self.count_late(engine);
        }
        open
    }

    /// The same without counting as activity, where the response has begun.
    pub(super) fn take_note(&mut self, bearer: &Bearer, access: Access) -> Option<Open> {
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
            self.leave();
            self.cell = Some(Arc::clone(cell));
        }
        if let Some(snapshot) = state.snapshot() {
            self.sees(snapshot);
        }
        self.enter();
    }

    /// The client sees this version by this request's answer.
    fn sees(&mut self, snapshot: &Snapshot) {
        let Some(bearer) = &mut self.bearer else { return };
        bearer.opened = true;
        if bearer.lineage.is_none() {
            bearer.lineage = Some(snapshot.lineage());
        }
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
        if self.has_response_begun {
            self.count_late(engine);
        }
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
        self.leave();
        self.delivery = made;
        // Somebody else may have logged in since: that is not this request's session any more.
        let is_own = |snapshot: &&Snapshot| snapshot.fingerprint == bearer.fingerprint;
        let lineage = cell.state().last_known().filter(is_own).map(Snapshot::lineage);
        self.bearer = Some(Bearer { lineage, ..bearer });
        self.term = cell.state().last_known().map(Kept::of);
        self.cell = Some(cell);
        self.standing = Standing::Opened;
        self.news = News::NewToken;
        self.enter();
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
