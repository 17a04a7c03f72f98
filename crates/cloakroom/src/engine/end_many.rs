//! Ends of many sessions of one principal, a batch at a time.

use crate::cache::{EndReason, Entry};
use crate::store::{Destroyed, DynStore, StoreError};
use crate::sync::Arc;
use crate::token::{Principal, Selector};

use super::commit::InvalidateOnDrop;
use crate::engine::Engine;
use crate::error::SessionError;

/// What became of a batch of sessions that were to end.
#[derive(Debug, Default)]
pub(crate) struct EndManyOutcome {
    /// How many this call ended.
    pub(crate) ended: usize,
    /// Those of which it is not known whether they live.
    pub(crate) failed: Vec<Selector>,
    /// Why the first of them is among them.
    pub(crate) fault: Option<SessionError>,
}

/// The copy of a session, as it was before the session was to end.
struct Before {
    selector: Selector,
    entry: Option<Arc<Entry>>,
}

impl Engine {
    /// Ends sessions of a principal on every tier, at most [`BATCH`](crate::store::BATCH) at once. A fault of one of
    /// them does not keep the others alive.
    pub(crate) async fn end_many(
        &self,
        principal: &Principal,
        selectors: Vec<Selector>,
        reason: EndReason,
    ) -> EndManyOutcome {
        let Some(store) = &self.store else {
            let entries = selectors.iter().filter_map(|selector| self.cache.get(selector));
            return EndManyOutcome {
                ended: entries.filter(|entry| self.cache.end(entry, reason)).count(),
                ..EndManyOutcome::default()
            };
        };
        Box::pin(self.end_many_shared(&**store, principal, selectors, reason)).await
    }

    async fn end_many_shared(
        &self,
        store: &dyn DynStore,
        principal: &Principal,
        selectors: Vec<Selector>,
        reason: EndReason,
    ) -> EndManyOutcome {
        if selectors.is_empty() {
            return EndManyOutcome::default();
        }
        let before: Vec<_> = selectors.iter().map(|selector| self.before_end(*selector)).collect();
        // If the answer never comes, nobody knows which of the copies are still true.
        let mut doubts: Vec<_> = before
            .iter()
            .map(|before| before.entry.as_ref().map(|entry| InvalidateOnDrop::new(&self.cache, entry)))
            .collect();
        let mut answers = store.destroy_many(selectors).await.into_iter();
        let (mut ends, mut over) = (EndManyOutcome::default(), Vec::new());
        for (before, doubt) in before.iter().zip(&mut doubts) {
            match answers.next() {
                Some(Ok(answer @ (Destroyed::Done | Destroyed::Gone))) => {
                    doubt.iter_mut().for_each(InvalidateOnDrop::disarm);
                    self.ended_shared(before, answer, reason, principal);
                    ends.ended += usize::from(answer == Destroyed::Done);
                    over.push(before.selector);
                }
                answer => {
                    before.entry.iter().for_each(|entry| self.invalidate(entry));
                    ends.failed_to_end(before.selector, self.count_error(answer.unwrap_or_else(unanswered)));
                }
            }
        }
        if !over.is_empty() {
            // A member without a record is harmless and is cleaned up when it is next met.
            drop(self.count_error(store.remove_members(principal, over).await));
        }
        ends
    }

    fn before_end(&self, selector: Selector) -> Before {
        Before { selector, entry: self.cache.get(&selector) }
    }

    /// The shared tier has no such session any more, so there must be no copy either.
    fn ended_shared(&self, before: &Before, answer: Destroyed, reason: EndReason, principal: &Principal) {
        let entries = before.entry.iter().cloned().chain(self.cache.get(&before.selector));
        if (answer, reason) == (Destroyed::Gone, EndReason::Displaced) {
            // Several admissions may name a session, and the one that ended it announces that.
            return entries.for_each(|entry| self.invalidate(&entry));
        }
        let is_announced = self.cache.end_copies(entries, reason);
        // Only one call ends a session, even if somebody else has found it gone meanwhile.
        if answer == Destroyed::Done && !is_announced {
            self.telemetry.ended_without_copy(&before.selector, reason, Some(principal));
        }
    }
}

impl EndManyOutcome {
    fn failed_to_end(&mut self, selector: Selector, answer: Result<Destroyed, SessionError>) {
        self.failed.push(selector);
        if let (Err(error), None) = (answer, &self.fault) {
            self.fault = Some(error);
        }
    }
}

/// The store answered less than it was asked.
fn unanswered() -> Result<Destroyed, StoreError> {
    Err(StoreError::new(crate::store::StoreErrorKind::Unknown, "the store did not answer for every session"))
}
