//! Roles, and the pages for staff.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Request};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::{Form, Json, Router};
use cloakroom::SessionValue;
use cloakroom_admin::AdminPage;
use serde::{Deserialize, Serialize};

use crate::accounts::UserId;
use crate::db::{Db, UserWithRoles};
use crate::error::{Problem, ShopError};
use crate::pages::{Frame, Page, Rendered, render};
use crate::request_context::{Accept, RequestContext};
use crate::shop::{Shop, Sources};

/// The roles as the database names them.
const STAFF: &str = "staff";
const ADMIN: &str = "admin";

/// The roles of one user. If a role is removed in the database directly, sessions still have it for
/// up to a minute.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "1m", jitter = 10)]
pub(crate) struct Roles(Vec<String>);

impl Roles {
    fn has(&self, role: &str) -> bool {
        self.0.iter().any(|own| own == role)
    }

    pub(crate) fn is_staff(&self) -> bool {
        self.has(STAFF) || self.is_admin()
    }

    fn is_admin(&self) -> bool {
        self.has(ADMIN)
    }
}

impl RequestContext {
    /// Returns the roles of the user; a guest has none.
    pub(crate) async fn roles(&self) -> Result<Arc<Roles>, ShopError> {
        let Some(user) = self.user().await? else { return Ok(Arc::default()) };
        self.cached(1, move |sources: Sources| async move { Ok(Roles(sources.db.roles(user.0).await?)) }).await
    }

    /// Returns an error unless a user is signed in whose roles satisfy `is_allowed`.
    async fn require(&self, is_allowed: fn(&Roles) -> bool) -> Result<(), ShopError> {
        self.signed_in().await?;
        if is_allowed(&*self.roles().await?) { Ok(()) } else { Err(Problem::NotAllowed.into()) }
    }
}

#[derive(Template)]
#[template(path = "staff.html")]
struct StaffPage {
    frame: Frame,
    users: Vec<UserWithRoles>,
    is_admin: bool,
    queries: u64,
    saved: u64,
}

impl UserWithRoles {
    fn is_staff(&self) -> bool {
        self.roles.split(", ").any(|role| role == STAFF)
    }
}

/// `GET /staff`
pub(crate) async fn show(ctx: RequestContext) -> Result<Response, ShopError> {
    ctx.require(Roles::is_staff).await?;
    let stats = ctx.shop.sessions().stats().iter();
    Ok(match ctx.accept {
        Accept::Html => {
            let users = ctx.database("users", |db| async move { db.users().await }).await?;
            let is_admin = ctx.roles().await?.is_admin();
            let (queries, saved) = (ctx.shop.db().queries(), ctx.shop.saved());
            let frame = Frame::new(&ctx, Page::Staff, None).await?;
            render(&StaffPage { frame, users, is_admin, queries, saved })?
        }
        Accept::Json => Json(stats.collect::<BTreeMap<_, _>>()).into_response(),
        Accept::Text => stats.map(|(name, count)| format!("{name} {count}\n")).collect::<String>().into_response(),
    })
}

/// The sessions of all users, below `/staff/sessions`.
pub(crate) fn sessions(shop: &Shop) -> Router {
    let closed = {
        let shop = shop.clone();
        async move { shop.closed().await }
    };
    AdminPage::new(shop.sessions())
        .title("Hook & Peg: sessions")
        .way_back("/staff", "Staff")
        .end_streams_when(closed)
        .router(from_fn(staff_only))
}

/// Middleware: the guard of the admin page.
async fn staff_only(ctx: RequestContext, request: Request, next: Next) -> Result<Response, ShopError> {
    ctx.require(Roles::is_staff).await?;
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Rendered);
    Ok(response)
}

#[derive(Deserialize)]
pub(crate) struct RoleForm {
    staff: String,
}

/// `POST /staff/people/{id}` with the field `staff`; for admins only.
pub(crate) async fn set_role(
    ctx: RequestContext,
    Path(id): Path<i64>,
    Form(form): Form<RoleForm>,
) -> Result<Response, ShopError> {
    ctx.require(Roles::is_admin).await?;
    let staff = match form.staff.as_str() {
        "yes" => true,
        "no" => false,
        _ => return Err(Problem::BadInput("staff must be yes or no").into()),
    };
    let change = |db: Db| async move { if staff { db.grant(id, STAFF).await } else { db.withdraw(id, STAFF).await } };
    ctx.database("roles (write)", change).await?;
    // Without this line, the user's sessions would keep the old roles for up to a minute.
    ctx.shop.sessions().of(UserId(id)).invalidate::<Roles>().await?;
    Ok(ctx.done("/staff", serde_json::json!({ "staff": staff }), "Roles changed".to_owned()))
}
