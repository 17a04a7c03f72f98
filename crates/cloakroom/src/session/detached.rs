use std::fmt;

use crate::application::PrincipalSessions;
use crate::cache::{ChangeError, EntryState, ValueEdit};
use crate::engine::{ChangeAuthor, CommitError, Engine, OpenSession, ProposedChange};
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::Arc;
use crate::token::{Principal, PublicId, Selector};

use super::typed_value::{read, removal};
use super::value::{SessionValue, edit_for, key, must_be_state, own_key};

/// A session of a principal outside of a request: for jobs, command-line tools and administrators.
///
/// Returned by [`PrincipalSessions::by_id`]. It reads and changes the same values as the session's
/// requests, by the same rules: an update is atomic and none is lost. But nothing here counts as
/// activity or extends the session, and its client is not notified.
///
/// It stores only the session's name, so it may be kept: a session that has ended, or that another
/// principal has logged in to, reads as absent and refuses changes.
#[derive(Clone)]
pub struct DetachedSession {
    engine: Arc<Engine>,
    principal: Principal,
    selector: Selector,
}

impl DetachedSession {
    /// Returns the public id of the session.
    #[must_use]
    pub fn id(&self) -> PublicId {
        PublicId::of(&self.selector)
    }

    /// Returns `true` if the session lives and its principal is still logged in to it.
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
        PrincipalSessions::new(Arc::clone(&self.engine), self.principal.clone()).revoke(self.id()).await
    }

    async fn open(&self) -> Result<Option<OpenSession>, SessionError> {
        let Some(entry) = self.engine.entry_for(&self.selector).await? else { return Ok(None) };
        let state = Arc::clone(&entry.state());
        let EntryState::Live(snapshot) = &*state else { return Ok(None) };
        let theirs = snapshot.principal() == Some(&self.principal);
        let lives = entry.expiry_reason(snapshot, self.engine.now()).is_none();
        Ok((theirs && lives).then(|| OpenSession::new(entry, state)))
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
            let base = open.snapshot().map(|snapshot| snapshot.version);
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
            principal: self.principal().clone(),
            selector,
        }))
    }
}
