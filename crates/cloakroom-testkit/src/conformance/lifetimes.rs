//! The store enforces both lifetimes, on its own clock, in every verb.

use std::num::NonZeroU32;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::Selector;
use cloakroom::store::{Admission, Commit, Guard, Lifetimes, Limit, LimitPolicy, Rotation, Touch};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, UNTIL, listed};
use super::helpers::{at, conflict, done, gone, put, superseded, with};

checks! { "lifetimes":
    idle_sessions_are_absent_for_every_verb,
    overdue_sessions_are_absent_for_every_verb,
    a_commit_restarts_the_idle_timeout,
    a_load_does_not_restart_the_idle_timeout,
    refused_commits_do_not_restart_the_idle_timeout,
    a_repeated_commit_does_not_move_last_seen,
    a_commit_from_the_past_does_not_move_last_seen,
    use_does_not_move_the_absolute_deadline,
    a_commit_changes_both_lifetimes,
    a_commit_may_shorten_them,
    the_earlier_deadline_counts,
    a_record_overdue_from_the_start_is_never_served,
    lifetimes_without_an_end_are_no_fault,
    a_callers_wrong_clock_prolongs_nothing,
}

async fn idle_sessions_are_absent_for_every_verb(stage: &Fixture) -> Outcome {
    absent_after(stage, stage.ticks(4), stage.long()).await
}

async fn overdue_sessions_are_absent_for_every_verb(stage: &Fixture) -> Outcome {
    absent_after(stage, stage.long(), stage.ticks(4)).await
}

/// Lets sessions live for half of their 4 ticks, then for one and a half times their lifetime. Each
/// session meets only one verb, because a store may remove what a verb has met.
async fn absent_after(stage: &Fixture, idle: Duration, absolute: Duration) -> Outcome {
    let principal = stage.principal();
    let record =
        with_fields!(stage.record_living(idle, absolute), authentication = stage.record_of(&principal).authentication);
    let mut selectors = Vec::new();
    for _ in 0..7 {
        selectors.push(stage.insert(&with_fields!(record.clone(), nonce = stage.nonce())).await?);
    }
    let [loaded, committed, touched, destroyed, created, member, placeholder] = selectors[..] else { return Ok(()) };
    stage.store.add_member(&principal, member, UNTIL, None).await?;
    stage.wait(2).await;
    for selector in selectors {
        ensure!(stage.is_live(selector).await?, "a session was gone after half of its lifetime");
    }
    stage.wait(4).await;
    ensure!(!stage.is_live(loaded).await?, "load returned an expired session");
    gone(stage.store.commit(committed, with(stage.commit(1), [put("cart", "late")])).await?)?;
    stage.store.touch(vec![Touch::new(touched, Guard::Anyone, stage.now())]).await?;
    ensure!(!stage.is_live(touched).await?, "touch prolonged an expired session");
    ensure!(!stage.destroy(destroyed).await?, "destroy found an expired session");
    stage.insert_as(created, &stage.record()).await?;
    ensure!(listed(&stage.store, &principal).await?.is_empty(), "list_members returned an expired session");
    the_dead_take_no_place(stage, placeholder).await
}

async fn the_dead_take_no_place(stage: &Fixture, dead: Selector) -> Outcome {
    let principal = stage.principal();
    stage.store.add_member(&principal, dead, UNTIL, None).await?;
    let alive = stage.insert(&stage.record_of(&principal)).await?;
    let answer = stage
        .store
        .add_member(&principal, alive, UNTIL, Some(Limit::new(NonZeroU32::MIN, LimitPolicy::Reject)))
        .await?;
    ensure!(matches!(answer, Admission::Admitted { .. }), "an expired session counted towards the limit");
    Ok(())
}

async fn a_commit_restarts_the_idle_timeout(stage: &Fixture) -> Outcome {
    let selector = stage.insert(&stage.record_living(stage.ticks(4), stage.long())).await?;
    for (base, edit) in [(1, None), (2, Some(put("cart", "second"))), (3, Some(at(3, put("cart", "third"))))] {
        stage.wait(3).await;
        done(
            stage.store.commit(selector, with_fields!(stage.commit(base), edits = edit.into_iter().collect())).await?,
        )?;
    }
    stage.wait(3).await;
    ensure!(stage.is_live(selector).await?, "the session was gone 3 ticks after a commit; its idle timeout is 4");
    stage.wait(3).await;
    ensure!(
        !stage.is_live(selector).await?,
        "the session was live 6 ticks after its last commit; its idle timeout is 4"
    );
    Ok(())
}

async fn a_load_does_not_restart_the_idle_timeout(stage: &Fixture) -> Outcome {
    let selector = stage.insert(&stage.record_living(stage.ticks(4), stage.long())).await?;
    stage.wait(3).await;
    stage.load(selector).await?;
    stage.wait(3).await;
    ensure!(!stage.is_live(selector).await?, "a load prolonged the session");
    Ok(())
}

async fn refused_commits_do_not_restart_the_idle_timeout(stage: &Fixture) -> Outcome {
    let selector = stage.insert(&stage.record_living(stage.ticks(4), stage.long())).await?;
    stage.wait(3).await;
    conflict(stage.store.commit(selector, with(stage.commit(1), [at(7, put("cart", "late"))])).await?)?;
    let stranger = Guard::Holder(stage.verifier());
    superseded(stage.store.commit(selector, with_fields!(stage.commit(1), guard = stranger)).await?)?;
    stage.wait(3).await;
    ensure!(!stage.is_live(selector).await?, "a commit that changed nothing prolonged the session");
    Ok(())
}

async fn a_repeated_commit_does_not_move_last_seen(stage: &Fixture) -> Outcome {
    let (selector, _) = stage.session(&["cart"]).await?;
    let commit = stage.commit(1);
    done(stage.store.commit(selector, commit.clone()).await?)?;
    let late = commit.now.after(stage.ticks(2));
    done(stage.store.commit(selector, with_fields!(commit.clone(), now = late)).await?)?;
    ensure_eq!(stage.load(selector).await?.last_seen, commit.now, "last_seen after the repeat");
    Ok(())
}

async fn a_commit_from_the_past_does_not_move_last_seen(stage: &Fixture) -> Outcome {
    let (selector, record) = stage.session(&["cart"]).await?;
    for (base, edits) in [(1, vec![at(1, put("cart", "second"))]), (2, vec![])] {
        let past = Timestamp::from_millis(record.last_seen.as_millis() - base);
        done(stage.store.commit(selector, with_fields!(stage.commit(base), now = past, edits = edits)).await?)?;
        ensure_eq!(stage.load(selector).await?.last_seen, record.last_seen, "last_seen after a commit from the past");
    }
    Ok(())
}

async fn use_does_not_move_the_absolute_deadline(stage: &Fixture) -> Outcome {
    let record = stage.record_living(stage.ticks(4), stage.ticks(6));
    let (touched, committed) = (stage.insert(&record).await?, stage.insert(&record).await?);
    let edited = stage.insert(&record).await?;
    for base in 1..=2 {
        stage.wait(2).await;
        stage.store.touch(vec![Touch::new(touched, Guard::Anyone, stage.now())]).await?;
        done(stage.store.commit(edited, with(stage.commit(base), [put("cart", "next")])).await?)?;
        let rotation = Some(Rotation::new(stage.verifier(), None));
        done(stage.store.commit(committed, with_fields!(stage.commit(base), rotation = rotation)).await?)?;
    }
    stage.wait(1).await;
    ensure!(stage.is_live(touched).await?, "a touched session was gone before its deadline");
    ensure!(stage.is_live(edited).await?, "an edited session was gone before its deadline");
    ensure!(stage.is_live(committed).await?, "a changed session was gone before its deadline");
    ensure_eq!(stage.load(committed).await?.lifetimes, record.lifetimes, "the lifetimes after commits");
    // Within the idle timeout, counted from the last use.
    stage.wait(2).await;
    ensure!(!stage.is_live(touched).await?, "touches kept a session alive beyond its absolute deadline");
    ensure!(!stage.is_live(edited).await?, "edits kept a session alive beyond its absolute deadline");
    ensure!(!stage.is_live(committed).await?, "commits kept a session alive beyond its absolute deadline");
    Ok(())
}

fn living(stage: &Fixture, base: u64, lifetimes: Lifetimes) -> Commit {
    with_fields!(stage.commit(base), lifetimes = Some(lifetimes))
}

async fn a_commit_changes_both_lifetimes(stage: &Fixture) -> Outcome {
    let record = stage.record_living(stage.ticks(4), stage.ticks(5));
    let selector = stage.insert(&record).await?;
    stage.wait(1).await;
    let (idle, absolute) = (stage.ticks(9), stage.now().after(stage.long()));
    let remembered = with_fields!(Lifetimes::new(stage.now(), idle, absolute), persistent = true);
    done(stage.store.commit(selector, living(stage, 1, remembered)).await?)?;
    // The lifetimes of the commit start now, but the session keeps its time of creation.
    let expected = with_fields!(remembered, created_at = record.lifetimes.created_at);
    ensure_eq!(stage.load(selector).await?.lifetimes, expected, "the lifetimes after the commit");
    stage.wait(7).await;
    ensure!(stage.is_live(selector).await?, "the session ended by its old lifetimes, not by those that the commit set");
    stage.wait(5).await;
    ensure!(!stage.is_live(selector).await?, "the session did not end at the idle timeout that the commit set");
    Ok(())
}

async fn a_commit_may_shorten_them(stage: &Fixture) -> Outcome {
    let ((idle, _), (over, _)) = (stage.session(&[]).await?, stage.session(&[]).await?);
    let (now, later) = (stage.now(), stage.now().after(stage.long()));
    done(stage.store.commit(idle, living(stage, 1, Lifetimes::new(now, stage.ticks(4), later))).await?)?;
    let long_ago = Timestamp::from_millis(1);
    done(stage.store.commit(over, living(stage, 1, Lifetimes::new(now, stage.long(), long_ago))).await?)?;
    ensure!(!stage.is_live(over).await?, "the session outlived a deadline that a commit set in the past");
    stage.wait(6).await;
    ensure!(!stage.is_live(idle).await?, "the session outlived the shorter idle timeout that a commit set");
    Ok(())
}

async fn the_earlier_deadline_counts(stage: &Fixture) -> Outcome {
    let idle_first = stage.insert(&stage.record_living(stage.ticks(4), stage.ticks(12))).await?;
    let absolute_first = stage.insert(&stage.record_living(stage.ticks(12), stage.ticks(4))).await?;
    stage.wait(6).await;
    ensure!(!stage.is_live(idle_first).await?, "the idle timeout was ignored before the absolute deadline");
    ensure!(!stage.is_live(absolute_first).await?, "the absolute deadline was ignored within the idle timeout");
    Ok(())
}

async fn a_record_overdue_from_the_start_is_never_served(stage: &Fixture) -> Outcome {
    let now = stage.now();
    for (idle, absolute) in [(stage.long(), Timestamp::from_millis(1)), (Duration::ZERO, now.after(stage.long()))] {
        let (selector, record) = (stage.selector(), stage.record());
        // The store may refuse to store it at all.
        stage.store.create(selector, with_fields!(record, lifetimes = Lifetimes::new(now, idle, absolute))).await?;
        ensure!(!stage.is_live(selector).await?, "load returned a record with idle {idle:?} and absolute {absolute:?}");
        gone(stage.store.commit(selector, stage.commit(1)).await?)?;
    }
    Ok(())
}

async fn lifetimes_without_an_end_are_no_fault(stage: &Fixture) -> Outcome {
    // The end of time, and the largest integers that signed integers and floating-point numbers
    // hold exactly.
    for largest in [u64::MAX, i64::MAX.cast_unsigned(), 1 << 53] {
        let (idle, absolute) = (Duration::from_millis(largest), Timestamp::from_millis(largest));
        let lifetimes = Lifetimes::new(stage.now(), idle, absolute);
        let selector = stage.insert(&with_fields!(stage.record(), lifetimes = lifetimes)).await?;
        done(stage.store.commit(selector, living(stage, 1, lifetimes)).await?)?;
        stage.store.touch(vec![Touch::new(selector, Guard::Anyone, stage.now())]).await?;
        stage.wait(1).await;
        let lifetimes = stage.load(selector).await?.lifetimes;
        let distant = Timestamp::from_millis(1 << 53);
        ensure!(
            lifetimes.absolute_deadline >= distant,
            "the deadline {absolute:?} was read back as {:?}",
            lifetimes.absolute_deadline
        );
        ensure!(
            lifetimes.idle_timeout >= stage.long(),
            "the idle timeout {idle:?} was read back as {:?}",
            lifetimes.idle_timeout
        );
    }
    Ok(())
}

async fn a_callers_wrong_clock_prolongs_nothing(stage: &Fixture) -> Outcome {
    let record = stage.record_living(stage.ticks(4), stage.long());
    let mut selectors = Vec::new();
    for wrong in [Timestamp::MAX, Timestamp::from_millis(i64::MAX.cast_unsigned()), Timestamp::from_millis(0)] {
        let (touched, committed) = (stage.insert(&record).await?, stage.insert(&record).await?);
        stage.store.touch(vec![Touch::new(touched, Guard::Anyone, wrong)]).await?;
        done(stage.store.commit(committed, with_fields!(stage.commit(1), now = wrong)).await?)?;
        let created = with_fields!(
            record.clone(),
            lifetimes = with_fields!(record.lifetimes, created_at = wrong),
            last_seen = wrong
        );
        selectors.extend([touched, committed, stage.insert(&created).await?]);
    }
    stage.wait(6).await;
    for selector in selectors {
        ensure!(!stage.is_live(selector).await?, "a caller's wrong clock kept a session alive beyond its idle timeout");
    }
    Ok(())
}
