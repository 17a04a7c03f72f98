use cloakroom::store::{Action, Commit, Committed, Expect, Payload, Record, Store, Tag};

use super::{Answer, Defect, Sound, fails};

/// The last one wins, whatever it had read.
#[derive(Default)]
struct LastWriteWins;

impl Defect for LastWriteWins {
    async fn commit(&self, sound: &Sound, tag: Tag, mut commit: Commit) -> Answer<Committed> {
        commit.edits.iter_mut().for_each(|edit| edit.expect = Expect::Any);
        sound.commit(tag, commit).await
    }
}

#[test]
fn last_write_wins_is_noticed() {
    fails::<LastWriteWins>(&[]);
}

/// One version for the whole record: requests that change different values disturb each other.
#[derive(Default)]
struct WholeRecordVersion;

impl Defect for WholeRecordVersion {
    async fn commit(&self, sound: &Sound, tag: Tag, mut commit: Commit) -> Answer<Committed> {
        let stale =
            sound.record(tag).is_some_and(|record| record.nonce != commit.nonce && record.version != commit.base);
        for edit in &mut commit.edits {
            if stale && edit.expect != Expect::Any {
                edit.expect = Expect::Version(u64::MAX);
            }
        }
        sound.commit(tag, commit).await
    }
}

#[test]
fn a_version_for_the_whole_record_is_noticed() {
    fails::<WholeRecordVersion>(&[]);
}

/// Writes the edits whose expectations hold, though others do not.
#[derive(Default)]
struct PartialApply;

impl Defect for PartialApply {
    async fn commit(&self, sound: &Sound, tag: Tag, commit: Commit) -> Answer<Committed> {
        let answer = sound.commit(tag, commit.clone()).await?;
        if let Committed::Conflict(loaded) = &answer {
            let mut rest = commit;
            rest.nonce = !rest.nonce;
            rest.rotation = None;
            rest.lifetimes = None;
            rest.edits.retain(|edit| match edit.expect {
                Expect::Version(version) => loaded.record.version_of(&edit.key) == version,
                _ => true,
            });
            if !rest.edits.is_empty() {
                sound.commit(tag, rest).await?;
            }
        }
        Ok(answer)
    }
}

#[test]
fn a_partial_commit_is_noticed() {
    fails::<PartialApply>(&[]);
}

/// A commit whose reply was lost is applied again.
#[derive(Default)]
struct NoncesIgnored;

impl Defect for NoncesIgnored {
    async fn commit(&self, sound: &Sound, tag: Tag, mut commit: Commit) -> Answer<Committed> {
        if sound.record(tag).is_some_and(|record| record.nonce == commit.nonce) {
            commit.nonce = !commit.nonce;
        }
        sound.commit(tag, commit).await
    }
}

#[test]
fn a_store_without_nonces_is_noticed() {
    fails::<NoncesIgnored>(&[]);
}

/// Keeps nonces in floating point, as scripting languages do.
#[derive(Default)]
struct NoncesRounded;

impl Defect for NoncesRounded {
    async fn commit(&self, sound: &Sound, tag: Tag, mut commit: Commit) -> Answer<Committed> {
        commit.nonce = commit.nonce as f64 as u64;
        sound.commit(tag, commit).await
    }
}

#[test]
fn rounded_nonces_are_noticed() {
    fails::<NoncesRounded>(&[]);
}

/// The caller never hears what others changed.
#[derive(Default)]
struct ReceiptsWithoutRecord;

impl Defect for ReceiptsWithoutRecord {
    async fn commit(&self, sound: &Sound, tag: Tag, commit: Commit) -> Answer<Committed> {
        let mut answer = sound.commit(tag, commit).await?;
        if let Committed::Done(receipt) = &mut answer {
            receipt.record = None;
        }
        Ok(answer)
    }
}

#[test]
fn receipts_that_hide_foreign_changes_are_noticed() {
    fails::<ReceiptsWithoutRecord>(&[]);
}

/// Every receipt costs a whole record.
#[derive(Default)]
struct ReceiptsWithRecord;

impl Defect for ReceiptsWithRecord {
    async fn commit(&self, sound: &Sound, tag: Tag, commit: Commit) -> Answer<Committed> {
        let mut answer = sound.commit(tag, commit).await?;
        if let Committed::Done(receipt) = &mut answer {
            receipt.record = sound.record(tag).map(Box::new);
        }
        Ok(answer)
    }
}

#[test]
fn receipts_that_always_bring_the_record_are_noticed() {
    fails::<ReceiptsWithRecord>(&[]);
}

/// Really deletes what is removed.
#[derive(Default)]
struct RemovalLeavesNothing;

impl Defect for RemovalLeavesNothing {
    async fn commit(&self, sound: &Sound, tag: Tag, commit: Commit) -> Answer<Committed> {
        let answer = sound.commit(tag, commit).await?;
        if let (Committed::Done(_), Some(mut record)) = (&answer, sound.record(tag)) {
            record.values.retain(|value| value.payload != Payload::Removed);
            sound.roll_back(tag, record);
        }
        Ok(answer)
    }
}

#[test]
fn a_removal_that_forgets_is_noticed() {
    fails::<RemovalLeavesNothing>(&[]);
}

/// Takes the removal of what is not there for nothing to do.
#[derive(Default)]
struct RemovalOfNothingSkipped;

impl Defect for RemovalOfNothingSkipped {
    async fn commit(&self, sound: &Sound, tag: Tag, mut commit: Commit) -> Answer<Committed> {
        let record: Option<Record> = sound.record(tag);
        let there = |key: &str| record.as_ref().is_some_and(|record| record.version_of(key) > 0);
        commit.edits.retain(|edit| !matches!(edit.action, Action::Remove) || there(&edit.key));
        sound.commit(tag, commit).await
    }
}

#[test]
fn a_skipped_removal_is_noticed() {
    fails::<RemovalOfNothingSkipped>(&[]);
}
