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

async fn idle_sessions_are_absent_for_every_verb(fixture: &Fixture) -> Outcome {
    absent_after(fixture, fixture.ticks(4), fixture.long()).await
}

async fn overdue_sessions_are_absent_for_every_verb(fixture: &Fixture) -> Outcome {
    absent_after(fixture, fixture.long(), fixture.ticks(4)).await
}

/// Lets sessions live for half of their 4 ticks, then for one and a half times their lifetime. Each
/// session meets only one verb, because a store may remove what a verb has met.
async fn absent_after(fixture: &Fixture, idle: Duration, absolute: Duration) -> Outcome {
    let principal = fixture.principal();
    let record = with_fields!(
        fixture.record_living(idle, absolute),
        authentication = fixture.record_of(&principal).authentication
    );
    let mut selectors = Vec::new();
    for _ in 0..7 {
        selectors.push(fixture.insert(&with_fields!(record.clone(), nonce = fixture.nonce())).await?);
    }
    let [loaded, committed, touched, destroyed, created, member, placeholder] = selectors[..] else { return Ok(()) };
    fixture.store.add_member(&principal, member, UNTIL, None).await?;
    fixture.wait(2).await;
    for selector in selectors {
        ensure!(fixture.is_live(selector).await?, "a session was gone after half of its lifetime");
    }
    fixture.wait(4).await;
    ensure!(!fixture.is_live(loaded).await?, "load returned an expired session");
    gone(fixture.store.commit(committed, with(fixture.commit(1), [put("cart", "late")])).await?)?;
    fixture.store.touch(vec![Touch::new(touched, Guard::Anyone, fixture.now())]).await?;
    ensure!(!fixture.is_live(touched).await?, "touch prolonged an expired session");
    ensure!(!fixture.destroy(destroyed).await?, "destroy found an expired session");
    fixture.insert_as(created, &fixture.record()).await?;
    ensure!(listed(&fixture.store, &principal).await?.is_empty(), "list_members returned an expired session");
    the_dead_take_no_place(fixture, placeholder).await
}

async fn the_dead_take_no_place(fixture: &Fixture, dead: Selector) -> Outcome {
    let principal = fixture.principal();
    fixture.store.add_member(&principal, dead, UNTIL, None).await?;
    let alive = fixture.insert(&fixture.record_of(&principal)).await?;
    let answer = fixture
        .store
        .add_member(&principal, alive, UNTIL, Some(Limit::new(NonZeroU32::MIN, LimitPolicy::Reject)))
        .await?;
    ensure!(matches!(answer, Admission::Admitted { .. }), "an expired session counted towards the limit");
    Ok(())
}

async fn a_commit_restarts_the_idle_timeout(fixture: &Fixture) -> Outcome {
    let selector = fixture.insert(&fixture.record_living(fixture.ticks(4), fixture.long())).await?;
    for (base, edit) in [(1, None), (2, Some(put("cart", "second"))), (3, Some(at(3, put("cart", "third"))))] {
        fixture.wait(3).await;
        done(
            fixture
                .store
                .commit(selector, with_fields!(fixture.commit(base), edits = edit.into_iter().collect()))
                .await?,
        )?;
    }
    fixture.wait(3).await;
    ensure!(fixture.is_live(selector).await?, "the session was gone 3 ticks after a commit; its idle timeout is 4");
    fixture.wait(3).await;
    ensure!(
        !fixture.is_live(selector).await?,
        "the session was live 6 ticks after its last commit; its idle timeout is 4"
    );
    Ok(())
}

async fn a_load_does_not_restart_the_idle_timeout(fixture: &Fixture) -> Outcome {
    let selector = fixture.insert(&fixture.record_living(fixture.ticks(4), fixture.long())).await?;
    fixture.wait(3).await;
    fixture.load(selector).await?;
    fixture.wait(3).await;
    ensure!(!fixture.is_live(selector).await?, "a load prolonged the session");
    Ok(())
}

async fn refused_commits_do_not_restart_the_idle_timeout(fixture: &Fixture) -> Outcome {
    let selector = fixture.insert(&fixture.record_living(fixture.ticks(4), fixture.long())).await?;
    fixture.wait(3).await;
    conflict(fixture.store.commit(selector, with(fixture.commit(1), [at(7, put("cart", "late"))])).await?)?;
    let stranger = Guard::Holder(fixture.verifier());
    superseded(fixture.store.commit(selector, with_fields!(fixture.commit(1), guard = stranger)).await?)?;
    fixture.wait(3).await;
    ensure!(!fixture.is_live(selector).await?, "a commit that changed nothing prolonged the session");
    Ok(())
}

async fn a_repeated_commit_does_not_move_last_seen(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = fixture.commit(1);
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    let late = commit.now.after(fixture.ticks(2));
    done(fixture.store.commit(selector, with_fields!(commit.clone(), now = late)).await?)?;
    ensure_eq!(fixture.load(selector).await?.last_seen, commit.now, "last_seen after the repeat");
    Ok(())
}

async fn a_commit_from_the_past_does_not_move_last_seen(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    for (base, edits) in [(1, vec![at(1, put("cart", "second"))]), (2, vec![])] {
        let past = Timestamp::from_millis(record.last_seen.as_millis() - base);
        done(fixture.store.commit(selector, with_fields!(fixture.commit(base), now = past, edits = edits)).await?)?;
        ensure_eq!(fixture.load(selector).await?.last_seen, record.last_seen, "last_seen after a commit from the past");
    }
    Ok(())
}

async fn use_does_not_move_the_absolute_deadline(fixture: &Fixture) -> Outcome {
    let record = fixture.record_living(fixture.ticks(4), fixture.ticks(6));
    let (touched, committed) = (fixture.insert(&record).await?, fixture.insert(&record).await?);
    let edited = fixture.insert(&record).await?;
    for base in 1..=2 {
        fixture.wait(2).await;
        fixture.store.touch(vec![Touch::new(touched, Guard::Anyone, fixture.now())]).await?;
        done(fixture.store.commit(edited, with(fixture.commit(base), [put("cart", "next")])).await?)?;
        let rotation = Some(Rotation::new(fixture.verifier(), None));
        done(fixture.store.commit(committed, with_fields!(fixture.commit(base), rotation = rotation)).await?)?;
    }
    fixture.wait(1).await;
    ensure!(fixture.is_live(touched).await?, "a touched session was gone before its deadline");
    ensure!(fixture.is_live(edited).await?, "an edited session was gone before its deadline");
    ensure!(fixture.is_live(committed).await?, "a changed session was gone before its deadline");
    ensure_eq!(fixture.load(committed).await?.lifetimes, record.lifetimes, "the lifetimes after commits");
    // Within the idle timeout, counted from the last use.
    fixture.wait(2).await;
    ensure!(!fixture.is_live(touched).await?, "touches kept a session alive beyond its absolute deadline");
    ensure!(!fixture.is_live(edited).await?, "edits kept a session alive beyond its absolute deadline");
    ensure!(!fixture.is_live(committed).await?, "commits kept a session alive beyond its absolute deadline");
    Ok(())
}

fn living(fixture: &Fixture, base: u64, lifetimes: Lifetimes) -> Commit {
    with_fields!(fixture.commit(base), lifetimes = Some(lifetimes))
}

async fn a_commit_changes_both_lifetimes(fixture: &Fixture) -> Outcome {
    let record = fixture.record_living(fixture.ticks(4), fixture.ticks(5));
    let selector = fixture.insert(&record).await?;
    fixture.wait(1).await;
    let (idle, absolute) = (fixture.ticks(9), fixture.now().after(fixture.long()));
    let remembered = Lifetimes::new(fixture.now(), idle, absolute).with_persistent(true);
    done(fixture.store.commit(selector, living(fixture, 1, remembered)).await?)?;
    // The lifetimes of the commit start now, but the session keeps its time of creation.
    let expected = remembered.with_created_at(record.lifetimes.created_at());
    ensure_eq!(fixture.load(selector).await?.lifetimes, expected, "the lifetimes after the commit");
    fixture.wait(7).await;
    ensure!(
        fixture.is_live(selector).await?,
        "the session ended by its old lifetimes, not by those that the commit set"
    );
    fixture.wait(5).await;
    ensure!(!fixture.is_live(selector).await?, "the session did not end at the idle timeout that the commit set");
    Ok(())
}

async fn a_commit_may_shorten_them(fixture: &Fixture) -> Outcome {
    let ((idle, _), (over, _)) = (fixture.session(&[]).await?, fixture.session(&[]).await?);
    let (now, later) = (fixture.now(), fixture.now().after(fixture.long()));
    done(fixture.store.commit(idle, living(fixture, 1, Lifetimes::new(now, fixture.ticks(4), later))).await?)?;
    let long_ago = Timestamp::from_millis(1);
    done(fixture.store.commit(over, living(fixture, 1, Lifetimes::new(now, fixture.long(), long_ago))).await?)?;
    ensure!(!fixture.is_live(over).await?, "the session outlived a deadline that a commit set in the past");
    fixture.wait(6).await;
    ensure!(!fixture.is_live(idle).await?, "the session outlived the shorter idle timeout that a commit set");
    Ok(())
}

async fn the_earlier_deadline_counts(fixture: &Fixture) -> Outcome {
    let idle_first = fixture.insert(&fixture.record_living(fixture.ticks(4), fixture.ticks(12))).await?;
    let absolute_first = fixture.insert(&fixture.record_living(fixture.ticks(12), fixture.ticks(4))).await?;
    fixture.wait(6).await;
    ensure!(!fixture.is_live(idle_first).await?, "the idle timeout was ignored before the absolute deadline");
    ensure!(!fixture.is_live(absolute_first).await?, "the absolute deadline was ignored within the idle timeout");
    Ok(())
}

async fn a_record_overdue_from_the_start_is_never_served(fixture: &Fixture) -> Outcome {
    let now = fixture.now();
    for (idle, absolute) in [(fixture.long(), Timestamp::from_millis(1)), (Duration::ZERO, now.after(fixture.long()))] {
        let (selector, record) = (fixture.selector(), fixture.record());
        // The store may refuse to store it at all.
        fixture.store.create(selector, with_fields!(record, lifetimes = Lifetimes::new(now, idle, absolute))).await?;
        ensure!(
            !fixture.is_live(selector).await?,
            "load returned a record with idle {idle:?} and absolute {absolute:?}"
        );
        gone(fixture.store.commit(selector, fixture.commit(1)).await?)?;
    }
    Ok(())
}

async fn lifetimes_without_an_end_are_no_fault(fixture: &Fixture) -> Outcome {
    // The end of time, and the largest integers that signed integers and floating-point numbers
    // hold exactly.
    for largest in [u64::MAX, i64::MAX.cast_unsigned(), 1 << 53] {
        let (idle, absolute) = (Duration::from_millis(largest), Timestamp::from_millis(largest));
        let lifetimes = Lifetimes::new(fixture.now(), idle, absolute);
        let selector = fixture.insert(&with_fields!(fixture.record(), lifetimes = lifetimes)).await?;
        done(fixture.store.commit(selector, living(fixture, 1, lifetimes)).await?)?;
        fixture.store.touch(vec![Touch::new(selector, Guard::Anyone, fixture.now())]).await?;
        fixture.wait(1).await;
        let lifetimes = fixture.load(selector).await?.lifetimes;
        let distant = Timestamp::from_millis(1 << 53);
        ensure!(
            lifetimes.absolute_deadline() >= distant,
            "the deadline {absolute:?} was read back as {:?}",
            lifetimes.absolute_deadline()
        );
        ensure!(
            lifetimes.idle_timeout() >= fixture.long(),
            "the idle timeout {idle:?} was read back as {:?}",
            lifetimes.idle_timeout()
        );
    }
    Ok(())
}

async fn a_callers_wrong_clock_prolongs_nothing(fixture: &Fixture) -> Outcome {
    let record = fixture.record_living(fixture.ticks(4), fixture.long());
    let mut selectors = Vec::new();
    for wrong in [Timestamp::MAX, Timestamp::from_millis(i64::MAX.cast_unsigned()), Timestamp::from_millis(0)] {
        let (touched, committed) = (fixture.insert(&record).await?, fixture.insert(&record).await?);
        fixture.store.touch(vec![Touch::new(touched, Guard::Anyone, wrong)]).await?;
        done(fixture.store.commit(committed, with_fields!(fixture.commit(1), now = wrong)).await?)?;
        let created =
            with_fields!(record.clone(), lifetimes = record.lifetimes.with_created_at(wrong), last_seen = wrong);
        selectors.extend([touched, committed, fixture.insert(&created).await?]);
    }
    fixture.wait(6).await;
    for selector in selectors {
        ensure!(
            !fixture.is_live(selector).await?,
            "a caller's wrong clock kept a session alive beyond its idle timeout"
        );
    }
    Ok(())
}
