//! New secrets: a login or a rotation kills the old one at once, a renewal keeps it for a grace
//! period.

use std::borrow::Cow;
use std::time::Duration;

use crate::cache::{ChangeError, EndReason, Entry, LoginChange, SecretRotation, Snapshot, Values};
use crate::lifetimes::Lifetimes;
use crate::store::Admission;
use crate::sync::Arc;
use crate::time::{SKEW, Timestamp};
use crate::token::{Authentication, PreviousSecretState, Principal, Secret, Selector};

use super::commit::{CommitError, ProposedChange};
use super::credential::{ChangeAuthor, Credential};
use super::delivery::{PendingDelivery, Undo};
use crate::config::MAX_LIFETIME;
use crate::engine::Engine;
use crate::error::{SessionError, SessionErrorKind};
use crate::telemetry::EventKind;

/// A login as requested by the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LoginRequest {
    pub(crate) principal: Principal,
    pub(crate) label: Option<Arc<str>>,
    /// Keys of the values that an anonymous session carries over.
    pub(crate) keep: Vec<Cow<'static, str>>,
    /// Start of the keys of further values that an anonymous session carries over.
    pub(crate) keep_prefix: Option<&'static str>,
    /// "Remember me": the absolute lifetime, with the idle timeout lifted to it.
    pub(crate) remember: Option<Duration>,
    /// An idle timeout for this session alone.
    pub(crate) idle: Option<Duration>,
    /// `true` if all other sessions of the principal end before the login.
    pub(crate) ends_others: bool,
}

/// Maximum length of a principal, in bytes.
const MAX_PRINCIPAL_BYTES: usize = 1024;
/// Maximum length of a label, in bytes.
const MAX_LABEL_BYTES: usize = 256;

impl LoginRequest {
    /// Returns `true` if an anonymous session carries over the value under `key`.
    pub(super) fn keeps(&self, key: &str) -> bool {
        self.keep_prefix.is_some_and(|prefix| key.starts_with(prefix)) || self.keep.iter().any(|kept| kept == key)
    }

    /// Returns the keys of the values that an anonymous session with these values carries over.
    fn keys_to_keep(&self, values: &Values) -> Vec<Cow<'static, str>> {
        let mut keys = self.keep.clone();
        if self.keep_prefix.is_some() {
            let carried = values.keys().into_iter().filter(|key| self.keeps(key.as_str()));
            keys.extend(carried.map(|key| Cow::Owned(key.as_str().to_owned())));
        }
        keys
    }

    /// Returns an error if the principal or the label is too long to be stored.
    pub(crate) fn check(&self) -> Result<(), SessionError> {
        let within = |what: &str, length: usize, most: usize| match length <= most {
            true => Ok(()),
            false => Err(SessionError::with_source(
                SessionErrorKind::TooLarge,
                format!("the {what} of the login has {length} bytes; use at most {most}"),
            )),
        };
        within("principal", self.principal.as_str().len(), MAX_PRINCIPAL_BYTES)?;
        within("label", self.label.as_ref().map_or(0, |label| label.len()), MAX_LABEL_BYTES)
    }
}

impl Engine {
    /// Logs a principal in to a session and rotates the secret. The old secret is dead when this
    /// returns.
    pub(crate) async fn login(
        &self,
        credential: &Credential,
        entry: &Arc<Entry>,
        request: &LoginRequest,
    ) -> Result<NewToken, CommitError> {
        self.login_with(credential, entry, request, self.new_secret(Undo::End)?).await
    }

    /// Logs a principal in, like `login`, under this secret.
    pub(super) async fn login_with(
        &self,
        credential: &Credential,
        entry: &Arc<Entry>,
        request: &LoginRequest,
        new: NewSecret,
    ) -> Result<NewToken, CommitError> {
        // One snapshot for all decisions below. It is valid until the commit, because a concurrent
        // login replaces the secret and makes the commit fail.
        let before = entry.state();
        let snapshot = before.require_live()?;
        let former = snapshot.principal().cloned();
        let until = self.lifetimes(snapshot, request, self.now()).absolute_deadline();
        loop {
            match self.add_member(&request.principal, entry, until).await? {
                Admission::Admitted { displaced } => break self.end_displaced(&request.principal, displaced).await?,
                Admission::Incomplete { displaced } => self.end_displaced(&request.principal, displaced).await?,
                Admission::Refused => return Err(self.refused_limit(&request.principal, entry).into()),
            }
        }
        let outcome = self.log_in(credential, entry, snapshot, request, new).await;
        if let Ok((after, made)) = &outcome {
            self.remember_login(credential, *after, request, made);
            self.logged_in(entry, &request.principal, former).await;
        } else if self.store.is_none() && !is_session_of(entry, &request.principal) {
            // On the shared tier the member stays: another node may have just logged the session in
            // as this principal, and readers of the index skip members of another principal.
            self.principals.remove(&request.principal, entry);
        }
        outcome
    }

    /// Ends the displaced sessions before the new login is made, so that the limit is never
    /// exceeded. A session that cannot be ended now is ended later; until then it stays listed, and
    /// the login fails.
    async fn end_displaced(&self, principal: &Principal, displaced: Vec<Selector>) -> Result<(), SessionError> {
        let ends = self.end_many(principal, displaced, EndReason::Displaced).await;
        self.backlog.destroys.lock().extend(ends.failed.iter().map(|selector| (*selector, EndReason::Displaced)));
        ends.fault.map_or(Ok(()), Err)
    }

    async fn logged_in(&self, entry: &Arc<Entry>, principal: &Principal, former: Option<Principal>) {
        self.telemetry.counters.logins.count();
        self.telemetry.announce(EventKind::LoggedIn, Some(&entry.selector), Some(principal));
        if self.store.is_none() {
            // Add it again, in case a failed login of the same session has removed it. Without a
            // limit, because the session was admitted before.
            self.principals.add(principal, entry, None);
        }
        self.principal_watchers.notify(principal);
        if let Some(former) = former.filter(|former| former != principal) {
            self.remove_member(&former, entry).await;
            self.principal_watchers.notify(&former);
        }
    }

    async fn log_in(
        &self,
        credential: &Credential,
        entry: &Arc<Entry>,
        before: &Snapshot,
        request: &LoginRequest,
        new: NewSecret,
    ) -> Result<NewToken, CommitError> {
        let now = self.now();
        let keep_only = match before.principal() {
            // Re-authentication of the same principal keeps all values.
            Some(former) if *former == request.principal => None,
            // The values of another principal are never carried over.
            Some(_) => Some(Vec::new()),
            None => Some(request.keys_to_keep(&before.values)),
        };
        let label = request.label.clone().or_else(|| inherited_label(before, &request.principal));
        let authentication = Authentication::new(request.principal.clone(), now, label);
        let lifetimes = self.lifetimes(before, request, now);
        let account = self.store.is_none().then(|| self.principals.account(&request.principal)).flatten();
        let login = Some(LoginChange { authentication, keep_only, account });
        let previous = PreviousSecretState::Replaced { at: now };
        self.rotate(credential, entry, self.writer(credential, entry), previous, login, Some(lifetimes), new).await
    }

    /// Returns the lifetimes of the session from this login on.
    fn lifetimes(&self, before: &Snapshot, request: &LoginRequest, now: Timestamp) -> Lifetimes {
        let remembered = request.remember.map(|lifetime| (lifetime, lifetime));
        let remembered = remembered.or_else(|| inherited_lifetimes(before, &request.principal));
        let (idle, absolute) = remembered.unwrap_or((self.policy.idle, self.policy.absolute));
        let idle = request.idle.unwrap_or(idle).min(absolute);
        Lifetimes::new(before.lifetimes.created_at(), idle, now.after(absolute)).with_persistent(remembered.is_some())
    }

    /// Renews the secret. `None` if the client's secret is not the current one, because another
    /// request has just renewed it.
    pub(crate) async fn renew(
        &self,
        credential: &Credential,
        entry: &Arc<Entry>,
    ) -> Result<Option<NewToken>, CommitError> {
        let is_other = |snapshot: &Snapshot| snapshot.fingerprint != credential.fingerprint;
        if entry.read(|state| state.snapshot().is_some_and(is_other)) {
            return Ok(None);
        }
        let previous = PreviousSecretState::Renewed { until: self.grace_until(entry) };
        match self
            .rotate(
                credential,
                entry,
                self.current_secret_of(credential),
                previous,
                None,
                None,
                self.new_secret(Undo::Restore(*credential))?,
            )
            .await
        {
            Err(CommitError::Refused(ChangeError::Superseded)) => Ok(None),
            Err(error) => Err(error),
            Ok(renewed) => {
                self.telemetry.counters.renewals.count();
                let state = entry.state();
                let principal = state.snapshot().and_then(|snapshot| snapshot.principal());
                self.telemetry.announce(EventKind::Renewed, Some(&entry.selector), principal);
                Ok(Some(renewed))
            }
        }
    }

    /// Returns the instant until which a secret that is renewed now still works.
    ///
    /// Every tier ends the grace period by the latest instant that it knows, so it is counted from
    /// the latest instant in the record. Otherwise a node whose clock is ahead would have ended it
    /// before it began. A clock that is ahead by more than clocks may differ is not followed.
    fn grace_until(&self, entry: &Entry) -> Timestamp {
        let now = self.now();
        now.max(entry.last_seen().min(now.after(SKEW))).after(self.policy.grace)
    }

    /// Rotates the secret because the rights of the session change. The old secret is dead when
    /// this returns.
    ///
    /// Requires the current secret. A rotation does not authenticate anyone, so it must not issue a
    /// new token for one that was renewed already.
    pub(crate) async fn rotate_secret(
        &self,
        credential: &Credential,
        entry: &Arc<Entry>,
    ) -> Result<NewToken, CommitError> {
        self.rotate_secret_with(credential, entry, self.new_secret(Undo::End)?).await
    }

    /// Rotates the secret, like `rotate_secret`, to this one.
    pub(super) async fn rotate_secret_with(
        &self,
        credential: &Credential,
        entry: &Arc<Entry>,
        new: NewSecret,
    ) -> Result<NewToken, CommitError> {
        let previous = PreviousSecretState::Replaced { at: self.now() };
        let rotated =
            self.rotate(credential, entry, self.current_secret_of(credential), previous, None, None, new).await?;
        self.telemetry.counters.rotations.count();
        let state = entry.state();
        let principal = state.snapshot().and_then(|snapshot| snapshot.principal());
        self.telemetry.announce(EventKind::Rotated, Some(&entry.selector), principal);
        Ok(rotated)
    }

    #[expect(clippy::too_many_arguments, reason = "each is one choice of a rotation")]
    async fn rotate(
        &self,
        credential: &Credential,
        entry: &Arc<Entry>,
        writer: ChangeAuthor,
        previous: PreviousSecretState,
        login: Option<LoginChange>,
        lifetimes: Option<Lifetimes>,
        NewSecret { secret, undo }: NewSecret,
    ) -> Result<NewToken, CommitError> {
        let fingerprint = self.fingerprints.fingerprint(&secret);
        let verifier = self.verifier_hasher.hash(&credential.selector, &secret);
        let rotation = SecretRotation { verifier, fingerprint, previous, login };
        let proposal = ProposedChange { edits: &[], rotation: Some(&rotation), lifetimes, base: None };
        let mut rotated = Credential {
            selector: credential.selector,
            secret,
            fingerprint,
            client_version: None,
            has_opened: true,
            lineage: None,
        };
        // Registered before the commit: a request that is dropped meanwhile may have made the
        // change all the same.
        let made = self.deliver(&rotated, Some(entry), undo);
        let outcome = self.commit(entry, &writer, proposal).await;
        if outcome.as_ref().is_err_and(|error| !error.may_have_been_made()) {
            made.disarm();
        }
        rotated.client_version = outcome?;
        entry.recheck_watchers();
        Ok((rotated, made))
    }

    fn new_secret(&self, undo: Undo) -> Result<NewSecret, SessionError> {
        Ok(NewSecret { secret: Secret::generate(&*self.random)?, undo: Some(undo) })
    }

    fn refused_limit(&self, principal: &Principal, entry: &Entry) -> SessionError {
        self.telemetry.counters.refused_limit.count();
        self.telemetry.announce(EventKind::LoginRefused, Some(&entry.selector), Some(principal));
        SessionError::new(SessionErrorKind::TooManySessions)
    }
}

/// The secret of a new token, and what happens if its client never gets it.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewSecret {
    pub(super) secret: Secret,
    pub(super) undo: Option<Undo>,
}

/// A new token, and the guard that undoes it if it is not delivered.
pub(crate) type NewToken = (Credential, Arc<PendingDelivery>);

/// Returns the lifetimes of "remember me" without a login: the session ends after `lifetime`,
/// whether it is used or not, and never later than its creation or its last login allows.
pub(crate) fn remember_me_lifetimes(lifetime: Duration, now: Timestamp, snapshot: &Snapshot) -> Lifetimes {
    let absolute = now.after(lifetime).min(snapshot.lifetimes.absolute_deadline());
    snapshot.lifetimes.with_idle_timeout(lifetime).with_absolute_deadline(absolute).with_persistent(true)
}

/// Returns the lifetimes of a remembered session whose principal logs in again, for example to
/// change a password. It stays remembered, with the idle timeout that it had and for as long as the
/// last login gave it.
fn inherited_lifetimes(before: &Snapshot, principal: &Principal) -> Option<(Duration, Duration)> {
    let authentication = before.authentication().filter(|authentication| authentication.principal == *principal)?;
    let lifetime = before.lifetimes.absolute_deadline().since(authentication.at).min(MAX_LIFETIME);
    before.lifetimes.is_persistent().then(|| (before.lifetimes.idle_timeout(), lifetime))
}

/// Returns the label of the present login of the same principal: a new login that names none, as
/// after a change of the password, is on the same device.
fn inherited_label(before: &Snapshot, principal: &Principal) -> Option<Arc<str>> {
    before.authentication().filter(|present| present.principal == *principal)?.label.clone()
}

/// Returns `true` if the session belongs to the principal now.
fn is_session_of(entry: &Entry, principal: &Principal) -> bool {
    entry.read(|state| state.snapshot().and_then(|snapshot| snapshot.principal()) == Some(principal))
}
