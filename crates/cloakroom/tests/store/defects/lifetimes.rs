use cloakroom::store::{Commit, Committed, Created, Guard, LeasedRecord, Record, Selector, Store, Touch};
use cloakroom::{Clock, Timestamp};

use super::{Answer, Defect, Sound, fails};

/// Knows no time: a clean-up job is to delete what is over, some day.
#[derive(Default)]
struct NoClock;

impl Defect for NoClock {
    const STOPPED: bool = true;
}

#[test]
fn a_store_without_a_clock_is_noticed() {
    fails::<NoClock>(&[
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
struct IdleForgotten;

impl IdleForgotten {
    async fn bury(sound: &Sound, selector: Selector) -> Answer<()> {
        let is_over = |record: Record| record.lifetimes.absolute_deadline <= sound.clock.now();
        if sound.record(selector).is_some_and(is_over) {
            sound.destroy(selector, Guard::Anyone).await?;
        }
        Ok(())
    }
}

impl Defect for IdleForgotten {
    const STOPPED: bool = true;

    async fn load(&self, sound: &Sound, selector: Selector) -> Answer<Option<LeasedRecord>> {
        Self::bury(sound, selector).await?;
        sound.load(selector).await
    }

    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        Self::bury(sound, selector).await?;
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_forgotten_idle_timeout_is_noticed() {
    fails::<IdleForgotten>(&[
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

/// Takes the later of the two deadlines, once a session is used.
#[derive(Default)]
struct UseMovesTheDeadline;

impl Defect for UseMovesTheDeadline {
    async fn touch(&self, sound: &Sound, touches: Vec<Touch>) -> Answer<()> {
        for touch in &touches {
            if let Some(mut record) = sound.record(touch.selector) {
                record.lifetimes.absolute_deadline =
                    record.lifetimes.absolute_deadline.max(touch.seen.after(record.lifetimes.idle_timeout));
                sound.roll_back(touch.selector, record);
            }
        }
        sound.touch(touches).await
    }
}

#[test]
fn a_deadline_that_moves_with_use_is_noticed() {
    fails::<UseMovesTheDeadline>(&[
        "touch/last_seen_moves_and_nothing_else",
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
        "lifetimes/use_does_not_move_the_absolute_deadline",
    ]);
}

/// Counts reading as being seen.
#[derive(Default)]
struct LoadsProlong;

impl Defect for LoadsProlong {
    async fn load(&self, sound: &Sound, selector: Selector) -> Answer<Option<LeasedRecord>> {
        if let Some(record) = sound.record(selector) {
            sound.touch(vec![Touch::new(selector, Guard::Anyone, record.last_seen)]).await?;
        }
        sound.load(selector).await
    }
}

#[test]
fn a_load_that_prolongs_is_noticed() {
    fails::<LoadsProlong>(&[
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

/// Starts the idle timeout anew before it looks whether it may.
#[derive(Default)]
struct RefusalsProlong;

impl Defect for RefusalsProlong {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        if let Some(record) = sound.record(selector) {
            sound.touch(vec![Touch::new(selector, Guard::Anyone, record.last_seen)]).await?;
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_refused_commit_that_prolongs_is_noticed() {
    fails::<RefusalsProlong>(&["lifetimes/refused_commits_do_not_restart_the_idle_timeout"]);
}

/// Takes the instant of a commit for the last that was seen, whatever it knows.
#[derive(Default)]
struct CommitsGoBack;

impl Defect for CommitsGoBack {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let (nonce, seen) = (commit.nonce, commit.now);
        let answer = sound.commit(selector, commit).await?;
        if let Some(mut record) =
            sound.record(selector).filter(|record| record.nonce == nonce && record.last_seen > seen)
        {
            record.last_seen = seen;
            sound.roll_back(selector, record);
        }
        Ok(answer)
    }
}

#[test]
fn a_commit_that_goes_back_is_noticed() {
    fails::<CommitsGoBack>(&["lifetimes/a_commit_from_the_past_does_not_move_last_seen"]);
}

/// Writes whatever it is told was last seen.
#[derive(Default)]
struct TouchesGoBack;

impl Defect for TouchesGoBack {
    async fn touch(&self, sound: &Sound, touches: Vec<Touch>) -> Answer<()> {
        for touch in touches {
            if let Some(mut record) = sound.record(touch.selector) {
                record.last_seen = touch.seen;
                sound.roll_back(touch.selector, record);
            }
        }
        Ok(())
    }
}

#[test]
fn a_touch_that_goes_back_is_noticed() {
    fails::<TouchesGoBack>(&[
        "touch/last_seen_never_goes_back",
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
    ]);
}

/// Gives the rest of a batch up at the first session that is gone.
#[derive(Default)]
struct TouchesStopEarly;

impl Defect for TouchesStopEarly {
    async fn touch(&self, sound: &Sound, mut touches: Vec<Touch>) -> Answer<()> {
        let live = touches.iter().take_while(|touch| sound.record(touch.selector).is_some()).count();
        touches.truncate(live);
        sound.touch(touches).await
    }
}

#[test]
fn a_batch_that_stops_early_is_noticed() {
    fails::<TouchesStopEarly>(&["touch/what_is_gone_is_skipped"]);
}

/// Takes touches, and does nothing.
#[derive(Default)]
struct TouchesIgnored;

impl Defect for TouchesIgnored {
    async fn touch(&self, _: &Sound, _: Vec<Touch>) -> Answer<()> {
        Ok(())
    }
}

#[test]
fn ignored_touches_are_noticed() {
    fails::<TouchesIgnored>(&[
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

/// Knows one lifetime for all sessions: "remember me" does nothing.
#[derive(Default)]
struct LifetimesFixed;

impl Defect for LifetimesFixed {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        commit.lifetimes = None;
        sound.commit(selector, commit).await
    }
}

#[test]
fn fixed_lifetimes_are_noticed() {
    fails::<LifetimesFixed>(&["lifetimes/a_commit_changes_both_lifetimes", "lifetimes/a_commit_may_shorten_them"]);
}

/// Keeps instants as signed numbers: the end of time lies before its beginning.
#[derive(Default)]
struct InstantsSigned;

impl Defect for InstantsSigned {
    async fn create(&self, sound: &Sound, selector: Selector, mut record: Record) -> Answer<Created> {
        let signed = record.lifetimes.absolute_deadline.as_millis().cast_signed();
        record.lifetimes.absolute_deadline = Timestamp::from_millis(signed.max(0).cast_unsigned());
        sound.create(selector, record).await
    }
}

#[test]
fn an_end_of_time_that_overflows_is_noticed() {
    fails::<InstantsSigned>(&["lifetimes/lifetimes_without_an_end_are_no_fault"]);
}

/// Counts a touch as a change.
#[derive(Default)]
struct TouchesCount;

impl Defect for TouchesCount {
    async fn touch(&self, sound: &Sound, touches: Vec<Touch>) -> Answer<()> {
        for touch in &touches {
            if let Some(mut record) = sound.record(touch.selector) {
                record.version += 1;
                sound.roll_back(touch.selector, record);
            }
        }
        sound.touch(touches).await
    }
}

#[test]
fn a_touch_that_counts_as_a_change_is_noticed() {
    fails::<TouchesCount>(&[
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

/// Takes anybody's word for it that a session was seen.
#[derive(Default)]
struct TouchesUnguarded;

impl Defect for TouchesUnguarded {
    async fn touch(&self, sound: &Sound, mut touches: Vec<Touch>) -> Answer<()> {
        touches.iter_mut().for_each(|touch| touch.guard = Guard::Anyone);
        sound.touch(touches).await
    }
}

#[test]
fn touches_that_prove_nothing_are_noticed() {
    fails::<TouchesUnguarded>(&[
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
    ]);
}

/// Wants the present secret of everybody.
#[derive(Default)]
struct TouchesWithoutGrace;

impl Defect for TouchesWithoutGrace {
    async fn touch(&self, sound: &Sound, mut touches: Vec<Touch>) -> Answer<()> {
        for touch in &mut touches {
            if let Guard::Holder(shown) = touch.guard {
                touch.guard = Guard::Current(shown);
            }
        }
        sound.touch(touches).await
    }
}

#[test]
fn touches_that_know_no_grace_are_noticed() {
    fails::<TouchesWithoutGrace>(&["touch/in_its_grace_the_previous_secret_touches"]);
}

/// Gives the rest of a batch up at the first touch that is refused.
#[derive(Default)]
struct TouchesGiveUp;

impl Defect for TouchesGiveUp {
    async fn touch(&self, sound: &Sound, mut touches: Vec<Touch>) -> Answer<()> {
        let holds = |touch: &Touch| match (touch.guard, sound.record(touch.selector)) {
            (Guard::Holder(shown), Some(record)) => shown == record.verifier || record.previous.is_some(),
            _ => true,
        };
        let good = touches.iter().take_while(|touch| holds(touch)).count();
        touches.truncate(good);
        sound.touch(touches).await
    }
}

#[test]
fn a_batch_that_stops_at_a_refused_touch_is_noticed() {
    fails::<TouchesGiveUp>(&["touch/a_refused_touch_spoils_no_batch"]);
}
