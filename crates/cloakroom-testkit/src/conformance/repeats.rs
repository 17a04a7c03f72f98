//! A repeated commit counts once, or its outcome is unknown, whatever was written meanwhile and
//! whenever it arrives.

use std::collections::BTreeSet;

use cloakroom::store::{Commit, Committed, Guard, REMEMBERED_WRITERS, Record, Selector, Writers};

use super::checks;
use super::failure::{Failure, Outcome, ensure, ensure_eq};
use super::fixture::Fixture;
use super::helpers::{at, conflict, done, name, put, same, text, with};

checks! { "repeats":
    whatever_is_lost_repeated_or_late_counts_once,
    a_repeat_is_recognised_after_any_number_of_writes_of_seven_others,
    what_is_no_longer_remembered_is_unknown_and_not_undone,
    a_repeat_that_was_not_applied_before_is_applied,
    a_first_attempt_that_arrives_after_its_repeat_changes_nothing,
    a_record_shows_the_last_write_of_each_process,
    a_commit_raises_the_version_by_its_step,
    a_base_that_the_record_does_not_have_yet_is_a_conflict,
}

const LIST: &str = "list";
const LAST: &str = "last";

/// The nonce of a process's write number `write`.
const fn nonce(process: u64, write: u64) -> u64 {
    write << 32 | process
}

fn blind(fixture: &Fixture, base: u64, nonce: u64, text: &str) -> Commit {
    with_fields!(with(fixture.commit(base), [put("cart", text)]), nonce = nonce)
}

fn retry(commit: &Commit) -> Commit {
    with_fields!(commit.clone(), is_retry = true)
}

async fn a_repeat_is_recognised_after_any_number_of_writes_of_seven_others(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = with_fields!(with(fixture.commit(1), [at(1, put("cart", "mine"))]), nonce = nonce(1, 1));
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    for write in 0..40 {
        done(fixture.store.commit(selector, blind(fixture, 2 + write, nonce(2 + write % 7, write), "theirs")).await?)?;
        let before = fixture.load(selector).await?;
        let receipt = done(fixture.store.commit(selector, retry(&commit)).await?)?;
        let record = receipt.record.ok_or_else(|| Failure::new("the receipt of a late repeat has no record"))?;
        same(&record, &before, "the record in the receipt of a late repeat")?;
        same(&fixture.load(selector).await?, &before, "load after the late repeat")?;
    }
    Ok(())
}

async fn what_is_no_longer_remembered_is_unknown_and_not_undone(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let commit = blind(fixture, 1, nonce(1, 1), "mine");
    done(fixture.store.commit(selector, commit.clone()).await?)?;
    for other in 0..200 {
        done(fixture.store.commit(selector, blind(fixture, 2 + other, nonce(2 + other, 1), "theirs")).await?)?;
    }
    let before = fixture.load(selector).await?;
    match fixture.store.commit(selector, retry(&commit)).await? {
        Committed::Unknown => {}
        other => return Err(Failure::new(format!("a repeat that is no longer remembered returned {}", name(&other)))),
    }
    conflict(fixture.store.commit(selector, commit).await?)?;
    same(&fixture.load(selector).await?, &before, "load after both")
}

async fn a_repeat_that_was_not_applied_before_is_applied(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    for write in 0..4 {
        done(fixture.store.commit(selector, blind(fixture, 1 + write, nonce(2 + write, 1), "theirs")).await?)?;
    }
    done(fixture.store.commit(selector, retry(&blind(fixture, 1, nonce(1, 1), "mine"))).await?)?;
    ensure_eq!(text(&fixture.load(selector).await?, "cart")?, "mine", "the value after the repeat");
    Ok(())
}

async fn a_first_attempt_that_arrives_after_its_repeat_changes_nothing(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let first = blind(fixture, 1, nonce(1, 1), "first");
    done(fixture.store.commit(selector, retry(&first)).await?)?;
    done(fixture.store.commit(selector, blind(fixture, 2, nonce(2, 1), "theirs")).await?)?;
    let before = fixture.load(selector).await?;
    done(fixture.store.commit(selector, first.clone()).await?)?;
    same(&fixture.load(selector).await?, &before, "load after the late first attempt")?;
    // The process continues, and only then does its first attempt arrive.
    done(fixture.store.commit(selector, blind(fixture, 3, nonce(1, 2), "second")).await?)?;
    let before = fixture.load(selector).await?;
    conflict(fixture.store.commit(selector, first).await?)?;
    same(&fixture.load(selector).await?, &before, "load after the even later first attempt")
}

async fn a_record_shows_the_last_write_of_each_process(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&[]).await?;
    let mut writers = Writers::of_creation(record.nonce);
    for write in 0..40 {
        let nonce = nonce(fixture.nonce() % (REMEMBERED_WRITERS as u64 + 3), write);
        done(fixture.store.commit(selector, blind(fixture, 1 + write, nonce, "next")).await?)?;
        writers.add(nonce, 2 + write);
        let record = fixture.load(selector).await?;
        let found = &record.writers;
        ensure!(*found == writers, "found {:?}, expected {:?}", found.writes(), writers.writes());
    }
    Ok(())
}

async fn a_commit_raises_the_version_by_its_step(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let (mut version, mut seen) = (1, BTreeSet::new());
    for step in [1, 2, 9, 90, 1 << 24, 12_345_678, 1] {
        let commit = with_fields!(with(fixture.commit(version), [put("cart", "next")]), step = step);
        version += step;
        let receipt = done(fixture.store.commit(selector, commit).await?)?;
        ensure_eq!(receipt.version, version, "the receipt's version");
        ensure!(receipt.record.is_none(), "the receipt has a record, although no other commit changed it");
        let record = fixture.load(selector).await?;
        ensure_eq!((record.version, record.version_of("cart")), (version, version), "the versions");
        seen.insert(version);
    }
    // From an old base, the step counts from the current version.
    let commit = with_fields!(with(fixture.commit(1), [put("theme", "next")]), step = 5);
    let receipt = done(fixture.store.commit(selector, commit).await?)?;
    ensure_eq!(receipt.version, version + 5, "the receipt's version from an old base");
    ensure!(receipt.record.is_some(), "the receipt for an old base has no record");
    Ok(())
}

async fn a_base_that_the_record_does_not_have_yet_is_a_conflict(fixture: &Fixture) -> Outcome {
    let (selector, record) = fixture.session(&["cart"]).await?;
    let mut commit = with(fixture.commit(7), [put("cart", "from the future")]);
    same(&conflict(fixture.store.commit(selector, commit.clone()).await?)?, &record, "the record in the conflict")?;
    commit.guard = Guard::Holder(record.verifier);
    conflict(fixture.store.commit(selector, commit).await?)?;
    same(&fixture.load(selector).await?, &record, "load after the conflict")
}

/// The results that the writers received, by the numbers of their items.
#[derive(Default)]
struct Outcomes {
    acknowledged: BTreeSet<u64>,
    unknown: BTreeSet<u64>,
}

impl Outcomes {
    fn note(&mut self, item: u64, answer: &Committed) -> Outcome {
        match answer {
            Committed::Done(_) => drop(self.acknowledged.insert(item)),
            Committed::Unknown => drop(self.unknown.insert(item)),
            Committed::Conflict(_) => {}
            other => return Err(Failure::new(format!("a commit returned {}", name(other)))),
        }
        Ok(())
    }

    /// Checks that the list holds every acknowledged item once, every unknown one at most once, and
    /// nothing else, and that the value written blindly with each item belongs to the last of them.
    fn check(&self, record: &Record) -> Outcome {
        let list = items(record);
        let once: BTreeSet<u64> = list.iter().copied().collect();
        ensure_eq!(once.len(), list.len(), format!("distinct items in {list:?}"));
        let missing: Vec<_> = self.acknowledged.difference(&once).collect();
        ensure!(missing.is_empty(), "acknowledged but missing: {missing:?}");
        let invented: Vec<_> = once.iter().filter(|item| !self.acknowledged.contains(item)).collect();
        let invented: Vec<_> = invented.into_iter().filter(|item| !self.unknown.contains(item)).collect();
        ensure!(invented.is_empty(), "present but not acknowledged: {invented:?}");
        if let Some(last) = list.last() {
            ensure_eq!(text(record, LAST)?, last.to_string(), "the value that goes with the last item");
        }
        Ok(())
    }
}

fn items(record: &Record) -> Vec<u64> {
    let list = text(record, LIST).unwrap_or_default();
    list.split(',').filter_map(|item| item.parse().ok()).collect()
}

/// Several processes that append to one list, over a store whose replies get lost and whose
/// requests arrive late.
struct Walk<'a> {
    fixture: &'a Fixture,
    selector: Selector,
    processes: u64,
    written: u64,
    outcomes: Outcomes,
    /// First attempts that have not arrived yet, although their repeat was answered.
    late: Vec<Commit>,
}

impl Walk<'_> {
    fn random(&self, below: u64) -> u64 {
        self.fixture.nonce() % below
    }

    /// An append based on the current record, with a second value that is written unconditionally.
    async fn append(&mut self, process: u64) -> Outcome<(u64, Commit)> {
        let record = self.fixture.load(self.selector).await?;
        self.written += 1;
        let item = self.written;
        let list = items(&record).into_iter().chain([item]).map(|item| item.to_string()).collect::<Vec<_>>();
        let edits = [at(record.version_of(LIST), put(LIST, &list.join(","))), put(LAST, &item.to_string())];
        let commit = with_fields!(
            with(self.fixture.commit(record.version), edits),
            nonce = nonce(process, item),
            step = 1 + self.random(1 << 24)
        );
        Ok((item, commit))
    }

    async fn send(&self, commit: &Commit) -> Outcome<Committed> {
        Ok(self.fixture.store.commit(self.selector, commit.clone()).await?)
    }

    /// A process has one write pending at a time, so other processes write.
    async fn others_write(&mut self, process: u64) -> Outcome {
        for _ in 0..self.random(16).min((self.processes - 1) * 16) {
            let other = (process + 1 + self.random(self.processes - 1)) % self.processes;
            let (item, commit) = self.append(other).await?;
            let answer = self.send(&commit).await?;
            self.outcomes.note(item, &answer)?;
        }
        Ok(())
    }

    async fn step(&mut self) -> Outcome {
        let process = self.random(self.processes);
        let (item, commit) = self.append(process).await?;
        let fate = self.random(4);
        if fate == 0 {
            let answer = self.send(&commit).await?;
            return self.outcomes.note(item, &answer);
        }
        if fate == 1 {
            drop(self.send(&commit).await?);
        }
        self.others_write(process).await?;
        let answer = self.send(&retry(&commit)).await?;
        self.outcomes.note(item, &answer)?;
        if fate == 2 {
            self.late.push(commit);
        }
        if self.random(2) == 0 && !self.late.is_empty() {
            let late = self.late.swap_remove(0);
            drop(self.send(&late).await?);
        }
        Ok(())
    }
}

async fn whatever_is_lost_repeated_or_late_counts_once(fixture: &Fixture) -> Outcome {
    for processes in [1, 2, 3, 7, 8, 9, 12, 40] {
        let (selector, _) = fixture.session(&[]).await?;
        let mut walk =
            Walk { fixture, selector, processes, written: 0, outcomes: Outcomes::default(), late: Vec::new() };
        for step in 0..24 {
            let about = |failure| Failure::new(format!("{processes} processes, step {step}: {failure}"));
            walk.step().await.map_err(about)?;
            walk.outcomes.check(&fixture.load(selector).await?).map_err(about)?;
        }
        ensure!(!walk.outcomes.acknowledged.is_empty(), "nothing was acknowledged");
        let unknown = walk.outcomes.unknown.len();
        ensure!(processes > REMEMBERED_WRITERS as u64 || unknown == 0, "{unknown} unknown with {processes} processes");
    }
    Ok(())
}
