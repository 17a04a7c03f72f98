//! New secrets: at a login, where the old one dies at once, and at a renewal, where it lingers.

use std::time::Duration;

use crate::cache::{Cell, EndReason, Login, Refused, Rotation, Snapshot, State, Term};
use crate::identity::{Authentication, PreviousState, Principal, Secret, Tag};
use crate::store::Admission;
use crate::sync::Arc;
use crate::time::{SKEW, Timestamp, whole_millis};

use super::bearer::{Bearer, Writer};
use super::commit::{CommitError, Proposal};
use super::delivery::{Delivery, Undo};
use super::engine::Engine;
use super::error::{SessionError, SessionErrorKind};
use super::events::EventKind;
use super::policy::LONGEST;

/// A login as the application asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginRequest {
    pub(crate) principal: Principal,
    pub(crate) label: Option<Arc<str>>,
    /// What an anonymous session may carry over.
    pub(crate) keep: Vec<&'static str>,
    /// "Remember me": the absolute lifetime, with the idle timeout lifted to it.
    pub(crate) remember: Option<Duration>,
    /// An idle timeout of the session's own.
    pub(crate) idle: Option<Duration>,
    /// Whether all other sessions of the principal end first.
    pub(crate) ends_others: bool,
}

/// How many bytes of a principal are kept with a session.
const LONGEST_PRINCIPAL: usize = 1024;
/// How many bytes of a label are kept with a session.
const LONGEST_LABEL: usize = 256;

impl LoginRequest {
    /// Whether all of it may be kept.
    pub(crate) fn check(&self) -> Result<(), SessionError> {
        let within = |what: &str, length: usize, most: usize| match length <= most {
            true => Ok(()),
            false => Err(SessionError::with_source(
                SessionErrorKind::TooLarge,
                format!("the {what} of the login has {length} bytes and may have {most}; give a shorter one"),
            )),
        };
        within("principal", self.principal.as_str().len(), LONGEST_PRINCIPAL)?;
        within("label", self.label.as_ref().map_or(0, |label| label.len()), LONGEST_LABEL)
    }
}

impl Engine {
    /// Logs a principal in to a session and rotates its secret; the old one is dead when this returns.
    pub(crate) async fn login(
        &self,
        bearer: &Bearer,
        cell: &Arc<Cell>,
        request: &LoginRequest,
    ) -> Result<NewToken, CommitError> {
        // One look for all that is decided by it. It holds until the commit, as every login replaces the secret.
        let before = Arc::clone(&cell.state());
        let snapshot = match &*before {
            State::Live(snapshot) => snapshot,
            State::Vacant(_) => return Err(Refused::Vacant.into()),
            State::Ended(reason) => return Err(Refused::Ended(*reason).into()),
        };
        let former = snapshot.principal().cloned();
        let until = self.term(snapshot, request, self.now()).absolute;
        loop {
            match self.admit(&request.principal, cell, until).await? {
                Admission::Admitted { displaced } => break self.displace(&request.principal, displaced).await?,
                Admission::Incomplete { displaced } => self.displace(&request.principal, displaced).await?,
                Admission::Refused => return Err(self.refused_limit(&request.principal, cell).into()),
            }
        }
        let outcome = self.log_in(bearer, cell, snapshot, request).await;
        if let Ok((after, made)) = &outcome {
            self.remember_login(bearer, *after, request, made);
            self.logged_in(cell, &request.principal, former).await;
        } else if self.store.is_none() && !is_session_of(cell, &request.principal) {
            // In a shared tier the member stays: another node may have just logged the session in
            // as this principal, and a member that is not theirs is left out wherever it is met.
            self.ledger.index.dismiss(&request.principal, cell);
        }
        outcome
    }

    /// Ends the sessions that have to make room before the new one is logged in, so that there are never more than may
    /// be. One that cannot be ended now is ended later; until then it stays listed, and nobody is logged in.
    async fn displace(&self, principal: &Principal, displaced: Vec<Tag>) -> Result<(), SessionError> {
        let ends = self.end_each(principal, displaced, EndReason::Displaced).await;
        self.unfinished.lock().extend(ends.failed.iter().map(|tag| (*tag, EndReason::Displaced)));
        ends.fault.map_or(Ok(()), Err)
    }

    async fn logged_in(&self, cell: &Arc<Cell>, principal: &Principal, former: Option<Principal>) {
        self.ledger.counters.logins.count();
        self.ledger.record(EventKind::LoggedIn, Some(&cell.tag), Some(principal));
        if self.store.is_none() {
            // Once more, in case a login of the same session that failed took it out. It has its place already.
            self.ledger.index.admit(principal, cell, None);
        }
        if let Some(former) = former.filter(|former| former != principal) {
            self.dismiss(&former, cell).await;
        }
    }

    async fn log_in(
        &self,
        bearer: &Bearer,
        cell: &Arc<Cell>,
        before: &Snapshot,
        request: &LoginRequest,
    ) -> Result<NewToken, CommitError> {
        let now = self.now();
        let keep_only = match before.principal() {
            // Re-authentication: nothing changes hands.
            Some(former) if *former == request.principal => None,
            // What somebody else left here is nobody's to carry over.
            Some(_) => Some(Vec::new()),
            None => Some(request.keep.clone()),
        };
        let authentication = Authentication::new(request.principal.clone(), now, request.label.clone());
        let term = self.term(before, request, now);
        let account = self.store.is_none().then(|| self.ledger.index.account(&request.principal)).flatten();
        let login = Some(Login { authentication, keep_only, account });
        let previous = PreviousState::Replaced { at: now };
        self.rotate(bearer, cell, self.writer(bearer, cell), previous, login, Some(term), Undo::End).await
    }

    /// How long the session may last from this login on.
    fn term(&self, before: &Snapshot, request: &LoginRequest, now: Timestamp) -> Term {
        let remembered = request.remember.map(|lifetime| (lifetime, lifetime));
        let remembered = remembered.or_else(|| kept_lifetimes(before, &request.principal));
        let (idle, absolute) = remembered.unwrap_or((self.policy.idle, self.policy.absolute));
        let idle = request.idle.unwrap_or(idle).min(absolute);
        Term { idle: whole_millis(idle), absolute: now.after(absolute), persistent: remembered.is_some() }
    }

    /// Renews the secret. `None` if the bearer's is not the present one: then somebody just did it.
    pub(crate) async fn renew(&self, bearer: &Bearer, cell: &Arc<Cell>) -> Result<Option<NewToken>, CommitError> {
        if cell.state().snapshot().is_some_and(|snapshot| snapshot.fingerprint != bearer.fingerprint) {
            return Ok(None);
        }
        let previous = PreviousState::Renewed { until: self.grace_until(cell) };
        match self.rotate(bearer, cell, self.unrotated(bearer), previous, None, None, Undo::Restore(*bearer)).await {
            Err(CommitError::Refused(Refused::Superseded)) => Ok(None),
            Err(error) => Err(error),
            Ok(renewed) => {
                self.ledger.counters.renewals.count();
                let state = cell.state();
                let principal = state.snapshot().and_then(|snapshot| snapshot.principal());
                self.ledger.record(EventKind::Renewed, Some(&cell.tag), principal);
                Ok(Some(renewed))
            }
        }
    }

    /// Until when a secret that is renewed now still works.
    ///
    /// Every tier ends the grace by the latest instant that it knows of, so it is counted from the latest that the record
    /// names: a node that is ahead would otherwise have ended it before it began. A clock that is ahead
    /// by more than nodes may differ by is not followed.
    fn grace_until(&self, cell: &Cell) -> Timestamp {
        let now = self.now();
        now.max(cell.last_seen().min(now.after(SKEW))).after(self.policy.grace)
    }

    /// Replaces the secret because the rights of the session change: the old one is dead when this returns.
    ///
    /// Only for the present secret. It proves nothing about who is there, so it must not give whoever holds a token
    /// that was renewed a new one.
    pub(crate) async fn elevate(&self, bearer: &Bearer, cell: &Arc<Cell>) -> Result<NewToken, CommitError> {
        let previous = PreviousState::Replaced { at: self.now() };
        let elevated = self.rotate(bearer, cell, self.unrotated(bearer), previous, None, None, Undo::End).await?;
        self.ledger.counters.elevations.count();
        let state = cell.state();
        let principal = state.snapshot().and_then(|snapshot| snapshot.principal());
        self.ledger.record(EventKind::Elevated, Some(&cell.tag), principal);
        Ok(elevated)
    }

    #[expect(clippy::too_many_arguments, reason = "each is one choice of a rotation")]
    async fn rotate(
        &self,
        bearer: &Bearer,
        cell: &Arc<Cell>,
        writer: Writer,
        previous: PreviousState,
        login: Option<Login>,
        term: Option<Term>,
        undo: Undo,
    ) -> Result<NewToken, CommitError> {
        let secret = Secret::generate(&*self.random).map_err(SessionError::from)?;
        let fingerprint = self.fingerprints.fingerprint(&secret);
        let verifier = self.verifiers.of(&bearer.tag, &secret);
        let rotation = Rotation { verifier, fingerprint, previous, login };
        let proposal = Proposal { edits: &[], rotation: Some(&rotation), term, base: None };
        let mut rotated = Bearer { tag: bearer.tag, secret, fingerprint, seen: None, opened: true, lineage: None };
        // Before it is made: whoever gives up meanwhile may have made it all the same.
        let made = self.deliver(&rotated, Some(cell), undo);
        let outcome = self.commit(cell, &writer, proposal).await;
        if outcome.as_ref().is_err_and(|error| !error.may_have_been_made()) {
            made.done();
        }
        rotated.seen = outcome?;
        cell.wake_watchers();
        Ok((rotated, made))
    }

    /// Enters the session into the index of its principal.
    async fn admit(
        &self,
        principal: &Principal,
        cell: &Arc<Cell>,
        until: Timestamp,
    ) -> Result<Admission, SessionError> {
        match &self.store {
            None => Ok(self.ledger.index.admit(principal, cell, self.policy.limit)),
            Some(store) => self.watched(store.admit(principal, cell.tag, until, self.policy.limit).await),
        }
    }

    fn refused_limit(&self, principal: &Principal, cell: &Cell) -> SessionError {
        self.ledger.counters.refused_limit.count();
        self.ledger.record(EventKind::LoginRefused, Some(&cell.tag), Some(principal));
        SessionError::new(SessionErrorKind::TooManySessions)
    }

    async fn dismiss(&self, principal: &Principal, cell: &Arc<Cell>) {
        match &self.store {
            None => self.ledger.index.dismiss(principal, cell),
            // A member that is logged in as somebody else is harmless and is cleaned up when it is met.
            Some(store) => drop(self.watched(store.dismiss(principal, vec![cell.tag]).await)),
        }
    }
}

/// A token that was just made, and what becomes of it if it is not delivered.
pub(crate) type NewToken = (Bearer, Arc<Delivery>);

/// "Remember me" without a login: the session ends after `lifetime`, whether it is used or not, and never later than its
/// creation or its last login allows.
pub(crate) fn remembered_within(lifetime: Duration, now: Timestamp, snapshot: &Snapshot) -> Term {
    let absolute = now.after(lifetime).min(snapshot.absolute);
    Term { idle: whole_millis(lifetime), absolute, persistent: true }
}

/// A remembered session stays remembered when its principal logs in again, for example to change a password: with the idle
/// timeout that it had, and for as long as the last login gave it.
fn kept_lifetimes(before: &Snapshot, principal: &Principal) -> Option<(Duration, Duration)> {
    let authentication = before.authentication().filter(|authentication| authentication.principal == *principal)?;
    let lifetime = before.absolute.since(authentication.at).min(LONGEST);
    before.is_persistent().then(|| (Duration::from_millis(before.idle), lifetime))
}

/// Whether the session, as it is now, is one of the principal's.
fn is_session_of(cell: &Cell, principal: &Principal) -> bool {
    cell.state().snapshot().and_then(|snapshot| snapshot.principal()) == Some(principal)
}
