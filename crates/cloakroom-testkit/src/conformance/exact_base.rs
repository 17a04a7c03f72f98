//! `Commit::exact_base`: the version of the record decides as well.

use cloakroom::store::{Commit, Guard, Record};

use super::checks;
use super::failure::{Outcome, ensure, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{at, conflict, done, put, same, superseded, with};

checks! { "exact-base":
    it_holds_directly_after_its_base,
    it_does_not_hold_after_anybody_elses_write,
    it_does_not_hold_before_its_base,
    a_conflict_changes_nothing_and_shows_the_record,
    the_guard_comes_first,
    a_repeat_is_recognised_before_it,
    of_many_at_once_one_holds,
}

fn exact(commit: Commit) -> Commit {
    with_fields!(commit, exact_base = true)
}

async fn it_holds_directly_after_its_base(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    for base in 1..5 {
        let receipt =
            done(fixture.store.commit(selector, exact(with(fixture.commit(base), [put("cart", "next")]))).await?)?;
        ensure_eq!(receipt.version, base + 1, "the receipt's version");
        ensure!(receipt.record.is_none(), "the receipt has a record, although no other commit changed it");
    }
    done(fixture.store.commit(selector, exact(fixture.commit(5))).await?).map(drop)
}

async fn it_does_not_hold_after_anybody_elses_write(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("theme", "foreign")])).await?)?;
    // The edit's expectation holds; the commit's `exact_base` does not.
    let mine = || with(fixture.commit(1), [at(1, put("cart", "mine"))]);
    conflict(fixture.store.commit(selector, exact(mine())).await?)?;
    conflict(fixture.store.commit(selector, exact(fixture.commit(1))).await?)?;
    done(fixture.store.commit(selector, mine()).await?).map(drop)
}

async fn it_does_not_hold_before_its_base(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    for base in [0, 2, 10, u64::MAX] {
        conflict(fixture.store.commit(selector, exact(with(fixture.commit(base), [put("cart", "early")]))).await?)?;
    }
    Ok(())
}

async fn a_conflict_changes_nothing_and_shows_the_record(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    done(fixture.store.commit(selector, with(fixture.commit(1), [put("theme", "foreign")])).await?)?;
    let present = fixture.load(selector).await?;
    fixture.wait(1).await;
    let mut commit = exact(with(fixture.commit(1), [put("cart", "mine")]));
    commit.rotation = Some(cloakroom::store::Rotation::new(fixture.verifier(), None));
    same(
        &conflict(fixture.store.commit(selector, commit).await?)?,
        &present,
        "the record that came with the conflict",
    )?;
    same(&fixture.load(selector).await?, &present, "load after the conflict")
}

async fn the_guard_comes_first(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = with_fields!(exact(fixture.commit(7)), guard = Guard::Holder(fixture.verifier()));
    superseded(fixture.store.commit(selector, commit).await?).map(drop)
}

async fn a_repeat_is_recognised_before_it(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = exact(with(fixture.commit(1), [put("cart", "mine")]));
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    let again = done(fixture.store.commit(selector, commit.clone()).await?)?;
    ensure_eq!((again.version, again.record), (2, None), "the receipt of a repeat");
    done(fixture.store.commit(selector, with(fixture.commit(2), [put("theme", "foreign")])).await?)?;
    let later = done(fixture.store.commit(selector, commit).await?)?;
    ensure_eq!(later.record.map(|record| record.version), Some(3), "the record with a repeat after a foreign write");
    Ok(())
}

async fn of_many_at_once_one_holds(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commits: Vec<_> =
        (0..20).map(|number| exact(with(fixture.commit(1), [put(&format!("value-{number}"), "mine")]))).collect();
    let answers = fixture
        .together(20, |number, store| {
            let commit = commits[number as usize].clone();
            async move { Ok(matches!(store.commit(selector, commit).await?, cloakroom::store::Committed::Done(_))) }
        })
        .await?;
    ensure_eq!(answers.into_iter().filter(|held| *held).count(), 1, "commits that succeeded, of twenty");
    let Record { version, values, .. } = fixture.load(selector).await?;
    ensure_eq!((version, values.len()), (2, 2), "the record's version and number of values");
    Ok(())
}
