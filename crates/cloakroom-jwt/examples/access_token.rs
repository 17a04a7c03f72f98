//! An identity provider's access token, verified once per session: `cargo run -p cloakroom-jwt --example access_token`
//!
//! Ten requests of one session carry the same token. The first verifies its signature and asks the "database" for the
//! roles; the others find both in the session. Then the token is replaced, and the same begins anew.

use std::error::Error;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, header};
use axum::routing::{get, post};
use cloakroom::{Clock, Session, SessionError, SessionLayer, SessionValue, Sessions, SystemClock};
use cloakroom_jwt::{AccessError, AccessToken, AccessTokenVerifier, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use tower::ServiceExt;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";

/// What the token says, as far as it matters here.
#[derive(Deserialize)]
struct Claims {
    sub: String,
}

/// What follows from it.
#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "5m")]
struct Roles(Vec<String>);

static QUERIES: AtomicU32 = AtomicU32::new(0);

async fn query_roles(user: &str) -> Result<Roles, std::convert::Infallible> {
    QUERIES.fetch_add(1, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(50)).await; // a database
    Ok(Roles(vec![format!("editor of {user}'s pages")]))
}

async fn reports(
    State(tokens): State<AccessTokenVerifier>,
    session: Session,
    headers: HeaderMap,
) -> Result<String, AccessError> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|field| field.to_str().ok()?.strip_prefix("Bearer "));
    let derive = |token: AccessToken<Claims>| async move { query_roles(&token.claims.sub).await };
    let roles = tokens.verify_once(&session, bearer.unwrap_or_default(), derive).await?;
    Ok(roles.0.join(", "))
}

async fn log_in(session: Session) -> Result<(), SessionError> {
    session.login("ada").await
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    // In earnest: `JwkSet::from_jwks`, with the text that your HTTP client got from the provider.
    let secret = *b"\x8e for this example, and no other";
    let tokens = AccessTokenVerifier::builder(ISSUER, AUDIENCE).build(JwkSet::hs256("example", secret)?)?;
    let app = Router::new()
        .route("/login", post(log_in))
        .route("/reports", get(reports))
        .layer(SessionLayer::new(Sessions::in_memory()))
        .with_state(tokens);

    let login = app.clone().oneshot(Request::post("/login").body(Body::empty())?).await?;
    let cookie = login.headers()[header::SET_COOKIE].to_str()?.split(';').next().unwrap_or_default().to_owned();
    for token in [issue(&secret, 0)?, issue(&secret, 1)?] {
        for _ in 0..10 {
            let started = Instant::now();
            let request = Request::get("/reports")
                .header(header::COOKIE, &cookie)
                .header(header::AUTHORIZATION, format!("Bearer {token}"));
            let status = app.clone().oneshot(request.body(Body::empty())?).await?.status();
            let queries = QUERIES.load(Ordering::Relaxed);
            writeln!(std::io::stdout(), "{status} after {:?}, {queries} queries so far", started.elapsed())?;
        }
    }
    Ok(())
}

/// What the identity provider does.
fn issue(secret: &[u8], number: u64) -> Result<String, jsonwebtoken::errors::Error> {
    let now = SystemClock::new().now().as_millis() / 1000;
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some("example".to_owned());
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 3600 + number, "sub": "ada"
    });
    jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(secret))
}
