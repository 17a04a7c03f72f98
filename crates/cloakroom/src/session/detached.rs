use std::fmt;

use crate::application::{PrincipalSessions, Sessions};
use crate::cache::{ChangeError, EndReason, EntryState, ValueEdit};
use crate::engine::{ChangeAuthor, CommitError, Engine, OpenSession, ProposedChange};
use crate::error::{SessionError, SessionErrorKind};
use crate::store::Summary;
use crate::sync::Arc;
use crate::token::{Principal, PublicId, Selector};

use super::typed_value::{read, removal};
use super::value::{SessionValue, edit_for, key, must_be_state, own_key};

/// A session outside of a request: for jobs, command-line tools and administrators.
///
/// Returned by [`PrincipalSessions::by_id`] and [`Sessions::by_id`]. It reads and changes the same
/// values as the session's requests, by the same rules: an update is atomic and none is lost, the
/// size limits hold, and sealed values stay sealed. But nothing here counts as activity or extends
/// the session, and its client is not notified.
///
/// It stores only the session's name, so it may be kept: a session that has ended reads as absent
/// and refuses changes. So does, for one of [`PrincipalSessions::by_id`], a session that another
/// principal has logged in to.
#[derive(Clone)]
pub struct DetachedSession {
    engine: Arc<Engine>,
    /// The principal whose session it must be. `None` for any, or none.
    of: Option<Principal>,
    selector: Selector,
}

impl DetachedSession {
    /// Returns the public id of the session.
    #[must_use]
    pub fn id(&self) -> PublicId {
        PublicId::of(&self.selector)
    }

    /// Returns the principal that is logged in to the session, or `None` if the session has ended
    /// or is anonymous.
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn principal(&self) -> Result<Option<Principal>, SessionError> {
        let open = self.open().await?;
        Ok(open.and_then(|open| open.snapshot()?.principal().cloned()))
    }

    /// Returns the timeouts, the last activity and the login of the session, without its values, or
    /// `None` if it has ended. For a page or a tool that shows one session.
    ///
    /// The activity is what this node and the shared tier know of: a node reports that of its own
    /// requests after a while.
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn summary(&self) -> Result<Option<Summary>, SessionError> {
        let open = self.open().await?;
        Ok(open.and_then(|open| {
            let snapshot = open.snapshot()?;
            let mut summary = Summary::new(snapshot.lifetimes, open.entry.last_seen());
            summary.authentication = snapshot.authentication().cloned();
            Some(summary)
        }))
    }

    /// Returns `true` if the session lives and, if it was found among the sessions of a principal,
    /// that principal is still logged in to it.
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn exists(&self) -> Result<bool, SessionError> {
        Ok(self.open().await?.is_some())
    }

    /// Returns the value of type `T`, or `None` if the session has ended or has no fresh one.
    ///
    /// # Errors
    /// As [`Session::get`](crate::Session::get).
    pub async fn get<T: SessionValue>(&self) -> Result<Option<Arc<T>>, SessionError> {
        let Some(open) = self.open().await? else { return Ok(None) };
        Ok(read::<T>(&self.engine, &open, key::<T>())?.fresh(self.engine.now()))
    }

    /// Changes the value of type `T` atomically, starting from its default if there is none, and
    /// returns the closure's result. See [`Session::update`](crate::Session::update).
    ///
    /// # Errors
    /// [`Ended`](SessionErrorKind::Ended) if the session has ended: this method never creates one.
    /// Otherwise as [`Session::update`](crate::Session::update).
    pub async fn update<T, R>(&self, mut change: impl FnMut(&mut T) -> R + Send) -> Result<R, SessionError>
    where
        T: SessionValue + Default,
        R: Send,
    {
        const { must_be_state::<T>() };
        let mut answer = None;
        self.edit(|open| {
            let now = self.engine.now();
            let found = read::<T>(&self.engine, open, key::<T>())?;
            let version = found.version;
            let mut value = found.fresh(now).map_or_else(T::default, |value| T::clone(&value));
            answer = Some(change(&mut value));
            edit_for(&self.engine, own_key::<T>(), Arc::new(value), Some(version), now).map(Some)
        })
        .await?;
        answer.ok_or_else(|| SessionError::new(SessionErrorKind::Conflict))
    }

    /// Replaces the value of type `T`, whatever it is now.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn set<T: SessionValue>(&self, value: T) -> Result<(), SessionError> {
        let value = Arc::new(value);
        self.edit(|_| edit_for(&self.engine, own_key::<T>(), Arc::clone(&value), None, self.engine.now()).map(Some))
            .await
            .map(drop)
    }

    /// Removes the value of type `T`. Returns whether there was one.
    ///
    /// # Errors
    /// As [`update`](Self::update), except that it also removes data that cannot be decoded or
    /// unsealed.
    pub async fn remove<T: SessionValue>(&self) -> Result<bool, SessionError> {
        self.edit(|open| removal::<T>(&self.engine, open, &own_key::<T>())).await
    }

    /// Ends the session. Returns whether this call ended it.
    ///
    /// # Errors
    /// If the shared tier cannot be reached; the session is then still alive.
    pub async fn revoke(&self) -> Result<bool, SessionError> {
        match &self.of {
            Some(principal) => {
                PrincipalSessions::new(Arc::clone(&self.engine), principal.clone()).revoke(self.id()).await
            }
            // Works even if the record cannot be decoded. The member of an index is removed when it
            // is next found without a record.
            None => self.engine.end(&self.selector, None, EndReason::Revoked).await,
        }
    }

    pub(super) const fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(super) async fn open(&self) -> Result<Option<OpenSession>, SessionError> {
        let Some(open) = self.engine.open_by_selector(&self.selector).await? else { return Ok(None) };
        let EntryState::Live(snapshot) = &*open.state else { return Ok(None) };
        let is_theirs = self.of.is_none() || snapshot.principal() == self.of.as_ref();
        Ok((is_theirs && self.engine.may_live(&open.entry, snapshot)).then_some(open))
    }

    /// Makes one change to a value. Returns whether anything changed.
    async fn edit(
        &self,
        mut edit: impl FnMut(&OpenSession) -> Result<Option<ValueEdit>, SessionError> + Send,
    ) -> Result<bool, SessionError> {
        let mut backoff = self.engine.conflict_backoff();
        loop {
            let open = self.open().await?.ok_or_else(|| SessionError::new(SessionErrorKind::Ended))?;
            let Some(edit) = edit(&open)? else { return Ok(false) };
            // Only from the very version whose principal was checked: another principal may log in
            // meanwhile.
            let base = open.snapshot().filter(|_| self.of.is_some()).map(|snapshot| snapshot.version);
            let proposal = ProposedChange { edits: &[edit], base, ..ProposedChange::default() };
            match self.engine.commit(&open.entry, &ChangeAuthor::Application, proposal).await {
                Ok(_) => return Ok(true),
                Err(error @ CommitError::Refused(ChangeError::Conflict | ChangeError::Invalidated)) => {
                    self.engine.counters().conflicts.count();
                    if !backoff.wait().await {
                        return Err(error.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Omits the principal: user ids do not belong in logs.
impl fmt::Debug for DetachedSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DetachedSession").field("id", &self.id()).finish_non_exhaustive()
    }
}

impl PrincipalSessions {
    /// Returns the session with a public id, to read and change it outside of a request. `None` if
    /// it is not one of this principal's sessions.
    ///
    /// A public id works only together with its principal: it is a one-way function of the name
    /// under which the session is stored. The session is looked up among the principal's sessions,
    /// which takes as long as listing them.
    ///
    /// # Errors
    /// If the shared tier cannot be reached.
    pub async fn by_id(&self, id: PublicId) -> Result<Option<DetachedSession>, SessionError> {
        let found = self.find(id).await?;
        Ok(found.map(|selector| DetachedSession {
            engine: Arc::clone(self.engine()),
            of: Some(self.principal().clone()),
            selector,
        }))
    }
}

impl Sessions {
    /// Returns the session with a public id, whoever it belongs to, to read and change it outside
    /// of a request. `None` if it has ended.
    ///
    /// For administrators, who have the id from a log or a support ticket. There is no index of
    /// public ids, as each session would pay for it: the session is found at once if it is in the
    /// memory of this process, and otherwise by listing all sessions, 500 per round trip. If the
    /// principal is known, use [`PrincipalSessions::by_id`], which is cheaper and also checks that
    /// the session is that principal's.
    ///
    /// # Errors
    /// If the shared tier cannot be reached.
    pub async fn by_id(&self, id: PublicId) -> Result<Option<DetachedSession>, SessionError> {
        let Some(selector) = self.engine().find(id).await? else { return Ok(None) };
        let session = DetachedSession { engine: Arc::clone(self.engine()), of: None, selector };
        Ok(session.exists().await?.then_some(session))
    }
}
