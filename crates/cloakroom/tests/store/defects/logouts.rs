use cloakroom::Clock;
use cloakroom::store::{Destroyed, Guard, PreviousSecret, Selector, Store};
use tokio::task::yield_now;

use super::{Answer, Defect, Sound, fails};

/// A logout under any token that names the session ends it, also the login that has just replaced the token.
#[derive(Default)]
struct LogoutsUnguarded;

impl Defect for LogoutsUnguarded {
    async fn destroy(&self, sound: &Sound, selector: Selector, _: Guard) -> Answer<Destroyed> {
        sound.destroy(selector, Guard::Anyone).await
    }
}

#[test]
fn a_store_that_ignores_the_guard_of_a_logout_is_noticed() {
    fails::<LogoutsUnguarded>(&[
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

/// Checks the guard, and removes whatever is there by then.
#[derive(Default)]
struct LogoutLooksThenActs;

impl Defect for LogoutLooksThenActs {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        let Some(record) = sound.record(selector) else { return Ok(Destroyed::Gone) };
        match guard {
            Guard::Holder(shown) if shown == record.verifier => yield_now().await,
            guard => return sound.destroy(selector, guard).await,
        }
        sound.destroy(selector, Guard::Anyone).await
    }
}

#[test]
fn a_logout_that_looks_before_it_acts_is_noticed() {
    fails::<LogoutLooksThenActs>(&["concurrency/a_logout_never_ends_the_login_that_was_first"]);
}

/// A tab that a renewal overtook cannot log out.
#[derive(Default)]
struct LogoutsWithoutGrace;

impl Defect for LogoutsWithoutGrace {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        let guard = match guard {
            Guard::Holder(shown) => Guard::Current(shown),
            guard => guard,
        };
        sound.destroy(selector, guard).await
    }
}

#[test]
fn a_logout_without_grace_is_noticed() {
    fails::<LogoutsWithoutGrace>(&["logout/in_its_grace_the_old_secret_ends_the_session"]);
}

/// Counts the old secret as the present one.
#[derive(Default)]
struct HoldersAreCurrent;

impl Defect for HoldersAreCurrent {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        let guard = match guard {
            Guard::Current(shown) => Guard::Holder(shown),
            guard => guard,
        };
        sound.destroy(selector, guard).await
    }
}

#[test]
fn a_logout_for_which_an_old_secret_is_current_is_noticed() {
    fails::<HoldersAreCurrent>(&["logout/only_the_present_secret_is_current"]);
}

/// Lets an old secret end the session for as long as `lingers` says.
async fn by_old_secret(
    sound: &Sound,
    selector: Selector,
    guard: Guard,
    lingers: impl Fn(PreviousSecret) -> bool + Send,
) -> Answer<Destroyed> {
    let previous = sound.record(selector).and_then(|record| record.previous);
    match (guard, previous) {
        (Guard::Holder(shown), Some(previous)) if shown == previous.verifier && lingers(previous) => {
            sound.destroy(selector, Guard::Anyone).await
        }
        _ => sound.destroy(selector, guard).await,
    }
}

/// An old secret ends the session until the next one is replaced.
#[derive(Default)]
struct GraceWithoutEnd;

impl Defect for GraceWithoutEnd {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        by_old_secret(sound, selector, guard, |_| true).await
    }
}

#[test]
fn a_logout_whose_grace_has_no_end_is_noticed() {
    fails::<GraceWithoutEnd>(&[
        "logout/a_dead_secret_ends_nothing",
        "logout/the_grace_ends",
        "logout/a_secret_dead_at_once_is_dead_for_a_clock_that_lags",
        "logout/a_grace_ends_by_what_the_record_was_last_seen",
    ]);
}

/// Measures "dead at once" by its own clock, which may lag behind that of the node that said so.
#[derive(Default)]
struct ReplacedByOwnClock;

impl Defect for ReplacedByOwnClock {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        let now = sound.clock.now();
        by_old_secret(sound, selector, guard, |previous| {
            previous.accepted_until().is_none() && now < previous.dead_since()
        })
        .await
    }
}

#[test]
fn a_logout_under_a_replaced_secret_by_the_clocks_difference_is_noticed() {
    fails::<ReplacedByOwnClock>(&["logout/a_secret_dead_at_once_is_dead_for_a_clock_that_lags"]);
}

/// Measures a grace by its own clock, which may lag behind that of the node that renewed.
#[derive(Default)]
struct GraceByOwnClock;

impl Defect for GraceByOwnClock {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        let now = sound.clock.now();
        by_old_secret(sound, selector, guard, |previous| previous.is_accepted_at(now)).await
    }
}

#[test]
fn a_logout_whose_grace_is_prolonged_by_the_clocks_difference_is_noticed() {
    fails::<GraceByOwnClock>(&["logout/a_grace_ends_by_what_the_record_was_last_seen"]);
}

/// Says of a session that is gone that somebody else has its secret.
#[derive(Default)]
struct GuardBeforeExistence;

impl Defect for GuardBeforeExistence {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        match sound.destroy(selector, guard).await? {
            Destroyed::Gone if guard != Guard::Anyone => Ok(Destroyed::Superseded),
            answer => Ok(answer),
        }
    }
}

#[test]
fn a_guard_that_comes_before_existence_is_noticed() {
    fails::<GuardBeforeExistence>(&["logout/what_is_gone_is_gone_for_every_guard", "logout/a_repeat_is_harmless"]);
}
