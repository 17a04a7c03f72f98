//! Signing in.

use std::collections::BTreeMap;

use axum::Form;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use cloakroom::Login;
use serde::Deserialize;

use super::account::UserId;
use super::password::LONGEST;
use crate::accept::Accept;
use crate::cart::Cart;
use crate::db::Person;
use crate::error::{Problem, ShopError};
use crate::history::GuestHistory;
use crate::pages::{LoginPage, Next, Notice};
use crate::request_context::RequestContext;
use crate::sessions::REMEMBERED;
use crate::trace_panel::PanelKey;

/// Bytes of the longest name that is looked up.
const LONGEST_NAME: usize = 64;

#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
    /// A checkbox: present or not.
    remember: Option<String>,
    next: Option<Next>,
}

#[derive(Deserialize)]
pub(crate) struct Destination {
    next: Option<Next>,
    signed_out: Option<String>,
    again: Option<String>,
}

/// `GET /login`
pub(crate) async fn form(visit: RequestContext, Query(to): Query<Destination>) -> Result<Response, ShopError> {
    let notice = match (to.signed_out, to.again) {
        (Some(_), _) => Some(Notice::SignedOut),
        (None, Some(_)) if visit.signed_in().await.is_ok() => Some(Notice::SignInAgain),
        (None, _) => visit.session_is_over().await?.then_some(Notice::SessionOver),
    };
    LoginPage::respond(&visit, to.next, String::new(), notice).await
}

/// `POST /login`
pub(crate) async fn sign_in(visit: RequestContext, Form(form): Form<Credentials>) -> Result<Response, ShopError> {
    match authenticate(&visit, &form).await? {
        Ok(person) => enter(&visit, person, &form).await,
        Err(problem) if visit.wants() == Accept::Html => {
            let page = LoginPage::respond(&visit, form.next, form.name, Some(Notice::Problem(problem))).await?;
            Ok((problem.status(), page).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// One answer for a wrong name and for a wrong password, after the same work.
async fn authenticate(visit: &RequestContext, form: &Credentials) -> Result<Result<Person, Problem>, ShopError> {
    if form.name.len() > LONGEST_NAME || form.password.len() > LONGEST {
        return Ok(Err(Problem::WrongPassword));
    }
    if !visit.shop().throttle().admit(&form.name).await {
        return Ok(Err(Problem::TooManyAttempts));
    }
    let name = form.name.clone();
    let person = visit.database("password", |db| async move { db.person_named(&name).await }).await?;
    let hash = person.as_ref().map(|person| person.password_hash.clone());
    let fits = visit.shop().passwords().fits(form.password.clone(), hash).await?;
    let known = person.filter(|_| fits).ok_or(Problem::WrongPassword);
    if known.is_ok() {
        visit.shop().throttle().forgive(&form.name).await;
    }
    Ok(known)
}

async fn enter(visit: &RequestContext, person: Person, form: &Credentials) -> Result<Response, ShopError> {
    let user = UserId(person.id);
    let seen = visit.session().get::<GuestHistory>().await?;
    let mut login = Login::new(user).keep::<Cart>().keep::<PanelKey>().label(visit.device());
    if form.remember.is_some() {
        login = login.remember(REMEMBERED);
    }
    visit.change("sign-in", visit.session().login(login)).await?;
    refuse_an_old_password(visit, &person).await?;
    if let Some(seen) = seen {
        visit.adopt_history(user, &seen).await?;
    }
    fetch_saved_cart(visit, user).await?;
    Ok(match visit.wants() {
        Accept::Html => Redirect::to(form.next.unwrap_or_default().path()).into_response(),
        Accept::Json => axum::Json(serde_json::json!({ "signed_in": true })).into_response(),
        Accept::Text => "Signed in".into_response(),
    })
}

/// A password change ends all sessions that exist; one that began with the old password during the
/// change would slip through, so the hash is looked at once more when the session exists.
async fn refuse_an_old_password(visit: &RequestContext, person: &Person) -> Result<(), ShopError> {
    let id = person.id;
    let now = visit.database("password", |db| async move { db.password_hash(id).await }).await?;
    if now.as_ref() != Some(&person.password_hash) {
        visit.session().destroy().await?;
        return Err(Problem::WrongPassword.into());
    }
    Ok(())
}

/// Adds what the user left behind at the last sign-out to what they have put in as a guest.
async fn fetch_saved_cart(visit: &RequestContext, user: UserId) -> Result<(), ShopError> {
    let saved = visit.database("saved cart", |db| async move { db.take_cart(user.0).await }).await?;
    if saved.is_empty() {
        return Ok(());
    }
    let merged = visit.session().update(|cart: &mut Cart| cart.merge(&saved)).await;
    if let Err(error) = merged {
        // Taken out but not put in: back to where it was, so that the next sign-in finds it.
        let cart = serde_json::json!(BTreeMap::from_iter(saved)).to_string();
        visit.database("saved cart", |db| async move { db.save_cart(user.0, &cart).await }).await?;
        return Err(error.into());
    }
    Ok(())
}
