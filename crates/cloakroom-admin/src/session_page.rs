use std::time::Duration;

use askama::Template;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use cloakroom::store::Summary;
use cloakroom::{DetachedSession, Principal, PublicId};
use serde::Deserialize;

use crate::frame::{Frame, Page, render};
use crate::instant::Instant;
use crate::problem::Problem;
use crate::text::Text;
use crate::visit::Visit;

/// How long a session is searched for whose user is not given.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
pub(crate) struct SessionQuery {
    id: String,
    user: Option<String>,
}

#[derive(Template)]
#[template(path = "session.html")]
struct SessionPage {
    frame: Frame,
    id: PublicId,
    is_own: bool,
    login: Option<LoginItem>,
    created: Instant,
    last_seen: Instant,
    idle_timeout: String,
    idle_end: Instant,
    absolute_end: Instant,
    is_persistent: bool,
    revoke: String,
}

struct LoginItem {
    user: Text,
    link: String,
    at: Instant,
    label: Option<Text>,
}

impl SessionPage {
    fn new(frame: Frame, id: PublicId, own: Option<PublicId>, summary: &Summary) -> Self {
        let lifetimes = &summary.lifetimes;
        let login = summary.authentication.as_ref().map(|login| LoginItem {
            user: Text::new(login.principal.as_str()),
            link: frame.links.user(&login.principal),
            at: Instant::new(login.at),
            label: login.label.as_deref().map(Text::new),
        });
        let user = summary.authentication.as_ref().map(|login| &login.principal);
        Self {
            id,
            is_own: own == Some(id),
            login,
            created: Instant::new(lifetimes.created_at()),
            last_seen: Instant::new(summary.last_seen),
            idle_timeout: humantime::format_duration(lifetimes.idle_timeout()).to_string(),
            idle_end: Instant::new(summary.last_seen.after(lifetimes.idle_timeout())),
            absolute_end: Instant::new(lifetimes.absolute_deadline()),
            is_persistent: lifetimes.is_persistent(),
            revoke: frame.links.revoke_session(id, user),
            frame,
        }
    }
}

/// `GET /session?id=…`, with `user=…` if it is known.
pub(crate) async fn show(visit: Visit, Query(query): Query<SessionQuery>) -> Result<Response, Problem> {
    let session = query.find(&visit).await?;
    let summary = session.summary().await?.ok_or(Problem::NoSession)?;
    let own = visit.own_id().await?;
    let frame = visit.frame(Page::Other).await?;
    Ok(render(StatusCode::OK, &SessionPage::new(frame, session.id(), own, &summary)))
}

impl SessionQuery {
    /// Finds the session, among those of its user if the user is given.
    pub(crate) async fn find(&self, visit: &Visit) -> Result<DetachedSession, Problem> {
        let id: PublicId = self.id.trim().parse().map_err(|_| Problem::BadId)?;
        let found = match self.user.as_deref() {
            Some(user) => visit.sessions.of(user).by_id(id).await?,
            // Lists all sessions of the store.
            None => match tokio::time::timeout(PATIENCE, visit.sessions.by_id(id)).await {
                Ok(found) => found?,
                Err(_) => return Err(Problem::SearchTookTooLong),
            },
        };
        found.ok_or(Problem::NoSession)
    }

    /// Returns the user that the query names.
    pub(crate) fn user(&self) -> Option<Principal> {
        self.user.as_deref().map(Principal::from)
    }
}
