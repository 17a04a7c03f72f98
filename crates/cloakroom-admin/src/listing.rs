use std::num::NonZeroUsize;

use cloakroom::{Cursor, Page, PageRequest, SessionError};

use crate::problem::Problem;

/// How many pages of the store make up one page here, as pages of a store may be empty.
const MAX_READS: usize = 8;

/// A part of a list.
pub(crate) struct Listing<T> {
    pub(crate) items: Vec<T>,
    /// Where the list continues.
    pub(crate) next: Option<Cursor>,
    /// Whether the store failed on the way. `next` then repeats what failed.
    pub(crate) is_cut: bool,
}

impl<T> Listing<T> {
    /// Reads until there are `limit` items, with a bounded number of calls. Fails only if nothing was
    /// found before the failure.
    pub(crate) async fn read<F, R>(limit: NonZeroUsize, after: Option<Cursor>, read: F) -> Result<Self, Problem>
    where
        F: Fn(PageRequest) -> R,
        R: Future<Output = Result<Page<T>, SessionError>>,
    {
        let mut listing = Self { items: Vec::new(), next: after, is_cut: false };
        for _ in 0..MAX_READS {
            let mut request = PageRequest::first(limit.get() - listing.items.len());
            request.after = listing.next.clone();
            match read(request).await {
                Ok(page) => {
                    listing.items.extend(page.items);
                    listing.next = page.next;
                }
                Err(error) if listing.items.is_empty() => return Err(error.into()),
                Err(error) => {
                    // Logs it.
                    let _ = Problem::from(error);
                    listing.is_cut = true;
                    return Ok(listing);
                }
            }
            if listing.next.is_none() || listing.items.len() >= limit.get() {
                break;
            }
        }
        Ok(listing)
    }
}
