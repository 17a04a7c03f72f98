//! Lists in pages, read to their end.

use std::future::Future;

use cloakroom::store::{Page, PageRequest, StoreError};

use super::failure::{Failure, Outcome};

/// A list that never ends would hang the check until its timeout, without a reason.
pub(super) const MANY: usize = 100_000;

/// Returns the items on all pages from a page on, without repetitions, in ascending order.
pub(super) async fn all<T, I: Ord, F: Future<Output = Result<Page<T>, StoreError>>>(
    mut request: PageRequest,
    read: impl Fn(PageRequest) -> F,
    item: impl Fn(&T) -> I,
) -> Outcome<Vec<I>> {
    let mut listed = Vec::new();
    for _ in 0..MANY {
        let page = read(request.clone()).await?;
        listed.extend(page.items.iter().map(&item));
        let Some(next) = page.next else {
            listed.sort_unstable();
            listed.dedup();
            return Ok(listed);
        };
        request = request.after(next);
    }
    Err(Failure::new("the pages do not end"))
}
