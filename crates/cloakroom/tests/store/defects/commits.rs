use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cloakroom::store::{Action, Commit, Committed, Expect, Payload, Record, Selector, Store};

use super::{Answer, Defect, Sound, fails};

/// The last one wins, whatever it had read.
#[derive(Default)]
struct LastWriteWins;

impl Defect for LastWriteWins {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        commit.edits.iter_mut().for_each(|edit| edit.expect = Expect::Any);
        sound.commit(selector, commit).await
    }
}

#[test]
fn last_write_wins_is_noticed() {
    fails::<LastWriteWins>(&[
        "commit/a_conflict_changes_nothing",
        "commit/one_broken_expectation_stops_every_edit",
        "commit/refusals_show_the_present_record",
        "expectations/a_version_holds_until_the_value_is_written",
        "expectations/a_removal_can_expect_too",
        "expectations/zero_means_never",
        "expectations/zero_does_not_hold_for_what_was_removed",
        "expectations/a_version_does_not_hold_where_nothing_ever_was",
        "removal/a_version_stays_also_where_nothing_was",
        "removal/a_load_from_before_cannot_install",
        "repeats/whatever_is_lost_repeated_or_late_counts_once",
        "lifetimes/refused_commits_do_not_restart_the_idle_timeout",
        "concurrency/no_increment_is_lost",
        "coherence/a_copy_from_a_refusal_is_told_too",
    ]);
}

/// One version for the whole record: requests that change different values disturb each other.
#[derive(Default)]
struct WholeRecordVersion;

impl Defect for WholeRecordVersion {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        let stale =
            sound.record(selector).is_some_and(|record| record.nonce != commit.nonce && record.version != commit.base);
        for edit in &mut commit.edits {
            if stale && edit.expect != Expect::Any {
                edit.expect = Expect::Version(u64::MAX);
            }
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_version_for_the_whole_record_is_noticed() {
    fails::<WholeRecordVersion>(&[
        "commit/a_receipt_brings_the_record_to_a_stale_base",
        "expectations/a_foreign_change_of_another_value_does_not_matter",
        "exact-base/it_does_not_hold_after_anybody_elses_write",
        "concurrency/two_values_never_conflict",
    ]);
}

/// Writes the edits whose expectations hold, though others do not.
#[derive(Default)]
struct PartialApply;

impl Defect for PartialApply {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let answer = sound.commit(selector, commit.clone()).await?;
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
                sound.commit(selector, rest).await?;
            }
        }
        Ok(answer)
    }
}

#[test]
fn a_partial_commit_is_noticed() {
    fails::<PartialApply>(&[
        "commit/one_broken_expectation_stops_every_edit",
        "repeats/whatever_is_lost_repeated_or_late_counts_once",
        "repeats/a_first_attempt_that_arrives_after_its_repeat_changes_nothing",
    ]);
}

/// A commit whose reply was lost is applied again.
#[derive(Default)]
struct NoncesIgnored {
    seen: Mutex<HashSet<u64>>,
    fresh: AtomicU64,
}

impl Defect for NoncesIgnored {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        if !self.seen.lock().expect("no test panics with it").insert(commit.nonce) {
            commit.nonce ^= self.fresh.fetch_add(1, Relaxed) + (1 << 32);
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_store_without_nonces_is_noticed() {
    fails::<NoncesIgnored>(&[
        "exact-base/a_repeat_is_recognised_before_it",
        "retry/a_repeat_is_applied_once",
        "retry/a_repeat_is_recognised_before_guard_and_expectations",
        "retry/a_repeat_is_recognised_whatever_its_base",
        "retry/a_repeat_with_a_stale_base_brings_the_record",
        "retry/a_repeat_after_other_commits_is_applied_once",
        "repeats/whatever_is_lost_repeated_or_late_counts_once",
        "repeats/a_repeat_is_recognised_after_any_number_of_writes_of_seven_others",
        "repeats/a_first_attempt_that_arrives_after_its_repeat_changes_nothing",
        "lifetimes/a_repeated_commit_does_not_move_last_seen",
        "concurrency/one_commit_sent_twice_counts_once",
    ]);
}

/// Knows the last write again, but not the one before it.
#[derive(Default)]
struct OnlyTheLastNonce {
    seen: Mutex<HashSet<u64>>,
    fresh: AtomicU64,
}

impl Defect for OnlyTheLastNonce {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        let last = sound.record(selector).is_some_and(|record| record.nonce == commit.nonce);
        let seen = !self.seen.lock().expect("no test panics with it").insert(commit.nonce);
        if seen && !last {
            commit.nonce ^= self.fresh.fetch_add(1, Relaxed) + (1 << 32);
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_store_that_remembers_one_nonce_is_noticed() {
    fails::<OnlyTheLastNonce>(&[
        "exact-base/a_repeat_is_recognised_before_it",
        "retry/a_repeat_after_other_commits_is_applied_once",
        "repeats/whatever_is_lost_repeated_or_late_counts_once",
        "repeats/a_repeat_is_recognised_after_any_number_of_writes_of_seven_others",
        "repeats/a_first_attempt_that_arrives_after_its_repeat_changes_nothing",
    ]);
}

/// Knows every write again, for ever.
#[derive(Default)]
struct NoncesPileUp(Mutex<HashSet<(Selector, u64)>>);

impl Defect for NoncesPileUp {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        let last = sound.record(selector).map(|record| record.nonce);
        let seen = self.0.lock().expect("no test panics with it").contains(&(selector, commit.nonce));
        if let (true, Some(last)) = (seen, last) {
            commit.nonce = last;
        }
        let nonce = commit.nonce;
        let answer = sound.commit(selector, commit).await?;
        if matches!(answer, Committed::Done(_)) {
            self.0.lock().expect("no test panics with it").insert((selector, nonce));
        }
        Ok(answer)
    }
}

#[test]
fn a_store_that_remembers_all_nonces_is_noticed() {
    fails::<NoncesPileUp>(&[
        "retry/writes_that_are_long_past_do_not_pile_up",
        "repeats/what_is_no_longer_remembered_is_unknown_and_not_undone",
        "repeats/a_first_attempt_that_arrives_after_its_repeat_changes_nothing",
    ]);
}

/// Keeps nonces in floating point, as scripting languages do.
#[derive(Default)]
struct NoncesRounded;

impl Defect for NoncesRounded {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        commit.nonce = commit.nonce as f64 as u64;
        sound.commit(selector, commit).await
    }
}

#[test]
fn rounded_nonces_are_noticed() {
    fails::<NoncesRounded>(&[
        "values/bytes_are_kept_as_they_are",
        "values/no_bytes_are_a_value_too",
        "values/sixty_four_kibibytes_fit",
        "values/a_hundred_values_fit",
        "values/every_allowed_key_is_kept",
        "values/absent_is_neither_present_nor_removed",
        "values/sealed_is_kept_apart_from_what_is_not",
        "commit/an_edit_is_applied",
        "commit/a_commit_without_edits_still_counts",
        "retry/nonces_differ_by_any_bit",
        "rotation/a_new_secret_replaces_the_old",
        "cancellation/a_commit_that_is_given_up_is_whole_or_not_at_all",
    ]);
}

/// The caller never hears what others changed.
#[derive(Default)]
struct ReceiptsWithoutRecord;

impl Defect for ReceiptsWithoutRecord {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let mut answer = sound.commit(selector, commit).await?;
        if let Committed::Done(receipt) = &mut answer {
            receipt.record = None;
        }
        Ok(answer)
    }
}

#[test]
fn receipts_that_hide_foreign_changes_are_noticed() {
    fails::<ReceiptsWithoutRecord>(&[
        "commit/a_receipt_brings_the_record_to_a_stale_base",
        "exact-base/a_repeat_is_recognised_before_it",
        "retry/a_repeat_with_a_stale_base_brings_the_record",
        "retry/a_repeat_after_other_commits_is_applied_once",
        "repeats/a_repeat_is_recognised_after_any_number_of_writes_of_seven_others",
        "repeats/a_commit_raises_the_version_by_its_step",
    ]);
}

/// Every receipt costs a whole record.
#[derive(Default)]
struct ReceiptsWithRecord;

impl Defect for ReceiptsWithRecord {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let mut answer = sound.commit(selector, commit).await?;
        if let Committed::Done(receipt) = &mut answer {
            receipt.record = sound.record(selector).map(Box::new);
        }
        Ok(answer)
    }
}

#[test]
fn receipts_that_always_bring_the_record_are_noticed() {
    fails::<ReceiptsWithRecord>(&[
        "commit/a_receipt_brings_no_record_to_an_up_to_date_base",
        "exact-base/it_holds_directly_after_its_base",
        "exact-base/a_repeat_is_recognised_before_it",
        "retry/a_repeat_is_applied_once",
        "repeats/a_commit_raises_the_version_by_its_step",
    ]);
}

/// Really deletes what is removed.
#[derive(Default)]
struct RemovalLeavesNothing;

impl Defect for RemovalLeavesNothing {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let answer = sound.commit(selector, commit).await?;
        if let (Committed::Done(_), Some(mut record)) = (&answer, sound.record(selector)) {
            record.values.retain(|value| value.payload != Payload::Removed);
            sound.roll_back(selector, record);
        }
        Ok(answer)
    }
}

#[test]
fn a_removal_that_forgets_is_noticed() {
    fails::<RemovalLeavesNothing>(&[
        "values/freshness_goes_with_the_value_it_belonged_to",
        "commit/several_edits_share_a_version",
        "expectations/zero_does_not_hold_for_what_was_removed",
        "removal/a_version_stays_behind",
        "removal/a_version_stays_also_where_nothing_was",
        "removal/removing_again_moves_the_version",
        "removal/a_load_from_before_cannot_install",
        "removal/a_removed_value_can_be_put_again",
        "rotation/keep_only_removes_the_other_values",
        "rotation/keep_only_leaves_old_removals_alone",
        "rotation/keep_only_spares_what_the_same_commit_writes",
        "rotation/keep_only_of_nothing_removes_all",
        "cancellation/a_commit_that_is_given_up_is_whole_or_not_at_all",
    ]);
}

/// Takes the removal of what is not there for nothing to do.
#[derive(Default)]
struct RemovalOfNothingSkipped;

impl Defect for RemovalOfNothingSkipped {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        let record: Option<Record> = sound.record(selector);
        let there = |key: &str| record.as_ref().is_some_and(|record| record.version_of(key) > 0);
        commit.edits.retain(|edit| !matches!(edit.action, Action::Remove) || there(&edit.key));
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_skipped_removal_is_noticed() {
    fails::<RemovalOfNothingSkipped>(&["removal/a_version_stays_also_where_nothing_was"]);
}

/// Writes all values anew with every change.
#[derive(Default)]
struct EveryValueRewritten;

impl Defect for EveryValueRewritten {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let answer = sound.commit(selector, commit).await?;
        if let (Committed::Done(_), Some(mut record)) = (&answer, sound.record(selector)) {
            let version = record.version;
            record.values.iter_mut().for_each(|value| value.version = version);
            sound.roll_back(selector, record);
        }
        Ok(answer)
    }
}

#[test]
fn values_that_are_all_rewritten_are_noticed() {
    fails::<EveryValueRewritten>(&[
        "values/freshness_is_kept",
        "values/freshness_goes_with_the_value_it_belonged_to",
        "commit/only_edited_values_change",
        "commit/a_commit_without_edits_still_counts",
        "commit/a_receipt_brings_the_record_to_a_stale_base",
        "expectations/a_foreign_change_of_another_value_does_not_matter",
        "exact-base/it_does_not_hold_after_anybody_elses_write",
        "rotation/a_new_secret_replaces_the_old",
        "rotation/a_renewal_keeps_authentication_and_values",
        "rotation/keep_only_removes_the_other_values",
        "rotation/keep_only_leaves_old_removals_alone",
        "concurrency/two_values_never_conflict",
    ]);
}

/// A column of one byte for the version.
#[derive(Default)]
struct VersionsInAByte;

impl Defect for VersionsInAByte {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        if let Some(mut record) = sound.record(selector)
            && record.version == 255
        {
            record.version = 0;
            sound.roll_back(selector, record);
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn versions_that_start_again_are_noticed() {
    fails::<VersionsInAByte>(&[
        "commit/versions_are_exact_after_many_commits",
        "retry/writes_that_are_long_past_do_not_pile_up",
    ]);
}

/// Knows versions of values only.
#[derive(Default)]
struct ExactBaseIgnored;

impl Defect for ExactBaseIgnored {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        commit.exact_base = false;
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_store_that_ignores_an_exact_base_is_noticed() {
    fails::<ExactBaseIgnored>(&[
        "exact-base/it_does_not_hold_after_anybody_elses_write",
        "exact-base/it_does_not_hold_before_its_base",
        "exact-base/a_conflict_changes_nothing_and_shows_the_record",
        "exact-base/of_many_at_once_one_holds",
    ]);
}

/// Takes a repeat that it does not remember for a new commit.
#[derive(Default)]
struct ForgottenTakenForUndone;

impl Defect for ForgottenTakenForUndone {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        let answer = sound.commit(selector, commit.clone()).await?;
        if let (Committed::Unknown, Some(record)) = (&answer, sound.record(selector)) {
            commit.base = record.version;
            return sound.commit(selector, commit).await;
        }
        Ok(answer)
    }
}

#[test]
fn a_store_that_takes_the_forgotten_for_undone_is_noticed() {
    fails::<ForgottenTakenForUndone>(&[
        "repeats/whatever_is_lost_repeated_or_late_counts_once",
        "repeats/what_is_no_longer_remembered_is_unknown_and_not_undone",
    ]);
}

/// Numbers the versions one by one, whatever the commit says.
#[derive(Default)]
struct StepsIgnored;

impl Defect for StepsIgnored {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        commit.step = 1;
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_store_that_gives_version_numbers_again_is_noticed() {
    fails::<StepsIgnored>(&["repeats/a_commit_raises_the_version_by_its_step"]);
}
