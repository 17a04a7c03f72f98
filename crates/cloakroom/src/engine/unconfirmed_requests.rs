//! Requests whose token this node cannot verify, because it has no current copy of the session.
//! They count as activity all the same, if the shared tier finds that the token opens the session.

use std::sync::atomic::Ordering::Relaxed;

use crate::store::{Guard, Touch};
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex};
use crate::time::{Timestamp, whole_millis};
use crate::token::Fingerprint;

use super::credential::Credential;
use crate::engine::Engine;

/// Maximum number of requests that are remembered at once; about 2 MB. Of more, as in a flood of
/// made-up tokens, each has the same chance, and an honest client gets another one with each of its
/// requests.
const MAX_REQUESTS: usize = 16_384;
/// Maximum number of touches that one round reports to the shared tier.
const MAX_TOUCHES_PER_ROUND: usize = 4096;
/// Number of tokens whose last report is remembered; 1 MB, allocated on first use. Two tokens that
/// share a place are reported more often than necessary, never less often.
const REPORT_SLOTS: usize = 32_768;

/// A request whose token is unconfirmed. It is in progress for as long as the list does not hold
/// the only reference.
#[derive(Debug)]
pub(crate) struct UnconfirmedRequest {
    credential: Credential,
    seen: AtomicU64,
    /// Set once it is known what the token opens. The request is then reported as others are, or
    /// not at all.
    settled: AtomicBool,
}

impl UnconfirmedRequest {
    /// Marks the token as confirmed or refused.
    pub(crate) fn settle(&self) {
        self.settled.store(true, Relaxed);
    }

    /// Records that the request is over.
    pub(crate) fn finish(&self, now: Timestamp) {
        self.seen.fetch_max(now.as_millis(), Relaxed);
    }
}

/// All unconfirmed requests, and when their tokens were last reported.
#[derive(Debug, Default)]
pub(super) struct UnconfirmedRequests(Mutex<Kept>);

/// The requests and reports that [`UnconfirmedRequests`] guards.
#[derive(Debug, Default)]
struct Kept {
    requests: Vec<Arc<UnconfirmedRequest>>,
    reported: Reported,
}

/// Instants at which tokens were last reported, by fingerprint. No outsider can compute that, so
/// knowing the selector of a session is not enough to suppress its client's reports.
#[derive(Debug, Default)]
struct Reported(Vec<Option<(Fingerprint, u64)>>);

impl Reported {
    /// Returns `true` if the token was not reported within `every` before `seen`, and then records
    /// it as reported.
    fn claim(&mut self, fingerprint: Fingerprint, seen: u64, every: u64) -> bool {
        if self.0.is_empty() {
            self.0 = vec![None; REPORT_SLOTS];
        }
        let place = &mut self.0[fingerprint.bits(REPORT_SLOTS)];
        // Due even if it was reported in the future: the clock was wrong then, or is now.
        let is_recent = |at: u64| seen < at.saturating_add(every) && at < seen.saturating_add(every);
        let is_due = place.is_none_or(|(known, at)| known != fingerprint || !is_recent(at));
        if is_due {
            *place = Some((fingerprint, seen));
        }
        is_due
    }
}

impl Engine {
    /// Remembers a request whose token this node cannot verify. `None` if there is no shared tier
    /// to do so.
    pub(crate) fn add_unconfirmed(&self, credential: &Credential, now: Timestamp) -> Option<Arc<UnconfirmedRequest>> {
        self.store.as_ref()?;
        let (seen, settled) = (AtomicU64::new(now.as_millis()), AtomicBool::new(false));
        let request = Arc::new(UnconfirmedRequest { credential: *credential, seen, settled });
        let mut kept = self.backlog.unconfirmed.0.lock();
        if kept.requests.is_empty() {
            self.ensure_maintenance();
        }
        if kept.requests.len() < MAX_REQUESTS {
            kept.requests.push(Arc::clone(&request));
        } else {
            let place = self.random_number() as usize % MAX_REQUESTS;
            kept.requests[place] = Arc::clone(&request);
        }
        Some(request)
    }

    /// Returns touches for the requests that were not reported for a while, and forgets those that
    /// are over.
    pub(super) fn unconfirmed_touches(&self) -> Vec<Touch> {
        let (now, every) =
            (self.now().as_millis(), whole_millis(self.policy.idle) / super::maintenance::REPORTS_PER_TIMEOUT);
        let mut kept = self.backlog.unconfirmed.0.lock();
        let Kept { requests, reported } = &mut *kept;
        let mut due = Vec::new();
        requests.retain(|request| {
            if request.settled.load(Relaxed) {
                return false;
            }
            if due.len() == MAX_TOUCHES_PER_ROUND {
                return true;
            }
            let is_in_progress = Arc::strong_count(request) > 1;
            let seen = if is_in_progress { now } else { request.seen.load(Relaxed) };
            if reported.claim(request.credential.fingerprint, seen, every) {
                due.push((request.credential, seen));
            }
            is_in_progress
        });
        if requests.is_empty() {
            requests.shrink_to(64);
        }
        drop(kept);
        due.into_iter().map(|(credential, seen)| self.unconfirmed_touch(&credential, seen)).collect()
    }

    fn unconfirmed_touch(&self, credential: &Credential, seen: u64) -> Touch {
        let guard = Guard::Holder(self.verifier_hasher.hash(&credential.selector, &credential.secret));
        Touch::new(credential.selector, guard, Timestamp::from_millis(seen)).without_copy()
    }
}
