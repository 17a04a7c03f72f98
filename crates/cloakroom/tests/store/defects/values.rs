use cloakroom::store::{Action, Commit, Committed, Created, Payload, Record, Selector, Store};

use super::{Answer, Defect, Sound, fails};

/// Changes every value that is put.
async fn with_puts(
    sound: &Sound,
    selector: Selector,
    mut commit: Commit,
    change: impl Fn(&mut Action) + Send,
) -> Answer<Committed> {
    commit.edits.iter_mut().for_each(|edit| change(&mut edit.action));
    sound.commit(selector, commit).await
}

/// A column of 32 KiB, in a database that cuts what is too long.
#[derive(Default)]
struct LargeValuesCut;

impl Defect for LargeValuesCut {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        with_puts(sound, selector, commit, |action| {
            if let Action::Put { payload: Payload::Present(bytes), .. } = action {
                *bytes = bytes[..bytes.len().min(32 * 1024)].into();
            }
        })
        .await
    }
}

#[test]
fn a_value_that_is_cut_is_noticed() {
    fails::<LargeValuesCut>(&["values/sixty_four_kibibytes_fit"]);
}

/// Keeps payloads as text.
#[derive(Default)]
struct BytesAsText;

impl Defect for BytesAsText {
    async fn create(&self, sound: &Sound, selector: Selector, mut record: Record) -> Answer<Created> {
        for value in &mut record.values {
            if let Payload::Present(bytes) = &mut value.payload {
                *bytes = String::from_utf8_lossy(bytes).as_bytes().into();
            }
        }
        sound.create(selector, record).await
    }
}

#[test]
fn bytes_that_become_text_are_noticed() {
    fails::<BytesAsText>(&[
        "values/bytes_are_kept_as_they_are",
        "values/sixty_four_kibibytes_fit",
        "values/sealed_is_kept_apart_from_what_is_not",
    ]);
}

/// Takes the empty string for nothing, as some databases do.
#[derive(Default)]
struct EmptyIsAbsent;

impl Defect for EmptyIsAbsent {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        with_puts(sound, selector, commit, |action| {
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
    fails::<EmptyIsAbsent>(&[
        "values/no_bytes_are_a_value_too",
        "values/absent_is_neither_present_nor_removed",
        "values/sealed_is_kept_apart_from_what_is_not",
    ]);
}

/// Has no word for "the loader says that there is none".
#[derive(Default)]
struct AbsentIsRemoved;

impl Defect for AbsentIsRemoved {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        with_puts(sound, selector, commit, |action| {
            if let Action::Put { payload: Payload::Absent, .. } = action {
                *action = Action::Remove;
            }
        })
        .await
    }
}

#[test]
fn an_absent_value_that_becomes_a_removed_one_is_noticed() {
    fails::<AbsentIsRemoved>(&[
        "values/absent_is_neither_present_nor_removed",
        "rotation/keep_only_spares_what_the_same_commit_writes",
    ]);
}

/// Forgets how long a cached value is fresh.
#[derive(Default)]
struct FreshnessLost;

impl Defect for FreshnessLost {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        with_puts(sound, selector, commit, |action| {
            if let Action::Put { fresh_until, .. } = action {
                *fresh_until = None;
            }
        })
        .await
    }
}

#[test]
fn a_lost_freshness_is_noticed() {
    fails::<FreshnessLost>(&["values/freshness_is_kept"]);
}

/// Has room for fifty values.
#[derive(Default)]
struct FewValues;

impl Defect for FewValues {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        commit.edits.truncate(50);
        sound.commit(selector, commit).await
    }
}

#[test]
fn values_that_do_not_fit_are_noticed() {
    fails::<FewValues>(&["values/a_hundred_values_fit"]);
}

/// Has one kind of value where there are two.
#[derive(Default)]
struct SealedAsPlain;

impl Defect for SealedAsPlain {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        with_puts(sound, selector, commit, |action| {
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
fn a_store_that_forgets_what_is_sealed_is_noticed() {
    fails::<SealedAsPlain>(&["values/sealed_is_kept_apart_from_what_is_not"]);
}
