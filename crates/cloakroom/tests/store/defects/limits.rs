use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Mutex;

use cloakroom::Timestamp;
use cloakroom::store::{Admission, Limit, LimitPolicy, PageRequest, Principal, Selector, Store};

use super::{Answer, Defect, Sound, fails};

/// A counter instead of a list: it counts whom nobody dismissed, dead or alive.
#[derive(Default)]
struct TheDeadCount(Mutex<HashSet<(Principal, Selector)>>);

impl Defect for TheDeadCount {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
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
        sound.add_member(principal, selector, until, limit).await
    }

    async fn dismiss(&self, sound: &Sound, principal: &Principal, selectors: Vec<Selector>) -> Answer<()> {
        self.0.lock().unwrap().retain(|(owner, selector)| owner != principal || !selectors.contains(selector));
        sound.remove_members(principal, selectors).await
    }
}

#[test]
fn a_limit_that_counts_the_dead_is_noticed() {
    fails::<TheDeadCount>(&[
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/overdue_sessions_are_absent_for_every_verb",
        "limits/the_dead_do_not_count",
    ]);
}

/// Enters a member anew, at the end of the line.
#[derive(Default)]
struct AdmittedAgainIsYoungest;

impl Defect for AdmittedAgainIsYoungest {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        sound.remove_members(principal, vec![selector]).await?;
        sound.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn a_member_that_loses_its_place_is_noticed() {
    fails::<AdmittedAgainIsYoungest>(&["limits/a_member_keeps_its_place_in_the_line"]);
}

/// Makes room for one, however many are too many.
#[derive(Default)]
struct OneMakesRoom;

impl Defect for OneMakesRoom {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let mut answer = sound.add_member(principal, selector, until, limit).await?;
        if let Admission::Admitted { displaced } = &mut answer {
            displaced.truncate(1);
        }
        Ok(answer)
    }
}

#[test]
fn a_limit_that_makes_too_little_room_is_noticed() {
    fails::<OneMakesRoom>(&[
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
    ]);
}

/// Takes those that have to end out at once, so that nobody finds them if the answer is lost.
#[derive(Default)]
struct LeavesAtOnce;

impl Defect for LeavesAtOnce {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let answer = sound.add_member(principal, selector, until, limit).await?;
        if let Admission::Admitted { displaced } | Admission::Incomplete { displaced } = &answer {
            sound.remove_members(principal, displaced.clone()).await?;
        }
        Ok(answer)
    }
}

#[test]
fn a_limit_that_takes_the_displaced_out_before_they_end_is_noticed() {
    fails::<LeavesAtOnce>(&[
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
    ]);
}

/// Refuses whatever the policy says.
#[derive(Default)]
struct AlwaysRejects;

impl Defect for AlwaysRejects {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let limit = limit.map(|limit| Limit::new(limit.count, LimitPolicy::Reject));
        sound.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn an_ignored_policy_is_noticed() {
    fails::<AlwaysRejects>(&[
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/a_member_keeps_its_place_in_the_line",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
    ]);
}

/// Allows one more than it should.
#[derive(Default)]
struct OneTooMany;

impl Defect for OneTooMany {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let limit = limit.map(|limit| Limit::new(limit.count.saturating_add(1), limit.when_reached));
        sound.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn a_limit_that_lets_one_more_in_is_noticed() {
    fails::<OneTooMany>(&[
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

/// Allows one less than it should.
#[derive(Default)]
struct OneTooFew;

impl Defect for OneTooFew {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let fewer = |count: NonZeroU32| NonZeroU32::new(count.get() - 1).unwrap_or(NonZeroU32::MIN);
        let limit = limit.map(|limit| Limit::new(fewer(limit.count), limit.when_reached));
        sound.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn a_limit_that_keeps_one_out_is_noticed() {
    fails::<OneTooFew>(&[
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

/// Refuses a member that is admitted again, because it counts itself.
#[derive(Default)]
struct CountsItself;

impl Defect for CountsItself {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let members = sound.list_members(principal, PageRequest::first(100)).await?.items.len();
        let is_full = |limit: Limit| limit.when_reached == LimitPolicy::Reject && members >= limit.count.get() as usize;
        if limit.is_some_and(is_full) {
            Ok(Admission::Refused)
        } else {
            sound.add_member(principal, selector, until, limit).await
        }
    }
}

#[test]
fn a_member_that_counts_itself_is_noticed() {
    fails::<CountsItself>(&["limits/a_member_is_admitted_again_at_the_limit"]);
}

/// One limit for all principals together.
#[derive(Default)]
struct SharedLimit(Mutex<HashSet<Selector>>);

impl Defect for SharedLimit {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        {
            let mut all = self.0.lock().unwrap();
            all.retain(|member| sound.record(*member).is_some());
            let is_full = |limit: Limit| all.len() >= limit.count.get() as usize && !all.contains(&selector);
            if limit.is_some_and(|limit| limit.when_reached == LimitPolicy::Reject && is_full(limit)) {
                return Ok(Admission::Refused);
            }
            all.insert(selector);
        }
        sound.add_member(principal, selector, until, limit).await
    }

    async fn dismiss(&self, sound: &Sound, principal: &Principal, selectors: Vec<Selector>) -> Answer<()> {
        self.0.lock().unwrap().retain(|selector| !selectors.contains(selector));
        sound.remove_members(principal, selectors).await
    }
}

#[test]
fn a_limit_that_principals_share_is_noticed() {
    fails::<SharedLimit>(&["limits/principals_do_not_share_a_limit"]);
}

/// Counts the members that it admitted itself.
#[derive(Default)]
struct EveryNodeForItself(Mutex<HashSet<(Principal, Selector)>>);

impl Defect for EveryNodeForItself {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let Some(bound) = limit.filter(|limit| limit.when_reached == LimitPolicy::Reject) else {
            self.0.lock().unwrap().insert((principal.clone(), selector));
            return sound.add_member(principal, selector, until, limit).await;
        };
        {
            let mut mine = self.0.lock().unwrap();
            mine.retain(|(_, member)| sound.record(*member).is_some());
            let others = mine.iter().filter(|(owner, member)| owner == principal && *member != selector).count();
            if others >= bound.count.get() as usize && !mine.contains(&(principal.clone(), selector)) {
                return Ok(Admission::Refused);
            }
            mine.insert((principal.clone(), selector));
        }
        sound.add_member(principal, selector, until, None).await
    }

    async fn dismiss(&self, sound: &Sound, principal: &Principal, selectors: Vec<Selector>) -> Answer<()> {
        self.0.lock().unwrap().retain(|(owner, selector)| owner != principal || !selectors.contains(selector));
        sound.remove_members(principal, selectors).await
    }
}

#[test]
fn a_limit_for_each_node_is_noticed() {
    fails::<EveryNodeForItself>(&["coherence/nodes_share_one_limit"]);
}

/// Leaves everybody in who does not fit into the first step.
#[derive(Default)]
struct OneStepIsEnough;

impl Defect for OneStepIsEnough {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let answer = sound.add_member(principal, selector, until, limit).await?;
        let Admission::Incomplete { displaced } = answer else { return Ok(answer) };
        sound.add_member(principal, selector, until, None).await?;
        Ok(Admission::Admitted { displaced })
    }
}

#[test]
fn an_admission_that_is_over_too_early_is_noticed() {
    fails::<OneStepIsEnough>(&["limits/a_far_lower_limit_is_reached_in_steps"]);
}
