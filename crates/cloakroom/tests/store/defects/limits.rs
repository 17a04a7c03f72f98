use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Mutex;

use cloakroom::Timestamp;
use cloakroom::store::{Admission, Limit, LimitPolicy, PageRequest, Principal, Selector, Store};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Counts every session that was not removed, even if it has ended.
#[derive(Default)]
struct EndedSessionsCount(Mutex<HashSet<(Principal, Selector)>>);

impl Defect for EndedSessionsCount {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        {
            let mut counted = self.0.lock().unwrap();
            let member = (principal.clone(), selector);
            let count = counted.iter().filter(|(other, _)| other == principal).count();
            if let Some(limit) = limit
                && limit.when_reached == LimitPolicy::Reject
                && count >= limit.count.get() as usize
                && !counted.contains(&member)
            {
                return Ok(Admission::Refused);
            }
            counted.insert(member);
        }
        inner.add_member(principal, selector, until, limit).await
    }

    async fn remove_members(&self, inner: &Inner, principal: &Principal, selectors: Vec<Selector>) -> StoreResult<()> {
        self.0.lock().unwrap().retain(|(owner, selector)| owner != principal || !selectors.contains(selector));
        inner.remove_members(principal, selectors).await
    }
}

#[test]
fn a_limit_that_counts_ended_sessions_is_noticed() {
    assert_fails::<EndedSessionsCount>(&[
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/overdue_sessions_are_absent_for_every_verb",
        "limits/the_dead_do_not_count",
    ]);
}

/// Moves a member that is added again to the end of the list.
#[derive(Default)]
struct AddedAgainIsNewest;

impl Defect for AddedAgainIsNewest {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        inner.remove_members(principal, vec![selector]).await?;
        inner.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn a_member_that_loses_its_place_is_noticed() {
    assert_fails::<AddedAgainIsNewest>(&["limits/a_member_keeps_its_place_in_the_line"]);
}

/// Displaces only one session, however many exceed the limit.
#[derive(Default)]
struct OnlyOneDisplaced;

impl Defect for OnlyOneDisplaced {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let mut result = inner.add_member(principal, selector, until, limit).await?;
        if let Admission::Admitted { displaced } = &mut result {
            displaced.truncate(1);
        }
        Ok(result)
    }
}

#[test]
fn a_limit_that_displaces_too_few_is_noticed() {
    assert_fails::<OnlyOneDisplaced>(&[
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
    ]);
}

/// Removes displaced members at once, so that they cannot be found if the reply is lost.
#[derive(Default)]
struct DisplacedRemovedAtOnce;

impl Defect for DisplacedRemovedAtOnce {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let result = inner.add_member(principal, selector, until, limit).await?;
        if let Admission::Admitted { displaced } | Admission::Incomplete { displaced } = &result {
            inner.remove_members(principal, displaced.clone()).await?;
        }
        Ok(result)
    }
}

#[test]
fn a_limit_that_removes_the_displaced_before_they_end_is_noticed() {
    assert_fails::<DisplacedRemovedAtOnce>(&[
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
    ]);
}

/// Refuses at the limit, whatever the policy.
#[derive(Default)]
struct AlwaysRejects;

impl Defect for AlwaysRejects {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let limit = limit.map(|limit| Limit::new(limit.count, LimitPolicy::Reject));
        inner.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn an_ignored_policy_is_noticed() {
    assert_fails::<AlwaysRejects>(&[
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/a_member_keeps_its_place_in_the_line",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
    ]);
}

/// Allows one session more than the limit.
#[derive(Default)]
struct OneTooMany;

impl Defect for OneTooMany {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let limit = limit.map(|limit| Limit::new(limit.count.saturating_add(1), limit.when_reached));
        inner.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn a_limit_that_admits_one_too_many_is_noticed() {
    assert_fails::<OneTooMany>(&[
        "limits/at_the_limit_one_more_is_refused",
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/a_member_keeps_its_place_in_the_line",
        "concurrency/admissions_never_exceed_the_limit",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
        "coherence/nodes_share_one_limit",
    ]);
}

/// Allows one session less than the limit.
#[derive(Default)]
struct OneTooFew;

impl Defect for OneTooFew {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let fewer = |count: NonZeroU32| NonZeroU32::new(count.get() - 1).unwrap_or(NonZeroU32::MIN);
        let limit = limit.map(|limit| Limit::new(fewer(limit.count), limit.when_reached));
        inner.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn a_limit_that_admits_one_too_few_is_noticed() {
    assert_fails::<OneTooFew>(&[
        "limits/below_the_limit_everybody_is_admitted",
        "limits/at_the_limit_one_more_is_refused",
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/a_member_is_admitted_again_at_the_limit",
        "limits/a_member_keeps_its_place_in_the_line",
        "limits/the_dead_do_not_count",
        "limits/the_dismissed_do_not_count",
        "concurrency/admissions_never_exceed_the_limit",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
        "coherence/nodes_share_one_limit",
    ]);
}

/// Refuses a member that is added again, because it counts against itself.
#[derive(Default)]
struct CountsItself;

impl Defect for CountsItself {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let members = inner.list_members(principal, PageRequest::first(100)).await?.items.len();
        let is_full = |limit: Limit| limit.when_reached == LimitPolicy::Reject && members >= limit.count.get() as usize;
        if limit.is_some_and(is_full) {
            Ok(Admission::Refused)
        } else {
            inner.add_member(principal, selector, until, limit).await
        }
    }
}

#[test]
fn a_member_that_counts_itself_is_noticed() {
    assert_fails::<CountsItself>(&["limits/a_member_is_admitted_again_at_the_limit"]);
}

/// Has one limit for all principals together.
#[derive(Default)]
struct SharedLimit(Mutex<HashSet<Selector>>);

impl Defect for SharedLimit {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        {
            let mut all = self.0.lock().unwrap();
            all.retain(|member| inner.record(*member).is_some());
            let is_full = |limit: Limit| all.len() >= limit.count.get() as usize && !all.contains(&selector);
            if limit.is_some_and(|limit| limit.when_reached == LimitPolicy::Reject && is_full(limit)) {
                return Ok(Admission::Refused);
            }
            all.insert(selector);
        }
        inner.add_member(principal, selector, until, limit).await
    }

    async fn remove_members(&self, inner: &Inner, principal: &Principal, selectors: Vec<Selector>) -> StoreResult<()> {
        self.0.lock().unwrap().retain(|selector| !selectors.contains(selector));
        inner.remove_members(principal, selectors).await
    }
}

#[test]
fn a_limit_that_principals_share_is_noticed() {
    assert_fails::<SharedLimit>(&["limits/principals_do_not_share_a_limit"]);
}

/// Counts only the members that this node has added.
#[derive(Default)]
struct LimitPerNode(Mutex<HashSet<(Principal, Selector)>>);

impl Defect for LimitPerNode {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let Some(bound) = limit.filter(|limit| limit.when_reached == LimitPolicy::Reject) else {
            self.0.lock().unwrap().insert((principal.clone(), selector));
            return inner.add_member(principal, selector, until, limit).await;
        };
        {
            let mut own = self.0.lock().unwrap();
            own.retain(|(_, member)| inner.record(*member).is_some());
            let others = own.iter().filter(|(owner, member)| owner == principal && *member != selector).count();
            if others >= bound.count.get() as usize && !own.contains(&(principal.clone(), selector)) {
                return Ok(Admission::Refused);
            }
            own.insert((principal.clone(), selector));
        }
        inner.add_member(principal, selector, until, None).await
    }

    async fn remove_members(&self, inner: &Inner, principal: &Principal, selectors: Vec<Selector>) -> StoreResult<()> {
        self.0.lock().unwrap().retain(|(owner, selector)| owner != principal || !selectors.contains(selector));
        inner.remove_members(principal, selectors).await
    }
}

#[test]
fn a_limit_for_each_node_is_noticed() {
    assert_fails::<LimitPerNode>(&["coherence/nodes_share_one_limit"]);
}

/// Completes an admission after its first step, without displacing the rest.
#[derive(Default)]
struct OneStepOnly;

impl Defect for OneStepOnly {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let result = inner.add_member(principal, selector, until, limit).await?;
        let Admission::Incomplete { displaced } = result else { return Ok(result) };
        inner.add_member(principal, selector, until, None).await?;
        Ok(Admission::Admitted { displaced })
    }
}

#[test]
fn an_admission_that_completes_too_early_is_noticed() {
    assert_fails::<OneStepOnly>(&["limits/a_far_lower_limit_is_reached_in_steps"]);
}
