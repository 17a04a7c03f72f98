//! Changes to values: on the live session, or while creating one.

use crate::cache::{ChangeError, Entry, ValueEdit, ValueState};
use crate::engine::{CommitError, ConflictBackoff, OpenSession, ProposedChange};
use crate::error::SessionError;
use crate::sync::Arc;
use crate::token::VersionHint;

use super::request::RequestSession;
use super::value::LOGIN_KEY_PREFIX;

impl RequestSession {
    /// Changes one value of the live session. If there is no session, creates it with the change.
    ///
    /// `edit` gets the session that it would change, and runs again after every conflict. It
    /// returns `None` to leave the session unchanged. Returns whether anything changed.
    pub(super) async fn edit(
        &self,
        mut edit: impl FnMut(Option<&OpenSession>) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<bool, SessionError> {
        if let Some(outcome) = self.edit_in_memory(&mut edit) {
            return outcome;
        }
        // Boxed, so that the futures of handlers have no room for what most of them do not do.
        Box::pin(self.open_and_edit(edit)).await
    }

    /// Changes one value of a session that is in memory, where there is no shared tier and nothing
    /// to wait for. `None` if there is no such session, or if another request was first.
    fn edit_in_memory(
        &self,
        edit: &mut impl FnMut(Option<&OpenSession>) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Option<Result<bool, SessionError>> {
        let engine = self.engine();
        if engine.has_shared_tier() {
            return None;
        }
        let (credential, open) = self.try_open()?;
        match engine.update_local(&credential, &open, |open| edit(Some(open))) {
            Ok(changed) => Some(Ok(changed)),
            Err(CommitError::Refused(ChangeError::Conflict | ChangeError::Invalidated)) => {
                engine.counters().conflicts.count();
                None
            }
            Err(error) => Some(Err(error.into())),
        }
    }

    async fn open_and_edit(
        &self,
        mut edit: impl FnMut(Option<&OpenSession>) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<bool, SessionError> {
        let mut backoff = self.engine().conflict_backoff();
        loop {
            let Some(open) = self.open_to_write().await? else {
                match self.create_with(&mut edit).await? {
                    Some(changed) => return Ok(changed),
                    None => continue,
                }
            };
            match self.edit_live(&open, &mut edit).await {
                Ok(changed) => return Ok(changed),
                Err(error) => self.before_retry(error, &mut backoff).await?,
            }
        }
    }

    /// Removes all values but those of the login in one commit. Returns whether there were any.
    pub(super) async fn clear(&self) -> Result<bool, SessionError> {
        let mut backoff = self.engine().conflict_backoff();
        loop {
            let Some(OpenSession { entry, state }) = self.open_to_write().await? else { return Ok(false) };
            let Some(snapshot) = state.snapshot() else { return Ok(false) };
            let edits = snapshot.values.removals(|key| key.starts_with(LOGIN_KEY_PREFIX));
            if edits.is_empty() {
                return Ok(false);
            }
            // Only exactly these values: a value added concurrently must not be overlooked.
            let proposal = ProposedChange { edits: &edits, base: Some(snapshot.version), ..ProposedChange::default() };
            match self.commit(&entry, proposal).await {
                Ok(()) => return Ok(true),
                Err(error) => Box::pin(self.before_retry(error, &mut backoff)).await?,
            }
        }
    }

    /// Changes one value of a live session. Over a shared tier, `edit` runs in the session's turn.
    async fn edit_live(
        &self,
        open: &OpenSession,
        edit: &mut impl FnMut(Option<&OpenSession>) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<bool, CommitError> {
        let Some(credential) = self.credential() else {
            return Err(ChangeError::Superseded.into());
        };
        let (changed, hint) = self.engine().update_as_client(&credential, open, |open| edit(Some(open))).await?;
        self.observe_version(hint);
        Ok(changed)
    }

    /// Creates the session with its first value. `None` if this request has a session by now.
    async fn create_with(
        &self,
        edit: &mut impl FnMut(Option<&OpenSession>) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<Option<bool>, SessionError> {
        let _turn = self.lock().await;
        if self.open_to_write().await?.is_some() {
            return Ok(None);
        }
        let Some(edit) = edit(None)? else { return Ok(Some(false)) };
        self.create(&[edit]).await?;
        Ok(Some(true))
    }

    /// Creates the session with these values. The caller holds the request's lock.
    async fn create(&self, edits: &[ValueEdit]) -> Result<(), SessionError> {
        self.check_response_not_begun()?;
        let (credential, entry, delivery) = self.engine().create(edits).await?;
        // The response may have started meanwhile. Then no client can get the token, and dropping
        // the pending delivery undoes the creation.
        self.check_response_not_begun()?;
        self.with_token(|client_token| client_token.replace_token(credential, entry, delivery));
        Ok(())
    }

    /// Makes all these changes in one commit, whatever the values are now. If there is no session,
    /// creates it with what the changes store, unless they store nothing.
    pub(super) async fn edit_many(&self, edits: &[ValueEdit]) -> Result<(), SessionError> {
        let mut backoff = self.engine().conflict_backoff();
        loop {
            let Some(OpenSession { entry, .. }) = self.open_to_write().await? else {
                if self.create_with_many(edits).await? {
                    return Ok(());
                }
                continue;
            };
            match self.commit(&entry, ProposedChange { edits, ..ProposedChange::default() }).await {
                Ok(()) => return Ok(()),
                Err(error) => self.before_retry(error, &mut backoff).await?,
            }
        }
    }

    /// Creates the session with what the changes store. `false` if this request has a session by
    /// now.
    async fn create_with_many(&self, edits: &[ValueEdit]) -> Result<bool, SessionError> {
        let _turn = self.lock().await;
        if self.open_to_write().await?.is_some() {
            return Ok(false);
        }
        let stored: Vec<_> = edits.iter().filter(|edit| !matches!(edit.state, ValueState::Removed)).cloned().collect();
        if !stored.is_empty() {
            self.create(&stored).await?;
        }
        Ok(true)
    }

    pub(super) async fn commit(&self, entry: &Arc<Entry>, proposal: ProposedChange<'_>) -> Result<(), CommitError> {
        let Some(credential) = self.credential() else {
            return Err(ChangeError::Superseded.into());
        };
        let hint = self.engine().commit_as_client(&credential, entry, proposal).await?;
        self.observe_version(hint);
        Ok(())
    }

    fn observe_version(&self, hint: Option<VersionHint>) {
        self.with_token(|client_token| client_token.observe_version(hint));
    }

    /// Waits if a refused change is worth another attempt; otherwise returns the error.
    pub(super) async fn before_retry(
        &self,
        error: CommitError,
        backoff: &mut ConflictBackoff<'_>,
    ) -> Result<(), SessionError> {
        let CommitError::Refused(ChangeError::Conflict | ChangeError::Invalidated) = error else {
            return Err(error.into());
        };
        self.engine().counters().conflicts.count();
        if backoff.wait().await { Ok(()) } else { Err(error.into()) }
    }
}
