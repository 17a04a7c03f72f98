use std::collections::HashMap;
use std::sync::Mutex;

use cloakroom::store::{
    Commit, Committed, Created, Destroyed, Guard, Lifetimes, Record, Selector, Store, Touch, Verifier,
};

use super::{Answer, Defect, Sound, fails};

/// Every write is an upsert: the cause of most resurrected sessions.
#[derive(Default)]
struct CommitCreates;

impl Defect for CommitCreates {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        if sound.record(selector).is_none() {
            let day = std::time::Duration::from_secs(86_400);
            let lifetimes = Lifetimes::new(commit.now, day, commit.now.after(day));
            let record = Record::new(Verifier::from_bytes([1; 16]), lifetimes, !commit.nonce);
            sound.create(selector, record).await?;
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_commit_that_creates_is_noticed() {
    fails::<CommitCreates>(&[
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

/// `SET` without `NX`.
#[derive(Default)]
struct CreateOverwrites;

impl Defect for CreateOverwrites {
    async fn create(&self, sound: &Sound, selector: Selector, record: Record) -> Answer<Created> {
        sound.destroy(selector, Guard::Anyone).await?;
        sound.create(selector, record).await
    }
}

#[test]
fn a_create_that_overwrites_is_noticed() {
    fails::<CreateOverwrites>(&[
        "create/a_taken_tag_is_refused_and_its_record_kept",
        "create/a_repeat_after_a_commit_is_refused",
        "concurrency/one_of_many_creates_wins",
    ]);
}

/// The caller whose first reply was lost is told that somebody else took its tag.
#[derive(Default)]
struct CreateForgetsItsOwn;

impl Defect for CreateForgetsItsOwn {
    async fn create(&self, sound: &Sound, selector: Selector, record: Record) -> Answer<Created> {
        if sound.record(selector).is_some() { Ok(Created::Exists) } else { sound.create(selector, record).await }
    }
}

#[test]
fn a_create_that_does_not_know_its_own_repeat_is_noticed() {
    fails::<CreateForgetsItsOwn>(&["create/a_repeat_answers_done_again"]);
}

/// Compares tags by their first eight bytes.
#[derive(Default)]
struct TagsCutShort;

impl Defect for TagsCutShort {
    async fn create(&self, sound: &Sound, selector: Selector, record: Record) -> Answer<Created> {
        let is_like = |other: &Selector| *other != selector && other.as_bytes()[..8] == selector.as_bytes()[..8];
        if sound.selectors().iter().any(is_like) { Ok(Created::Exists) } else { sound.create(selector, record).await }
    }
}

#[test]
fn tags_that_are_cut_short_are_noticed() {
    fails::<TagsCutShort>(&["create/tags_are_compared_in_full"]);
}

/// Keeps what it once had, and a late touch writes it back.
#[derive(Default)]
struct TouchResurrects(Mutex<HashMap<Selector, Record>>);

impl Defect for TouchResurrects {
    async fn create(&self, sound: &Sound, selector: Selector, record: Record) -> Answer<Created> {
        self.0.lock().unwrap().insert(selector, record.clone());
        sound.create(selector, record).await
    }

    async fn touch(&self, sound: &Sound, touches: Vec<Touch>) -> Answer<()> {
        for touch in &touches {
            let known = self.0.lock().unwrap().get(&touch.selector).cloned();
            if let (None, Some(known)) = (sound.record(touch.selector), known) {
                sound.roll_back(touch.selector, known);
            }
        }
        sound.touch(touches).await
    }
}

#[test]
fn a_touch_that_resurrects_is_noticed() {
    fails::<TouchResurrects>(&[
        "touch/it_never_creates",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "destroy/late_writes_do_not_resurrect",
    ]);
}

/// Has no room for what the application calls a session.
#[derive(Default)]
struct LabelsLost;

impl Defect for LabelsLost {
    async fn create(&self, sound: &Sound, selector: Selector, mut record: Record) -> Answer<Created> {
        if let Some(authentication) = &mut record.authentication {
            authentication.label = None;
        }
        sound.create(selector, record).await
    }
}

#[test]
fn a_lost_label_is_noticed() {
    fails::<LabelsLost>(&["create/every_field_is_kept"]);
}

/// The record first, its values afterwards.
#[derive(Default)]
struct CreateInTwoSteps;

impl Defect for CreateInTwoSteps {
    async fn create(&self, sound: &Sound, selector: Selector, record: Record) -> Answer<Created> {
        let mut bare = record.clone();
        bare.values.clear();
        let answer = sound.create(selector, bare.clone()).await?;
        if sound.record(selector) == Some(bare) {
            tokio::task::yield_now().await;
            sound.roll_back(selector, record);
        }
        Ok(answer)
    }
}

#[test]
fn a_create_that_can_be_left_half_done_is_noticed() {
    fails::<CreateInTwoSteps>(&["cancellation/a_create_that_is_given_up_is_whole_or_not_at_all"]);
}

/// `FLUSHDB`, as somebody's test helper had it.
#[derive(Default)]
struct DestroysEverything;

impl Defect for DestroysEverything {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        let answer = sound.destroy(selector, guard).await?;
        if answer == Destroyed::Done {
            for other in sound.selectors() {
                sound.destroy(other, Guard::Anyone).await?;
            }
        }
        Ok(answer)
    }
}

#[test]
fn a_destroy_of_everything_is_noticed() {
    fails::<DestroysEverything>(&[
        "touch/what_is_gone_is_skipped",
        "destroy/other_sessions_live_on",
        "destroy/several_are_destroyed_at_once_each_by_itself",
        "principals/pages_join_whoever_comes_and_goes",
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/the_dead_do_not_count",
    ]);
}
