//! Changes of values: on the live session, or with the creation of one.

use crate::cache::{Cell, Edit, Refused};
use crate::sessions::{CommitError, Open, Proposal, SessionError, Writer};
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
        let mut attempt = 0;
        loop {
            let Some(open) = self.open_to_write().await? else {
                match Box::pin(self.create_with(&mut edit)).await? {
                    Some(changed) => return Ok(changed),
                    None => continue,
                }
            };
            let Some(edit) = edit(Some(&open))? else { return Ok(false) };
            match self.commit(&open.0, Proposal { edits: &[edit], ..Proposal::default() }).await {
                Ok(()) => return Ok(true),
                Err(error) => Box::pin(self.before_retry(error, attempt)).await?,
            }
            attempt += 1;
        }
    }

    /// Removes all values in one commit. Answers whether there were any.
    pub(super) async fn clear(&self) -> Result<bool, SessionError> {
        let mut attempt = 0;
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
                Err(error) => Box::pin(self.before_retry(error, attempt)).await?,
            }
            attempt += 1;
        }
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
        let (bearer, cell, made) = self.engine().create(&[edit]).await?;
        self.with_held(|held| held.adopt(bearer, cell, made));
        Ok(Some(true))
    }

    pub(super) async fn commit(&self, cell: &Arc<Cell>, proposal: Proposal<'_>) -> Result<(), CommitError> {
        let Some(bearer) = self.with_held(|held| held.bearer) else {
            return Err(Refused::Superseded.into());
        };
        let writer = Writer::Holder(bearer);
        let Some(store) = &self.engine().store else {
            return self.engine().commit_alone(cell, &writer, proposal);
        };
        // Boxed, with its writer, so that the futures of handlers stay small.
        let shared = async move { self.engine().commit_shared(&**store, cell, &writer, proposal).await };
        let hint = Box::pin(shared).await?;
        self.with_held(|held| {
            if let Some(bearer) = &mut held.bearer {
                bearer.saw(Some(hint));
            }
        });
        Ok(())
    }

    /// Whether a refused change is worth another attempt; waits a little where that helps.
    pub(super) async fn before_retry(&self, error: CommitError, attempt: u32) -> Result<(), SessionError> {
        let CommitError::Refused(Refused::Conflict | Refused::Vacant) = error else { return Err(error.into()) };
        self.engine().ledger.counters.conflicts.count();
        if self.engine().back_off(attempt).await { Ok(()) } else { Err(error.into()) }
    }
}
