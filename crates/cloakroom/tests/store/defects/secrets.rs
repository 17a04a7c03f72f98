use std::sync::Arc;

use cloakroom::Clock;
use cloakroom::store::{Action, Commit, Committed, Guard, PreviousSecret, Selector, Store};

use super::{Answer, Defect, Sound, fails};

/// Anybody who knows a tag may write.
#[derive(Default)]
struct GuardsIgnored;

impl Defect for GuardsIgnored {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        commit.guard = Guard::Anyone;
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_store_without_guards_is_noticed() {
    fails::<GuardsIgnored>(&[
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

/// Renews for the old secret too.
#[derive(Default)]
struct HoldersAreCurrent;

impl Defect for HoldersAreCurrent {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        if let Guard::Current(verifier) = commit.guard {
            commit.guard = Guard::Holder(verifier);
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn an_old_secret_that_counts_as_current_is_noticed() {
    fails::<HoldersAreCurrent>(&["rotation/in_its_grace_the_old_secret_is_a_holder_but_not_current"]);
}

/// Lets an old secret in if `lingers` says so.
async fn old_secret(
    sound: &Sound,
    selector: Selector,
    mut commit: Commit,
    lingers: impl Fn(PreviousSecret) -> bool + Send,
) -> Answer<Committed> {
    let previous = sound.record(selector).and_then(|record| record.previous);
    if let (Guard::Holder(shown), Some(previous)) = (commit.guard, previous)
        && shown == previous.verifier
        && lingers(previous)
    {
        commit.guard = Guard::Anyone;
    }
    sound.commit(selector, commit).await
}

/// An old secret works until the next one is replaced.
#[derive(Default)]
struct GraceWithoutEnd;

impl Defect for GraceWithoutEnd {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        old_secret(sound, selector, commit, |_| true).await
    }
}

#[test]
fn a_grace_without_end_is_noticed() {
    fails::<GraceWithoutEnd>(&[
        "rotation/the_grace_ends",
        "rotation/an_old_secret_can_be_dead_at_once",
        "rotation/dead_at_once_holds_for_a_clock_that_lags",
        "rotation/a_grace_ends_by_the_latest_clock",
        "rotation/what_became_of_the_secret_before_is_not_said_of_the_next",
    ]);
}

/// Measures "dead at once" by its own clock, which may lag behind that of the node that said so.
#[derive(Default)]
struct ReplacedByOwnClock;

impl Defect for ReplacedByOwnClock {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let now = sound.clock.now();
        old_secret(sound, selector, commit, |previous| {
            previous.accepted_until().is_none() && now < previous.dead_since()
        })
        .await
    }
}

#[test]
fn a_replaced_secret_that_outlives_a_login_by_the_clocks_difference_is_noticed() {
    fails::<ReplacedByOwnClock>(&["rotation/dead_at_once_holds_for_a_clock_that_lags"]);
}

/// Measures a grace by its own clock, which may lag behind that of the node that renewed.
#[derive(Default)]
struct GraceByOwnClock;

impl Defect for GraceByOwnClock {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let now = sound.clock.now();
        old_secret(sound, selector, commit, |previous| previous.is_accepted_at(now)).await
    }
}

#[test]
fn a_grace_that_is_prolonged_by_the_clocks_difference_is_noticed() {
    fails::<GraceByOwnClock>(&["rotation/a_grace_ends_by_the_latest_clock"]);
}

/// Keeps of a replaced secret only an instant, as if it had been renewed without a grace.
#[derive(Default)]
struct ReplacedKeptAsAnInstant;

impl Defect for ReplacedKeptAsAnInstant {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        if let Some(previous) = commit.rotation.as_mut().and_then(|rotation| rotation.previous.as_mut()) {
            *previous = PreviousSecret::renewed(previous.verifier, previous.dead_since());
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_state_that_becomes_an_instant_is_noticed() {
    fails::<ReplacedKeptAsAnInstant>(&[
        "rotation/a_new_secret_replaces_the_old",
        "rotation/dead_at_once_holds_for_a_clock_that_lags",
        "rotation/what_became_of_the_secret_before_is_not_said_of_the_next",
        "logout/a_secret_dead_at_once_is_dead_for_a_clock_that_lags",
    ]);
}

/// No grace: parallel requests with the old token fail after a renewal.
#[derive(Default)]
struct NoGrace;

impl Defect for NoGrace {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        if let Guard::Holder(verifier) = commit.guard {
            commit.guard = Guard::Current(verifier);
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_store_without_grace_is_noticed() {
    fails::<NoGrace>(&[
        "rotation/in_its_grace_the_old_secret_is_a_holder_but_not_current",
        "rotation/the_grace_ends",
        "rotation/what_became_of_the_secret_before_is_not_said_of_the_next",
        "rotation/the_next_rotation_ends_the_grace_of_the_one_before",
        "rotation/other_commits_leave_the_secrets_alone",
    ]);
}

/// Carries an anonymous visitor's values into a login.
#[derive(Default)]
struct LoginsKeepEverything;

impl Defect for LoginsKeepEverything {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        if let Some(rotation) = &mut commit.rotation {
            rotation.keep_only = None;
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_login_that_keeps_everything_is_noticed() {
    fails::<LoginsKeepEverything>(&[
        "rotation/keep_only_removes_the_other_values",
        "rotation/keep_only_spares_what_the_same_commit_writes",
        "rotation/keep_only_of_nothing_removes_all",
    ]);
}

/// Clears away what the login itself wrote.
#[derive(Default)]
struct LoginsClearTheirOwn;

impl Defect for LoginsClearTheirOwn {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        if let Some(kept) = commit.rotation.as_ref().and_then(|rotation| rotation.keep_only.clone()) {
            let cleared = |key: &Arc<str>| !kept.contains(key);
            commit.edits.iter_mut().filter(|edit| cleared(&edit.key)).for_each(|edit| edit.action = Action::Remove);
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_login_that_clears_its_own_values_is_noticed() {
    fails::<LoginsClearTheirOwn>(&["rotation/keep_only_spares_what_the_same_commit_writes"]);
}

/// Logs in without saying whom.
#[derive(Default)]
struct AuthenticationKept;

impl Defect for AuthenticationKept {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        if sound.record(selector).is_some_and(|record| record.authentication.is_some())
            && let Some(rotation) = &mut commit.rotation
        {
            rotation.authentication = None;
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_login_that_keeps_the_former_principal_is_noticed() {
    fails::<AuthenticationKept>(&[
        "rotation/an_authentication_is_replaced",
        "principals/a_session_that_is_about_to_log_in_keeps_its_place",
    ]);
}

/// Logs out whoever renews.
#[derive(Default)]
struct RenewalsLogOut;

impl Defect for RenewalsLogOut {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let renews = commit.rotation.as_ref().is_some_and(|rotation| rotation.authentication.is_none());
        let answer = sound.commit(selector, commit).await?;
        if let (true, Committed::Done(_), Some(mut record)) = (renews, &answer, sound.record(selector)) {
            record.authentication = None;
            sound.roll_back(selector, record);
        }
        Ok(answer)
    }
}

#[test]
fn a_renewal_that_logs_out_is_noticed() {
    fails::<RenewalsLogOut>(&["rotation/a_renewal_keeps_authentication_and_values"]);
}
