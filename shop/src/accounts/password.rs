//! Passwords: checked and hashed with Argon2id, and changed.

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use askama::Template;
use axum::Form;
use axum::response::{IntoResponse, Response};
use cloakroom::Login;
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::UserId;
use crate::error::{Problem, ShopError};
use crate::pages::{Frame, Notice, Page, render};
use crate::request_context::{Accept, RequestContext};

pub(crate) const MAX_PASSWORD_BYTES: usize = 128;

/// The minimum of OWASP ASVS 5.0, 6.2.1.
const MIN_PASSWORD_CHARS: usize = 8;

/// One hash takes 19 MiB and tens of milliseconds of a core.
const MAX_CONCURRENT_HASHES: usize = 4;

/// Checked for names that do not exist, so that the response time does not reveal which names do.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Se7b+QLgZxmpQE9lmQtYLg$PjOUioRdkoWeYjiSE75zj3Jqf0mJ+yhOiCAPGpQKIWk";

/// Checks and hashes passwords on the threads for blocking work.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    permits: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(MAX_CONCURRENT_HASHES)) }
    }

    /// Returns whether `password` matches `hash`. Without a hash, it takes the same time.
    pub(crate) async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, ShopError> {
        let exists = hash.is_some();
        let verify = move || {
            let hash = hash.as_deref().unwrap_or(DUMMY_HASH);
            let Ok(hash) = PasswordHash::new(hash) else { return false };
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        };
        Ok(self.run(verify).await? && exists)
    }

    /// Returns a hash of `password` with a new salt.
    async fn hash(&self, password: String) -> Result<String, ShopError> {
        let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
        self.run(hash).await?.map_err(ShopError::Password)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ShopError> {
        // The semaphore is never closed, so there is always a permit.
        let permit = Arc::clone(&self.permits).acquire_owned().await.ok();
        let work = move || {
            let _permit = permit;
            work()
        };
        Ok(tokio::task::spawn_blocking(work).await?)
    }
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    frame: Frame,
}

/// `GET /password`
pub(crate) async fn password_form(ctx: RequestContext) -> Result<Response, ShopError> {
    ctx.signed_in().await?;
    page(Frame::new(&ctx, Page::Password, None).await?)
}

fn page(frame: Frame) -> Result<Response, ShopError> {
    render(&PasswordPage { frame })
}

#[derive(Deserialize)]
pub(crate) struct ChangeForm {
    current: String,
    new: String,
}

/// `POST /password` with the fields `current` and `new`. Ends the user's other sessions.
pub(crate) async fn change_password(ctx: RequestContext, Form(form): Form<ChangeForm>) -> Result<Response, ShopError> {
    let user = ctx.signed_in().await?;
    if form.new.chars().count() < MIN_PASSWORD_CHARS || form.new.len() > MAX_PASSWORD_BYTES {
        return reject(&ctx, Problem::BadInput("new must have at least 8 characters and at most 128 bytes")).await;
    }
    if !replace(&ctx, user, form).await? {
        return reject(&ctx, Problem::WrongPassword).await;
    }
    let ended = end_other_sessions(&ctx, user).await?;
    Ok(match ctx.accept {
        Accept::Html => page(Frame::new(&ctx, Page::Password, Some(Notice::PasswordChanged { ended })).await?)?,
        Accept::Json => axum::Json(serde_json::json!({ "ended": ended })).into_response(),
        Accept::Text => format!("Password changed; {ended} other sessions ended").into_response(),
    })
}

/// Replaces the password hash, and returns whether the current password was right.
async fn replace(ctx: &RequestContext, user: UserId, form: ChangeForm) -> Result<bool, ShopError> {
    let name = format!("user {}", user.0);
    let throttle = &ctx.shop.throttle;
    if !throttle.try_acquire(&name).await {
        return Err(Problem::TooManyAttempts.into());
    }
    let old = ctx.database("password", |db| async move { db.password_hash(user.0).await }).await?;
    let passwords = &ctx.shop.passwords;
    if form.current.len() > MAX_PASSWORD_BYTES || !passwords.verify(form.current, old.clone()).await? {
        return Ok(false);
    }
    throttle.reset(&name).await;
    let (old, new) = (old.unwrap_or_default(), passwords.hash(form.new).await?);
    let replaced = ctx
        .database("password (write)", |db| async move { db.replace_password_hash(user.0, &old, &new).await })
        .await?;
    if replaced { Ok(true) } else { Err(Problem::Conflict.into()) }
}

/// Ends all other sessions of the user, and gives this one a new token (OWASP ASVS 7.4.3).
async fn end_other_sessions(ctx: &RequestContext, user: UserId) -> Result<usize, ShopError> {
    let ended = ctx.shop.sessions().of(user).revoke_others(&ctx.session).await?;
    // A login as the same user rotates the token and keeps all values.
    ctx.change("sign-in (rotate)", ctx.session.login(Login::new(user).label(ctx.device.as_str()))).await?;
    Ok(ended)
}

async fn reject(ctx: &RequestContext, problem: Problem) -> Result<Response, ShopError> {
    if ctx.accept != Accept::Html {
        return Err(problem.into());
    }
    let frame = Frame::new(ctx, Page::Password, None).await?;
    let (field, text) = match problem {
        Problem::WrongPassword => ("current", frame.t.wrong_password_now),
        _ => ("new", frame.t.password_rule),
    };
    Ok((problem.status(), page(frame.with_wrong(field, text))?).into_response())
}
