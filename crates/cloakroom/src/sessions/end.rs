//! Ends of sessions, on every tier: by their holder's logout, or from outside.

use crate::cache::{Cell, EndReason};
use crate::identity::Tag;
use crate::store::{AnyStore, Destroyed};
use crate::sync::Arc;

use super::bearer::{Bearer, Writer};
use super::commit::Doubt;
use super::engine::Engine;
use super::error::SessionError;

impl Engine {
    /// Ends a session on every tier, whoever holds it. Answers whether this call ended it.
    pub(crate) async fn end(
        &self,
        tag: &Tag,
        cell: Option<Arc<Cell>>,
        reason: EndReason,
    ) -> Result<bool, SessionError> {
        Ok(self.end_as(&Writer::Application, tag, cell, reason).await? == Destroyed::Done)
    }

    /// The same, now or as soon as the shared tier can be reached.
    pub(crate) async fn end_in_time(&self, tag: &Tag, cell: Arc<Cell>, reason: EndReason) {
        if self.end(tag, Some(cell), reason).await.is_err() {
            self.unfinished.lock().push((*tag, reason));
        }
    }

    /// Ends the bearer's session, unless its secret was replaced since: then it is not the bearer's to end. Needs
    /// nothing of what is in it.
    pub(crate) async fn log_out(&self, bearer: &Bearer, cell: Option<Arc<Cell>>) -> Result<Destroyed, SessionError> {
        let writer = cell.as_ref().map_or(Writer::Holder(*bearer), |cell| self.writer(bearer, cell));
        self.end_as(&writer, &bearer.tag, cell, EndReason::Logout).await
    }

    pub(super) async fn end_as(
        &self,
        writer: &Writer,
        tag: &Tag,
        cell: Option<Arc<Cell>>,
        reason: EndReason,
    ) -> Result<Destroyed, SessionError> {
        let cell = cell.or_else(|| self.tier.get(tag));
        let Some(store) = &self.store else {
            let Some(cell) = cell else { return Ok(Destroyed::Gone) };
            return Ok(match self.tier.end_guarded(&cell, writer.local(), cell.latest(self.now()), reason) {
                true => Destroyed::Done,
                false if cell.state().snapshot().is_some() => Destroyed::Superseded,
                false => Destroyed::Gone,
            });
        };
        Box::pin(self.end_shared(&**store, writer, tag, cell, reason)).await
    }

    /// The shared tier has no such session any more. Of age, if that is what was to be expected by now; else another
    /// node knows why.
    pub(super) fn found_gone(&self, cell: &Arc<Cell>) -> EndReason {
        let state = Arc::clone(&cell.state());
        let overdue = state.last_known().and_then(|snapshot| cell.overdue(snapshot, self.now()));
        let reason = overdue.unwrap_or(EndReason::Gone);
        self.tier.end(cell, reason);
        reason
    }

    /// The shared tier goes first: if it cannot be reached, the session lives on and the caller hears of it.
    async fn end_shared(
        &self,
        store: &dyn AnyStore,
        writer: &Writer,
        tag: &Tag,
        cell: Option<Arc<Cell>>,
        reason: EndReason,
    ) -> Result<Destroyed, SessionError> {
        let last_known = cell.as_ref().map(|cell| Arc::clone(&cell.state()));
        let last_known = last_known.as_deref().and_then(|state| state.last_known());
        let mut doubt = cell.as_ref().map(|cell| Doubt::of(&self.tier, cell));
        let answer = self.watched(store.destroy(*tag, writer.shared(&self.verifiers)).await);
        // The caller's cell may have been forgotten meanwhile, and the table's be another one.
        let cells = cell.iter().cloned().chain(self.tier.get(tag));
        if !matches!(answer, Ok(Destroyed::Done | Destroyed::Gone)) {
            // Either nobody knows whether the session lives, or the copy believes in a secret that is dead.
            cells.for_each(|cell| self.outdate(&cell));
            return answer;
        }
        let answer = answer?;
        doubt.iter_mut().for_each(Doubt::dispel);
        let known = self.tier.end_copies(cells, reason) || last_known.is_some();
        if answer == Destroyed::Done && !known {
            self.ledger.ended_elsewhere(tag, reason, None);
        }
        if let Some(principal) = last_known.and_then(|snapshot| snapshot.principal()) {
            // A member without a record is harmless and is cleaned up when it is next met.
            drop(self.watched(store.dismiss(principal, vec![*tag]).await));
        }
        Ok(answer)
    }
}
