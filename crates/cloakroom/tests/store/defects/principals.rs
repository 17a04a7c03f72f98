use std::sync::Mutex;
use std::time::Duration;

use cloakroom::store::{
    Admission, Created, Cursor, Destroyed, Guard, Lifetimes, Limit, Member, Page, PageRequest, Principal, Record,
    Selector, Store, StoreError, StoreErrorKind, Summary, Verifier,
};
use cloakroom::{Clock, Timestamp};

use super::{Answer, Defect, Sound, fails};

/// Lists who was ever entered, whoever is logged in there now.
#[derive(Default)]
struct ListsSomebodyElses(Mutex<Vec<(Principal, Selector)>>);

impl Defect for ListsSomebodyElses {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        self.0.lock().unwrap().push((principal.clone(), selector));
        sound.add_member(principal, selector, until, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let mut members = sound.list_members(principal, page).await?;
        for (_, selector) in self.0.lock().unwrap().iter().filter(|(admitted, _)| admitted == principal) {
            if let Some(record) = sound.record(*selector)
                && record.authentication.as_ref().is_some_and(|authentication| authentication.principal != *principal)
            {
                members.items.push(Member::new(*selector, Ok(Summary::from(&record))));
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
struct ListingDropsTheNotYet(Mutex<Vec<Selector>>);

impl Defect for ListingDropsTheNotYet {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        self.0.lock().unwrap().push(selector);
        sound.add_member(principal, selector, until, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let is_logged_in = |record: &Record| {
            record.authentication.as_ref().is_some_and(|authentication| authentication.principal == *principal)
        };
        let admitted = self.0.lock().unwrap().clone();
        for selector in admitted {
            if !sound.record(selector).is_some_and(|record| is_logged_in(&record)) {
                sound.remove_members(principal, vec![selector]).await?;
            }
        }
        sound.list_members(principal, page).await
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
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        sound.add_member(&folded(principal), selector, until, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let mut members = sound.list_members(&folded(principal), page).await?;
        let folded = folded(principal);
        members.items.retain(|member| {
            let summary = member.summary.as_ref().ok();
            let authentication = summary.and_then(|summary| summary.authentication.as_ref());
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
    async fn dismiss(&self, _: &Sound, _: &Principal, _: Vec<Selector>) -> Answer<()> {
        Ok(())
    }
}

#[test]
fn an_ignored_dismissal_is_noticed() {
    fails::<DismissIgnored>(&[
        "principals/a_dismissed_session_is_left_out_and_lives",
        "principals/dismissing_again_is_harmless",
        "principals/several_are_dismissed_at_once",
        "limits/the_dismissed_do_not_count",
    ]);
}

/// Ends the session that it should only take out.
#[derive(Default)]
struct DismissEnds;

impl Defect for DismissEnds {
    async fn dismiss(&self, sound: &Sound, principal: &Principal, selectors: Vec<Selector>) -> Answer<()> {
        for selector in &selectors {
            sound.destroy(*selector, Guard::Anyone).await?;
        }
        sound.remove_members(principal, selectors).await
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
struct ListsTwice(Mutex<Vec<(Principal, Selector)>>);

impl Defect for ListsTwice {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let answer = sound.add_member(principal, selector, until, limit).await?;
        if answer != Admission::Refused {
            self.0.lock().unwrap().push((principal.clone(), selector));
        }
        Ok(answer)
    }

    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let once = sound.list_members(principal, page).await?;
        let admitted = self.0.lock().unwrap();
        let times =
            |selector: &Selector| admitted.iter().filter(|entry| **entry == (principal.clone(), *selector)).count();
        let mut members = Vec::new();
        for Member { selector, summary, .. } in once.items {
            let summary = summary?;
            members.extend((0..times(&selector)).map(|_| Member::new(selector, Ok(summary.clone()))));
        }
        Ok(Page::new(members, once.next))
    }
}

#[test]
fn a_session_that_is_listed_twice_is_noticed() {
    fails::<ListsTwice>(&[
        "principals/admitting_twice_lists_once",
        "principals/a_session_that_is_prolonged_prolongs_its_index",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/a_member_is_admitted_again_at_the_limit",
        "coherence/nodes_share_their_records",
        "coherence/nodes_share_one_limit",
    ]);
}

/// Lists the youngest first.
#[derive(Default)]
struct ListsBackwards;

impl Defect for ListsBackwards {
    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let mut members = sound.list_members(principal, page).await?;
        members.items.reverse();
        Ok(members)
    }
}

#[test]
fn a_list_in_the_wrong_order_is_noticed() {
    fails::<ListsBackwards>(&[
        "principals/members_are_listed_oldest_admission_first",
        "principals/members_come_in_pages",
        "principals/pages_join_whoever_comes_and_goes",
        "principals/several_are_dismissed_at_once",
        "limits/below_the_limit_everybody_is_admitted",
        "limits/at_the_limit_one_more_is_refused",
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/a_member_is_admitted_again_at_the_limit",
        "limits/the_dead_do_not_count",
        "limits/the_dismissed_do_not_count",
    ]);
}

/// Keeps a copy of the record in the index, and lets it grow old.
#[derive(Default)]
struct ListsOldRecords(Mutex<Vec<(Selector, Record)>>);

impl Defect for ListsOldRecords {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        self.0.lock().unwrap().extend(sound.record(selector).map(|record| (selector, record)));
        sound.add_member(principal, selector, until, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let mut members = sound.list_members(principal, page).await?;
        for member in &mut members.items {
            let known = self.0.lock().unwrap();
            if let Some((_, old)) = known.iter().find(|(known, _)| *known == member.selector) {
                member.summary = Ok(Summary::from(old));
            }
        }
        Ok(members)
    }
}

#[test]
fn a_list_of_old_records_is_noticed() {
    fails::<ListsOldRecords>(&["principals/members_come_with_what_a_list_shows"]);
}

/// Lists sessions that were destroyed, until somebody dismisses them.
#[derive(Default)]
struct ListsTheDestroyed(Mutex<Vec<(Selector, Record)>>);

impl Defect for ListsTheDestroyed {
    async fn destroy(&self, sound: &Sound, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        let record = sound.record(selector);
        let answer = sound.destroy(selector, guard).await?;
        self.0.lock().unwrap().extend(record.filter(|_| answer == Destroyed::Done).map(|record| (selector, record)));
        Ok(answer)
    }

    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let mut members = sound.list_members(principal, page).await?;
        let was_theirs = |record: &Record| {
            record.authentication.as_ref().is_some_and(|authentication| authentication.principal == *principal)
        };
        let destroyed = self.0.lock().unwrap();
        let theirs = destroyed.iter().filter(|(_, record)| was_theirs(record));
        members.items.extend(theirs.map(|(selector, record)| Member::new(*selector, Ok(Summary::from(record)))));
        Ok(members)
    }
}

#[test]
fn a_list_of_destroyed_sessions_is_noticed() {
    fails::<ListsTheDestroyed>(&[
        "destroy/it_takes_the_session_out_of_every_list",
        "principals/pages_join_whoever_comes_and_goes",
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/the_dead_do_not_count",
    ]);
}

/// Enters a member with a record that it makes up.
#[derive(Default)]
struct AdmissionsCreate;

impl Defect for AdmissionsCreate {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        let (now, hour) = (sound.clock.now(), Duration::from_secs(3600));
        let record = Record::new(Verifier::from_bytes([1; 16]), Lifetimes::new(now, hour, now.after(hour)), 1);
        // Where there is one already, that one stays.
        let _: Created = sound.create(selector, record).await?;
        sound.add_member(principal, selector, until, limit).await
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

/// A page is so many members further on, whoever left meanwhile.
#[derive(Default)]
struct PagesByNumber;

impl Defect for PagesByNumber {
    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let skipped = match &page.after {
            Some(cursor) => cursor
                .as_str()
                .parse::<usize>()
                .map_err(|error| StoreError::new(StoreErrorKind::InvalidCursor, error))?,
            None => 0,
        };
        let all = sound.list_members(principal, PageRequest::first(10_000)).await?.items;
        let next = skipped + page.limit.get();
        let cursor = (next < all.len()).then(|| Cursor::new(next.to_string()));
        Ok(Page::new(all.into_iter().skip(skipped).take(page.limit.get()).collect(), cursor))
    }
}

#[test]
fn pages_that_skip_a_number_of_members_are_noticed() {
    fails::<PagesByNumber>(&["principals/pages_join_whoever_comes_and_goes"]);
}

/// Answers as much as there is.
#[derive(Default)]
struct PagesWithoutEnd;

impl Defect for PagesWithoutEnd {
    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let mut all = PageRequest::first(10_000);
        all.after = page.after;
        sound.list_members(principal, all).await
    }
}

#[test]
fn a_page_that_is_longer_than_asked_for_is_noticed() {
    fails::<PagesWithoutEnd>(&["principals/members_come_in_pages", "principals/pages_join_whoever_comes_and_goes"]);
}

/// Begins anew where it does not understand the cursor.
#[derive(Default)]
struct AnyCursorWillDo;

impl Defect for AnyCursorWillDo {
    async fn members(&self, sound: &Sound, principal: &Principal, mut page: PageRequest) -> Answer<Page<Member>> {
        page.after = page.after.filter(|cursor| cursor.as_str().parse::<u64>().is_ok());
        sound.list_members(principal, page).await
    }
}

#[test]
fn a_cursor_that_is_passed_over_is_noticed() {
    fails::<AnyCursorWillDo>(&["principals/what_is_no_cursor_is_refused"]);
}

/// Dismisses the first that it is given.
#[derive(Default)]
struct DismissesOne;

impl Defect for DismissesOne {
    async fn dismiss(&self, sound: &Sound, principal: &Principal, mut selectors: Vec<Selector>) -> Answer<()> {
        selectors.truncate(1);
        sound.remove_members(principal, selectors).await
    }
}

#[test]
fn a_dismissal_of_the_first_only_is_noticed() {
    fails::<DismissesOne>(&["principals/several_are_dismissed_at_once"]);
}

/// Forgets an index when the session is over that was admitted last, or first, instead of the longest.
#[derive(Default)]
struct IndexEndsWith<const FIRST: bool>(Mutex<Vec<(Principal, Timestamp)>>);

impl<const FIRST: bool> Defect for IndexEndsWith<FIRST> {
    async fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        {
            let mut ends = self.0.lock().unwrap();
            match ends.iter_mut().find(|(of, _)| of == principal) {
                Some((_, end)) if !FIRST => *end = until,
                Some(_) => {}
                None => ends.push((principal.clone(), until)),
            }
        }
        sound.add_member(principal, selector, until, limit).await
    }

    async fn members(&self, sound: &Sound, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        let end = self.0.lock().unwrap().iter().find(|(of, _)| of == principal).map(|(_, end)| *end);
        if end.is_some_and(|end| end <= sound.clock.now()) {
            return Ok(Page::last(Vec::new()));
        }
        sound.list_members(principal, page).await
    }
}

#[test]
fn an_index_that_ends_before_its_sessions_is_noticed() {
    fails::<IndexEndsWith<false>>(&["principals/an_index_lasts_as_long_as_its_longest_session"]);
    fails::<IndexEndsWith<true>>(&["principals/a_session_that_is_prolonged_prolongs_its_index"]);
}

/// Gives a batch up at the first session that is gone.
#[derive(Default)]
struct BatchEndsAtTheGone;

impl Defect for BatchEndsAtTheGone {
    async fn destroy_many(&self, sound: &Sound, selectors: Vec<Selector>) -> Vec<Answer<Destroyed>> {
        let mut answers = Vec::new();
        let mut over = false;
        for selector in selectors {
            let answer = if over { Ok(Destroyed::Gone) } else { sound.destroy(selector, Guard::Anyone).await };
            over |= matches!(answer, Ok(Destroyed::Gone));
            answers.push(answer);
        }
        answers
    }
}

#[test]
fn a_batch_that_is_given_up_half_way_is_noticed() {
    fails::<BatchEndsAtTheGone>(&["destroy/several_are_destroyed_at_once_each_by_itself"]);
}
