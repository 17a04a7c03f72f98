//! Changes of values: on the live session, or with the creation of one.

use crate::cache::{ChangeError, Entry, ValueEdit};
use crate::engine::{CommitError, ConflictBackoff, OpenSession, ProposedChange};
use crate::error::SessionError;
use crate::sync::Arc;
use crate::token::VersionHint;

use super::request::RequestSession;

impl RequestSession {
    /// Makes one change of a value on the live session, created with it if there is none.
    ///
    /// `edit` is asked what to change, with the session that it would change; again whenever
    /// somebody else was first. It answers `None` if there is nothing to do. Answers whether
    /// anything was changed.
    pub(super) async fn edit(
        &self,
        mut edit: impl FnMut(Option<&OpenSession>) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<bool, SessionError> {
        let mut patience = self.engine().conflict_backoff();
        loop {
            let Some(open) = self.open_to_write().await? else {
                match Box::pin(self.create_with(&mut edit)).await? {
                    Some(changed) => return Ok(changed),
                    None => continue,
                }
            };
            match self.edit_live(&open, &mut edit).await {
                Ok(changed) => return Ok(changed),
                Err(error) => Box::pin(self.before_retry(error, &mut patience)).await?,
            }
        }
    }

    /// Removes all values in one commit. Answers whether there were any.
    pub(super) async fn clear(&self) -> Result<bool, SessionError> {
        let mut patience = self.engine().conflict_backoff();
        loop {
            let Some((entry, state)) = self.open_to_write().await? else { return Ok(false) };
            let Some(snapshot) = state.snapshot() else { return Ok(false) };
            let edits = snapshot.values.removals();
            if edits.is_empty() {
                return Ok(false);
            }
            // Of exactly these values: one that somebody adds meanwhile is not to be passed over.
            let proposal = ProposedChange { edits: &edits, base: Some(snapshot.version), ..ProposedChange::default() };
            match self.commit(&entry, proposal).await {
                Ok(()) => return Ok(true),
                Err(error) => Box::pin(self.before_retry(error, &mut patience)).await?,
            }
        }
    }

    /// The same on a session that lives. Over a shared tier, `edit` is asked in the session's turn.
    async fn edit_live(
        &self,
        open: &OpenSession,
        edit: &mut impl FnMut(Option<&OpenSession>) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<bool, CommitError> {
        let Some(credential) = self.with_token(|held| held.credential) else {
            return Err(ChangeError::Superseded.into());
        };
        let Some(store) = &self.engine().store else {
            let Some(edit) = edit(Some(open))? else { return Ok(false) };
            let proposal = ProposedChange { edits: &[edit], ..ProposedChange::default() };
            let writer = self.engine().writer(&credential, &open.0);
            return self.engine().commit_local(&open.0, &writer, proposal).map(|()| true);
        };
        // Boxed, with what it needs, so that the futures of handlers stay small.
        let hint =
            Box::pin(self.engine().update_shared(&**store, &open.0, &credential, |open| edit(Some(open)))).await?;
        self.saw(hint);
        Ok(hint.is_some())
    }

    /// Creates the session with its first value. `None` if this very request has one by now.
    async fn create_with(
        &self,
        edit: &mut impl FnMut(Option<&OpenSession>) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<Option<bool>, SessionError> {
        let _turn = self.lock().await;
        if self.open_to_write().await?.is_some() {
            return Ok(None);
        }
        let Some(edit) = edit(None)? else { return Ok(Some(false)) };
        self.check_response_not_begun()?;
        let (credential, entry, made) = self.engine().create(&[edit]).await?;
        // The response may have begun meanwhile: a session that nobody can show is none, and is undone.
        self.check_response_not_begun()?;
        self.with_token(|held| held.replace_token(credential, entry, made));
        Ok(Some(true))
    }

    pub(super) async fn commit(&self, entry: &Arc<Entry>, proposal: ProposedChange<'_>) -> Result<(), CommitError> {
        let Some(credential) = self.with_token(|held| held.credential) else {
            return Err(ChangeError::Superseded.into());
        };
        let writer = self.engine().writer(&credential, entry);
        let Some(store) = &self.engine().store else {
            return self.engine().commit_local(entry, &writer, proposal);
        };
        // Boxed, with its writer, so that the futures of handlers stay small.
        let shared = async move { self.engine().commit_shared(&**store, entry, &writer, proposal).await };
        let hint = Box::pin(shared).await?;
        self.saw(Some(hint));
        Ok(())
    }

    fn saw(&self, hint: Option<VersionHint>) {
        self.with_token(|held| {
            if let Some(credential) = &mut held.credential {
                credential.observe(hint);
            }
        });
    }

    /// Whether a refused change is worth another attempt; waits a little where that helps.
    pub(super) async fn before_retry(
        &self,
        error: CommitError,
        patience: &mut ConflictBackoff<'_>,
    ) -> Result<(), SessionError> {
        let CommitError::Refused(ChangeError::Conflict | ChangeError::Invalidated) = error else {
            return Err(error.into());
        };
        self.engine().telemetry.counters.conflicts.count();
        if patience.wait().await { Ok(()) } else { Err(error.into()) }
    }
}
