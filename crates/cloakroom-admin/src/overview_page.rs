use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use cloakroom::{Cursor, Principal};
use serde::Deserialize;

use crate::counts::{Count, Counted};
use crate::frame::{Frame, Page, render};
use crate::listing::Listing;
use crate::problem::Problem;
use crate::text::Text;
use crate::visit::Visit;

#[derive(Deserialize)]
pub(crate) struct OverviewQuery {
    after: Option<Cursor>,
    ended: Option<usize>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct OverviewPage {
    frame: Frame,
    ended: Option<usize>,
    count: Arc<Count>,
    users: Vec<UserItem>,
    is_first: bool,
    next: Option<String>,
    is_cut: bool,
}

struct UserItem {
    text: Text,
    link: String,
}

/// `GET /`
pub(crate) async fn show(visit: Visit, Query(query): Query<OverviewQuery>) -> Result<Response, Problem> {
    let is_first = query.after.is_none();
    let listing = Listing::read(visit.page_size, query.after, |page| visit.sessions.users(page)).await?;
    // A user may be on several pages of the store.
    let users: BTreeSet<Principal> = listing.items.into_iter().collect();
    let users = users.iter().map(|user| UserItem { text: Text::new(user.as_str()), link: visit.links.user(user) });
    let page = OverviewPage {
        users: users.collect(),
        ended: visit.result(query.ended),
        count: visit.counts.get(&visit.sessions).await,
        is_first,
        next: listing.next.map(|next| visit.links.users_after(&next)),
        is_cut: listing.is_cut,
        frame: visit.frame(Page::Overview).await?,
    };
    Ok(render(StatusCode::OK, &page))
}
