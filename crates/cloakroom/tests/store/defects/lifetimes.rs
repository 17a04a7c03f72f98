use cloakroom::store::{Commit, Committed, Created, Guard, LeasedRecord, Record, Selector, Store, Touch};
use cloakroom::{Clock, Timestamp};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Has no clock, and relies on a clean-up job to delete expired sessions.
#[derive(Default)]
struct NoClock;

impl Defect for NoClock {
    const CLOCK_STOPPED: bool = true;
}

#[test]
fn a_store_without_a_clock_is_noticed() {
    assert_fails::<NoClock>(&[
        "touch/the_idle_timeout_starts_anew",
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/overdue_sessions_are_absent_for_every_verb",
        "lifetimes/a_commit_restarts_the_idle_timeout",
        "lifetimes/a_load_does_not_restart_the_idle_timeout",
        "lifetimes/refused_commits_do_not_restart_the_idle_timeout",
        "lifetimes/use_does_not_move_the_absolute_deadline",
        "lifetimes/a_commit_changes_both_lifetimes",
        "lifetimes/a_commit_may_shorten_them",
        "lifetimes/the_earlier_deadline_counts",
        "lifetimes/a_callers_wrong_clock_prolongs_nothing",
        "logout/the_grace_ends",
    ]);
}

/// Enforces the absolute deadline only.
#[derive(Default)]
struct IdleTimeoutIgnored;

impl IdleTimeoutIgnored {
    async fn destroy_if_overdue(inner: &Inner, selector: Selector) -> StoreResult<()> {
        let is_over = |record: Record| record.lifetimes.absolute_deadline() <= inner.clock.now();
        if inner.record(selector).is_some_and(is_over) {
            inner.destroy(selector, Guard::Anyone).await?;
        }
        Ok(())
    }
}

impl Defect for IdleTimeoutIgnored {
    const CLOCK_STOPPED: bool = true;

    async fn load(&self, inner: &Inner, selector: Selector) -> StoreResult<Option<LeasedRecord>> {
        Self::destroy_if_overdue(inner, selector).await?;
        inner.load(selector).await
    }

    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        Self::destroy_if_overdue(inner, selector).await?;
        inner.commit(selector, commit).await
    }
}

#[test]
fn an_ignored_idle_timeout_is_noticed() {
    assert_fails::<IdleTimeoutIgnored>(&[
        "touch/the_idle_timeout_starts_anew",
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/overdue_sessions_are_absent_for_every_verb",
        "lifetimes/a_commit_restarts_the_idle_timeout",
        "lifetimes/a_load_does_not_restart_the_idle_timeout",
        "lifetimes/refused_commits_do_not_restart_the_idle_timeout",
        "lifetimes/a_commit_changes_both_lifetimes",
        "lifetimes/a_commit_may_shorten_them",
        "lifetimes/the_earlier_deadline_counts",
        "lifetimes/a_callers_wrong_clock_prolongs_nothing",
        "logout/the_grace_ends",
    ]);
}

/// Moves the absolute deadline past the idle deadline when a session is used.
#[derive(Default)]
struct UseMovesTheDeadline;

impl Defect for UseMovesTheDeadline {
    async fn touch(&self, inner: &Inner, touches: Vec<Touch>) -> StoreResult<()> {
        for touch in &touches {
            if let Some(mut record) = inner.record(touch.selector) {
                let lifetimes = record.lifetimes;
                let deadline = lifetimes.absolute_deadline().max(touch.seen.after(lifetimes.idle_timeout()));
                record.lifetimes = lifetimes.with_absolute_deadline(deadline);
                inner.roll_back(touch.selector, record);
            }
        }
        inner.touch(touches).await
    }
}

#[test]
fn a_deadline_that_moves_with_use_is_noticed() {
    assert_fails::<UseMovesTheDeadline>(&[
        "touch/last_seen_moves_and_nothing_else",
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
        "lifetimes/use_does_not_move_the_absolute_deadline",
    ]);
}

/// Counts a load as use.
#[derive(Default)]
struct LoadsRestartIdleTimeout;

impl Defect for LoadsRestartIdleTimeout {
    async fn load(&self, inner: &Inner, selector: Selector) -> StoreResult<Option<LeasedRecord>> {
        if let Some(record) = inner.record(selector) {
            inner.touch(vec![Touch::new(selector, Guard::Anyone, record.last_seen)]).await?;
        }
        inner.load(selector).await
    }
}

#[test]
fn a_load_that_restarts_the_idle_timeout_is_noticed() {
    assert_fails::<LoadsRestartIdleTimeout>(&[
        "touch/the_idle_timeout_starts_anew",
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/a_commit_restarts_the_idle_timeout",
        "lifetimes/a_load_does_not_restart_the_idle_timeout",
        "lifetimes/a_commit_changes_both_lifetimes",
    ]);
}

/// Restarts the idle timeout before it checks whether the commit is accepted.
#[derive(Default)]
struct RefusalsRestartIdleTimeout;

impl Defect for RefusalsRestartIdleTimeout {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        if let Some(record) = inner.record(selector) {
            inner.touch(vec![Touch::new(selector, Guard::Anyone, record.last_seen)]).await?;
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_refused_commit_that_restarts_the_idle_timeout_is_noticed() {
    assert_fails::<RefusalsRestartIdleTimeout>(&["lifetimes/refused_commits_do_not_restart_the_idle_timeout"]);
}

/// Sets `last_seen` to the instant of a commit, even if that is earlier.
#[derive(Default)]
struct CommitsMoveLastSeenBack;

impl Defect for CommitsMoveLastSeenBack {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let (nonce, seen) = (commit.nonce, commit.now);
        let result = inner.commit(selector, commit).await?;
        if let Some(mut record) =
            inner.record(selector).filter(|record| record.nonce == nonce && record.last_seen > seen)
        {
            record.last_seen = seen;
            inner.roll_back(selector, record);
        }
        Ok(result)
    }
}

#[test]
fn a_commit_that_moves_last_seen_back_is_noticed() {
    assert_fails::<CommitsMoveLastSeenBack>(&["lifetimes/a_commit_from_the_past_does_not_move_last_seen"]);
}

/// Sets `last_seen` to the instant of a touch, even if that is earlier.
#[derive(Default)]
struct TouchesMoveLastSeenBack;

impl Defect for TouchesMoveLastSeenBack {
    async fn touch(&self, inner: &Inner, touches: Vec<Touch>) -> StoreResult<()> {
        for touch in touches {
            if let Some(mut record) = inner.record(touch.selector) {
                record.last_seen = touch.seen;
                inner.roll_back(touch.selector, record);
            }
        }
        Ok(())
    }
}

#[test]
fn a_touch_that_moves_last_seen_back_is_noticed() {
    assert_fails::<TouchesMoveLastSeenBack>(&[
        "touch/last_seen_never_goes_back",
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
    ]);
}

/// Skips the rest of a batch after the first session that is gone.
#[derive(Default)]
struct TouchesStopAtMissing;

impl Defect for TouchesStopAtMissing {
    async fn touch(&self, inner: &Inner, mut touches: Vec<Touch>) -> StoreResult<()> {
        let live = touches.iter().take_while(|touch| inner.record(touch.selector).is_some()).count();
        touches.truncate(live);
        inner.touch(touches).await
    }
}

#[test]
fn a_batch_that_stops_at_a_missing_session_is_noticed() {
    assert_fails::<TouchesStopAtMissing>(&["touch/what_is_gone_is_skipped"]);
}

/// Accepts touches without effect.
#[derive(Default)]
struct TouchesIgnored;

impl Defect for TouchesIgnored {
    async fn touch(&self, _: &Inner, _: Vec<Touch>) -> StoreResult<()> {
        Ok(())
    }
}

#[test]
fn ignored_touches_are_noticed() {
    assert_fails::<TouchesIgnored>(&[
        "touch/the_idle_timeout_starts_anew",
        "touch/last_seen_moves_and_nothing_else",
        "touch/last_seen_never_goes_back",
        "touch/a_batch_touches_every_session",
        "touch/what_is_gone_is_skipped",
        "touch/the_present_secret_touches",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_refused_touch_spoils_no_batch",
        "touch/a_caller_without_a_copy_touches_too",
        "lifetimes/use_does_not_move_the_absolute_deadline",
    ]);
}

/// Has one lifetime for all sessions, so that "remember me" has no effect.
#[derive(Default)]
struct LifetimesFixed;

impl Defect for LifetimesFixed {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        commit.lifetimes = None;
        inner.commit(selector, commit).await
    }
}

#[test]
fn fixed_lifetimes_are_noticed() {
    assert_fails::<LifetimesFixed>(&[
        "lifetimes/a_commit_changes_both_lifetimes",
        "lifetimes/a_commit_may_shorten_them",
    ]);
}

/// Stores instants as signed numbers, so that the largest one becomes negative.
#[derive(Default)]
struct InstantsSigned;

impl Defect for InstantsSigned {
    async fn create(&self, inner: &Inner, selector: Selector, mut record: Record) -> StoreResult<Created> {
        let signed = record.lifetimes.absolute_deadline().as_millis().cast_signed();
        let deadline = Timestamp::from_millis(signed.max(0).cast_unsigned());
        record.lifetimes = record.lifetimes.with_absolute_deadline(deadline);
        inner.create(selector, record).await
    }
}

#[test]
fn a_largest_instant_that_overflows_is_noticed() {
    assert_fails::<InstantsSigned>(&["lifetimes/lifetimes_without_an_end_are_no_fault"]);
}

/// Raises the version with every touch.
#[derive(Default)]
struct TouchesRaiseVersion;

impl Defect for TouchesRaiseVersion {
    async fn touch(&self, inner: &Inner, touches: Vec<Touch>) -> StoreResult<()> {
        for touch in &touches {
            if let Some(mut record) = inner.record(touch.selector) {
                record.version += 1;
                inner.roll_back(touch.selector, record);
            }
        }
        inner.touch(touches).await
    }
}

#[test]
fn a_touch_that_raises_the_version_is_noticed() {
    assert_fails::<TouchesRaiseVersion>(&[
        "touch/last_seen_moves_and_nothing_else",
        "touch/last_seen_never_goes_back",
        "touch/a_commit_from_before_still_fits",
        "touch/the_present_secret_touches",
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
        "concurrency/touches_lose_no_commit",
    ]);
}

/// Ignores the guards of touches.
#[derive(Default)]
struct TouchesUnguarded;

impl Defect for TouchesUnguarded {
    async fn touch(&self, inner: &Inner, mut touches: Vec<Touch>) -> StoreResult<()> {
        touches.iter_mut().for_each(|touch| touch.guard = Guard::Anyone);
        inner.touch(touches).await
    }
}

#[test]
fn touches_without_a_guard_are_noticed() {
    assert_fails::<TouchesUnguarded>(&[
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
    ]);
}

/// Requires the current secret for every touch, even during a grace.
#[derive(Default)]
struct TouchesWithoutGrace;

impl Defect for TouchesWithoutGrace {
    async fn touch(&self, inner: &Inner, mut touches: Vec<Touch>) -> StoreResult<()> {
        for touch in &mut touches {
            if let Guard::Holder(presented) = touch.guard {
                touch.guard = Guard::Current(presented);
            }
        }
        inner.touch(touches).await
    }
}

#[test]
fn touches_without_a_grace_are_noticed() {
    assert_fails::<TouchesWithoutGrace>(&["touch/in_its_grace_the_previous_secret_touches"]);
}

/// Skips the rest of a batch after the first touch that is refused.
#[derive(Default)]
struct TouchesStopAtRefused;

impl Defect for TouchesStopAtRefused {
    async fn touch(&self, inner: &Inner, mut touches: Vec<Touch>) -> StoreResult<()> {
        let holds = |touch: &Touch| match (touch.guard, inner.record(touch.selector)) {
            (Guard::Holder(presented), Some(record)) => presented == record.verifier || record.previous.is_some(),
            _ => true,
        };
        let good = touches.iter().take_while(|touch| holds(touch)).count();
        touches.truncate(good);
        inner.touch(touches).await
    }
}

#[test]
fn a_batch_that_stops_at_a_refused_touch_is_noticed() {
    assert_fails::<TouchesStopAtRefused>(&["touch/a_refused_touch_spoils_no_batch"]);
}
