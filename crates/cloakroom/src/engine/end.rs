//! Ends of sessions on every tier: by their client's logout, or from outside.

use crate::cache::{EndReason, Entry};
use crate::store::{Destroyed, DynStore};
use crate::sync::Arc;
use crate::token::Selector;

use super::commit::InvalidateOnDrop;
use super::credential::{ChangeAuthor, Credential};
use crate::engine::Engine;
use crate::error::SessionError;

impl Engine {
    /// Ends a session on every tier, whatever its secret is. Returns `true` if this call ended it.
    pub(crate) async fn end(
        &self,
        selector: &Selector,
        entry: Option<Arc<Entry>>,
        reason: EndReason,
    ) -> Result<bool, SessionError> {
        Ok(self.end_as(&ChangeAuthor::Application, selector, entry, reason).await? == Destroyed::Done)
    }

    /// Ends a session now, or as soon as the shared tier can be reached.
    pub(crate) async fn end_eventually(&self, selector: &Selector, entry: Arc<Entry>, reason: EndReason) {
        if self.end(selector, Some(entry), reason).await.is_err() {
            self.backlog.destroys.lock().push((*selector, reason));
        }
    }

    /// Ends the client's session, unless its secret was replaced since: then the client may not end
    /// it any more. Works even if the content of the session cannot be decoded.
    pub(crate) async fn end_by_client(
        &self,
        credential: &Credential,
        entry: Option<Arc<Entry>>,
        reason: EndReason,
    ) -> Result<Destroyed, SessionError> {
        let writer = entry.as_ref().map_or(ChangeAuthor::Client(*credential), |entry| self.writer(credential, entry));
        self.end_as(&writer, &credential.selector, entry, reason).await
    }

    /// Ends a session on every tier in the name of `writer`.
    pub(super) async fn end_as(
        &self,
        writer: &ChangeAuthor,
        selector: &Selector,
        entry: Option<Arc<Entry>>,
        reason: EndReason,
    ) -> Result<Destroyed, SessionError> {
        let entry = entry.or_else(|| self.cache.get(selector));
        let Some(store) = &self.store else {
            let Some(entry) = entry else { return Ok(Destroyed::Gone) };
            return Ok(match self.cache.end_guarded(&entry, writer.local(), entry.latest(self.now()), reason) {
                true => Destroyed::Done,
                false if entry.read(|state| state.snapshot().is_some()) => Destroyed::Superseded,
                false => Destroyed::Gone,
            });
        };
        let end = self.end_shared(&**store, writer, selector, entry, reason);
        Box::pin(self.traced(self.telemetry.end_span(selector), end)).await
    }

    /// Marks a session as ended because the shared tier no longer has it. The reason is `Idle` or
    /// `Absolute` if its deadline has passed, otherwise `Gone`.
    pub(super) fn mark_ended(&self, entry: &Arc<Entry>) -> EndReason {
        let now = self.now();
        let overdue = entry.read(|state| state.last_known().and_then(|snapshot| entry.expiry_reason(snapshot, now)));
        let reason = overdue.unwrap_or(EndReason::Gone);
        self.cache.end(entry, reason);
        reason
    }

    /// Ends a session, on the shared tier first: if that cannot be reached, the session lives on
    /// and the caller receives the error.
    async fn end_shared(
        &self,
        store: &dyn DynStore,
        writer: &ChangeAuthor,
        selector: &Selector,
        entry: Option<Arc<Entry>>,
        reason: EndReason,
    ) -> Result<Destroyed, SessionError> {
        let last_known = entry.as_ref().map(|entry| entry.state());
        let last_known = last_known.as_ref().and_then(|state| state.last_known());
        let mut invalidate_guard = entry.as_ref().map(|entry| InvalidateOnDrop::new(&self.cache, entry));
        let answer = self.count_error(store.destroy(*selector, writer.shared(&self.verifier_hasher)).await);
        // The caller's entry may have been removed meanwhile, and replaced by another one in the
        // table.
        let entries = entry.iter().cloned().chain(self.cache.get(selector));
        if !matches!(answer, Ok(Destroyed::Done | Destroyed::Gone)) {
            // Either it is unknown whether the session lives, or the copy accepts a secret that is
            // dead.
            entries.for_each(|entry| self.invalidate(&entry));
            return answer;
        }
        let answer = answer?;
        invalidate_guard.iter_mut().for_each(InvalidateOnDrop::disarm);
        let known = self.cache.end_copies(entries, reason) || last_known.is_some();
        if answer == Destroyed::Done && !known {
            self.telemetry.session_ended(selector, reason, None);
        }
        if let Some(principal) = last_known.and_then(|snapshot| snapshot.principal()) {
            // A member without a record is harmless, and is removed when it is next read.
            drop(self.count_error(store.remove_members(principal, vec![*selector]).await));
        }
        Ok(answer)
    }
}
