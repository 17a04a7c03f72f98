use std::sync::Mutex;
use std::time::Duration;

use cloakroom::store::{
    Admission, Created, Cursor, Destroyed, Guard, Lifetimes, Limit, Member, Page, PageRequest, Principal, Record,
    Selector, Store, StoreError, StoreErrorKind, Summary, Verifier,
};
use cloakroom::{Clock, Timestamp};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Lists every session that was ever added, even if it belongs to another principal now.
#[derive(Default)]
struct ListsOtherPrincipals(Mutex<Vec<(Principal, Selector)>>);

impl Defect for ListsOtherPrincipals {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        self.0.lock().unwrap().push((principal.clone(), selector));
        inner.add_member(principal, selector, until, limit).await
    }

    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let mut members = inner.list_members(principal, page).await?;
        for (_, selector) in self.0.lock().unwrap().iter().filter(|(admitted, _)| admitted == principal) {
            if let Some(record) = inner.record(*selector)
                && record.authentication.as_ref().is_some_and(|authentication| authentication.principal != *principal)
            {
                members.items.push(Member::new(*selector, Ok(Summary::from(&record))));
            }
        }
        Ok(members)
    }
}

#[test]
fn a_list_with_sessions_of_another_principal_is_noticed() {
    assert_fails::<ListsOtherPrincipals>(&[
        "principals/somebody_elses_session_is_left_out",
        "principals/a_session_that_is_about_to_log_in_keeps_its_place",
    ]);
}

/// Removes a member whose login is not committed yet.
#[derive(Default)]
struct ListingRemovesPending(Mutex<Vec<Selector>>);

impl Defect for ListingRemovesPending {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        self.0.lock().unwrap().push(selector);
        inner.add_member(principal, selector, until, limit).await
    }

    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let is_logged_in = |record: &Record| {
            record.authentication.as_ref().is_some_and(|authentication| authentication.principal == *principal)
        };
        let admitted = self.0.lock().unwrap().clone();
        for selector in admitted {
            if !inner.record(selector).is_some_and(|record| is_logged_in(&record)) {
                inner.remove_members(principal, vec![selector]).await?;
            }
        }
        inner.list_members(principal, page).await
    }
}

#[test]
fn a_list_that_removes_a_pending_login_is_noticed() {
    assert_fails::<ListingRemovesPending>(&["principals/a_session_that_is_about_to_log_in_keeps_its_place"]);
}

/// Ignores case in principals, as some collations do.
#[derive(Default)]
struct CaseIgnored;

fn folded(principal: &Principal) -> Principal {
    principal.as_str().to_lowercase().into()
}

impl Defect for CaseIgnored {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        inner.add_member(&folded(principal), selector, until, limit).await
    }

    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let mut members = inner.list_members(&folded(principal), page).await?;
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
fn case_insensitive_principals_are_noticed() {
    assert_fails::<CaseIgnored>(&["principals/principals_are_compared_byte_for_byte"]);
}

/// Removes no members.
#[derive(Default)]
struct RemovalIgnored;

impl Defect for RemovalIgnored {
    async fn remove_members(&self, _: &Inner, _: &Principal, _: Vec<Selector>) -> StoreResult<()> {
        Ok(())
    }
}

#[test]
fn an_ignored_removal_is_noticed() {
    assert_fails::<RemovalIgnored>(&[
        "principals/a_dismissed_session_is_left_out_and_lives",
        "principals/dismissing_again_is_harmless",
        "principals/several_are_dismissed_at_once",
        "limits/the_dismissed_do_not_count",
    ]);
}

/// Destroys the session that it should only remove from the index.
#[derive(Default)]
struct RemovalDestroys;

impl Defect for RemovalDestroys {
    async fn remove_members(&self, inner: &Inner, principal: &Principal, selectors: Vec<Selector>) -> StoreResult<()> {
        for selector in &selectors {
            inner.destroy(*selector, Guard::Anyone).await?;
        }
        inner.remove_members(principal, selectors).await
    }
}

#[test]
fn a_removal_that_destroys_the_session_is_noticed() {
    assert_fails::<RemovalDestroys>(&[
        "principals/a_dismissed_session_is_left_out_and_lives",
        "principals/dismissing_again_is_harmless",
    ]);
}

/// Lists a session as often as it was added.
#[derive(Default)]
struct ListsTwice(Mutex<Vec<(Principal, Selector)>>);

impl Defect for ListsTwice {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let result = inner.add_member(principal, selector, until, limit).await?;
        if result != Admission::Refused {
            self.0.lock().unwrap().push((principal.clone(), selector));
        }
        Ok(result)
    }

    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let once = inner.list_members(principal, page).await?;
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
    assert_fails::<ListsTwice>(&[
        "principals/admitting_twice_lists_once",
        "principals/a_session_that_is_prolonged_prolongs_its_index",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/a_member_is_admitted_again_at_the_limit",
        "coherence/nodes_share_their_records",
        "coherence/nodes_share_one_limit",
    ]);
}

/// Lists the newest session first.
#[derive(Default)]
struct ListsBackwards;

impl Defect for ListsBackwards {
    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let mut members = inner.list_members(principal, page).await?;
        members.items.reverse();
        Ok(members)
    }
}

#[test]
fn a_list_in_the_wrong_order_is_noticed() {
    assert_fails::<ListsBackwards>(&[
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

/// Keeps a copy of the record in the index, and never updates it.
#[derive(Default)]
struct ListsOldRecords(Mutex<Vec<(Selector, Record)>>);

impl Defect for ListsOldRecords {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        self.0.lock().unwrap().extend(inner.record(selector).map(|record| (selector, record)));
        inner.add_member(principal, selector, until, limit).await
    }

    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let mut members = inner.list_members(principal, page).await?;
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
    assert_fails::<ListsOldRecords>(&["principals/members_come_with_what_a_list_shows"]);
}

/// Lists destroyed sessions.
#[derive(Default)]
struct ListsDestroyed(Mutex<Vec<(Selector, Record)>>);

impl Defect for ListsDestroyed {
    async fn destroy(&self, inner: &Inner, selector: Selector, guard: Guard) -> StoreResult<Destroyed> {
        let record = inner.record(selector);
        let result = inner.destroy(selector, guard).await?;
        self.0.lock().unwrap().extend(record.filter(|_| result == Destroyed::Done).map(|record| (selector, record)));
        Ok(result)
    }

    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let mut members = inner.list_members(principal, page).await?;
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
    assert_fails::<ListsDestroyed>(&[
        "destroy/it_takes_the_session_out_of_every_list",
        "principals/pages_join_whoever_comes_and_goes",
        "limits/at_the_limit_the_oldest_makes_room",
        "limits/who_has_to_end_stays_a_member_until_dismissed",
        "limits/a_lower_limit_makes_as_many_leave_as_needed",
        "limits/a_far_lower_limit_is_reached_in_steps",
        "limits/the_dead_do_not_count",
    ]);
}

/// Creates a record for a member that has none.
#[derive(Default)]
struct AdmissionsCreate;

impl Defect for AdmissionsCreate {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        let (now, hour) = (inner.clock.now(), Duration::from_secs(3600));
        let record = Record::new(Verifier::from_bytes([1; 16]), Lifetimes::new(now, hour, now.after(hour)), 1);
        // An existing record stays.
        let _: Created = inner.create(selector, record).await?;
        inner.add_member(principal, selector, until, limit).await
    }
}

#[test]
fn an_admission_that_creates_is_noticed() {
    assert_fails::<AdmissionsCreate>(&[
        "create/nobody_else_creates",
        "lifetimes/idle_sessions_are_absent_for_every_verb",
        "lifetimes/overdue_sessions_are_absent_for_every_verb",
        "destroy/late_writes_do_not_resurrect",
        "principals/an_admission_creates_nothing",
    ]);
}

/// Uses an offset as the cursor, which is wrong once members have left.
#[derive(Default)]
struct PagesByOffset;

impl Defect for PagesByOffset {
    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let skipped = match &page.after {
            Some(cursor) => cursor
                .as_str()
                .parse::<usize>()
                .map_err(|error| StoreError::new(StoreErrorKind::InvalidCursor, error))?,
            None => 0,
        };
        let all = inner.list_members(principal, PageRequest::first(10_000)).await?.items;
        let next = skipped + page.limit.get();
        let cursor = (next < all.len()).then(|| Cursor::new(next.to_string()));
        Ok(Page::new(all.into_iter().skip(skipped).take(page.limit.get()).collect(), cursor))
    }
}

#[test]
fn pages_by_offset_are_noticed() {
    assert_fails::<PagesByOffset>(&["principals/pages_join_whoever_comes_and_goes"]);
}

/// Returns all members, whatever the limit of the page.
#[derive(Default)]
struct PageLimitIgnored;

impl Defect for PageLimitIgnored {
    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let mut all = PageRequest::first(10_000);
        all.after = page.after;
        inner.list_members(principal, all).await
    }
}

#[test]
fn a_page_that_is_longer_than_asked_for_is_noticed() {
    assert_fails::<PageLimitIgnored>(&[
        "principals/members_come_in_pages",
        "principals/pages_join_whoever_comes_and_goes",
    ]);
}

/// Starts from the beginning if the cursor is invalid.
#[derive(Default)]
struct InvalidCursorIgnored;

impl Defect for InvalidCursorIgnored {
    async fn list_members(
        &self,
        inner: &Inner,
        principal: &Principal,
        mut page: PageRequest,
    ) -> StoreResult<Page<Member>> {
        page.after = page.after.filter(|cursor| cursor.as_str().parse::<u64>().is_ok());
        inner.list_members(principal, page).await
    }
}

#[test]
fn an_invalid_cursor_that_is_ignored_is_noticed() {
    assert_fails::<InvalidCursorIgnored>(&["principals/what_is_no_cursor_is_refused"]);
}

/// Removes only the first of the given members.
#[derive(Default)]
struct OnlyFirstRemoved;

impl Defect for OnlyFirstRemoved {
    async fn remove_members(
        &self,
        inner: &Inner,
        principal: &Principal,
        mut selectors: Vec<Selector>,
    ) -> StoreResult<()> {
        selectors.truncate(1);
        inner.remove_members(principal, selectors).await
    }
}

#[test]
fn a_removal_of_only_the_first_member_is_noticed() {
    assert_fails::<OnlyFirstRemoved>(&["principals/several_are_dismissed_at_once"]);
}

/// Drops an index with the session that was added last or first, not with the longest one.
#[derive(Default)]
struct IndexEndsWith<const FIRST: bool>(Mutex<Vec<(Principal, Timestamp)>>);

impl<const FIRST: bool> Defect for IndexEndsWith<FIRST> {
    async fn add_member(
        &self,
        inner: &Inner,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> StoreResult<Admission> {
        {
            let mut ends = self.0.lock().unwrap();
            match ends.iter_mut().find(|(of, _)| of == principal) {
                Some((_, end)) if !FIRST => *end = until,
                Some(_) => {}
                None => ends.push((principal.clone(), until)),
            }
        }
        inner.add_member(principal, selector, until, limit).await
    }

    async fn list_members(&self, inner: &Inner, principal: &Principal, page: PageRequest) -> StoreResult<Page<Member>> {
        let end = self.0.lock().unwrap().iter().find(|(of, _)| of == principal).map(|(_, end)| *end);
        if end.is_some_and(|end| end <= inner.clock.now()) {
            return Ok(Page::last(Vec::new()));
        }
        inner.list_members(principal, page).await
    }
}

#[test]
fn an_index_that_ends_before_its_sessions_is_noticed() {
    assert_fails::<IndexEndsWith<false>>(&["principals/an_index_lasts_as_long_as_its_longest_session"]);
    assert_fails::<IndexEndsWith<true>>(&["principals/a_session_that_is_prolonged_prolongs_its_index"]);
}

/// Skips the rest of a batch after the first session that is gone.
#[derive(Default)]
struct BatchStopsAtMissing;

impl Defect for BatchStopsAtMissing {
    async fn destroy_many(&self, inner: &Inner, selectors: Vec<Selector>) -> Vec<StoreResult<Destroyed>> {
        let mut results = Vec::new();
        let mut stopped = false;
        for selector in selectors {
            let result = if stopped { Ok(Destroyed::Gone) } else { inner.destroy(selector, Guard::Anyone).await };
            stopped |= matches!(result, Ok(Destroyed::Gone));
            results.push(result);
        }
        results
    }
}

#[test]
fn a_batch_of_destroys_that_stops_early_is_noticed() {
    assert_fails::<BatchStopsAtMissing>(&["destroy/several_are_destroyed_at_once_each_by_itself"]);
}
