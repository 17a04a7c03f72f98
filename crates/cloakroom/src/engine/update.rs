//! Updates: changes computed from what a session holds, one at a time.

use crate::cache::{ChangeError, EndReason, Entry, StampedState, ValueEdit};
use crate::store::DynStore;
use crate::sync::Arc;
use crate::token::VersionHint;

use super::authenticate::Lookup;
use super::commit::{Attempt, CommitError, ProposedChange};
use super::credential::Credential;
use super::open_session::OpenSession;
use crate::engine::Engine;
use crate::error::SessionError;
use crate::telemetry::lock;

impl Engine {
    /// Changes one value in the name of a client. Returns whether `prepare` wanted a change, and
    /// the version that the client has seen by that.
    pub(crate) async fn update_as_client(
        &self,
        credential: &Credential,
        open: &OpenSession,
        prepare: impl FnMut(&OpenSession) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<(bool, Option<VersionHint>), CommitError> {
        let Some(store) = &self.store else {
            return self.update_local(credential, open, prepare).map(|changed| (changed, None));
        };
        let shared = self.update_shared(&**store, &open.entry, credential, prepare);
        let hint = self.observe_commit(&open.entry.selector, shared).await?;
        Ok((hint.is_some(), hint))
    }

    /// Changes one value in the name of a client where there is no shared tier. Returns whether
    /// `prepare` wanted a change.
    pub(crate) fn update_local(
        &self,
        credential: &Credential,
        open: &OpenSession,
        prepare: impl FnOnce(&OpenSession) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<bool, CommitError> {
        let Some(edit) = prepare(open)? else { return Ok(false) };
        let writer = self.writer_of(credential, &open.entry, &open.state);
        let proposal = ProposedChange { edits: &[edit], ..ProposedChange::default() };
        self.commit_local(&open.entry, &open.state, &writer, proposal)?;
        Ok(true)
    }

    /// Makes the change that `prepare` returns for what the client's session holds. Holds the
    /// commit lock, so that the changes of this process do not conflict. If another node was first,
    /// `prepare` is called again with the state that it left. `Ok(None)` if `prepare` returns
    /// `None`.
    async fn update_shared(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        credential: &Credential,
        mut prepare: impl FnMut(&OpenSession) -> Result<Option<ValueEdit>, SessionError>,
    ) -> Result<Option<VersionHint>, CommitError> {
        let commit_lock = entry.commit_lock();
        let _guard = lock(&commit_lock).await;
        let mut backoff = self.conflict_backoff();
        let mut open = OpenSession::new(Arc::clone(entry), self.usable(store, entry, credential).await?);
        let Some(mut edit) = prepare(&open)? else { return Ok(None) };
        loop {
            let writer = self.writer_of(credential, entry, &open.state);
            let proposal = ProposedChange { edits: std::slice::from_ref(&edit), ..ProposedChange::default() };
            let is_outdated = match self.attempt(store, entry, &open.state, &writer, proposal).await {
                Ok(Attempt::Made(hint)) => return Ok(Some(hint)),
                Ok(Attempt::Superseded(present)) => {
                    open.state = present;
                    false
                }
                // The value that the change was computed from has changed.
                Err(CommitError::Refused(ChangeError::Conflict)) => true,
                Err(error) => return Err(error),
            };
            // It may belong to another client by now.
            if !open.snapshot().is_some_and(|snapshot| self.admits(entry, snapshot, credential, self.now())) {
                open.state = self.usable(store, entry, credential).await?;
            }
            if is_outdated {
                self.telemetry.counters.conflicts.count();
                match prepare(&open)? {
                    Some(again) => edit = again,
                    None => return Ok(None),
                }
            } else if !backoff.wait().await {
                return Err(ChangeError::Conflict.into());
            }
        }
    }

    /// Returns the state that the client may use now. The caller holds the commit lock.
    async fn usable(
        &self,
        store: &dyn DynStore,
        entry: &Arc<Entry>,
        credential: &Credential,
    ) -> Result<StampedState, CommitError> {
        match self.fill(store, entry, credential).await? {
            Some(Lookup::Open(open) | Lookup::Fetched(open)) => Ok(open.state),
            Some(Lookup::Superseded) => Err(ChangeError::Superseded.into()),
            Some(Lookup::RolledBack | Lookup::Missing) => Err(ChangeError::Ended(EndReason::Gone).into()),
            // The entry has left the table.
            None => Err(ChangeError::Invalidated.into()),
        }
    }
}
