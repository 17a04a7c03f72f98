use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, REFERRER_POLICY};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use cloakroom::{ConfigError, Login, Session, SessionError};
use cloakroom_auth::{AuthLayer, Guard, Next, User};
use serde::Deserialize;

use crate::accounts::{Account, Accounts};
use crate::error::SignInError;
use crate::pending_sign_in::PendingSignIn;
use crate::provider::Provider;

#[derive(Clone)]
struct AppState {
    provider: Arc<Provider>,
    accounts: Accounts,
}

/// Returns the routes of the example, to be wrapped by a [`SessionLayer`](cloakroom::SessionLayer).
///
/// # Errors
/// Never: the login page is a valid path.
pub fn routes(provider: Provider, accounts: Accounts) -> Result<Router, ConfigError> {
    let auth = AuthLayer::new(accounts.clone()).login_page("/sign-in")?;
    let private = Router::new().route("/account", get(account)).route_layer(Guard::<Account>::signed_in());
    Ok(Router::new()
        .route("/", get(home))
        .route("/sign-in", get(sign_in))
        .route("/callback", get(callback).post(forward_callback))
        .route("/sign-out", post(sign_out))
        .merge(private)
        .with_state(AppState { provider: Arc::new(provider), accounts })
        .layer(auth))
}

async fn home(account: Option<User<Account>>) -> String {
    account.map_or_else(|| "Nobody is signed in.".to_owned(), |account| format!("Hello, {}.", account.name))
}

async fn account(account: User<Account>) -> String {
    format!("The account of {}.", account.name)
}

async fn sign_out(session: Session) -> Result<Redirect, SessionError> {
    session.destroy().await?;
    Ok(Redirect::to("/"))
}

/// `GET /sign-in`: sends the visitor to the provider.
async fn sign_in(State(state): State<AppState>, session: Session, next: Next) -> Result<Redirect, SessionError> {
    let (address, pending) = state.provider.begin(next.path_or("/"));
    session.set(pending).await?;
    Ok(Redirect::to(address.as_str()))
}

/// What the provider adds to the address of the callback.
#[derive(Deserialize)]
struct Answer {
    state: String,
    code: Option<String>,
    error: Option<String>,
}

/// `GET /callback`: the provider sent the visitor back.
async fn callback(
    State(state): State<AppState>,
    session: Session,
    Query(answer): Query<Answer>,
) -> Result<Redirect, SignInError> {
    // In one step, on any number of nodes: of two callbacks, one gets it.
    let pending = session.take::<PendingSignIn>().await?.ok_or(SignInError::NotInProgress)?;
    if !pending.has_state(&answer.state) {
        return Err(SignInError::WrongState);
    }
    let Some(code) = answer.code else {
        return Err(SignInError::Refused(answer.error.unwrap_or_default()));
    };
    let next = pending.next.clone();
    let (principal, account) = state.provider.identify(code, pending).await?;
    state.accounts.upsert(principal.clone(), account);
    session.login(Login::new(principal)).await?;
    Ok(Redirect::to(&next))
}

/// `POST /callback`: the provider's page sent a form (`response_mode=form_post`).
///
/// The browser sends no `SameSite=Lax` cookie with a `POST` of another site, so this request has no
/// session and must not start one. The redirect makes the browser send a `GET`, which has the cookie.
async fn forward_callback(Form(answer): Form<Answer>) -> Response {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("state", &answer.state);
    query.extend_pairs(answer.code.map(|code| ("code", code)));
    query.extend_pairs(answer.error.map(|error| ("error", error)));
    let headers = [(CACHE_CONTROL, "no-store"), (REFERRER_POLICY, "no-referrer")];
    (headers, Redirect::to(&format!("/callback?{}", query.finish()))).into_response()
}
