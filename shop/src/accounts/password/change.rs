//! Changing a password, which ends the user's other sessions.

use axum::Form;
use axum::response::{IntoResponse, Response};
use cloakroom::Login;
use serde::Deserialize;

use super::LONGEST;
use crate::accept::Accept;
use crate::accounts::UserId;
use crate::error::{Problem, ShopError};
use crate::pages::{Notice, PasswordPage};
use crate::request_context::RequestContext;

/// OWASP ASVS 5.0, 6.2.1 asks for eight at the least.
const SHORTEST: usize = 8;

#[derive(Deserialize)]
pub(crate) struct Change {
    current: String,
    new: String,
}

/// `GET /password`
pub(crate) async fn change_form(visit: RequestContext) -> Result<Response, ShopError> {
    visit.signed_in().await?;
    PasswordPage::respond(&visit, None).await
}

/// `POST /password`
pub(crate) async fn change(visit: RequestContext, Form(change): Form<Change>) -> Result<Response, ShopError> {
    let user = visit.signed_in().await?;
    if change.new.chars().count() < SHORTEST || change.new.len() > LONGEST {
        return refuse(&visit, Problem::BadInput("new must have 8 characters at the least, and at most 128 bytes"))
            .await;
    }
    if !replace(&visit, user, change).await? {
        return refuse(&visit, Problem::WrongPassword).await;
    }
    let others = end_other_sessions(&visit, user).await?;
    Ok(match visit.wants() {
        Accept::Html => PasswordPage::respond(&visit, Some(Notice::PasswordChanged { others })).await?,
        Accept::Json => axum::Json(serde_json::json!({ "ended": others })).into_response(),
        Accept::Text => format!("Password changed; {others} other sessions ended").into_response(),
    })
}

async fn replace(visit: &RequestContext, user: UserId, change: Change) -> Result<bool, ShopError> {
    let name = format!("user {}", user.0);
    let throttle = visit.shop().throttle();
    if !throttle.admit(&name).await {
        return Err(Problem::TooManyAttempts.into());
    }
    let old = visit.database("password", |db| async move { db.password_hash(user.0).await }).await?;
    if change.current.len() > LONGEST || !visit.shop().passwords().fits(change.current, old.clone()).await? {
        return Ok(false);
    }
    throttle.forgive(&name).await;
    let (old, new) = (old.unwrap_or_default(), visit.shop().passwords().hash(change.new).await?);
    let replaced = visit
        .database("password (write)", |db| async move { db.replace_password_hash(user.0, &old, &new).await })
        .await?;
    if replaced { Ok(true) } else { Err(Problem::Conflict.into()) }
}

/// This session survives with a new token; all others of the user end (OWASP ASVS 7.4.3).
async fn end_other_sessions(visit: &RequestContext, user: UserId) -> Result<usize, ShopError> {
    let others = visit.shop().sessions().of(user).revoke_others(visit.session()).await?;
    // The same principal keeps all values of its session; only the token is new.
    visit.change("sign-in (rotate)", visit.session().login(Login::new(user).label(visit.device()))).await?;
    Ok(others)
}

async fn refuse(visit: &RequestContext, problem: Problem) -> Result<Response, ShopError> {
    if visit.wants() != Accept::Html {
        return Err(problem.into());
    }
    let page = PasswordPage::respond(visit, Some(Notice::Problem(problem))).await?;
    Ok((problem.status(), page).into_response())
}
