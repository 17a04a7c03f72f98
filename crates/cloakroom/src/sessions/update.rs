//! Changes that go by what a session holds, in turn.

use crate::cache::{Cell, Edit, EndReason, Refused, State};
use crate::identity::Hint;
use crate::store::AnyStore;
use crate::sync::Arc;

use super::bearer::Bearer;
use super::commit::{Attempt, CommitError, Proposal};
use super::engine::Engine;
use super::error::SessionError;
use super::resolve::{Access, Open};

impl Engine {
    /// Makes the change that `prepare` asks for, by what the bearer's session holds when its turn has come: so the changes of this process do
    /// not meet. Where another node was first, `prepare` is asked again, with what that left. `Ok(None)` if it asks for nothing.
    pub(crate) async fn update_shared(
        &self,
        store: &dyn AnyStore,
        cell: &Arc<Cell>,
        bearer: &Bearer,
        mut prepare: impl FnMut(&Open) -> Result<Option<Edit>, SessionError>,
    ) -> Result<Option<Hint>, CommitError> {
        let turn = cell.turn();
        let _turn = turn.lock().await;
        let mut patience = self.patience();
        let mut open = (Arc::clone(cell), self.usable(store, cell, bearer).await?);
        let Some(mut edit) = prepare(&open)? else { return Ok(None) };
        loop {
            let writer = self.writer_of(bearer, cell, &open.1);
            let proposal = Proposal { edits: std::slice::from_ref(&edit), ..Proposal::default() };
            let is_outdated = match self.attempt(store, cell, &open.1, &writer, proposal).await {
                Ok(Attempt::Made(hint)) => return Ok(Some(hint)),
                Ok(Attempt::Overtaken(present)) => {
                    open.1 = present;
                    false
                }
                // What the change goes by is another one now.
                Err(CommitError::Refused(Refused::Conflict)) => true,
                Err(error) => return Err(error),
            };
            // What is in it may be somebody else's by now.
            if !open.1.snapshot().is_some_and(|snapshot| self.admits(cell, snapshot, bearer, self.now())) {
                open.1 = self.usable(store, cell, bearer).await?;
            }
            if is_outdated {
                self.ledger.counters.conflicts.count();
                match prepare(&open)? {
                    Some(again) => edit = again,
                    None => return Ok(None),
                }
            } else if !patience.lasts().await {
                return Err(Refused::Conflict.into());
            }
        }
    }

    /// What the bearer may use now. The caller has the session's turn.
    async fn usable(&self, store: &dyn AnyStore, cell: &Arc<Cell>, bearer: &Bearer) -> Result<Arc<State>, CommitError> {
        match self.fill(store, cell, bearer).await? {
            Some(Access::Open((_, state)) | Access::Fetched((_, state))) => Ok(state),
            Some(Access::Superseded) => Err(Refused::Superseded.into()),
            Some(Access::RolledBack | Access::Nothing) => Err(Refused::Ended(EndReason::Gone).into()),
            // The cell has left the table.
            None => Err(Refused::Vacant.into()),
        }
    }
}
