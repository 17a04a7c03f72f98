use cloakroom::Clock;
use cloakroom::store::{Destroyed, Guard, PreviousSecret, Selector, Store};
use tokio::task::yield_now;

use super::{Defect, Inner, StoreResult, assert_fails};

/// Ends a session for any token with its selector, even if a login has just replaced that token.
#[derive(Default)]
struct LogoutsUnguarded;

impl Defect for LogoutsUnguarded {
    async fn destroy(&self, inner: &Inner, selector: Selector, _: Guard) -> StoreResult<Destroyed> {
        inner.destroy(selector, Guard::Anyone).await
    }
}

#[test]
fn a_store_that_ignores_the_guard_of_a_logout_is_noticed() {
    assert_fails::<LogoutsUnguarded>(&[
        "logout/a_wrong_secret_ends_nothing",
        "logout/only_the_present_secret_is_current",
        "logout/a_dead_secret_ends_nothing",
        "logout/the_grace_ends",
        "logout/a_secret_dead_at_once_is_dead_for_a_clock_that_lags",
        "logout/a_grace_ends_by_what_the_record_was_last_seen",
        "logout/a_repeat_is_harmless",
        "concurrency/a_logout_never_ends_the_login_that_was_first",
    ]);
}

/// Checks the guard first, and then destroys the record that is there by then.
#[derive(Default)]
struct LogoutChecksThenActs;

impl Defect for LogoutChecksThenActs {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        let Some(record) = inner.record(selector) else { return Ok(Destroyed::Gone) };
        match guard {
            Guard::Holder(presented) if presented == record.verifier => yield_now().await,
            guard => return inner.destroy(selector, guard).await,
        }
        inner.destroy(selector, Guard::Anyone).await
    }
}

#[test]
fn a_logout_that_checks_before_it_acts_is_noticed() {
    assert_fails::<LogoutChecksThenActs>(&["concurrency/a_logout_never_ends_the_login_that_was_first"]);
}

/// Refuses the previous secret during its grace, for example that of another tab.
#[derive(Default)]
struct LogoutsWithoutGrace;

impl Defect for LogoutsWithoutGrace {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        let guard = match guard {
            Guard::Holder(presented) => Guard::Current(presented),
            guard => guard,
        };
        inner.destroy(selector, guard).await
    }
}

#[test]
fn a_logout_without_grace_is_noticed() {
    assert_fails::<LogoutsWithoutGrace>(&["logout/in_its_grace_the_old_secret_ends_the_session"]);
}

/// Takes the previous secret for the current one.
#[derive(Default)]
struct PreviousIsCurrent;

impl Defect for PreviousIsCurrent {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        let guard = match guard {
            Guard::Current(presented) => Guard::Holder(presented),
            guard => guard,
        };
        inner.destroy(selector, guard).await
    }
}

#[test]
fn a_logout_that_takes_the_previous_secret_for_current_is_noticed() {
    assert_fails::<PreviousIsCurrent>(&["logout/only_the_present_secret_is_current"]);
}

/// Lets the previous secret end the session if `accepted` returns `true`.
async fn destroy_by_previous_secret(
    inner: &Inner,
    selector: Selector,
    guard: Guard,
    accepted: impl Fn(PreviousSecret) -> bool + Send,
) -> StoreResult<Destroyed> {
    let previous = inner.record(selector).and_then(|record| record.previous);
    match (guard, previous) {
        (Guard::Holder(presented), Some(previous)) if presented == previous.verifier && accepted(previous) => {
            inner.destroy(selector, Guard::Anyone).await
        }
        _ => inner.destroy(selector, guard).await,
    }
}

/// Accepts the previous secret until the next rotation.
#[derive(Default)]
struct GraceWithoutEnd;

impl Defect for GraceWithoutEnd {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        destroy_by_previous_secret(inner, selector, guard, |_| true).await
    }
}

#[test]
fn a_logout_whose_grace_has_no_end_is_noticed() {
    assert_fails::<GraceWithoutEnd>(&[
        "logout/a_dead_secret_ends_nothing",
        "logout/the_grace_ends",
        "logout/a_secret_dead_at_once_is_dead_for_a_clock_that_lags",
        "logout/a_grace_ends_by_what_the_record_was_last_seen",
    ]);
}

/// Compares the end of a replaced secret with its own clock, which may lag behind that of the
/// node that replaced it.
#[derive(Default)]
struct ReplacedByOwnClock;

impl Defect for ReplacedByOwnClock {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        let now = inner.clock.now();
        destroy_by_previous_secret(inner, selector, guard, |previous| {
            previous.accepted_until().is_none() && now < previous.dead_since()
        })
        .await
    }
}

#[test]
fn a_logout_with_a_replaced_secret_on_a_lagging_clock_is_noticed() {
    assert_fails::<ReplacedByOwnClock>(&["logout/a_secret_dead_at_once_is_dead_for_a_clock_that_lags"]);
}

/// Measures the grace by its own clock, which may lag behind that of the node that renewed.
#[derive(Default)]
struct GraceByOwnClock;

impl Defect for GraceByOwnClock {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        let now = inner.clock.now();
        destroy_by_previous_secret(inner, selector, guard, |previous| previous.is_accepted_at(now)).await
    }
}

#[test]
fn a_logout_whose_grace_is_extended_by_a_lagging_clock_is_noticed() {
    assert_fails::<GraceByOwnClock>(&["logout/a_grace_ends_by_what_the_record_was_last_seen"]);
}

/// Reports a session that is gone as superseded.
#[derive(Default)]
struct GuardBeforeExistence;

impl Defect for GuardBeforeExistence {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        match inner.destroy(selector, guard).await? {
            Destroyed::Gone if guard != Guard::Anyone => Ok(Destroyed::Superseded),
            result => Ok(result),
        }
    }
}

#[test]
fn a_guard_that_is_checked_before_existence_is_noticed() {
    assert_fails::<GuardBeforeExistence>(&[
        "logout/what_is_gone_is_gone_for_every_guard",
        "logout/a_repeat_is_harmless",
    ]);
}
