use std::fmt;

use crate::cache::{Cell, Edit, EndReason, Key, Refused, Snapshot, State};
use crate::identity::{Authentication, Principal, SessionHandle, Tag};
use crate::store::Member;
use crate::sync::Arc;
use crate::time::Timestamp;

use super::bearer::Writer;
use super::commit::{CommitError, Proposal};
use super::engine::Engine;
use super::error::SessionError;

/// All sessions of one principal, from anywhere: a handler, a job, a command line.
///
/// Made by [`Sessions::of`](crate::Sessions::of). Each verb sees the sessions that are logged in
/// when it runs. A login that has not returned yet comes wholly before it, and then fails or is ended with the others, or wholly
/// after it, and then stays; what its client is told is what is true.
#[derive(Clone)]
pub struct PrincipalSessions {
    engine: Arc<Engine>,
    principal: Principal,
}

/// One session in a list of devices. Nothing in it opens the session (OWASP ASVS 7.5.2).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Names the session, for [`PrincipalSessions::revoke`].
    pub handle: SessionHandle,
    /// When the session was created.
    pub created_at: Timestamp,
    /// When a request of it was last seen.
    pub last_seen: Timestamp,
    /// When its principal logged in.
    pub authenticated_at: Timestamp,
    /// When it ends if no more requests are seen.
    pub expires_at: Timestamp,
    /// What the application called it at the login, such as "Firefox on Linux".
    pub label: Option<Arc<str>>,
}

impl PrincipalSessions {
    pub(crate) const fn new(engine: Arc<Engine>, principal: Principal) -> Self {
        Self { engine, principal }
    }

    /// The live sessions, oldest login first.
    ///
    /// One whose record in the shared tier does not decode, because it is damaged or of a newer version, is left out,
    /// with a line in the log; [`revoke_all`](Self::revoke_all) ends it all the same.
    ///
    /// # Errors
    /// When the shared tier cannot be reached.
    pub async fn list(&self) -> Result<Vec<SessionInfo>, SessionError> {
        let Some(store) = &self.engine.store else {
            return Ok(self.local().iter().filter_map(|cell| self.info_of_cell(cell)).collect());
        };
        let members = self.engine.watched(store.members(&self.principal).await)?;
        let info = |(tag, record): Member| {
            let record = record.map_err(|error| self.engine.ledger.unreadable(&tag, &error)).ok()?;
            let expires_at = record.lifetimes.deadline(record.last_seen);
            let authentication = record.authentication?;
            Some(info(&tag, record.lifetimes.created_at, record.last_seen, expires_at, &authentication))
        };
        Ok(members.into_iter().filter_map(info).collect())
    }

    /// Ends the session that a handle names. `false` if it is not one of this principal's.
    ///
    /// # Errors
    /// When the shared tier cannot be reached; the session is then still alive.
    pub async fn revoke(&self, handle: SessionHandle) -> Result<bool, SessionError> {
        Ok(self.end_where(|tag| SessionHandle::of(tag) == handle).await? > 0)
    }

    /// Ends all sessions of the principal ("sign out everywhere"). Answers how many there were.
    ///
    /// In a handler whose own session is among them, call [`Session::destroy`](crate::Session::destroy) first: then its
    /// client is told to forget its token, and its answer need not wait until no node knows the session any more.
    ///
    /// # Errors
    /// When the shared tier cannot be reached; some sessions may have ended then. Repeat it.
    pub async fn revoke_all(&self) -> Result<usize, SessionError> {
        self.end_where(|_| true).await
    }

    /// Ends all sessions of the principal but the one that `kept` names.
    pub(crate) async fn revoke_all_but(&self, kept: Option<Tag>) -> Result<usize, SessionError> {
        self.end_where(|tag| Some(*tag) != kept).await
    }

    /// Drops the value under `key` from all sessions of the principal. Answers from how many. One that does not
    /// decode keeps the value, and the caller hears of it once all others have lost theirs.
    pub(crate) async fn remove_everywhere(&self, key: &'static str) -> Result<usize, SessionError> {
        let edits = [Edit::remove(Key::Static(key), None)];
        let (mut changed, mut unreadable) = (0, None);
        for tag in self.tags().await? {
            let proposal = Proposal { edits: &edits, ..Proposal::default() };
            match self.engine.commit_by_tag(&tag, &Writer::Application, proposal).await {
                Ok(()) => changed += 1,
                Err(CommitError::Refused(Refused::Ended(_))) => {}
                Err(CommitError::Fault(fault)) if fault.kind().is_unreadable() => unreadable = Some(fault),
                Err(error) => return Err(error.into()),
            }
        }
        unreadable.map_or(Ok(changed), Err)
    }

    async fn end_where(&self, matches: impl Fn(&Tag) -> bool + Send) -> Result<usize, SessionError> {
        let mut ended = 0;
        for tag in self.tags().await? {
            if matches(&tag) && self.engine.end_of(&self.principal, &tag, EndReason::Revoked).await? {
                ended += 1;
            }
        }
        Ok(ended)
    }

    async fn tags(&self) -> Result<Vec<Tag>, SessionError> {
        let Some(store) = &self.engine.store else {
            return Ok(self.local().iter().map(|cell| cell.tag).collect());
        };
        let members = self.engine.watched(store.members(&self.principal).await)?;
        Ok(members.into_iter().map(|(tag, _)| tag).collect())
    }

    /// The members that are logged in as this principal; one that is just logging in is not yet.
    fn local(&self) -> Vec<Arc<Cell>> {
        let mut cells = self.engine.ledger.index.members(&self.principal);
        let now = self.engine.now();
        cells.retain(|cell| match &**cell.state() {
            State::Live(snapshot) => {
                snapshot.principal() == Some(&self.principal) && cell.overdue(snapshot, now).is_none()
            }
            State::Vacant(_) | State::Ended(_) => false,
        });
        cells
    }

    fn info_of_cell(&self, cell: &Cell) -> Option<SessionInfo> {
        let state = cell.state();
        let snapshot: &Snapshot = state.snapshot()?;
        let seen = cell.last_seen();
        Some(info(&cell.tag, snapshot.created_at, seen, snapshot.deadline(seen), snapshot.authentication()?))
    }
}

impl fmt::Debug for PrincipalSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrincipalSessions").finish_non_exhaustive()
    }
}

fn info(
    tag: &Tag,
    created_at: Timestamp,
    last_seen: Timestamp,
    expires_at: Timestamp,
    authentication: &Authentication,
) -> SessionInfo {
    SessionInfo {
        handle: SessionHandle::of(tag),
        created_at,
        last_seen,
        authenticated_at: authentication.at,
        expires_at,
        label: authentication.label.clone(),
    }
}
