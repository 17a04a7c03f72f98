//! How long a request keeps its session from falling idle.

use crate::cache::{Entry, SecretLineage};
use crate::engine::{Credential, Engine, UnconfirmedRequest};
use crate::sync::Arc;

/// A request's share in the activity of its session: from its start until its response begins, and
/// beyond that as long as a `KeepActive` guard exists.
#[derive(Debug, Default)]
pub(super) struct RequestActivity {
    /// The request does not count as activity.
    is_passive: bool,
    has_response_begun: bool,
    /// The number of `KeepActive` guards.
    keep_active_count: u32,
    /// The secret lineage under which this request counts as in progress in its session's entry,
    /// while it does.
    counted_lineage: Option<SecretLineage>,
    /// Set while this node cannot tell which session the token opens, until the request asks.
    unconfirmed: Option<Arc<UnconfirmedRequest>>,
}

impl RequestActivity {
    pub(super) fn new(is_activity: bool) -> Self {
        Self { is_passive: !is_activity, ..Self::default() }
    }

    /// Returns `true` if the request counts as activity.
    pub(super) const fn is_active(&self) -> bool {
        !self.is_passive
    }

    pub(super) const fn has_response_begun(&self) -> bool {
        self.has_response_begun
    }

    /// Returns `true` if the session cannot fall idle, because of this request.
    pub(super) const fn is_counted(&self) -> bool {
        self.counted_lineage.is_some()
    }

    /// Counts the request as in progress in the session, unless it counts already or must not.
    pub(super) fn begin_in(&mut self, entry: &Entry, lineage: SecretLineage) {
        let counts = !self.is_passive && (!self.has_response_begun || self.keep_active_count > 0);
        if counts && self.counted_lineage.is_none() {
            entry.add_request(lineage);
            self.counted_lineage = Some(lineage);
        }
    }

    /// Stops counting as in progress in the session. Returns `true` if the request counted.
    pub(super) fn end_in(&mut self, entry: Option<&Arc<Entry>>) -> bool {
        let Some(lineage) = self.counted_lineage.take() else { return false };
        if let Some(entry) = entry {
            entry.remove_request(lineage);
        }
        true
    }

    /// Keeps a session whose token this node cannot check from falling idle.
    pub(super) fn add_unconfirmed(&mut self, engine: &Engine, credential: &Credential) {
        if !self.is_passive && self.unconfirmed.is_none() && self.counted_lineage.is_none() {
            self.unconfirmed = engine.add_unconfirmed(credential, engine.now());
        }
    }

    /// The request has asked which session its token opens.
    pub(super) fn confirm(&mut self) {
        if let Some(request) = self.unconfirmed.take() {
            request.settle();
        }
    }

    /// Ends the request before it has asked which session its token opens.
    pub(super) fn finish_unconfirmed(&mut self, engine: &Engine) {
        if let Some(request) = self.unconfirmed.take() {
            request.finish(engine.now());
        }
    }

    /// Excludes the request from activity, whatever it has done or will do.
    pub(super) fn set_passive(&mut self) {
        self.is_passive = true;
        self.confirm();
    }

    /// Returns `true` if the request no longer keeps the session from falling idle.
    pub(super) fn begin_response(&mut self) -> bool {
        self.has_response_begun = true;
        self.keep_active_count == 0
    }

    pub(super) fn add_guard(&mut self) {
        self.keep_active_count += 1;
    }

    /// Returns `true` if the request no longer keeps the session from falling idle.
    pub(super) fn remove_guard(&mut self) -> bool {
        self.keep_active_count -= 1;
        self.has_response_begun && self.keep_active_count == 0
    }
}
