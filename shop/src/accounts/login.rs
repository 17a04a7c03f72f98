//! Signing in and out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use cloakroom::Login;
use moka::future::Cache;
use serde::Deserialize;

use super::UserId;
use super::password::MAX_PASSWORD_BYTES;
use crate::cart::Cart;
use crate::db::UserRow;
use crate::devices::SignInPlace;
use crate::error::{Problem, ShopError};
use crate::history::GuestHistory;
use crate::pages::{Frame, Notice, Page, render};
use crate::request_context::{Accept, RequestContext};
use crate::session_cache::SessionCache;
use crate::sessions::REMEMBER_ME_LIFETIME;

const MAX_NAME_BYTES: usize = 64;

/// The number of attempts per account and window.
const MAX_ATTEMPTS: u32 = 10;

/// After this time, attempts are allowed again.
const WINDOW: Duration = Duration::from_secs(60);

/// The number of names remembered; a flood of invented names only evicts other names.
const MAX_NAMES: u64 = 10_000;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    next: Page,
    name: String,
}

#[derive(Deserialize)]
pub(crate) struct FormQuery {
    next: Option<Page>,
    signed_out: Option<String>,
    again: Option<String>,
}

/// `GET /login`
pub(crate) async fn sign_in_form(ctx: RequestContext, Query(query): Query<FormQuery>) -> Result<Response, ShopError> {
    let notice = match (query.signed_out, query.again) {
        (Some(_), _) => Some(Notice::SignedOut),
        (None, Some(_)) if ctx.signed_in().await.is_ok() => Some(Notice::SignInAgain),
        (None, _) => None,
    };
    let frame = Frame::new(&ctx, Page::Login, notice).await?;
    render(&LoginPage { frame, next: query.next.unwrap_or_default(), name: String::new() })
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
    /// A checkbox: absent if it is not checked.
    remember: Option<String>,
    next: Option<Page>,
}

/// `POST /login`
pub(crate) async fn sign_in(ctx: RequestContext, Form(form): Form<Credentials>) -> Result<Response, ShopError> {
    match authenticate(&ctx, &form).await? {
        Ok(user) => log_in(&ctx, user, &form).await,
        Err(problem) if ctx.accept == Accept::Html => {
            let wrong = problem == Problem::WrongPassword;
            let frame = Frame::new(&ctx, Page::Login, (!wrong).then_some(Notice::Problem(problem))).await?;
            let text = (frame.t.problem)(problem).1;
            // The name was typed where it can be read, so the password is more likely wrong.
            let frame = if wrong { frame.with_wrong("password", text) } else { frame };
            let page = LoginPage { frame, next: form.next.unwrap_or_default(), name: form.name };
            Ok((problem.status(), render(&page)?).into_response())
        }
        Err(problem) => Err(problem.into()),
    }
}

/// Checks name and password. Neither the response nor its time reveals which of them is wrong.
async fn authenticate(ctx: &RequestContext, form: &Credentials) -> Result<Result<UserRow, Problem>, ShopError> {
    if form.name.len() > MAX_NAME_BYTES || form.password.len() > MAX_PASSWORD_BYTES {
        return Ok(Err(Problem::WrongPassword));
    }
    if !ctx.shop.throttle.try_acquire(&form.name).await {
        return Ok(Err(Problem::TooManyAttempts));
    }
    let name = form.name.clone();
    let user = ctx.database("password", |db| async move { db.user_by_name(&name).await }).await?;
    let hash = user.as_ref().map(|user| user.password_hash.clone());
    if !ctx.shop.passwords.verify(form.password.clone(), hash).await? {
        return Ok(Err(Problem::WrongPassword));
    }
    ctx.shop.throttle.reset(&form.name).await;
    Ok(user.ok_or(Problem::WrongPassword))
}

async fn log_in(ctx: &RequestContext, row: UserRow, form: &Credentials) -> Result<Response, ShopError> {
    let user = UserId(row.id);
    let viewed = ctx.session.get::<GuestHistory>().await?;
    let mut login = Login::new(user).keep::<Cart>().keep::<SessionCache>().label(ctx.device.as_str());
    if form.remember.is_some() {
        login = login.remember(REMEMBER_ME_LIFETIME);
    }
    ctx.change("sign-in", ctx.session.login(login)).await?;
    ctx.session.set(SignInPlace::of(ctx)).await?;
    reject_replaced_password(ctx, &row).await?;
    if let Some(viewed) = viewed {
        ctx.adopt_history(user, &viewed).await?;
    }
    restore_cart(ctx, user).await?;
    ctx.save_state::<Cart>().await?;
    let next = form.next.unwrap_or_default().path();
    Ok(ctx.done(next, serde_json::json!({ "signed_in": true }), "Signed in".to_owned()))
}

/// Ends the new session if the password was changed during the sign-in.
///
/// A password change ends all sessions of the user, but a sign-in that is in progress has none yet.
async fn reject_replaced_password(ctx: &RequestContext, row: &UserRow) -> Result<(), ShopError> {
    let hash = ctx.database("password", |db| async move { db.password_hash(row.id).await }).await?;
    if hash.as_ref() != Some(&row.password_hash) {
        ctx.session.destroy().await?;
        return Err(Problem::WrongPassword.into());
    }
    Ok(())
}

/// Adds the cart that the user had at the last sign-out to the cart of this session.
async fn restore_cart(ctx: &RequestContext, user: UserId) -> Result<(), ShopError> {
    let saved = ctx.database("saved cart", |db| async move { db.take_cart(user.0).await }).await?;
    if saved.is_empty() {
        return Ok(());
    }
    if let Err(error) = ctx.session.update(|cart: &mut Cart| cart.merge(&saved)).await {
        // The cart was taken but not restored: save it again for the next sign-in.
        let cart = serde_json::json!(BTreeMap::from_iter(saved)).to_string();
        ctx.database("saved cart", |db| async move { db.save_cart(user.0, &cart).await }).await?;
        return Err(error.into());
    }
    Ok(())
}

/// `POST /logout`: ends this session. A user's cart is saved in the database for the next sign-in.
pub(crate) async fn sign_out(ctx: RequestContext) -> Result<Response, ShopError> {
    let (user, cart) = (ctx.user().await?, ctx.session.get::<Cart>().await?);
    // The session first: if saving the cart fails, the visitor is signed out nevertheless.
    ctx.change("sign-out", ctx.session.destroy()).await?;
    if let (Some(user), Some(cart)) = (user, cart) {
        let cart = cart.to_json();
        ctx.database("saved cart", |db| async move { db.save_cart(user.0, &cart).await }).await?;
    }
    Ok(ctx.done("/login?signed_out", serde_json::json!({ "signed_in": false }), "Signed out".to_owned()))
}

/// Counts the attempts per account name, whether or not the account exists.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    attempts: Cache<String, Arc<AtomicU32>>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self { attempts: Cache::builder().max_capacity(MAX_NAMES).time_to_live(WINDOW).build() }
    }

    /// Takes one attempt, and returns `false` if none is left.
    ///
    /// Call it before the password is checked, so that concurrent requests get no extra guesses.
    pub(crate) async fn try_acquire(&self, name: &str) -> bool {
        let attempts = self.attempts.get_with(name.to_lowercase(), async { Arc::default() }).await;
        attempts.fetch_add(1, Ordering::Relaxed) < MAX_ATTEMPTS
    }

    /// Gives an account all its attempts back, after a correct password.
    pub(crate) async fn reset(&self, name: &str) {
        self.attempts.invalidate(&name.to_lowercase()).await;
    }
}
