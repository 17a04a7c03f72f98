//! Changes that go by what a session holds, in turn.

use crate::cache::{ChangeError, EndReason, Entry, EntryState, ValueEdit};
use crate::store::DynStore;
use crate::sync::Arc;
use crate::token::VersionHint;

use super::authenticate::{Lookup, OpenSession};
use super::commit::{Attempt, CommitError, ProposedChange};
use super::credential::Credential;
use crate::engine::Engine;
use crate::error::SessionError;

impl Engine {
    /// Makes the change that `prepare` asks for, by what the bearer's session holds when its turn has come: so the changes of this process do
    /// not meet. Where another node was first, `prepare` is asked again, with what that left. `Ok(None)` if it asks for nothing.
    pub(crate) async fn update_shared(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        credential: &Credential,
        mut prepare: impl FnMut(&OpenSession) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<Option<VersionHint>, CommitError> {
        let turn = entry.commit_lock();
        let _turn = turn.lock().await;
        let mut patience = self.conflict_backoff();
        let mut open = (Arc::clone(entry), self.usable(store, entry, credential).await?);
        let Some(mut edit) = prepare(&open)? else { return Ok(None) };
        loop {
            let writer = self.writer_of(credential, entry, &open.1);
            let proposal = ProposedChange { edits: std::slice::from_ref(&edit), ..ProposedChange::default() };
            let is_outdated = match self.attempt(store, entry, &open.1, &writer, proposal).await {
                Ok(Attempt::Made(hint)) => return Ok(Some(hint)),
                Ok(Attempt::Superseded(present)) => {
                    open.1 = present;
                    false
                }
                // What the change goes by is another one now.
                Err(CommitError::Refused(ChangeError::Conflict)) => true,
                Err(error) => return Err(error),
            };
            // What is in it may be somebody else's by now.
            if !open.1.snapshot().is_some_and(|snapshot| self.admits(entry, snapshot, credential, self.now())) {
                open.1 = self.usable(store, entry, credential).await?;
            }
            if is_outdated {
                self.telemetry.counters.conflicts.count();
                match prepare(&open)? {
                    Some(again) => edit = again,
                    None => return Ok(None),
                }
            } else if !patience.wait().await {
                return Err(ChangeError::Conflict.into());
            }
        }
    }

    /// What the bearer may use now. The caller has the session's turn.
    async fn usable(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        credential: &Credential,
    ) -> Result<Arc<EntryState>, CommitError> {
        match self.fill(store, entry, credential).await? {
            Some(Lookup::Open((_, state)) | Lookup::Fetched((_, state))) => Ok(state),
            Some(Lookup::Superseded) => Err(ChangeError::Superseded.into()),
            Some(Lookup::RolledBack | Lookup::Missing) => Err(ChangeError::Ended(EndReason::Gone).into()),
            // The cell has left the table.
            None => Err(ChangeError::Invalidated.into()),
        }
    }
}
