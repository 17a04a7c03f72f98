use std::collections::HashMap;
use std::sync::Mutex;

use cloakroom::store::{
    Commit, Committed, Created, Destroyed, Guard, Lifetimes, Record, Selector, Store, Touch, Verifier,
};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Creates a missing record on commit, which is the cause of most resurrected sessions.
#[derive(Default)]
struct CommitCreates;

impl Defect for CommitCreates {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        if inner.record(selector).is_none() {
            let day = std::time::Duration::from_secs(86_400);
            let lifetimes = Lifetimes::new(commit.now, day, commit.now.after(day));
            let record = Record::new(Verifier::from_bytes([1; 16]), lifetimes, !commit.nonce);
            inner.create(selector, record).await?;
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_commit_that_creates_is_noticed() {
    assert_fails::<CommitCreates>(&[
        "create/nobody_else_creates",
        "commit/without_a_record_it_is_gone",
        "retry/a_repeat_cannot_resurrect",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/overdue_sessions_are_absent_for_every_verb",
        "lifetimes/a_record_overdue_from_the_start_is_never_served",
        "destroy/late_writes_do_not_resurrect",
        "concurrency/nothing_survives_a_destroy_among_commits",
    ]);
}

/// Overwrites an existing record, as `SET` without `NX` does.
#[derive(Default)]
struct CreateOverwrites;

impl Defect for CreateOverwrites {
    async fn create(&self, inner: &Inner, selector: Selector, record: Record) -> StoreResult<Created> {
        inner.destroy(selector, Guard::Anyone).await?;
        inner.create(selector, record).await
    }
}

#[test]
fn a_create_that_overwrites_is_noticed() {
    assert_fails::<CreateOverwrites>(&[
        "create/a_taken_tag_is_refused_and_its_record_kept",
        "create/a_repeat_after_a_commit_is_refused",
        "concurrency/one_of_many_creates_wins",
    ]);
}

/// Refuses a create that is repeated after a lost reply, as if the selector belonged to another.
#[derive(Default)]
struct RepeatedCreateRefused;

impl Defect for RepeatedCreateRefused {
    async fn create(&self, inner: &Inner, selector: Selector, record: Record) -> StoreResult<Created> {
        if inner.record(selector).is_some() { Ok(Created::Exists) } else { inner.create(selector, record).await }
    }
}

#[test]
fn a_create_that_refuses_its_own_repeat_is_noticed() {
    assert_fails::<RepeatedCreateRefused>(&["create/a_repeat_answers_done_again"]);
}

/// Compares only the first eight bytes of selectors.
#[derive(Default)]
struct SelectorsTruncated;

impl Defect for SelectorsTruncated {
    async fn create(&self, inner: &Inner, selector: Selector, record: Record) -> StoreResult<Created> {
        let is_like = |other: &Selector| *other != selector && other.as_bytes()[..8] == selector.as_bytes()[..8];
        if inner.selectors().iter().any(is_like) { Ok(Created::Exists) } else { inner.create(selector, record).await }
    }
}

#[test]
fn truncated_selectors_are_noticed() {
    assert_fails::<SelectorsTruncated>(&["create/tags_are_compared_in_full"]);
}

/// Keeps every record, and restores it on a late touch.
#[derive(Default)]
struct TouchResurrects(Mutex<HashMap<Selector, Record>>);

impl Defect for TouchResurrects {
    async fn create(&self, inner: &Inner, selector: Selector, record: Record) -> StoreResult<Created> {
        self.0.lock().unwrap().insert(selector, record.clone());
        inner.create(selector, record).await
    }

    async fn touch(&self, inner: &Inner, touches: Vec<Touch>) -> StoreResult<()> {
        for touch in &touches {
            let known = self.0.lock().unwrap().get(&touch.selector).cloned();
            if let (None, Some(known)) = (inner.record(touch.selector), known) {
                inner.roll_back(touch.selector, known);
            }
        }
        inner.touch(touches).await
    }
}

#[test]
fn a_touch_that_resurrects_is_noticed() {
    assert_fails::<TouchResurrects>(&[
        "touch/it_never_creates",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "destroy/late_writes_do_not_resurrect",
    ]);
}

/// Does not store the label of a session.
#[derive(Default)]
struct LabelsLost;

impl Defect for LabelsLost {
    async fn create(&self, inner: &Inner, selector: Selector, mut record: Record) -> StoreResult<Created> {
        if let Some(authentication) = &mut record.authentication {
            authentication.label = None;
        }
        inner.create(selector, record).await
    }
}

#[test]
fn a_lost_label_is_noticed() {
    assert_fails::<LabelsLost>(&["create/every_field_is_kept"]);
}

/// Writes the record first, and its values afterwards.
#[derive(Default)]
struct CreateInTwoSteps;

impl Defect for CreateInTwoSteps {
    async fn create(&self, inner: &Inner, selector: Selector, record: Record) -> StoreResult<Created> {
        let mut bare = record.clone();
        bare.values.clear();
        let result = inner.create(selector, bare.clone()).await?;
        if inner.record(selector) == Some(bare) {
            tokio::task::yield_now().await;
            inner.roll_back(selector, record);
        }
        Ok(result)
    }
}

#[test]
fn a_create_that_is_not_atomic_is_noticed() {
    assert_fails::<CreateInTwoSteps>(&["cancellation/a_create_that_is_given_up_is_whole_or_not_at_all"]);
}

/// Destroys all sessions, as a test helper with `FLUSHDB` does.
#[derive(Default)]
struct DestroysEverything;

impl Defect for DestroysEverything {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        let result = inner.destroy(selector, guard).await?;
        if result == Destroyed::Done {
            for other in inner.selectors() {
                inner.destroy(other, Guard::Anyone).await?;
            }
        }
        Ok(result)
    }
}

#[test]
fn a_destroy_of_everything_is_noticed() {
    assert_fails::<DestroysEverything>(&[
        "touch/what_is_gone_is_skipped",
        "destroy/other_sessions_live_on",
        "destroy/several_are_destroyed_at_once_each_by_itself",
        "principals/pages_join_whoever_comes_and_goes",
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/the_dead_do_not_count",
        "list/pages_join_whichever_sessions_end",
        "all_sessions/pages_of_principals_join_whichever_sessions_end",
        "all_sessions/every_session_counts_once",
    ]);
}
