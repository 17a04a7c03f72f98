use std::fmt;
use std::time::Duration;

use crate::cache::{Cell, Edit, EndReason, Refused};
use crate::identity::{Hint, Token};
use crate::sessions::{Access, Bearer, CommitError, Engine, LoginRequest, Open, Proposal, SessionError, SessionErrorKind, Sessions, Writer};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering};
use crate::time::Timestamp;

/// One request's hold on its client's session. Clones are the same hold.
#[derive(Clone)]
pub(crate) struct Handle(Arc<Inner>);

struct Inner {
    sessions: Sessions,
    held: Mutex<Held>,
    used: AtomicBool,
    /// Lines up creation, login, renewal and logout, so that a request creates one session at most.
    turn: tokio::sync::Mutex<()>,
}

/// What the client holds, as far as this request knows.
#[derive(Debug, Default)]
struct Held {
    bearer: Option<Bearer>,
    cell: Option<Arc<Cell>>,
    standing: Standing,
    news: News,
    /// The version hint that the client came with.
    presented: Option<Hint>,
    /// The token is the one before the last renewal, in its grace. Its client gets the new one with
    /// another response; this one must not overwrite it.
    in_grace: bool,
    /// When a remembered session ends: its cookie outlives the browser.
    remembered_until: Option<Timestamp>,
}

/// What this request has learned about its client's token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
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
enum News {
    #[default]
    None,
    NewToken,
    LoggedOut,
}

/// What the response has to tell the client about its token.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// Nothing.
    Unchanged,
    /// A token to keep, for so long at the least; `None` is until the browser closes.
    Keep(Token, Option<Duration>),
    /// That it may forget its token.
    Forget,
}

impl Handle {
    /// Looks for the token's session in memory, and counts the request as activity of it. No I/O.
    pub(crate) fn new(sessions: Sessions, token: Option<&Token>) -> Self {
        let held = token.map_or_else(Held::default, |token| Held::glance(sessions.engine(), token));
        Self(Arc::new(Inner {
            sessions,
            held: Mutex::new(held),
            used: AtomicBool::new(false),
            turn: tokio::sync::Mutex::new(()),
        }))
    }

    pub(super) fn engine(&self) -> &Arc<Engine> {
        self.0.sessions.engine()
    }

    /// Whether anybody asked for something of the session, so that the response depends on it.
    pub(crate) fn was_used(&self) -> bool {
        self.0.used.load(Ordering::Relaxed)
    }

    /// What the response has to tell the client.
    pub(crate) fn reply(&self) -> Reply {
        let held = self.0.held.lock();
        match (held.news, held.bearer) {
            (News::LoggedOut, _) => Reply::Forget,
            (News::NewToken, Some(bearer)) => Reply::Keep(bearer.token(), self.max_age(&held)),
            (News::None, Some(bearer)) if !held.in_grace && bearer.seen != held.presented => {
                Reply::Keep(bearer.token(), self.max_age(&held))
            }
            _ => Reply::Unchanged,
        }
    }

    fn max_age(&self, held: &Held) -> Option<Duration> {
        held.remembered_until.map(|until| until.since(self.engine().now()))
    }

    /// The live session that the client's token opens, if there is one.
    pub(super) async fn open(&self) -> Result<Option<Open>, SessionError> {
        self.0.used.store(true, Ordering::Relaxed);
        let (bearer, cell) = {
            let held = self.0.held.lock();
            let Some(bearer) = held.bearer else { return Ok(None) };
            (bearer, held.cell.clone())
        };
        let access = self.engine().open(&bearer, cell.as_ref()).await?;
        Ok(self.0.held.lock().note(&bearer, access))
    }

    /// The live session, or why this client may not have one created.
    async fn open_or_may_create(&self) -> Result<Option<Open>, SessionError> {
        let open = self.open().await?;
        if open.is_none() && self.0.held.lock().standing != Standing::Anonymous {
            return Err(SessionError::new(SessionErrorKind::Ended));
        }
        Ok(open)
    }

    /// Makes one change of values on the live session, created with them if there is none.
    ///
    /// `edits` is asked what to change, with the session it would change; again whenever somebody
    /// else was first. It answers `None` if there is nothing to do.
    pub(super) async fn edit(
        &self,
        mut edits: impl FnMut(Option<&Open>) -> Result<Option<Edit>, SessionError>,
    ) -> Result<bool, SessionError> {
        for attempt in 0.. {
            let Some(open) = self.open_or_may_create().await? else {
                if let Some(done) = self.create_with(&mut edits).await? {
                    return Ok(done);
                }
                continue;
            };
            let Some(edit) = edits(Some(&open))? else { return Ok(false) };
            match self.commit(&open.0, Proposal { edits: &[edit], ..Proposal::default() }).await {
                Ok(()) => return Ok(true),
                Err(error) => self.before_retry(error, attempt).await?,
            }
        }
        Ok(false)
    }

    /// Creates the session with a first value. `None` if this very request has one by now.
    async fn create_with(
        &self,
        edits: &mut impl FnMut(Option<&Open>) -> Result<Option<Edit>, SessionError>,
    ) -> Result<Option<bool>, SessionError> {
        let _turn = self.0.turn.lock().await;
        if self.open_or_may_create().await?.is_some() {
            return Ok(None);
        }
        let Some(edit) = edits(None)? else { return Ok(Some(false)) };
        let created = self.engine().create(&[edit]).await?;
        self.0.held.lock().adopt(created);
        Ok(Some(true))
    }

    pub(super) async fn commit(&self, cell: &Arc<Cell>, proposal: Proposal<'_>) -> Result<(), CommitError> {
        let Some(bearer) = self.0.held.lock().bearer else {
            return Err(Refused::Superseded.into());
        };
        let hint = self.engine().commit(cell, &Writer::Holder(bearer), proposal).await?;
        if let Some(held) = &mut self.0.held.lock().bearer {
            held.saw(hint);
        }
        Ok(())
    }

    /// Whether a refused change is worth another attempt; waits a little where that helps.
    async fn before_retry(&self, error: CommitError, attempt: u32) -> Result<(), SessionError> {
        let CommitError::Refused(Refused::Conflict | Refused::Vacant) = error else { return Err(error.into()) };
        self.engine().ledger.counters.conflicts.count();
        if self.engine().back_off(attempt).await { Ok(()) } else { Err(error.into()) }
    }

    /// Logs in, in a new session if the client's token opens none.
    pub(super) async fn login(&self, request: &LoginRequest) -> Result<(), SessionError> {
        let _turn = self.0.turn.lock().await;
        for attempt in 0.. {
            let open = self.open().await?;
            let new = open.is_none();
            let (bearer, cell) = match (open, self.0.held.lock().bearer) {
                (Some((cell, _)), Some(bearer)) => (bearer, cell),
                _ => self.engine().create(&[]).await?,
            };
            match self.engine().login(&bearer, &cell, request).await {
                Ok(bearer) => {
                    let until = request.remember.map(|lifetime| self.engine().now().after(lifetime));
                    self.0.held.lock().adopt_remembered((bearer, cell), until);
                    return Ok(());
                }
                // Another request logged in or out with the same token meanwhile; this one logs in to a session of its own.
                Err(CommitError::Refused(Refused::Superseded | Refused::Ended(_))) if !new => {
                    *self.0.held.lock() = Held::default();
                }
                Err(error) => {
                    if new {
                        self.engine().end(&bearer.tag, Some(cell), EndReason::Logout).await?;
                    }
                    self.before_retry(error, attempt).await?;
                }
            }
        }
        Ok(())
    }

    pub(super) async fn renew(&self) -> Result<(), SessionError> {
        let _turn = self.0.turn.lock().await;
        for attempt in 0.. {
            let Some((cell, _)) = self.open().await? else { return Ok(()) };
            let Some(bearer) = self.0.held.lock().bearer else { return Ok(()) };
            match self.engine().renew(&bearer, &cell).await {
                Ok(None) => return Ok(()),
                Ok(Some(renewed)) => {
                    self.0.held.lock().adopt((renewed, cell));
                    return Ok(());
                }
                Err(error) => self.before_retry(error, attempt).await?,
            }
        }
        Ok(())
    }

    pub(super) async fn destroy(&self) -> Result<(), SessionError> {
        let _turn = self.0.turn.lock().await;
        let Some((cell, _)) = self.open().await? else { return Ok(()) };
        self.engine().end(&cell.tag, Some(Arc::clone(&cell)), EndReason::Logout).await?;
        *self.0.held.lock() = Held { news: News::LoggedOut, ..Held::default() };
        Ok(())
    }

    pub(super) async fn remember(&self, lifetime: Duration) -> Result<(), SessionError> {
        for attempt in 0.. {
            let ended = || SessionError::new(SessionErrorKind::Ended);
            let (cell, _) = self.open().await?.ok_or_else(ended)?;
            let until = self.engine().now().after(lifetime);
            let lifetimes = Some((crate::time::whole_millis(lifetime), until));
            match self.commit(&cell, Proposal { lifetimes, ..Proposal::default() }).await {
                Ok(()) => {
                    let mut held = self.0.held.lock();
                    held.remembered_until = Some(until);
                    held.news = News::NewToken;
                    return Ok(());
                }
                Err(error) => self.before_retry(error, attempt).await?,
            }
        }
        Ok(())
    }
}

impl Held {
    fn glance(engine: &Engine, token: &Token) -> Self {
        let (bearer, cell, opens) = engine.glance(token, engine.now());
        let standing = if opens { Standing::Opened } else { Standing::Anonymous };
        Self { bearer: Some(bearer), cell, standing, presented: bearer.seen, ..Self::default() }
    }

    /// Takes in what asking for the session brought, unless this request changed its token meanwhile.
    fn note(&mut self, bearer: &Bearer, access: Access) -> Option<Open> {
        let same = self.bearer.is_some_and(|held| held.fingerprint == bearer.fingerprint);
        match access {
            Access::Open((cell, state)) => {
                if same {
                    self.standing = Standing::Opened;
                    self.cell = Some(Arc::clone(&cell));
                    self.learn(&state);
                }
                Some((cell, state))
            }
            Access::Superseded if same => {
                self.standing = Standing::Superseded;
                None
            }
            Access::Superseded | Access::Nothing => None,
        }
    }

    /// The version that the client sees by this request's answer, and for how long it may keep its token.
    fn learn(&mut self, state: &crate::cache::State) {
        let (Some(snapshot), Some(bearer)) = (state.snapshot(), &mut self.bearer) else { return };
        self.in_grace = snapshot.fingerprint != bearer.fingerprint;
        if let Some(origin) = &snapshot.origin {
            bearer.seen = Some(Hint { version: snapshot.version, nonce: origin.nonce as u16 });
        }
    }

    fn adopt(&mut self, session: (Bearer, Arc<Cell>)) {
        let until = self.remembered_until;
        self.adopt_remembered(session, until);
    }

    fn adopt_remembered(&mut self, (bearer, cell): (Bearer, Arc<Cell>), remembered_until: Option<Timestamp>) {
        self.bearer = Some(bearer);
        self.cell = Some(cell);
        self.standing = Standing::Opened;
        self.in_grace = false;
        self.remembered_until = remembered_until;
        self.news = News::NewToken;
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
