use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use cloakroom::{Cursor, Principal, PublicId, SessionInfo};
use serde::Deserialize;

use crate::frame::{Frame, Page, render};
use crate::instant::Instant;
use crate::links::Links;
use crate::listing::Listing;
use crate::problem::Problem;
use crate::text::Text;
use crate::visit::Visit;

#[derive(Deserialize)]
pub(crate) struct UserQuery {
    id: String,
    after: Option<Cursor>,
    ended: Option<usize>,
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    frame: Frame,
    ended: Option<usize>,
    user: Text,
    sessions: Vec<SessionItem>,
    /// The address of the form that ends all sessions.
    revoke: String,
    first: Option<String>,
    next: Option<String>,
    is_cut: bool,
}

struct SessionItem {
    id: PublicId,
    link: String,
    revoke: String,
    label: Option<Text>,
    is_own: bool,
    created: Instant,
    logged_in: Instant,
    last_seen: Instant,
    expires: Instant,
}

impl SessionItem {
    fn new(session: &SessionInfo, user: &Principal, own: Option<PublicId>, links: &Links) -> Self {
        Self {
            id: session.id,
            link: links.session(session.id, Some(user)),
            revoke: links.revoke_session(session.id, Some(user)),
            label: session.label.as_deref().map(Text::new),
            is_own: own == Some(session.id),
            created: Instant::new(session.created_at),
            logged_in: Instant::new(session.authenticated_at),
            last_seen: Instant::new(session.last_seen),
            expires: Instant::new(session.expires_at),
        }
    }
}

/// `GET /user?id=…`
pub(crate) async fn show(visit: Visit, Query(query): Query<UserQuery>) -> Result<Response, Problem> {
    let user = Principal::from(query.id);
    let own = visit.own_id().await?;
    let is_first = query.after.is_none();
    let sessions = visit.sessions.of(&user);
    let listing = Listing::read(visit.page_size, query.after, |page| sessions.page(page)).await?;
    let items = listing.items.iter().map(|session| SessionItem::new(session, &user, own, &visit.links));
    let page = UserPage {
        sessions: items.collect(),
        ended: visit.result(query.ended),
        user: Text::new(user.as_str()),
        revoke: visit.links.revoke_user(&user),
        first: (!is_first).then(|| visit.links.user(&user)),
        next: listing.next.map(|next| visit.links.user_after(&user, &next)),
        is_cut: listing.is_cut,
        frame: visit.frame(Page::Other).await?,
    };
    Ok(render(StatusCode::OK, &page))
}
