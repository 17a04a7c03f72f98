//! The sessions that one client got from parallel logins on several nodes, of which it keeps one.
//!
//! A store knows no tokens, so a login cannot join one that another node made: it creates a session
//! of its own, and the response that arrives last decides which session the client keeps. The node
//! of the later login remembers both, and ends the one that the client does not use.

use std::collections::HashMap;
use std::time::Duration;

use crate::cache::EndReason;
use crate::engine::Engine;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering};
use crate::time::{SKEW, Timestamp};
use crate::token::Selector;

use super::credential::Credential;
use super::delivery::PendingDelivery;
use super::parallel_logins::{OtherLogin, PARALLEL_WINDOW};
use super::rotate::LoginRequest;

/// Longer than responses are on their way: a client that begins a request this long after the later
/// login has received both responses.
const SETTLED_AFTER: Duration = Duration::from_secs(60);
/// Time after which duplicates are forgotten if their client does not come back to this node. They
/// then end by their timeouts.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);
/// Maximum number of sessions that are remembered.
const MAX_SESSIONS: usize = 8192;

/// The sessions of clients that have more than one, and of which all but one are to end.
#[derive(Debug, Default)]
pub(super) struct DuplicateSessions {
    /// A bit for each remembered selector, so that requests of other sessions rarely lock.
    filter: AtomicU64,
    sessions: Mutex<HashMap<Selector, Vec<Duplicate>>>,
}

/// Another session of the same client.
#[derive(Clone, Debug)]
struct Duplicate {
    selector: Selector,
    since: Timestamp,
    /// `true` once the token of the later session is delivered.
    is_delivered: Arc<AtomicBool>,
}

impl Duplicate {
    fn is_settled(&self, now: Timestamp) -> bool {
        now.since(self.since) >= SETTLED_AFTER && self.is_delivered.load(Ordering::Acquire)
    }
}

impl DuplicateSessions {
    fn add(&self, earlier: Selector, later: Selector, since: Timestamp, is_delivered: &Arc<AtomicBool>) {
        let mut sessions = self.sessions.lock();
        if sessions.len() >= MAX_SESSIONS {
            return;
        }
        for (session, selector) in [(earlier, later), (later, earlier)] {
            let duplicate = Duplicate { selector, since, is_delivered: Arc::clone(is_delivered) };
            sessions.entry(session).or_default().push(duplicate);
            self.filter.fetch_or(bit_of(&session), Ordering::Relaxed);
        }
    }

    /// Forgets this session and returns its duplicates, if its client must have received all
    /// tokens by now.
    fn take_duplicates_of(&self, used: &Selector, now: Timestamp) -> Vec<Selector> {
        if self.filter.load(Ordering::Relaxed) & bit_of(used) == 0 {
            return Vec::new();
        }
        let mut sessions = self.sessions.lock();
        let mut client = vec![*used];
        let mut looked_at = 0;
        while let Some(session) = client.get(looked_at) {
            for duplicate in sessions.get(session).into_iter().flatten() {
                if !duplicate.is_settled(now) {
                    return Vec::new();
                }
                if !client.contains(&duplicate.selector) {
                    client.push(duplicate.selector);
                }
            }
            looked_at += 1;
        }
        client.iter().for_each(|session| drop(sessions.remove(session)));
        self.rebuild_filter(&sessions);
        client.split_off(1)
    }

    fn forget_old(&self, now: Timestamp) {
        let mut sessions = self.sessions.lock();
        let before = sessions.len();
        sessions.retain(|_, duplicates| {
            duplicates.retain(|duplicate| now.since(duplicate.since) < FORGOTTEN_AFTER);
            !duplicates.is_empty()
        });
        if sessions.len() < before {
            self.rebuild_filter(&sessions);
        }
    }

    fn rebuild_filter(&self, sessions: &HashMap<Selector, Vec<Duplicate>>) {
        self.filter.store(sessions.keys().fold(0, |bits, session| bits | bit_of(session)), Ordering::Relaxed);
    }
}

/// Returns one of 64 bits, by the random bits of a selector.
fn bit_of(selector: &Selector) -> u64 {
    1 << (selector.as_bytes()[0] & 63)
}

impl Engine {
    /// Remembers that a client that had logged in on another node got this session of its own, so
    /// that more logins of this client join it here, and so that one of the two sessions ends.
    pub(crate) fn remember_duplicate(
        &self,
        other: &OtherLogin,
        login: &Credential,
        request: &LoginRequest,
        made: &Arc<PendingDelivery>,
    ) {
        self.remember_login(&other.replaced, *login, request, made);
        let now = self.now();
        // Much later it may be another client with the same old token, such as a copied profile of
        // a browser. Both would go on using their sessions.
        let apart = now.since(other.at).max(other.at.since(now));
        if apart <= PARALLEL_WINDOW + SKEW {
            self.duplicates.add(other.replaced.selector, login.selector, now, &made.is_done());
        }
    }

    /// Ends the duplicates of a session whose client begins a request.
    pub(super) fn end_duplicates_of(&self, used: &Selector, now: Timestamp) {
        let duplicates = self.duplicates.take_duplicates_of(used, now);
        if duplicates.is_empty() {
            return;
        }
        // In the background: the request must not wait for it.
        self.backlog.destroys.lock().extend(duplicates.into_iter().map(|session| (session, EndReason::Duplicate)));
        self.ensure_maintenance();
    }

    pub(super) fn forget_duplicates(&self, now: Timestamp) {
        self.duplicates.forget_old(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(number: u8) -> Selector {
        Selector::from_bytes([number; 16])
    }

    /// Three sessions of one client: it logged in on the first node, and then on two others.
    fn three() -> DuplicateSessions {
        let duplicates = DuplicateSessions::default();
        for later in [2, 3] {
            duplicates.add(selector(1), selector(later), at(0), &Arc::new(AtomicBool::new(true)));
        }
        duplicates
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000_000_000 + 1000 * second)
    }

    fn taken(duplicates: &DuplicateSessions, used: u8, now: Timestamp) -> Vec<Selector> {
        let mut taken = duplicates.take_duplicates_of(&selector(used), now);
        taken.sort_unstable();
        taken
    }

    #[test]
    fn the_client_of_one_session_uses_none_of_the_others() {
        for (used, others) in [(1, [2, 3]), (2, [1, 3]), (3, [1, 2])] {
            let duplicates = three();
            assert_eq!(taken(&duplicates, 4, at(60)), []);
            assert_eq!(taken(&duplicates, used, at(60)), others.map(selector));
            assert_eq!(taken(&duplicates, used, at(60)), [], "they are forgotten");
            assert_eq!(duplicates.filter.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn nothing_ends_while_a_response_may_be_on_its_way() {
        let duplicates = three();
        assert_eq!(taken(&duplicates, 1, at(59)), []);
        let undelivered = Arc::new(AtomicBool::new(false));
        duplicates.add(selector(3), selector(4), at(0), &undelivered);
        assert_eq!(taken(&duplicates, 2, at(60)), []);
        undelivered.store(true, Ordering::Release);
        assert_eq!(taken(&duplicates, 2, at(60)), [1, 3, 4].map(selector));
    }

    #[test]
    fn what_nobody_used_for_an_hour_is_forgotten() {
        let duplicates = three();
        duplicates.add(selector(5), selector(6), at(1), &Arc::new(AtomicBool::new(true)));
        duplicates.forget_old(at(3599));
        assert_eq!(duplicates.sessions.lock().len(), 5);
        duplicates.forget_old(at(3600));
        assert_eq!(duplicates.sessions.lock().len(), 2);
        assert_eq!(duplicates.filter.load(Ordering::Relaxed), bit_of(&selector(5)) | bit_of(&selector(6)));
        assert_eq!(taken(&duplicates, 5, at(3600)), [selector(6)]);
    }

    #[test]
    fn the_sessions_that_are_remembered_are_bounded() {
        let duplicates = DuplicateSessions::default();
        for pair in 0..MAX_SESSIONS as u64 {
            let ends = [2 * pair, 2 * pair + 1].map(|number| {
                let mut bytes = [0; 16];
                bytes[..8].copy_from_slice(&number.to_be_bytes());
                Selector::from_bytes(bytes)
            });
            duplicates.add(ends[0], ends[1], at(0), &Arc::default());
        }
        assert_eq!(duplicates.sessions.lock().len(), MAX_SESSIONS);
    }
}
