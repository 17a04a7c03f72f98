use cloakroom::Timestamp;
use cloakroom::store::{
    Action, Admission, Commit, Committed, Destroyed, Expect, Guard, Limit, LimitPolicy, PageRequest, Payload,
    Principal, Selector, Store, Touch,
};
use tokio::task::yield_now;

use super::{Answer, Defect, Sound, fails};

/// Counts first and enters afterwards.
#[derive(Default)]
struct LimitCheckedThenActedOn;

impl Defect for LimitCheckedThenActedOn {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let Some(rejecting) = limit.filter(|limit| limit.when_reached == LimitPolicy::Reject) else {
            return sound.add_member(principal, selector, until, limit).await;
        };
        let members = sound.list_members(principal, PageRequest::first(100)).await?.items;
        yield_now().await;
        if members.len() >= rejecting.count.get() as usize && members.iter().all(|member| member.selector != selector) {
            return Ok(Admission::Refused);
        }
        sound.add_member(principal, selector, until, None).await
    }
}

#[test]
fn a_limit_that_is_checked_before_it_is_acted_on_is_noticed() {
    fails::<LimitCheckedThenActedOn>(&[
        "concurrency/admissions_never_exceed_the_limit",
        "coherence/nodes_share_one_limit",
    ]);
}

/// Reads the record, and writes it back with the new instant.
#[derive(Default)]
struct TouchReadsThenWrites;

impl Defect for TouchReadsThenWrites {
    async fn touch(&self, sound: &Sound, touches: Vec<Touch>) -> Answer<()> {
        for touch in touches {
            let Some(mut record) = sound.record(touch.selector) else { continue };
            record.last_seen = record.last_seen.max(touch.seen);
            yield_now().await;
            sound.roll_back(touch.selector, record);
        }
        Ok(())
    }
}

#[test]
fn a_touch_that_loses_a_commit_is_noticed() {
    fails::<TouchReadsThenWrites>(&[
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
        "concurrency/touches_lose_no_commit",
    ]);
}

/// Looks, and then acts: the classic.
#[derive(Default)]
struct CommitReadsThenWrites;

impl Defect for CommitReadsThenWrites {
    async fn commit(&self, sound: &Sound, selector: Selector, mut commit: Commit) -> Answer<Committed> {
        let Some(record) = sound.record(selector) else { return Ok(Committed::Gone) };
        yield_now().await;
        let holds = |expect| match expect {
            (key, Expect::Version(version)) => record.version_of(key) == version,
            _ => true,
        };
        if record.nonce != commit.nonce && commit.edits.iter().all(|edit| holds((&edit.key, edit.expect))) {
            commit.edits.iter_mut().for_each(|edit| edit.expect = Expect::Any);
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_commit_that_looks_before_it_acts_is_noticed() {
    fails::<CommitReadsThenWrites>(&["concurrency/no_increment_is_lost"]);
}

/// Writes value by value, and may be left in the middle.
#[derive(Default)]
struct CommitInTwoSteps;

impl Defect for CommitInTwoSteps {
    async fn commit(&self, sound: &Sound, selector: Selector, commit: Commit) -> Answer<Committed> {
        let unconditional = commit.guard == Guard::Anyone && commit.edits.iter().all(|edit| edit.expect == Expect::Any);
        if let (true, Some(mut record), [first, _, ..]) = (unconditional, sound.record(selector), &*commit.edits)
            && let Action::Put { payload: payload @ Payload::Present(_), .. } = &first.action
            && let Some(value) = record.values.iter_mut().find(|value| value.key == first.key)
        {
            value.payload = payload.clone();
            sound.roll_back(selector, record);
            yield_now().await;
        }
        sound.commit(selector, commit).await
    }
}

#[test]
fn a_commit_that_can_be_left_half_done_is_noticed() {
    fails::<CommitInTwoSteps>(&["cancellation/a_commit_that_is_given_up_is_whole_or_not_at_all"]);
}

/// Says that there was something to destroy, always.
#[derive(Default)]
struct DestroyAlwaysFinds;

impl Defect for DestroyAlwaysFinds {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        Ok(match sound.destroy(selector, guard).await? {
            Destroyed::Gone => Destroyed::Done,
            answer => answer,
        })
    }
}

#[test]
fn a_destroy_that_always_finds_something_is_noticed() {
    fails::<DestroyAlwaysFinds>(&[
        "create/nobody_else_creates",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/overdue_sessions_are_absent_for_every_verb",
        "destroy/it_answers_whether_there_was_a_record",
        "destroy/late_writes_do_not_resurrect",
        "destroy/several_are_destroyed_at_once_each_by_itself",
        "logout/what_is_gone_is_gone_for_every_guard",
        "logout/a_repeat_is_harmless",
        "concurrency/one_of_many_destroys_finds_the_record",
    ]);
}
