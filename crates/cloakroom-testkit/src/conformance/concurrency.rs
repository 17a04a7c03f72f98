//! Every verb is atomic for its session, whatever the number of callers.

use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, DynStore, Guard, LimitPolicy, Record, Rotation, Selector, Touch,
};

use super::checks;
use super::failure::{Failure, Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, UNTIL, listed};
use super::helpers::{at, put, same, text, with};
use super::limits::limit;

checks! { "concurrency":
    no_increment_is_lost,
    two_values_never_conflict,
    touches_lose_no_commit,
    one_of_many_creates_wins,
    one_of_many_rotations_wins,
    one_of_many_destroys_finds_the_record,
    a_logout_never_ends_the_login_that_was_first,
    one_commit_sent_twice_counts_once,
    nothing_survives_a_destroy_among_commits,
    admissions_never_exceed_the_limit,
    admissions_displace_exactly_as_many_as_needed,
}

/// Adds 1 to a number under `key`, and retries after conflicts. Returns the record's version
/// afterwards.
async fn increment(
    store: &dyn DynStore,
    selector: Selector,
    key: &str,
    mut commits: impl Iterator<Item = Commit>,
) -> Outcome<u64> {
    let mut record = load(store, selector).await?;
    loop {
        let Some(commit) = commits.next() else { return Err(Failure::new("an increment conflicted 10000 times")) };
        let number: u64 =
            text(&record, key)?.parse().map_err(|_| Failure::new(format!("{key} is no longer a number")))?;
        let edit = at(record.version_of(key), put(key, &(number + 1).to_string()));
        // Yield even if all tasks share a thread, so that the record that was read can become
        // stale.
        tokio::task::yield_now().await;
        match store.commit(selector, with(with_fields!(commit, base = record.version), [edit])).await? {
            Committed::Done(receipt) => return Ok(receipt.version),
            Committed::Conflict(loaded) => record = loaded.record,
            other => return Err(Failure::new(format!("an increment returned {}", super::helpers::name(&other)))),
        }
    }
}

async fn load(store: &dyn DynStore, selector: Selector) -> Outcome<Record> {
    let loaded = store.load(selector).await?;
    loaded.map(|loaded| loaded.record).ok_or_else(|| Failure::new("load returned None for a live session"))
}

/// Commits of a new process, for a task that must not borrow the stage.
fn commits(fixture: &Fixture) -> impl Iterator<Item = Commit> + Send + use<> {
    let (now, process) = (fixture.now(), fixture.nonce() & u64::from(u32::MAX));
    (0..10_000).map(move |write| Commit::new(0, write << 32 | process, Guard::Anyone, now))
}

async fn counter(fixture: &Fixture, keys: &[&str]) -> Outcome<Selector> {
    let (selector, _) = fixture.session(&[]).await?;
    let mut commit = fixture.commit(1);
    commit.edits = keys.iter().map(|key| put(key, "0")).collect();
    super::helpers::done(fixture.store.commit(selector, commit).await?)?;
    Ok(selector)
}

async fn no_increment_is_lost(fixture: &Fixture) -> Outcome {
    let selector = counter(fixture, &["count"]).await?;
    let mut versions = fixture
        .together(8, |_, store| {
            let mut commits = commits(fixture);
            async move {
                let mut versions = Vec::new();
                for _ in 0..25 {
                    versions.push(increment(&*store, selector, "count", &mut commits).await?);
                }
                Ok(versions)
            }
        })
        .await?
        .concat();
    ensure_eq!(text(&fixture.load(selector).await?, "count")?, "200", "the number after 200 increments");
    versions.sort_unstable();
    ensure_eq!(versions, (3..=202).collect::<Vec<_>>(), "the versions of 200 increments");
    Ok(())
}

async fn two_values_never_conflict(fixture: &Fixture) -> Outcome {
    let keys = ["cart", "theme"];
    let selector = counter(fixture, &keys).await?;
    fixture
        .together(2, |place, store| {
            let (key, mut commits) = (keys[place as usize], commits(fixture));
            async move {
                for _ in 0..50 {
                    let mut once = commits.next().into_iter();
                    increment(&*store, selector, key, &mut once).await.map_err(|failure| {
                        Failure::new(format!("a change of {key} concurrent with changes of another value: {failure}"))
                    })?;
                }
                Ok(())
            }
        })
        .await?;
    let record = fixture.load(selector).await?;
    ensure_eq!((text(&record, "cart")?, text(&record, "theme")?), ("50", "50"), "the numbers after 50 increments each");
    ensure_eq!(record.version, 102, "the version after 100 increments");
    Ok(())
}

async fn touches_lose_no_commit(fixture: &Fixture) -> Outcome {
    let selector = counter(fixture, &["count"]).await?;
    let now = fixture.now();
    fixture
        .together(4, |place, store| {
            let mut commits = commits(fixture);
            async move {
                for later in 0..50 {
                    if place == 0 {
                        increment(&*store, selector, "count", &mut commits).await?;
                    } else {
                        let seen = now.after(std::time::Duration::from_millis(later));
                        store.touch(vec![Touch::new(selector, Guard::Anyone, seen)]).await?;
                    }
                }
                Ok(())
            }
        })
        .await?;
    let record = fixture.load(selector).await?;
    ensure_eq!((text(&record, "count")?, record.version), ("50", 52), "the number and the version after 50 increments");
    Ok(())
}

async fn one_of_many_creates_wins(fixture: &Fixture) -> Outcome {
    let selector = fixture.selector();
    let answers = fixture
        .together(16, |_, store| {
            let record = fixture.record_with(&["cart"]);
            async move { Ok((store.create(selector, record.clone()).await?, record)) }
        })
        .await?;
    let mut winners = answers.into_iter().filter(|(answer, _)| matches!(answer, Created::Done(_)));
    let (Some((_, winner)), None) = (winners.next(), winners.next()) else {
        return Err(Failure::new("16 creates under one selector did not result in exactly one Done"));
    };
    same(&fixture.load(selector).await?, &winner, "load after 16 creates")
}

async fn one_of_many_rotations_wins(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let answers = fixture
        .together(16, |_, store| {
            let verifier = fixture.verifier();
            let rotation = Some(Rotation::new(verifier, None));
            let commit = with_fields!(fixture.commit(1), rotation = rotation, guard = Guard::Current(record.verifier));
            async move { Ok((store.commit(selector, commit).await?, verifier)) }
        })
        .await?;
    let mut winners = answers.into_iter().filter(|(answer, _)| matches!(answer, Committed::Done(_)));
    let (Some((_, winner)), None) = (winners.next(), winners.next()) else {
        return Err(Failure::new("16 rotations of one secret did not result in exactly one Done"));
    };
    ensure!(fixture.load(selector).await?.verifier == winner, "the secret is not that of the successful rotation");
    Ok(())
}

async fn one_of_many_destroys_finds_the_record(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let answers =
        fixture.together(16, |_, store| async move { Ok(store.destroy(selector, Guard::Anyone).await?) }).await?;
    ensure_eq!(
        answers.into_iter().filter(|answer| *answer == Destroyed::Done).count(),
        1,
        "destroys that found the record"
    );
    Ok(())
}

/// Both under the same secret, which the login replaces: the second call is refused.
async fn a_logout_never_ends_the_login_that_was_first(fixture: &Fixture) -> Outcome {
    for round in 0..20 {
        let (selector, record) = fixture.session(&["cart"]).await?;
        let holder = Guard::Holder(record.verifier);
        let rotation = Some(Rotation::new(fixture.verifier(), None));
        let login = with_fields!(fixture.commit(1), rotation = rotation, guard = holder);
        let answers = fixture.together(2, |place, store| {
            let login = login.clone();
            async move {
                // Both orders are tried.
                if place == round % 2 {
                    return Ok(store.destroy(selector, holder).await? == Destroyed::Done);
                }
                Ok(matches!(store.commit(selector, login).await?, Committed::Done(_)))
            }
        });
        let done = answers.await?.into_iter().filter(|done| *done).count();
        ensure_eq!(done, 1, "successes of a login and a logout under the same secret");
    }
    Ok(())
}

async fn one_commit_sent_twice_counts_once(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = with(fixture.commit(1), [at(1, put("cart", "second"))]);
    let answers = fixture
        .together(8, |_, store| {
            let commit = commit.clone();
            async move { Ok(store.commit(selector, commit).await?) }
        })
        .await?;
    for answer in answers {
        ensure_eq!(super::helpers::done(answer)?.version, 2, "the version in the receipt of a commit sent 8 times");
    }
    ensure_eq!(fixture.load(selector).await?.version, 2, "the version after a commit sent 8 times");
    Ok(())
}

async fn nothing_survives_a_destroy_among_commits(fixture: &Fixture) -> Outcome {
    let selector = counter(fixture, &["count"]).await?;
    fixture
        .together(5, |place, store| {
            let commits = commits(fixture);
            async move {
                for (round, commit) in commits.take(100).enumerate() {
                    if place == 0 && round == 50 {
                        let answer = store.destroy(selector, Guard::Anyone).await?;
                        ensure_eq!(answer, Destroyed::Done, "a destroy among commits");
                        break;
                    }
                    store.commit(selector, with(commit, [put("count", "1")])).await?;
                    tokio::task::yield_now().await;
                }
                Ok(())
            }
        })
        .await?;
    ensure!(!fixture.is_live(selector).await?, "the session was live after it was destroyed among commits");
    Ok(())
}

async fn admissions_never_exceed_the_limit(fixture: &Fixture) -> Outcome {
    let (answers, members) = fifty_admissions(fixture, LimitPolicy::Reject).await?;
    let admitted = answers.iter().filter(|answer| **answer != Admission::Refused).count();
    ensure_eq!((admitted, members), (10, 10), "admissions and members of 50 sessions within a limit of 10");
    Ok(())
}

async fn admissions_displace_exactly_as_many_as_needed(fixture: &Fixture) -> Outcome {
    let (answers, members) = fifty_admissions(fixture, LimitPolicy::EndOldest).await?;
    let mut left = Vec::new();
    for answer in answers {
        left.extend(super::limits::displaced(answer)?);
    }
    left.sort_unstable();
    left.dedup();
    // All fifty stay members until the displaced ones are removed.
    ensure_eq!((left.len(), members), (40, 50), "displaced sessions and members of 50");
    Ok(())
}

async fn fifty_admissions(fixture: &Fixture, policy: LimitPolicy) -> Outcome<(Vec<Admission>, usize)> {
    let principal = fixture.principal();
    let mut selectors = Vec::new();
    for _ in 0..50 {
        selectors.push(fixture.insert(&fixture.record_of(&principal)).await?);
    }
    let answers = fixture
        .together(50, |place, store| {
            let (selector, principal) = (selectors[place as usize], principal.clone());
            async move { Ok(store.add_member(&principal, selector, UNTIL, limit(10, policy)).await?) }
        })
        .await?;
    Ok((answers, listed(&fixture.store, &principal).await?.len()))
}
