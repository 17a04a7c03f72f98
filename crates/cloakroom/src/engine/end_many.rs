//! Ends of many sessions of one principal, in batches.

use tracing::Instrument;

use crate::cache::{EndReason, Entry};
use crate::store::{Destroyed, DynStore, StoreError};
use crate::sync::Arc;
use crate::token::{Principal, Selector};

use super::commit::InvalidateOnDrop;
use crate::engine::Engine;
use crate::error::SessionError;
use crate::telemetry::end_many_span;

/// Result of ending a batch of sessions.
#[derive(Debug, Default)]
pub(crate) struct EndManyOutcome {
    /// Number of sessions that this call ended.
    pub(crate) ended: usize,
    /// Sessions of which it is unknown whether they still live.
    pub(crate) failed: Vec<Selector>,
    /// The first error among them.
    pub(crate) fault: Option<SessionError>,
}

/// The copy of a session before the call to the shared tier.
struct Before {
    selector: Selector,
    entry: Option<Arc<Entry>>,
}

impl Engine {
    /// Ends sessions of a principal on every tier, at most [`BATCH`](crate::store::BATCH) at once.
    /// An error of one of them does not keep the others alive.
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
        let span = end_many_span(selectors.len());
        Box::pin(self.end_many_shared(&**store, principal, selectors, reason).instrument(span)).await
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
        // If the reply never arrives, it is unknown which of the copies are still valid.
        let mut invalidate_guards: Vec<_> = before
            .iter()
            .map(|before| before.entry.as_ref().map(|entry| InvalidateOnDrop::new(&self.cache, entry)))
            .collect();
        let mut answers = store.destroy_many(selectors).await.into_iter();
        let (mut ends, mut over) = (EndManyOutcome::default(), Vec::new());
        for (before, invalidate_guard) in before.iter().zip(&mut invalidate_guards) {
            match answers.next() {
                Some(Ok(answer @ (Destroyed::Done | Destroyed::Gone))) => {
                    invalidate_guard.iter_mut().for_each(InvalidateOnDrop::disarm);
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
            // A member without a record is harmless, and is removed when it is next read.
            drop(self.count_error(store.remove_members(principal, over).await));
        }
        ends
    }

    fn before_end(&self, selector: Selector) -> Before {
        Before { selector, entry: self.cache.get(&selector) }
    }

    /// Ends the copies of a session that the shared tier no longer has.
    fn ended_shared(&self, before: &Before, answer: Destroyed, reason: EndReason, principal: &Principal) {
        let entries = before.entry.iter().cloned().chain(self.cache.get(&before.selector));
        if (answer, reason) == (Destroyed::Gone, EndReason::Displaced) {
            // Several admissions may displace the same session; only the one that ended it
            // announces that.
            return entries.for_each(|entry| self.invalidate(&entry));
        }
        let is_announced = self.cache.end_copies(entries, reason);
        // Only one call receives `Done`, even if another request has found the session gone
        // meanwhile.
        if answer == Destroyed::Done && !is_announced {
            self.telemetry.session_ended(&before.selector, reason, Some(principal));
            self.principal_watchers.notify(principal);
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

/// Returns the error for a session that is missing from the store's reply.
fn unanswered() -> Result<Destroyed, StoreError> {
    Err(StoreError::new(crate::store::StoreErrorKind::Unknown, "the store's reply is missing a session"))
}
