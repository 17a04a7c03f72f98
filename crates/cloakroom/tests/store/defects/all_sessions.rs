use cloakroom::store::{Page, PageRequest, Principal, Store, StoreErrorKind};

use super::{Defect, Inner, StoreResult, assert_fails};

/// Returns one page of a list of principals that continues.
#[derive(Default)]
struct FirstPageOnly;

impl Defect for FirstPageOnly {
    async fn list_principals(&self, inner: &Inner, page: PageRequest) -> StoreResult<Page<Principal>> {
        Ok(Page::last(inner.list_principals(page).await?.items))
    }
}

/// Begins again at a cursor that is not its own.
#[derive(Default)]
struct AcceptsAnyCursor;

impl Defect for AcceptsAnyCursor {
    async fn list_principals(&self, inner: &Inner, page: PageRequest) -> StoreResult<Page<Principal>> {
        let first = PageRequest::first(page.limit.get());
        match inner.list_principals(page).await {
            Err(error) if error.kind() == StoreErrorKind::InvalidCursor => inner.list_principals(first).await,
            listed => listed,
        }
    }
}

/// Lists a principal of another application too.
#[derive(Default)]
struct ListsStrangers;

impl Defect for ListsStrangers {
    async fn list_principals(&self, inner: &Inner, page: PageRequest) -> StoreResult<Page<Principal>> {
        let mut listed = inner.list_principals(page).await?;
        listed.items.push(Principal::from("stranger"));
        Ok(listed)
    }
}

/// Counts no more sessions than a page has.
#[derive(Default)]
struct CountsOnePage;

impl Defect for CountsOnePage {
    async fn count(&self, inner: &Inner) -> StoreResult<u64> {
        Ok(inner.list(PageRequest::first(5)).await?.items.len() as u64)
    }
}

#[test]
fn a_list_of_principals_without_its_other_pages_is_noticed() {
    assert_fails::<FirstPageOnly>(&[
        "all_sessions/every_principal_with_a_session_is_listed",
        "all_sessions/pages_of_principals_join_whichever_sessions_end",
    ]);
}

#[test]
fn a_list_of_principals_that_accepts_any_cursor_is_noticed() {
    assert_fails::<AcceptsAnyCursor>(&["all_sessions/a_foreign_cursor_of_principals_is_refused"]);
}

#[test]
fn a_list_with_principals_of_others_is_noticed() {
    assert_fails::<ListsStrangers>(&[
        "all_sessions/an_empty_store_has_no_principals_and_no_sessions",
        "all_sessions/every_principal_with_a_session_is_listed",
    ]);
}

#[test]
fn a_count_of_one_page_is_noticed() {
    assert_fails::<CountsOnePage>(&["all_sessions/every_session_counts_once"]);
}
