//! Answers about all sessions, for stores that can only list them.

use std::collections::HashSet;

use crate::token::Principal;

use super::{BATCH, Page, PageRequest, Store, StoreError, StoreErrorKind};

/// Returns the principals of the sessions on one page of the list, each once.
pub(super) async fn principals<S: Store + ?Sized>(store: &S, page: PageRequest) -> Result<Page<Principal>, StoreError> {
    let sessions = store.list(page).await?;
    let mut principals = HashSet::new();
    for selector in sessions.items {
        match store.load(selector).await {
            Ok(loaded) => principals.extend(loaded.and_then(|loaded| Some(loaded.record.authentication?.principal))),
            // Its principal is not known; the sessions that can be read are still listed.
            Err(error) if error.kind() == StoreErrorKind::Corrupt => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Page::new(principals.into_iter().collect(), sessions.next))
}

/// Counts the sessions on all pages of the list.
pub(super) async fn count<S: Store + ?Sized>(store: &S) -> Result<u64, StoreError> {
    let (mut count, mut request) = (0, PageRequest::first(BATCH));
    loop {
        let page = store.list(request.clone()).await?;
        count += page.items.len() as u64;
        match page.next {
            Some(next) => request = request.after(next),
            None => return Ok(count),
        }
    }
}
