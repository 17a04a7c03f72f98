use std::sync::Mutex;
use std::time::Duration;

use cloakroom::Clock;
use cloakroom::store::{
    Admission, Created, Destroyed, Guard, Lifetimes, Limit, Member, Principal, Record, Store, Tag, Verifier,
};

use super::{Answer, Defect, Sound, fails};

/// Lists who was ever entered, whoever is logged in there now.
#[derive(Default)]
struct ListsSomebodyElses(Mutex<Vec<(Principal, Tag)>>);

impl Defect for ListsSomebodyElses {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        self.0.lock().unwrap().push((principal.clone(), tag));
        sound.admit(principal, tag, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<Member>> {
        let mut members = sound.members(principal).await?;
        for (_, tag) in self.0.lock().unwrap().iter().filter(|(admitted, _)| admitted == principal) {
            if let Some(record) = sound.record(*tag)
                && record.authentication.as_ref().is_some_and(|authentication| authentication.principal != *principal)
            {
                members.push((*tag, Ok(record)));
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

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<Member>> {
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

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<Member>> {
        let mut members = sound.members(&folded(principal)).await?;
        let folded = folded(principal);
        members.retain(|(_, record)| {
            let authentication = record.as_ref().ok().and_then(|record| record.authentication.as_ref());
            authentication.is_none_or(|authentication| authentication.principal == folded)
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
        sound.destroy(tag, Guard::Anyone).await?;
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

/// Lists a session as often as it was admitted.
#[derive(Default)]
struct ListsTwice(Mutex<Vec<(Principal, Tag)>>);

impl Defect for ListsTwice {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        let answer = sound.admit(principal, tag, limit).await?;
        if answer != Admission::Refused {
            self.0.lock().unwrap().push((principal.clone(), tag));
        }
        Ok(answer)
    }

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<Member>> {
        let once = sound.members(principal).await?;
        let admitted = self.0.lock().unwrap();
        let times = |tag: &Tag| admitted.iter().filter(|entry| **entry == (principal.clone(), *tag)).count();
        let mut members = Vec::new();
        for (tag, record) in once {
            let record = record?;
            members.extend(std::iter::repeat_n((tag, record), times(&tag)).map(|(tag, record)| (tag, Ok(record))));
        }
        Ok(members)
    }
}

#[test]
fn a_session_that_is_listed_twice_is_noticed() {
    fails::<ListsTwice>(&[
        "principals/admitting_twice_lists_once",
        "limits/a_member_is_admitted_again_at_the_limit",
        "coherence/nodes_share_their_records",
        "coherence/nodes_share_one_limit",
    ]);
}

/// Lists the youngest first.
#[derive(Default)]
struct ListsBackwards;

impl Defect for ListsBackwards {
    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<Member>> {
        let mut members = sound.members(principal).await?;
        members.reverse();
        Ok(members)
    }
}

#[test]
fn a_list_in_the_wrong_order_is_noticed() {
    fails::<ListsBackwards>(&[
        "principals/members_are_listed_oldest_admission_first",
        "limits/below_the_limit_everybody_is_admitted",
        "limits/at_the_limit_one_more_is_refused",
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_member_is_admitted_again_at_the_limit",
        "limits/the_dead_do_not_count",
        "limits/the_dismissed_do_not_count",
    ]);
}

/// Keeps a copy of the record in the index, and lets it grow old.
#[derive(Default)]
struct ListsOldRecords(Mutex<Vec<(Tag, Record)>>);

impl Defect for ListsOldRecords {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        self.0.lock().unwrap().extend(sound.record(tag).map(|record| (tag, record)));
        sound.admit(principal, tag, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<Member>> {
        let mut members = sound.members(principal).await?;
        for (tag, record) in &mut members {
            let known = self.0.lock().unwrap();
            if let Some((_, old)) = known.iter().find(|(known, _)| known == tag) {
                *record = Ok(old.clone());
            }
        }
        Ok(members)
    }
}

#[test]
fn a_list_of_old_records_is_noticed() {
    fails::<ListsOldRecords>(&["principals/members_come_with_their_records"]);
}

/// Lists sessions that were destroyed, until somebody dismisses them.
#[derive(Default)]
struct ListsTheDestroyed(Mutex<Vec<(Tag, Record)>>);

impl Defect for ListsTheDestroyed {
    async fn destroy(&self, sound: &Sound, tag: Tag, guard: Guard) -> Answer<Destroyed> {
        let record = sound.record(tag);
        let answer = sound.destroy(tag, guard).await?;
        self.0.lock().unwrap().extend(record.filter(|_| answer == Destroyed::Done).map(|record| (tag, record)));
        Ok(answer)
    }

    async fn members(&self, sound: &Sound, principal: &Principal) -> Answer<Vec<Member>> {
        let mut members = sound.members(principal).await?;
        let was_theirs = |record: &Record| {
            record.authentication.as_ref().is_some_and(|authentication| authentication.principal == *principal)
        };
        let destroyed = self.0.lock().unwrap();
        let theirs = destroyed.iter().filter(|(_, record)| was_theirs(record));
        members.extend(theirs.map(|(tag, record)| (*tag, Ok(record.clone()))));
        Ok(members)
    }
}

#[test]
fn a_list_of_destroyed_sessions_is_noticed() {
    fails::<ListsTheDestroyed>(&["destroy/it_takes_the_session_out_of_every_list", "limits/the_dead_do_not_count"]);
}

/// Enters a member with a record that it makes up.
#[derive(Default)]
struct AdmissionsCreate;

impl Defect for AdmissionsCreate {
    async fn admit(&self, sound: &Sound, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Answer<Admission> {
        let (now, hour) = (sound.clock.now(), Duration::from_secs(3600));
        let record = Record::new(Verifier::from_bytes([1; 16]), Lifetimes::new(now, hour, now.after(hour)), 1);
        // Where there is one already, that one stays.
        let _: Created = sound.create(tag, record).await?;
        sound.admit(principal, tag, limit).await
    }
}

#[test]
fn an_admission_that_creates_is_noticed() {
    fails::<AdmissionsCreate>(&[
        "create/nobody_else_creates",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/overdue_sessions_are_absent_for_every_verb",
        "destroy/late_writes_do_not_resurrect",
        "principals/an_admission_creates_nothing",
    ]);
}
