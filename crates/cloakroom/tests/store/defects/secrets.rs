use std::sync::Arc;

use cloakroom::Clock;
use cloakroom::store::{Action, Commit, Committed, Guard, PreviousSecret, Selector, Store};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Ignores guards, so that anyone who knows a selector may write.
#[derive(Default)]
struct GuardsIgnored;

impl Defect for GuardsIgnored {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        commit.guard = Guard::Anyone;
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_store_without_guards_is_noticed() {
    assert_fails::<GuardsIgnored>(&[
        "commit/the_guard_comes_before_expectations",
        "commit/a_superseded_commit_changes_nothing",
        "commit/refusals_show_the_present_record",
        "exact-base/the_guard_comes_first",
        "rotation/a_wrong_secret_opens_nothing",
        "rotation/in_its_grace_the_old_secret_is_a_holder_but_not_current",
        "rotation/the_grace_ends",
        "rotation/an_old_secret_can_be_dead_at_once",
        "rotation/dead_at_once_holds_for_a_clock_that_lags",
        "rotation/a_grace_ends_by_the_latest_clock",
        "rotation/what_became_of_the_secret_before_is_not_said_of_the_next",
        "rotation/without_a_previous_the_old_secret_is_forgotten",
        "rotation/the_next_rotation_ends_the_grace_of_the_one_before",
        "lifetimes/refused_commits_do_not_restart_the_idle_timeout",
        "destroy/a_new_record_under_an_old_tag_inherits_nothing",
        "concurrency/one_of_many_rotations_wins",
        "coherence/a_copy_from_a_refusal_is_told_too",
    ]);
}

/// Renews for the previous secret too.
#[derive(Default)]
struct PreviousIsCurrent;

impl Defect for PreviousIsCurrent {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        if let Guard::Current(verifier) = commit.guard {
            commit.guard = Guard::Holder(verifier);
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn an_old_secret_that_counts_as_current_is_noticed() {
    assert_fails::<PreviousIsCurrent>(&["rotation/in_its_grace_the_old_secret_is_a_holder_but_not_current"]);
}

/// Lets the previous secret commit if `accepted` returns `true`.
async fn commit_by_previous_secret(
    inner: &Inner,
    selector: Selector,
    mut commit: Commit,
    accepted: impl Fn(PreviousSecret) -> bool + Send,
) -> StoreResult<Committed> {
    let previous = inner.record(selector).and_then(|record| record.previous);
    if let (Guard::Holder(presented), Some(previous)) = (commit.guard, previous)
        && presented == previous.verifier
        && accepted(previous)
    {
        commit.guard = Guard::Anyone;
    }
    inner.commit(selector, commit).await
}

/// Accepts the previous secret until the next rotation.
#[derive(Default)]
struct GraceWithoutEnd;

impl Defect for GraceWithoutEnd {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        commit_by_previous_secret(inner, selector, commit, |_| true).await
    }
}

#[test]
fn a_grace_without_end_is_noticed() {
    assert_fails::<GraceWithoutEnd>(&[
        "rotation/the_grace_ends",
        "rotation/an_old_secret_can_be_dead_at_once",
        "rotation/dead_at_once_holds_for_a_clock_that_lags",
        "rotation/a_grace_ends_by_the_latest_clock",
        "rotation/what_became_of_the_secret_before_is_not_said_of_the_next",
    ]);
}

/// Compares the end of a replaced secret with its own clock, which may lag behind that of the
/// node that replaced it.
#[derive(Default)]
struct ReplacedByOwnClock;

impl Defect for ReplacedByOwnClock {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let now = inner.clock.now();
        commit_by_previous_secret(inner, selector, commit, |previous| {
            previous.accepted_until().is_none() && now < previous.dead_since()
        })
        .await
    }
}

#[test]
fn a_replaced_secret_that_works_on_a_lagging_clock_is_noticed() {
    assert_fails::<ReplacedByOwnClock>(&["rotation/dead_at_once_holds_for_a_clock_that_lags"]);
}

/// Measures the grace by its own clock, which may lag behind that of the node that renewed.
#[derive(Default)]
struct GraceByOwnClock;

impl Defect for GraceByOwnClock {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let now = inner.clock.now();
        commit_by_previous_secret(inner, selector, commit, |previous| previous.is_accepted_at(now)).await
    }
}

#[test]
fn a_grace_that_is_extended_by_a_lagging_clock_is_noticed() {
    assert_fails::<GraceByOwnClock>(&["rotation/a_grace_ends_by_the_latest_clock"]);
}

/// Stores only an instant for a replaced secret, as if it had been renewed without a grace.
#[derive(Default)]
struct ReplacedKeptAsAnInstant;

impl Defect for ReplacedKeptAsAnInstant {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        if let Some(previous) = commit.rotation.as_mut().and_then(|rotation| rotation.previous.as_mut()) {
            *previous = PreviousSecret::renewed(previous.verifier, previous.dead_since());
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_replaced_secret_that_is_stored_as_an_instant_is_noticed() {
    assert_fails::<ReplacedKeptAsAnInstant>(&[
        "rotation/a_new_secret_replaces_the_old",
        "rotation/dead_at_once_holds_for_a_clock_that_lags",
        "rotation/what_became_of_the_secret_before_is_not_said_of_the_next",
        "logout/a_secret_dead_at_once_is_dead_for_a_clock_that_lags",
    ]);
}

/// Has no grace, so that parallel requests with the old token fail after a renewal.
#[derive(Default)]
struct NoGrace;

impl Defect for NoGrace {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        if let Guard::Holder(verifier) = commit.guard {
            commit.guard = Guard::Current(verifier);
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_store_without_grace_is_noticed() {
    assert_fails::<NoGrace>(&[
        "rotation/in_its_grace_the_old_secret_is_a_holder_but_not_current",
        "rotation/the_grace_ends",
        "rotation/what_became_of_the_secret_before_is_not_said_of_the_next",
        "rotation/the_next_rotation_ends_the_grace_of_the_one_before",
        "rotation/other_commits_leave_the_secrets_alone",
    ]);
}

/// Keeps all values of an anonymous session at a login.
#[derive(Default)]
struct LoginsKeepEverything;

impl Defect for LoginsKeepEverything {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        if let Some(rotation) = &mut commit.rotation {
            rotation.keep_only = None;
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_login_that_keeps_everything_is_noticed() {
    assert_fails::<LoginsKeepEverything>(&[
        "rotation/keep_only_removes_the_other_values",
        "rotation/keep_only_spares_what_the_same_commit_writes",
        "rotation/keep_only_of_nothing_removes_all",
    ]);
}

/// Removes values that the commit of the login writes.
#[derive(Default)]
struct LoginsClearTheirOwn;

impl Defect for LoginsClearTheirOwn {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        if let Some(kept) = commit.rotation.as_ref().and_then(|rotation| rotation.keep_only.clone()) {
            let cleared = |key: &Arc<str>| !kept.contains(key);
            commit.edits.iter_mut().filter(|edit| cleared(&edit.key)).for_each(|edit| edit.action = Action::Remove);
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_login_that_clears_its_own_values_is_noticed() {
    assert_fails::<LoginsClearTheirOwn>(&["rotation/keep_only_spares_what_the_same_commit_writes"]);
}

/// Keeps the former principal at a login.
#[derive(Default)]
struct AuthenticationKept;

impl Defect for AuthenticationKept {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        if inner.record(selector).is_some_and(|record| record.authentication.is_some())
            && let Some(rotation) = &mut commit.rotation
        {
            rotation.authentication = None;
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_login_that_keeps_the_former_principal_is_noticed() {
    assert_fails::<AuthenticationKept>(&[
        "rotation/an_authentication_is_replaced",
        "principals/a_session_that_is_about_to_log_in_keeps_its_place",
    ]);
}

/// Logs the user out at a renewal.
#[derive(Default)]
struct RenewalsLogOut;

impl Defect for RenewalsLogOut {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let renews = commit.rotation.as_ref().is_some_and(|rotation| rotation.authentication.is_none());
        let result = inner.commit(selector, commit).await?;
        if let (true, Committed::Done(_), Some(mut record)) = (renews, &result, inner.record(selector)) {
            record.authentication = None;
            inner.roll_back(selector, record);
        }
        Ok(result)
    }
}

#[test]
fn a_renewal_that_logs_out_is_noticed() {
    assert_fails::<RenewalsLogOut>(&["rotation/a_renewal_keeps_authentication_and_values"]);
}
