use std::sync::Mutex;

use cloakroom::store::{Cursor, Page, PageRequest, Selector, Store, StoreError, StoreErrorKind};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Returns one page of a list that continues.
#[derive(Default)]
struct FirstPageOnly;

impl Defect for FirstPageOnly {
    async fn list(&self, inner: &Inner, page: PageRequest) -> StoreResult<Page<Selector>> {
        Ok(Page::last(inner.list(page).await?.items))
    }
}

/// Skips as many sessions as earlier pages had.
#[derive(Default)]
struct CountsSkippedSessions;

impl Defect for CountsSkippedSessions {
    async fn list(&self, inner: &Inner, page: PageRequest) -> StoreResult<Page<Selector>> {
        let after = page.after.as_ref().map_or(Some(0), |cursor| number(cursor.as_str()));
        let after = after.ok_or_else(|| StoreError::new(StoreErrorKind::InvalidCursor, "the cursor is no number"))?;
        let all = inner.list(PageRequest::first(10_000)).await?.items;
        let end = after + page.limit.get();
        let next = (end < all.len()).then(|| Cursor::new(end.to_string()));
        Ok(Page::new(all.into_iter().skip(after).take(page.limit.get()).collect(), next))
    }
}

fn number(cursor: &str) -> Option<usize> {
    cursor.parse().ok().filter(|number: &usize| number.to_string() == cursor)
}

/// Begins again at a cursor that is not its own.
#[derive(Default)]
struct AcceptsAnyCursor;

impl Defect for AcceptsAnyCursor {
    async fn list(&self, inner: &Inner, page: PageRequest) -> StoreResult<Page<Selector>> {
        let first = PageRequest::first(page.limit.get());
        match inner.list(page).await {
            Err(error) if error.kind() == StoreErrorKind::InvalidCursor => inner.list(first).await,
            listed => listed,
        }
    }
}

/// Lists the sessions of another application too.
#[derive(Default)]
struct ListsStrangers(Mutex<u128>);

impl Defect for ListsStrangers {
    async fn list(&self, inner: &Inner, page: PageRequest) -> StoreResult<Page<Selector>> {
        let mut listed = inner.list(page).await?;
        let stranger = {
            let mut last = self.0.lock().unwrap();
            *last += 1;
            *last
        };
        listed.items.push(Selector::from_bytes(stranger.to_be_bytes()));
        Ok(listed)
    }
}

#[test]
fn a_list_without_its_other_pages_is_noticed() {
    assert_fails::<FirstPageOnly>(&["list/every_session_is_listed", "list/pages_join_whichever_sessions_end"]);
}

#[test]
fn a_list_that_skips_a_number_of_sessions_is_noticed() {
    assert_fails::<CountsSkippedSessions>(&["list/pages_join_whichever_sessions_end"]);
}

#[test]
fn a_list_that_accepts_any_cursor_is_noticed() {
    assert_fails::<AcceptsAnyCursor>(&["list/a_foreign_cursor_is_refused"]);
}

#[test]
fn a_list_with_sessions_that_never_existed_is_noticed() {
    assert_fails::<ListsStrangers>(&["list/an_empty_store_lists_nothing", "list/every_session_is_listed"]);
}
