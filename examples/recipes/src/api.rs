//! An API for programs: bearer tokens in place of cookies, as JWTs that other services can verify.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use cloakroom::{OsRandom, Session, SessionError, SessionLayer, SessionValue, Sessions, TokenHeader, Transport};
use cloakroom_jwt::{JwtCodec, JwtKey, JwtKeys};
use serde::{Deserialize, Serialize};

/// What a user searched for last.
#[derive(Clone, Debug, Default, Serialize, Deserialize, SessionValue)]
struct Searches(Vec<String>);

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

/// The response has the token in the header `session-token`. Send it back as `Authorization: Bearer`.
async fn log_in(session: Session, Json(credentials): Json<Credentials>) -> Result<StatusCode, SessionError> {
    // Verify the password as in `accounts.rs`.
    if credentials.password != "correct horse" {
        return Ok(StatusCode::UNAUTHORIZED);
    }
    session.login(credentials.user).await.map(|()| StatusCode::NO_CONTENT)
}

async fn search(session: Session, Json(words): Json<String>) -> Result<Response, SessionError> {
    if session.principal().await?.is_none() {
        return Ok(Err(StatusCode::UNAUTHORIZED));
    }
    let add = |searches: &mut Searches| {
        searches.0.push(words.clone());
        searches.0.clone()
    };
    session.update(add).await.map(|searches| Ok(Json(searches)))
}

type Response = Result<Json<Vec<String>>, StatusCode>;

async fn log_out(session: Session) -> Result<StatusCode, SessionError> {
    session.destroy().await.map(|()| StatusCode::NO_CONTENT)
}

/// Returns a codec with a new key. In production, read one key on every node:
/// `JwtKey::ed25519("2026-03", &pem)`.
///
/// # Errors
/// If the operating system provides no randomness, or the issuer is malformed.
pub fn codec() -> Result<JwtCodec, Box<dyn std::error::Error>> {
    let key = JwtKey::generate("2026-03", &OsRandom)?;
    let codec = JwtCodec::builder("shop", JwtKeys::new(key));
    Ok(codec.issuer("https://shop.example").audience("https://shop.example").build()?)
}

/// Returns the application.
///
/// # Errors
/// If the tokens cannot be sent in the header.
pub fn app(sessions: Sessions, codec: JwtCodec) -> Result<Router, Box<dyn std::error::Error>> {
    let transport = Transport::bearer(TokenHeader::default()).codec(codec.clone())?;
    // Other services read the public keys here.
    let keys = move || {
        let document = codec.jwks();
        async move { ([(CONTENT_TYPE, "application/jwk-set+json")], document).into_response() }
    };
    Ok(Router::new()
        .route("/login", post(log_in))
        .route("/search", post(search))
        .route("/logout", post(log_out))
        .layer(SessionLayer::new(sessions).transport(transport))
        .route("/.well-known/jwks.json", get(keys)))
}
