//! Changes of values: on the live session, or with the creation of one.

use crate::cache::{Cell, Edit, Refused};
use crate::identity::Hint;
use crate::sessions::{CommitError, Open, Patience, Proposal, SessionError};
use crate::sync::Arc;

use super::handle::Handle;

impl Handle {
    /// Makes one change of a value on the live session, created with it if there is none.
    ///
    /// `edit` is asked what to change, with the session that it would change; again whenever
    /// somebody else was first. It answers `None` if there is nothing to do. Answers whether
    /// anything was changed.
    pub(super) async fn edit(
        &self,
        mut edit: impl FnMut(Option<&Open>) -> Result<Option<Edit>, SessionError>,
    ) -> Result<bool, SessionError> {
        let mut patience = self.engine().patience();
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
        let mut patience = self.engine().patience();
        loop {
            let Some((cell, state)) = self.open_to_write().await? else { return Ok(false) };
            let Some(snapshot) = state.snapshot() else { return Ok(false) };
            let edits = snapshot.values.removals();
            if edits.is_empty() {
                return Ok(false);
            }
            // Of exactly these values: one that somebody adds meanwhile is not to be passed over.
            let proposal = Proposal { edits: &edits, base: Some(snapshot.version), ..Proposal::default() };
            match self.commit(&cell, proposal).await {
                Ok(()) => return Ok(true),
                Err(error) => Box::pin(self.before_retry(error, &mut patience)).await?,
            }
        }
    }

    /// The same on a session that lives. Over a shared tier, `edit` is asked in the session's turn.
    async fn edit_live(
        &self,
        open: &Open,
        edit: &mut impl FnMut(Option<&Open>) -> Result<Option<Edit>, SessionError>,
    ) -> Result<bool, CommitError> {
        let Some(bearer) = self.with_held(|held| held.bearer) else {
            return Err(Refused::Superseded.into());
        };
        let Some(store) = &self.engine().store else {
            let Some(edit) = edit(Some(open))? else { return Ok(false) };
            let proposal = Proposal { edits: &[edit], ..Proposal::default() };
            let writer = self.engine().writer(&bearer, &open.0);
            return self.engine().commit_alone(&open.0, &writer, proposal).map(|()| true);
        };
        // Boxed, with what it needs, so that the futures of handlers stay small.
        let hint = Box::pin(self.engine().update_shared(&**store, &open.0, &bearer, |open| edit(Some(open)))).await?;
        self.saw(hint);
        Ok(hint.is_some())
    }

    /// Creates the session with its first value. `None` if this very request has one by now.
    async fn create_with(
        &self,
        edit: &mut impl FnMut(Option<&Open>) -> Result<Option<Edit>, SessionError>,
    ) -> Result<Option<bool>, SessionError> {
        let _turn = self.turn().await;
        if self.open_to_write().await?.is_some() {
            return Ok(None);
        }
        let Some(edit) = edit(None)? else { return Ok(Some(false)) };
        self.can_give_token()?;
        let (bearer, cell, made) = self.engine().create(&[edit]).await?;
        // The response may have begun meanwhile: a session that nobody can show is none, and is undone.
        self.can_give_token()?;
        self.with_held(|held| held.adopt(bearer, cell, made));
        Ok(Some(true))
    }

    pub(super) async fn commit(&self, cell: &Arc<Cell>, proposal: Proposal<'_>) -> Result<(), CommitError> {
        let Some(bearer) = self.with_held(|held| held.bearer) else {
            return Err(Refused::Superseded.into());
        };
        let writer = self.engine().writer(&bearer, cell);
        let Some(store) = &self.engine().store else {
            return self.engine().commit_alone(cell, &writer, proposal);
        };
        // Boxed, with its writer, so that the futures of handlers stay small.
        let shared = async move { self.engine().commit_shared(&**store, cell, &writer, proposal).await };
        let hint = Box::pin(shared).await?;
        self.saw(Some(hint));
        Ok(())
    }

    fn saw(&self, hint: Option<Hint>) {
        self.with_held(|held| {
            if let Some(bearer) = &mut held.bearer {
                bearer.saw(hint);
            }
        });
    }

    /// Whether a refused change is worth another attempt; waits a little where that helps.
    pub(super) async fn before_retry(
        &self,
        error: CommitError,
        patience: &mut Patience<'_>,
    ) -> Result<(), SessionError> {
        let CommitError::Refused(Refused::Conflict | Refused::Vacant) = error else { return Err(error.into()) };
        self.engine().ledger.counters.conflicts.count();
        if patience.lasts().await { Ok(()) } else { Err(error.into()) }
    }
}
