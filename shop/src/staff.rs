//! The staff's page: what the sessions are doing, and who is on the staff.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;

use crate::accept::Accept;
use crate::accounts::UserId;
use crate::error::{Problem, ShopError};
use crate::pages::StaffPage;
use crate::request_context::RequestContext;
use crate::roles::{Roles, STAFF};

/// `GET /staff`
pub(crate) async fn show(visit: RequestContext) -> Result<Response, ShopError> {
    visit.require(Roles::is_staff).await?;
    let stats: Vec<(&'static str, u64)> = visit.shop().sessions().stats().iter().collect();
    Ok(match visit.wants() {
        Accept::Html => {
            let people = visit.database("people", |db| async move { db.people().await }).await?;
            StaffPage::respond(&visit, stats, people).await?
        }
        Accept::Json => {
            Json(serde_json::Map::from_iter(stats.into_iter().map(|(name, count)| (name.to_owned(), count.into()))))
                .into_response()
        }
        Accept::Text => {
            stats.into_iter().map(|(name, count)| format!("{name} {count}\n")).collect::<String>().into_response()
        }
    })
}

#[derive(Deserialize)]
pub(crate) struct Membership {
    staff: String,
}

/// `POST /staff/people/{id}` with the field `staff`; for admins.
pub(crate) async fn appoint(
    visit: RequestContext,
    Path(id): Path<i64>,
    Form(membership): Form<Membership>,
) -> Result<Response, ShopError> {
    visit.require(Roles::is_admin).await?;
    let joins = match membership.staff.as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(Problem::BadInput("staff must be yes or no").into()),
    };
    let change =
        |db: crate::db::Db| async move { if joins { db.grant(id, STAFF).await } else { db.withdraw(id, STAFF).await } };
    visit.database("roles (write)", change).await?;
    // Without this line, the person's sessions would find out up to a minute later.
    visit.shop().sessions().of(UserId(id)).invalidate::<Roles>().await?;
    Ok(match visit.wants() {
        Accept::Html => Redirect::to("/staff").into_response(),
        _ => "Roles changed".into_response(),
    })
}
