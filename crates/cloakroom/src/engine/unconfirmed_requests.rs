//! Requests whose token this node cannot judge, because it has no current copy of the session: they count as activity
//! all the same, if the shared tier finds that the token opens the session.

use std::sync::atomic::Ordering::Relaxed;

use crate::store::{Guard, Touch};
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex};
use crate::time::{Timestamp, whole_millis};
use crate::token::Fingerprint;

use super::credential::Credential;
use crate::engine::Engine;

/// How many requests are remembered at once; some 2 MB. Of more, as in a flood of made-up tokens, each has the same
/// chance, and an honest client has another one with each of its requests.
const MOST_REQUESTS: usize = 16_384;
/// How many touches of one round the shared tier is bothered with.
const MOST_PER_ROUND: usize = 4096;
/// Of how many tokens it is remembered when they were reported last; 1 MB, once there is any. Two tokens that share a
/// place are reported more often than they have to be, and never less.
const PLACES: usize = 32_768;

/// A request that is in progress, for as long as somebody else than the list has a share of this.
#[derive(Debug)]
pub(crate) struct UnconfirmedRequest {
    credential: Credential,
    seen: AtomicU64,
    /// What its token opens is known by now, so that it is reported as others are, or not at all.
    settled: AtomicBool,
}

impl UnconfirmedRequest {
    /// The request asked for its session, and knows what its token opens.
    pub(crate) fn settle(&self) {
        self.settled.store(true, Relaxed);
    }

    /// The request is over.
    pub(crate) fn finish(&self, now: Timestamp) {
        self.seen.fetch_max(now.as_millis(), Relaxed);
    }
}

/// All of them, and which tokens were reported when.
#[derive(Debug, Default)]
pub(super) struct UnconfirmedRequests(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    requests: Vec<Arc<UnconfirmedRequest>>,
    reported: Reported,
}

/// When tokens were last reported. By fingerprint, which nobody outside can compute: who knows the tag of
/// somebody's session cannot keep its owner's activity from being reported.
#[derive(Debug, Default)]
struct Reported(Vec<Option<(Fingerprint, u64)>>);

impl Reported {
    /// Whether the token was not reported within `every` before `seen`; if so, it counts as reported now.
    fn claim(&mut self, fingerprint: Fingerprint, seen: u64, every: u64) -> bool {
        if self.0.is_empty() {
            self.0 = vec![None; PLACES];
        }
        let place = &mut self.0[fingerprint.bits(PLACES)];
        // Also if it seems to have been reported in the future: the clock was wrong then, or is now.
        let is_recent = |at: u64| seen < at.saturating_add(every) && at < seen.saturating_add(every);
        let is_due = place.is_none_or(|(known, at)| known != fingerprint || !is_recent(at));
        if is_due {
            *place = Some((fingerprint, seen));
        }
        is_due
    }
}

impl Engine {
    /// Remembers a request whose token nothing is known of here. `None` where there is no shared tier to judge it.
    pub(crate) fn add_unconfirmed(&self, credential: &Credential, now: Timestamp) -> Option<Arc<UnconfirmedRequest>> {
        self.store.as_ref()?;
        let (seen, settled) = (AtomicU64::new(now.as_millis()), AtomicBool::new(false));
        let request = Arc::new(UnconfirmedRequest { credential: *credential, seen, settled });
        let mut kept = self.unconfirmed.0.lock();
        if kept.requests.is_empty() {
            self.ensure_maintenance();
        }
        if kept.requests.len() < MOST_REQUESTS {
            kept.requests.push(Arc::clone(&request));
        } else {
            let place = self.random_number() as usize % MOST_REQUESTS;
            kept.requests[place] = Arc::clone(&request);
        }
        Some(request)
    }

    /// Touches for those that were not reported for a while. Forgets those that are over.
    pub(super) fn unconfirmed_touches(&self) -> Vec<Touch> {
        let (now, every) =
            (self.now().as_millis(), whole_millis(self.policy.idle) / super::maintenance::REPORTS_PER_TIMEOUT);
        let mut kept = self.unconfirmed.0.lock();
        let Kept { requests, reported } = &mut *kept;
        let mut due = Vec::new();
        requests.retain(|request| {
            if request.settled.load(Relaxed) {
                return false;
            }
            if due.len() == MOST_PER_ROUND {
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
