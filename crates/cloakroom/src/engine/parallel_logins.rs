//! Two logins of one client at once: a double click, or two tabs.
//!
//! Both requests carry the token from before. The first login replaces it, so it opens nothing for
//! the second. The response that arrives last decides which token the client keeps, so the tokens
//! of both must be equally good.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cache::{ValueEdit, ValueRef, Values};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Weak};
use crate::time::Timestamp;
use crate::token::{Fingerprint, Selector};

use super::credential::Credential;
use super::delivery::PendingDelivery;
use super::rotate::LoginRequest;
use crate::engine::Engine;
use crate::error::SessionError;

/// Time for which a login is remembered, so that another one in progress can join it.
pub(super) const PARALLEL_WINDOW: Duration = Duration::from_secs(10);
/// Maximum number of logins that are remembered.
const MAX_RECENT_LOGINS: usize = 4096;

/// Recent logins of this process.
#[derive(Debug, Default)]
pub(super) struct RecentLogins(Mutex<VecDeque<RecentLogin>>);

/// A completed login that concurrent ones may join.
#[derive(Debug)]
struct RecentLogin {
    /// The session and the secret that the client had before. The login may have made another session.
    before: (Selector, Fingerprint),
    credential: Credential,
    request: LoginRequest,
    at: Timestamp,
    delivery: Weak<PendingDelivery>,
    is_delivered: Arc<AtomicBool>,
}

impl Engine {
    /// Remembers a login for concurrent ones with the same token.
    pub(super) fn remember_login(
        &self,
        before: &Credential,
        after: Credential,
        request: &LoginRequest,
        made: &Arc<PendingDelivery>,
    ) {
        let (now, before) = (self.now(), (before.selector, before.fingerprint));
        let (delivery, is_delivered) = (Arc::downgrade(made), made.is_done());
        let mut logins = self.recent_logins.0.lock();
        let request = request.clone();
        // Make room before the push: beyond its capacity the queue would double its memory and keep
        // it.
        while logins.len() >= MAX_RECENT_LOGINS {
            logins.pop_front();
        }
        logins.push_back(RecentLogin { before, credential: after, request, at: now, delivery, is_delivered });
        drop(logins);
        self.forget_logins(now);
    }

    /// Forgets the secrets of logins that no request can join any more.
    pub(super) fn forget_logins(&self, now: Timestamp) {
        let mut logins = self.recent_logins.0.lock();
        while logins.front().is_some_and(|login| now.since(login.at) >= PARALLEL_WINDOW) {
            logins.pop_front();
        }
    }

    /// Returns the result of another request of this process for the very same login with the same
    /// token, if that was a moment ago.
    pub(crate) fn same_login(
        &self,
        credential: &Credential,
        request: &LoginRequest,
    ) -> Option<(Credential, Option<Arc<PendingDelivery>>)> {
        let now = self.now();
        let logins = self.recent_logins.0.lock();
        let is_same = |login: &&RecentLogin| {
            login.before == (credential.selector, credential.fingerprint)
                && now.since(login.at) < PARALLEL_WINDOW
                && login.request == *request
        };
        let login = logins.iter().rev().find(is_same)?;
        let delivery = login.delivery.upgrade();
        // It was made and not delivered: its session is about to end.
        let is_lost = delivery.is_none() && !login.is_delivered.load(Ordering::Acquire);
        (!is_lost).then_some((login.credential, delivery))
    }

    /// Returns the login of the same principal, on any node, that replaced the client's token, with
    /// the values that this login keeps of its session. `None` if another principal's login or
    /// nothing of the kind replaced the token.
    pub(crate) async fn other_login(
        &self,
        replaced: &Credential,
        request: &LoginRequest,
    ) -> Result<Option<OtherLogin>, SessionError> {
        let entry = match self.entry_for(&replaced.selector).await {
            Ok(Some(entry)) => entry,
            Ok(None) => return Ok(None),
            // A record that does not decode has nothing to carry over, and must not prevent the
            // login.
            Err(error) if error.kind().is_unreadable() => return Ok(None),
            Err(error) => return Err(error),
        };
        let state = entry.state();
        let verifier = self.verifier_hasher.hash(&replaced.selector, &replaced.secret);
        let theirs = state.snapshot().filter(|snapshot| {
            snapshot
                .previous()
                .is_some_and(|(previous, _)| previous.verifier == verifier && previous.accepted_until().is_none())
        });
        let Some((snapshot, authentication)) = theirs.and_then(|snapshot| Some((snapshot, snapshot.authentication()?)))
        else {
            return Ok(None);
        };
        Ok((authentication.principal == request.principal).then(|| OtherLogin {
            replaced: *replaced,
            at: authentication.at,
            kept: kept(&snapshot.values, request),
        }))
    }
}

/// A login on another node that replaced a client's token, which this client presents.
#[derive(Debug)]
pub(crate) struct OtherLogin {
    /// The credential that the login replaced.
    pub(super) replaced: Credential,
    /// The instant of the login, by the clock of its node.
    pub(super) at: Timestamp,
    /// Edits that write the values of its session again that this login keeps.
    pub(crate) kept: Vec<ValueEdit>,
}

/// Returns edits that write the values again that the login keeps.
fn kept(values: &Values, request: &LoginRequest) -> Vec<ValueEdit> {
    let entries = values.unpacked();
    let kept = entries.iter().filter(|value_entry| request.keeps(value_entry.name()));
    kept.filter(|value_entry| matches!(value_entry.state(), ValueRef::Decoded(_) | ValueRef::Encoded(_)))
        .map(|value_entry| ValueEdit {
            key: value_entry.key(),
            expect: None,
            state: value_entry.to_state(),
            fresh_until: value_entry.fresh_until,
            size: value_entry.size,
            encoded: None,
        })
        .collect()
}
