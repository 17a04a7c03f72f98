use std::collections::HashSet;
use std::sync::Mutex;

use cloakroom::store::{Admission, Limit, LimitPolicy, Principal, Record, Store, Tag};

use super::{Answer, Defect, Sound, fails};

/// A counter instead of a list: it counts whom nobody dismissed, dead or alive.
#[derive(Default)]
struct TheDeadCount(Mutex<HashSet<(Principal, Tag)>>);

impl Defect for TheDeadCount {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        {
            let mut counted = self.0.lock().unwrap();
            let member = (principal.clone(), tag);
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
        sound.admit(principal, tag, limit).await
    }

    async fn dismiss(&self, sound: &Sound, principal: &Principal, tag: Tag) -> Answer<()> {
        self.0.lock().unwrap().remove(&(principal.clone(), tag));
        sound.dismiss(principal, tag).await
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
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        sound.dismiss(principal, tag).await?;
        sound.admit(principal, tag, limit).await
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
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        let mut answer = sound.admit(principal, tag, limit).await?;
        if let Admission::Admitted { displaced } = &mut answer {
            displaced.truncate(1);
        }
        Ok(answer)
    }
}

#[test]
fn a_limit_that_makes_too_little_room_is_noticed() {
    fails::<OneMakesRoom>(&["limits/a_lower_limit_makes_as_many_leave_as_needed"]);
}

/// Refuses whatever the policy says.
#[derive(Default)]
struct AlwaysRejects;

impl Defect for AlwaysRejects {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        let limit = limit.map(|limit| Limit::new(limit.count, LimitPolicy::Reject));
        sound.admit(principal, tag, limit).await
    }
}

#[test]
fn an_ignored_policy_is_noticed() {
    fails::<AlwaysRejects>(&[
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_member_keeps_its_place_in_the_line",
        "concurrency/admissions_displace_exactly_as_many_as_needed",
    ]);
}

/// Lists who was ever entered, whoever is logged in there now.
#[derive(Default)]
struct ListsSomebodyElses(Mutex<Vec<(Principal, Tag)>>);

impl Defect for ListsSomebodyElses {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        self.0.lock().unwrap().push((principal.clone(), tag));
        sound.admit(principal, tag, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<(Tag, Record)>> {
        let mut members = sound.members(principal).await?;
        for (_, tag) in self.0.lock().unwrap().iter().filter(|(admitted, _)| admitted == principal) {
            if let Some(record) = sound.record(*tag)
                && record.authentication.as_ref().is_some_and(|authentication| authentication.principal != *principal)
            {
                members.push((*tag, record));
            }
        }
        Ok(members)
    }
}

#[test]
fn a_list_with_somebody_elses_sessions_is_noticed() {
    fails::<ListsSomebodyElses>(&[
        "principals/somebody_elses_session_is_left_out",
        "principals/a_session_that_is_about_to_log_in_keeps_its_place",
    ]);
}

/// Tidies up too eagerly: who is not logged in yet loses its place.
#[derive(Default)]
struct ListingDropsTheNotYet(Mutex<Vec<Tag>>);

impl Defect for ListingDropsTheNotYet {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        self.0.lock().unwrap().push(tag);
        sound.admit(principal, tag, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<(Tag, Record)>> {
        let is_logged_in = |record: &Record| {
            record.authentication.as_ref().is_some_and(|authentication| authentication.principal == *principal)
        };
        let admitted = self.0.lock().unwrap().clone();
        for tag in admitted {
            if !sound.record(tag).is_some_and(|record| is_logged_in(&record)) {
                sound.dismiss(principal, tag).await?;
            }
        }
        sound.members(principal).await
    }
}

#[test]
fn a_list_that_drops_who_is_about_to_log_in_is_noticed() {
    fails::<ListingDropsTheNotYet>(&["principals/a_session_that_is_about_to_log_in_keeps_its_place"]);
}

/// A collation that does not tell letters apart by case.
#[derive(Default)]
struct CaseIgnored;

fn folded(principal: &Principal) -> Principal {
    principal.as_str().to_lowercase().into()
}

impl Defect for CaseIgnored {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        sound.admit(&folded(principal), tag, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<(Tag, Record)>> {
        let mut members = sound.members(&folded(principal)).await?;
        let folded = folded(principal);
        members.retain(|(_, record)| {
            record.authentication.as_ref().is_none_or(|authentication| authentication.principal == folded)
        });
        Ok(members)
    }
}

#[test]
fn principals_of_any_case_are_noticed() {
    fails::<CaseIgnored>(&["principals/principals_are_compared_byte_for_byte"]);
}

/// Leaves what it should take out.
#[derive(Default)]
struct DismissIgnored;

impl Defect for DismissIgnored {
    async fn dismiss(&self, _: &Sound, _: &Principal, _: Tag) -> Answer<()> {
        Ok(())
    }
}

#[test]
fn an_ignored_dismissal_is_noticed() {
    fails::<DismissIgnored>(&[
        "principals/a_dismissed_session_is_left_out_and_lives",
        "principals/dismissing_again_is_harmless",
        "limits/the_dismissed_do_not_count",
    ]);
}

/// Ends the session that it should only take out.
#[derive(Default)]
struct DismissEnds;

impl Defect for DismissEnds {
    async fn dismiss(&self, sound: &Sound, principal: &Principal, tag: Tag) -> Answer<()> {
        sound.destroy(tag).await?;
        sound.dismiss(principal, tag).await
    }
}

#[test]
fn a_dismissal_that_ends_the_session_is_noticed() {
    fails::<DismissEnds>(&[
        "principals/a_dismissed_session_is_left_out_and_lives",
        "principals/dismissing_again_is_harmless",
    ]);
}
