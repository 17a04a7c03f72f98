use cloakroom::Timestamp;
use cloakroom::store::{
    Action, Admission, Commit, Committed, Destroyed, Expect, Guard, Limit, LimitPolicy, PageRequest, Payload,
    Principal, Selector, Store, Touch,
};
use tokio::task::yield_now;

use super::{Defect, Inner, StoreResult, assert_fails};

/// Counts the members first and adds the new one afterwards.
#[derive(Default)]
struct LimitChecksThenAdds;

impl Defect for LimitChecksThenAdds {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let Some(rejecting) = limit.filter(|limit| limit.when_reached == LimitPolicy::Reject) else {
            return inner.add_member(principal, selector, until, limit).await;
        };
        let members = inner.list_members(principal, PageRequest::first(100)).await?.items;
        yield_now().await;
        if members.len() >= rejecting.count.get() as usize && members.iter().all(|member| member.selector != selector) {
            return Ok(Admission::Refused);
        }
        inner.add_member(principal, selector, until, None).await
    }
}

#[test]
fn a_limit_that_is_checked_before_the_member_is_added_is_noticed() {
    assert_fails::<LimitChecksThenAdds>(&[
        "concurrency/admissions_never_exceed_the_limit",
        "coherence/nodes_share_one_limit",
    ]);
}

/// Reads the record first and writes it back with the new instant afterwards.
#[derive(Default)]
struct TouchReadsThenWrites;

impl Defect for TouchReadsThenWrites {
    async fn touch(&self, inner: &Inner, touches: Vec<Touch>) -> StoreResult<()> {
        for touch in touches {
            let Some(mut record) = inner.record(touch.selector) else { continue };
            record.last_seen = record.last_seen.max(touch.seen);
            yield_now().await;
            inner.roll_back(touch.selector, record);
        }
        Ok(())
    }
}

#[test]
fn a_touch_that_loses_a_commit_is_noticed() {
    assert_fails::<TouchReadsThenWrites>(&[
        "touch/a_wrong_secret_touches_nothing",
        "touch/in_its_grace_the_previous_secret_touches",
        "touch/a_secret_whose_grace_is_over_touches_nothing",
        "touch/a_secret_that_was_dead_at_once_touches_nothing",
        "concurrency/touches_lose_no_commit",
    ]);
}

/// Checks the expectations first and writes afterwards.
#[derive(Default)]
struct CommitReadsThenWrites;

impl Defect for CommitReadsThenWrites {
    async fn commit(&self, inner: &Inner, selector: Selector, mut commit: Commit) -> StoreResult<Committed> {
        let Some(record) = inner.record(selector) else { return Ok(Committed::Gone) };
        yield_now().await;
        let holds = |expect| match expect {
            (key, Expect::Version(version)) => record.version_of(key) == version,
            _ => true,
        };
        if record.nonce != commit.nonce && commit.edits.iter().all(|edit| holds((&edit.key, edit.expect))) {
            commit.edits.iter_mut().for_each(|edit| edit.expect = Expect::Any);
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_commit_that_checks_before_it_writes_is_noticed() {
    assert_fails::<CommitReadsThenWrites>(&["concurrency/no_increment_is_lost"]);
}

/// Writes one value at a time, and can be cancelled in between.
#[derive(Default)]
struct CommitInTwoSteps;

impl Defect for CommitInTwoSteps {
    async fn commit(&self, inner: &Inner, selector: Selector, commit: Commit) -> StoreResult<Committed> {
        let unconditional = commit.guard == Guard::Anyone && commit.edits.iter().all(|edit| edit.expect == Expect::Any);
        if let (true, Some(mut record), [first, _, ..]) = (unconditional, inner.record(selector), &*commit.edits)
            && let Action::Put { payload: payload @ Payload::Present(_), .. } = &first.action
            && let Some(value) = record.values.iter_mut().find(|value| value.key == first.key)
        {
            value.payload = payload.clone();
            inner.roll_back(selector, record);
            yield_now().await;
        }
        inner.commit(selector, commit).await
    }
}

#[test]
fn a_commit_that_is_not_atomic_is_noticed() {
    assert_fails::<CommitInTwoSteps>(&["cancellation/a_commit_that_is_given_up_is_whole_or_not_at_all"]);
}

/// Always reports that there was a record to destroy.
#[derive(Default)]
struct DestroyAlwaysFinds;

impl Defect for DestroyAlwaysFinds {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        Ok(match inner.destroy(selector, guard).await? {
            Destroyed::Gone => Destroyed::Done,
            result => result,
        })
    }
}

#[test]
fn a_destroy_that_always_finds_something_is_noticed() {
    assert_fails::<DestroyAlwaysFinds>(&[
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
