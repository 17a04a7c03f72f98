//! Ends of many sessions of one principal, a batch at a time.

use crate::cache::{Cell, EndReason};
use crate::identity::{Principal, Tag};
use crate::store::{AnyStore, Destroyed, StoreError};
use crate::sync::Arc;

use super::commit::Doubt;
use super::engine::Engine;
use super::error::SessionError;

/// What became of a batch of sessions that were to end.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// How many this call ended.
    pub(super) ended: usize,
    /// Those of which it is not known whether they live.
    pub(super) failed: Vec<Tag>,
    /// Why the first of them is among them.
    pub(super) fault: Option<SessionError>,
}

/// The copy of a session, as it was before the session was to end.
struct Before {
    tag: Tag,
    cell: Option<Arc<Cell>>,
}

impl Engine {
    /// Ends sessions of a principal on every tier, at most [`BATCH`](crate::store::BATCH) at once. A fault of one of
    /// them does not keep the others alive.
    pub(super) async fn end_each(&self, principal: &Principal, tags: Vec<Tag>, reason: EndReason) -> Ends {
        let Some(store) = &self.store else {
            let cells = tags.iter().filter_map(|tag| self.tier.get(tag));
            return Ends { ended: cells.filter(|cell| self.tier.end(cell, reason)).count(), ..Ends::default() };
        };
        Box::pin(self.end_each_shared(&**store, principal, tags, reason)).await
    }

    async fn end_each_shared(
        &self,
        store: &dyn AnyStore,
        principal: &Principal,
        tags: Vec<Tag>,
        reason: EndReason,
    ) -> Ends {
        if tags.is_empty() {
            return Ends::default();
        }
        let before: Vec<_> = tags.iter().map(|tag| self.before_end(*tag)).collect();
        // If the answer never comes, nobody knows which of the copies are still true.
        let mut doubts: Vec<_> =
            before.iter().map(|before| before.cell.as_ref().map(|cell| Doubt::of(&self.tier, cell))).collect();
        let mut answers = store.destroy_many(tags).await.into_iter();
        let (mut ends, mut over) = (Ends::default(), Vec::new());
        for (before, doubt) in before.iter().zip(&mut doubts) {
            match answers.next() {
                Some(Ok(answer @ (Destroyed::Done | Destroyed::Gone))) => {
                    doubt.iter_mut().for_each(Doubt::dispel);
                    self.ended_shared(before, answer, reason, principal);
                    ends.ended += usize::from(answer == Destroyed::Done);
                    over.push(before.tag);
                }
                answer => {
                    before.cell.iter().for_each(|cell| self.outdate(cell));
                    ends.failed_to_end(before.tag, self.watched(answer.unwrap_or_else(unanswered)));
                }
            }
        }
        if !over.is_empty() {
            // A member without a record is harmless and is cleaned up when it is next met.
            drop(self.watched(store.dismiss(principal, over).await));
        }
        ends
    }

    fn before_end(&self, tag: Tag) -> Before {
        Before { tag, cell: self.tier.get(&tag) }
    }

    /// The shared tier has no such session any more, so there must be no copy either.
    fn ended_shared(&self, before: &Before, answer: Destroyed, reason: EndReason, principal: &Principal) {
        let cells = before.cell.iter().cloned().chain(self.tier.get(&before.tag));
        if (answer, reason) == (Destroyed::Gone, EndReason::Displaced) {
            // Several admissions may name a session, and the one that ended it announces that.
            return cells.for_each(|cell| self.outdate(&cell));
        }
        let is_announced = self.tier.end_copies(cells, reason);
        // Only one call ends a session, even if somebody else has found it gone meanwhile.
        if answer == Destroyed::Done && !is_announced {
            self.ledger.ended_elsewhere(&before.tag, reason, Some(principal));
        }
    }
}

impl Ends {
    fn failed_to_end(&mut self, tag: Tag, answer: Result<Destroyed, SessionError>) {
        self.failed.push(tag);
        if let (Err(error), None) = (answer, &self.fault) {
            self.fault = Some(error);
        }
    }
}

/// The store answered less than it was asked.
fn unanswered() -> Result<Destroyed, StoreError> {
    Err(StoreError::new(crate::store::StoreErrorKind::Unknown, "the store did not answer for every session"))
}
