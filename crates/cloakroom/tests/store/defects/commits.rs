use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cloakroom::store::{Action, Commit, Committed, Expect, Payload, Record, Selector, Store};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Ignores expectations, so that the last write wins.
#[derive(Default)]
struct LastWriteWins;

impl Defect for LastWriteWins {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        commit.edits.iter_mut().for_each(|edit| edit.expect = Expect::Any);
        inner.commit(selector, commit).await
    }
}

#[test]
fn last_write_wins_is_noticed() {
    assert_fails::<LastWriteWins>(&[
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

/// Has one version for the whole record, so that changes of different values conflict.
#[derive(Default)]
struct WholeRecordVersion;

impl Defect for WholeRecordVersion {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        let stale =
            inner.record(selector).is_some_and(|record| record.nonce != commit.nonce && record.version != commit.base);
        for edit in &mut commit.edits {
            if stale && edit.expect != Expect::Any {
                edit.expect = Expect::Version(u64::MAX);
            }
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_version_for_the_whole_record_is_noticed() {
    assert_fails::<WholeRecordVersion>(&[
        "commit/a_receipt_brings_the_record_to_a_stale_base",
        "expectations/a_foreign_change_of_another_value_does_not_matter",
        "exact-base/it_does_not_hold_after_anybody_elses_write",
        "concurrency/two_values_never_conflict",
    ]);
}

/// Writes the edits whose expectations hold, even if others do not hold.
#[derive(Default)]
struct PartialApply;

impl Defect for PartialApply {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let result = inner.commit(selector, commit.clone()).await?;
        if let Committed::Conflict(loaded) = &result {
            let mut rest = commit;
            rest.nonce = !rest.nonce;
            rest.rotation = None;
            rest.lifetimes = None;
            rest.edits.retain(|edit| match edit.expect {
                Expect::Version(version) => loaded.record.version_of(&edit.key) == version,
                _ => true,
            });
            if !rest.edits.is_empty() {
                inner.commit(selector, rest).await?;
            }
        }
        Ok(result)
    }
}

#[test]
fn a_partial_commit_is_noticed() {
    assert_fails::<PartialApply>(&[
        "commit/one_broken_expectation_stops_every_edit",
        "repeats/whatever_is_lost_repeated_or_late_counts_once",
        "repeats/a_first_attempt_that_arrives_after_its_repeat_changes_nothing",
    ]);
}

/// Applies a commit again if it is repeated after a lost reply.
#[derive(Default)]
struct NoncesIgnored {
    seen: Mutex<HashSet<u64>>,
    fresh: AtomicU64,
}

impl Defect for NoncesIgnored {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        if !self.seen.lock().expect("no thread panics").insert(commit.nonce) {
            commit.nonce ^= self.fresh.fetch_add(1, Relaxed) + (1 << 32);
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_store_without_nonces_is_noticed() {
    assert_fails::<NoncesIgnored>(&[
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

/// Recognizes a repeat of the last write, but not of the one before it.
#[derive(Default)]
struct OnlyLastNonceKept {
    seen: Mutex<HashSet<u64>>,
    fresh: AtomicU64,
}

impl Defect for OnlyLastNonceKept {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        let last = inner.record(selector).is_some_and(|record| record.nonce == commit.nonce);
        let seen = !self.seen.lock().expect("no thread panics").insert(commit.nonce);
        if seen && !last {
            commit.nonce ^= self.fresh.fetch_add(1, Relaxed) + (1 << 32);
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_store_that_remembers_one_nonce_is_noticed() {
    assert_fails::<OnlyLastNonceKept>(&[
        "exact-base/a_repeat_is_recognised_before_it",
        "retry/a_repeat_after_other_commits_is_applied_once",
        "repeats/whatever_is_lost_repeated_or_late_counts_once",
        "repeats/a_repeat_is_recognised_after_any_number_of_writes_of_seven_others",
        "repeats/a_first_attempt_that_arrives_after_its_repeat_changes_nothing",
    ]);
}

/// Recognizes a repeat of every write, forever.
#[derive(Default)]
struct AllNoncesKept(Mutex<HashSet<(Selector, u64)>>);

impl Defect for AllNoncesKept {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        let last = inner.record(selector).map(|record| record.nonce);
        let seen = self.0.lock().expect("no thread panics").contains(&(selector, commit.nonce));
        if let (true, Some(last)) = (seen, last) {
            commit.nonce = last;
        }
        let nonce = commit.nonce;
        let result = inner.commit(selector, commit).await?;
        if matches!(result, Committed::Done(_)) {
            self.0.lock().expect("no thread panics").insert((selector, nonce));
        }
        Ok(result)
    }
}

#[test]
fn a_store_that_remembers_all_nonces_is_noticed() {
    assert_fails::<AllNoncesKept>(&[
        "retry/writes_that_are_long_past_do_not_pile_up",
        "repeats/what_is_no_longer_remembered_is_unknown_and_not_undone",
        "repeats/a_first_attempt_that_arrives_after_its_repeat_changes_nothing",
    ]);
}

/// Stores nonces as floating-point numbers, as scripting languages do.
#[derive(Default)]
struct NoncesRounded;

impl Defect for NoncesRounded {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        commit.nonce = commit.nonce as f64 as u64;
        inner.commit(selector, commit).await
    }
}

#[test]
fn rounded_nonces_are_noticed() {
    assert_fails::<NoncesRounded>(&[
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

/// Returns no record with a receipt, so that the caller misses the changes of others.
#[derive(Default)]
struct ReceiptsWithoutRecord;

impl Defect for ReceiptsWithoutRecord {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let mut result = inner.commit(selector, commit).await?;
        if let Committed::Done(receipt) = &mut result {
            receipt.record = None;
        }
        Ok(result)
    }
}

#[test]
fn receipts_that_hide_changes_of_others_are_noticed() {
    assert_fails::<ReceiptsWithoutRecord>(&[
        "commit/a_receipt_brings_the_record_to_a_stale_base",
        "exact-base/a_repeat_is_recognised_before_it",
        "retry/a_repeat_with_a_stale_base_brings_the_record",
        "retry/a_repeat_after_other_commits_is_applied_once",
        "repeats/a_repeat_is_recognised_after_any_number_of_writes_of_seven_others",
        "repeats/a_commit_raises_the_version_by_its_step",
    ]);
}

/// Returns the whole record with every receipt.
#[derive(Default)]
struct ReceiptsWithRecord;

impl Defect for ReceiptsWithRecord {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let mut result = inner.commit(selector, commit).await?;
        if let Committed::Done(receipt) = &mut result {
            receipt.record = inner.record(selector).map(Box::new);
        }
        Ok(result)
    }
}

#[test]
fn receipts_that_always_bring_the_record_are_noticed() {
    assert_fails::<ReceiptsWithRecord>(&[
        "commit/a_receipt_brings_no_record_to_an_up_to_date_base",
        "exact-base/it_holds_directly_after_its_base",
        "exact-base/a_repeat_is_recognised_before_it",
        "retry/a_repeat_is_applied_once",
        "repeats/a_commit_raises_the_version_by_its_step",
    ]);
}

/// Deletes a removed value together with its version.
#[derive(Default)]
struct RemovalForgetsVersion;

impl Defect for RemovalForgetsVersion {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let result = inner.commit(selector, commit).await?;
        if let (Committed::Done(_), Some(mut record)) = (&result, inner.record(selector)) {
            record.values.retain(|value| value.payload != Payload::Removed);
            inner.roll_back(selector, record);
        }
        Ok(result)
    }
}

#[test]
fn a_removal_that_forgets_the_version_is_noticed() {
    assert_fails::<RemovalForgetsVersion>(&[
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

/// Skips the removal of an absent value.
#[derive(Default)]
struct RemovalOfNothingSkipped;

impl Defect for RemovalOfNothingSkipped {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        let record: Option<Record> = inner.record(selector);
        let exists = |key: &str| record.as_ref().is_some_and(|record| record.version_of(key) > 0);
        commit.edits.retain(|edit| !matches!(edit.action, Action::Remove) || exists(&edit.key));
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_skipped_removal_is_noticed() {
    assert_fails::<RemovalOfNothingSkipped>(&["removal/a_version_stays_also_where_nothing_was"]);
}

/// Writes all values again with every change.
#[derive(Default)]
struct EveryValueRewritten;

impl Defect for EveryValueRewritten {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let result = inner.commit(selector, commit).await?;
        if let (Committed::Done(_), Some(mut record)) = (&result, inner.record(selector)) {
            let version = record.version;
            record.values.iter_mut().for_each(|value| value.version = version);
            inner.roll_back(selector, record);
        }
        Ok(result)
    }
}

#[test]
fn values_that_are_all_rewritten_are_noticed() {
    assert_fails::<EveryValueRewritten>(&[
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

/// Stores the version in one byte.
#[derive(Default)]
struct VersionsInAByte;

impl Defect for VersionsInAByte {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        if let Some(mut record) = inner.record(selector)
            && record.version == 255
        {
            record.version = 0;
            inner.roll_back(selector, record);
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn versions_that_wrap_around_are_noticed() {
    assert_fails::<VersionsInAByte>(&[
        "commit/versions_are_exact_after_many_commits",
        "retry/writes_that_are_long_past_do_not_pile_up",
    ]);
}

/// Compares only the versions of values, and not the exact base.
#[derive(Default)]
struct ExactBaseIgnored;

impl Defect for ExactBaseIgnored {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        commit.exact_base = false;
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_store_that_ignores_an_exact_base_is_noticed() {
    assert_fails::<ExactBaseIgnored>(&[
        "exact-base/it_does_not_hold_after_anybody_elses_write",
        "exact-base/it_does_not_hold_before_its_base",
        "exact-base/a_conflict_changes_nothing_and_shows_the_record",
        "exact-base/of_many_at_once_one_holds",
    ]);
}

/// Applies a repeat that it no longer remembers as a new commit.
#[derive(Default)]
struct UnknownRepeatsApplied;

impl Defect for UnknownRepeatsApplied {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        let result = inner.commit(selector, commit.clone()).await?;
        if let (Committed::Unknown, Some(record)) = (&result, inner.record(selector)) {
            commit.base = record.version;
            return inner.commit(selector, commit).await;
        }
        Ok(result)
    }
}

#[test]
fn a_store_that_applies_unknown_repeats_is_noticed() {
    assert_fails::<UnknownRepeatsApplied>(&[
        "repeats/whatever_is_lost_repeated_or_late_counts_once",
        "repeats/what_is_no_longer_remembered_is_unknown_and_not_undone",
    ]);
}

/// Raises the version by one, whatever the step of the commit.
#[derive(Default)]
struct StepsIgnored;

impl Defect for StepsIgnored {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        commit.step = 1;
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_store_that_ignores_the_version_step_is_noticed() {
    assert_fails::<StepsIgnored>(&["repeats/a_commit_raises_the_version_by_its_step"]);
}
