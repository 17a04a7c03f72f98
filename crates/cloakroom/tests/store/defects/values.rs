use cloakroom::store::{Action, Commit, Committed, Created, Payload, Record, Selector, Store};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Commits with every action changed.
async fn with_puts(
    inner: &Inner,
    selector: Selector,
    mut commit: Commit,
    change: impl Fn(&mut Action) + Send,
) -> StoreResult<Committed> {
    commit.edits.iter_mut().for_each(|edit| change(&mut edit.action));
    inner.commit(selector, commit).await
}

/// Truncates values to 32 KiB, as a database column may.
#[derive(Default)]
struct LargeValuesTruncated;

impl Defect for LargeValuesTruncated {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        with_puts(inner, selector, commit, |action| {
            if let Action::Put { payload: Payload::Present(bytes), .. } = action {
                *bytes = bytes[..bytes.len().min(32 * 1024)].into();
            }
        })
        .await
    }
}

#[test]
fn a_truncated_value_is_noticed() {
    assert_fails::<LargeValuesTruncated>(&["values/sixty_four_kibibytes_fit"]);
}

/// Stores payloads as text.
#[derive(Default)]
struct BytesAsText;

impl Defect for BytesAsText {
    async fn create(&self, inner: &Inner, selector: Selector, mut record: Record) -> StoreResult<Created> {
        for value in &mut record.values {
            if let Payload::Present(bytes) = &mut value.payload {
                *bytes = String::from_utf8_lossy(bytes).as_bytes().into();
            }
        }
        inner.create(selector, record).await
    }
}

#[test]
fn bytes_that_become_text_are_noticed() {
    assert_fails::<BytesAsText>(&[
        "values/bytes_are_kept_as_they_are",
        "values/sixty_four_kibibytes_fit",
        "values/sealed_is_kept_apart_from_what_is_not",
    ]);
}

/// Treats an empty payload as absent, as some databases treat empty strings.
#[derive(Default)]
struct EmptyIsAbsent;

impl Defect for EmptyIsAbsent {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        with_puts(inner, selector, commit, |action| {
            if let Action::Put { payload, .. } = action
                && payload.is_empty()
            {
                *payload = Payload::Absent;
            }
        })
        .await
    }
}

#[test]
fn an_empty_value_that_becomes_an_absent_one_is_noticed() {
    assert_fails::<EmptyIsAbsent>(&[
        "values/no_bytes_are_a_value_too",
        "values/absent_is_neither_present_nor_removed",
        "values/sealed_is_kept_apart_from_what_is_not",
    ]);
}

/// Stores a value that the loader found absent as removed.
#[derive(Default)]
struct AbsentIsRemoved;

impl Defect for AbsentIsRemoved {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        with_puts(inner, selector, commit, |action| {
            if let Action::Put { payload: Payload::Absent, .. } = action {
                *action = Action::Remove;
            }
        })
        .await
    }
}

#[test]
fn an_absent_value_that_becomes_a_removed_one_is_noticed() {
    assert_fails::<AbsentIsRemoved>(&[
        "values/absent_is_neither_present_nor_removed",
        "rotation/keep_only_spares_what_the_same_commit_writes",
    ]);
}

/// Does not store how long a cached value is fresh.
#[derive(Default)]
struct FreshnessLost;

impl Defect for FreshnessLost {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        with_puts(inner, selector, commit, |action| {
            if let Action::Put { fresh_until, .. } = action {
                *fresh_until = None;
            }
        })
        .await
    }
}

#[test]
fn a_lost_freshness_is_noticed() {
    assert_fails::<FreshnessLost>(&["values/freshness_is_kept"]);
}

/// Stores at most 64 values.
#[derive(Default)]
struct FewValues;

impl Defect for FewValues {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        commit.edits.truncate(64);
        inner.commit(selector, commit).await
    }
}

#[test]
fn values_that_do_not_fit_are_noticed() {
    assert_fails::<FewValues>(&["values/a_hundred_values_fit"]);
}

/// Stores encrypted payloads as plain ones.
#[derive(Default)]
struct SealedAsPlain;

impl Defect for SealedAsPlain {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        with_puts(inner, selector, commit, |action| {
            if let Action::Put { payload, .. } = action
                && let Payload::Sealed(bytes) = payload
            {
                *payload = Payload::Present(bytes.clone());
            }
        })
        .await
    }
}

#[test]
fn sealed_values_that_are_stored_as_plain_are_noticed() {
    assert_fails::<SealedAsPlain>(&["values/sealed_is_kept_apart_from_what_is_not"]);
}
