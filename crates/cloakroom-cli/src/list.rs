use std::process::ExitCode;

use cloakroom::store::{PageRequest, Principal, Selector, Store};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::Serialize;

use crate::error::CliError;
use crate::output::{Output, table};
use crate::overview::Overview;

/// The number of sessions that are requested at a time.
const PAGE: usize = 100;
/// The number of records that are read at a time.
const CONCURRENCY: usize = 16;

#[derive(Serialize)]
struct Listing {
    items: Vec<Overview>,
    /// Whether there are more than were asked for.
    has_more: bool,
}

/// Lists the sessions of a user, or of everybody.
pub(crate) async fn run<S: Store>(
    store: &S,
    user: Option<String>,
    limit: usize,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let principal = user.map(Principal::from);
    let mut listing = Listing { items: Vec::new(), has_more: false };
    let mut request = Some(PageRequest::first(PAGE));
    while let Some(page) = request.take() {
        let (selectors, next) = selectors(store, principal.as_ref(), page.clone()).await?;
        let found = stream::iter(selectors).map(|selector| overview(store, selector)).buffered(CONCURRENCY);
        let found: Vec<Option<Overview>> = found.try_collect().await?;
        for session in found.into_iter().flatten() {
            if listing.items.len() >= limit {
                listing.has_more = true;
                break;
            }
            listing.items.push(session);
        }
        request = next.filter(|_| !listing.has_more).map(|next| page.after(next));
    }
    output.print(&listing, |out| {
        table(out, &Overview::HEADER, &listing.items.iter().map(Overview::row).collect::<Vec<_>>())?;
        let count = listing.items.len();
        let more = if listing.has_more { "; there are more: raise --limit" } else { "" };
        writeln!(out, "\nsessions: {count}{more}")
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn selectors<S: Store>(
    store: &S,
    principal: Option<&Principal>,
    page: PageRequest,
) -> Result<(Vec<Selector>, Option<cloakroom::store::Cursor>), CliError> {
    Ok(match principal {
        Some(principal) => {
            let page = store.list_members(principal, page).await?;
            (page.items.into_iter().map(|member| member.selector).collect(), page.next)
        }
        None => {
            let page = store.list(page).await?;
            (page.items, page.next)
        }
    })
}

/// Returns `None` if the session has ended since it was listed.
async fn overview<S: Store>(store: &S, selector: Selector) -> Result<Option<Overview>, CliError> {
    Ok(store.load(selector).await?.map(|found| Overview::new(&selector, &found.record)))
}
