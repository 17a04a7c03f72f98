//! An OpenID provider on a real port: discovery, keys, authorization, and the exchange of codes with
//! PKCE. It asks for no password.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use ed25519_dalek::pkcs8::EncodePrivateKey;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;

pub(crate) const CLIENT_ID: &str = "shop";
pub(crate) const CLIENT_SECRET: &str = "a secret of the client";
pub(crate) const REDIRECT_URI: &str = "http://shop.example/callback";

/// What the provider gets wrong in the next ID tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Defect {
    #[default]
    None,
    /// The nonce of another sign-in.
    Nonce,
    /// No nonce.
    NoNonce,
    /// Expired an hour ago.
    Expired,
    /// For another client.
    Audience,
    /// Of another issuer.
    Issuer,
    /// Signed with a key that the provider does not publish.
    Signature,
}

/// An authorization that waits for its code to be exchanged.
#[derive(Clone, Debug)]
struct Grant {
    nonce: String,
    challenge: String,
}

#[derive(Clone)]
pub(crate) struct TestProvider(Arc<Inner>);

struct Inner {
    issuer: String,
    key: SigningKey,
    grants: Mutex<BTreeMap<String, Grant>>,
    spent: Mutex<BTreeSet<String>>,
    codes: AtomicU64,
    defect: Mutex<Defect>,
}

impl TestProvider {
    /// Starts a provider. It ends with the runtime of the test.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let provider = Self(Arc::new(Inner {
            issuer: format!("http://{}", listener.local_addr().unwrap()),
            key: SigningKey::from_bytes(&[7; 32]),
            grants: Mutex::default(),
            spent: Mutex::default(),
            codes: AtomicU64::new(0),
            defect: Mutex::default(),
        }));
        let router = provider.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        provider
    }

    pub(crate) fn issuer(&self) -> &str {
        &self.0.issuer
    }

    pub(crate) fn set_defect(&self, defect: Defect) {
        *self.0.defect.lock() = defect;
    }

    /// The number of codes that were exchanged for tokens.
    pub(crate) fn exchanges(&self) -> usize {
        self.0.spent.lock().len()
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/keys", get(keys))
            .route("/authorize", get(authorize))
            .route("/token", post(token))
            .with_state(self.clone())
    }

    fn id_token(&self, nonce: &str) -> String {
        let defect = *self.0.defect.lock();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let expires =
            if defect == Defect::Expired { now - Duration::from_secs(3600) } else { now + Duration::from_secs(300) };
        let mut claims = json!({
            "iss": if defect == Defect::Issuer { "http://other.example" } else { self.issuer() },
            "aud": if defect == Defect::Audience { "another client" } else { CLIENT_ID },
            "sub": "248289761001",
            "name": "Ada",
            "iat": now.as_secs() - 3601,
            "exp": expires.as_secs(),
        });
        match defect {
            Defect::NoNonce => {}
            Defect::Nonce => claims["nonce"] = json!("the nonce of another sign-in"),
            _ => claims["nonce"] = json!(nonce),
        }
        let forged = SigningKey::from_bytes(&[8; 32]);
        let key = if defect == Defect::Signature { &forged } else { &self.0.key };
        let der = key.to_pkcs8_der().unwrap();
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("1".to_owned());
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ed_der(der.as_bytes())).unwrap()
    }
}

async fn metadata(State(provider): State<TestProvider>) -> Json<Value> {
    let issuer = provider.issuer();
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "code_challenge_methods_supported": ["S256"],
    }))
}

async fn keys(State(provider): State<TestProvider>) -> Json<Value> {
    let public = URL_SAFE_NO_PAD.encode(provider.0.key.verifying_key().as_bytes());
    Json(json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": "1", "alg": "EdDSA", "x": public }] }))
}

#[derive(Deserialize)]
struct Authorization {
    response_type: String,
    response_mode: Option<String>,
    client_id: String,
    redirect_uri: String,
    scope: String,
    state: String,
    nonce: String,
    code_challenge: String,
    code_challenge_method: String,
}

async fn authorize(State(provider): State<TestProvider>, Query(asked): Query<Authorization>) -> Response {
    let is_registered = asked.client_id == CLIENT_ID && asked.redirect_uri == REDIRECT_URI;
    if !is_registered || asked.response_type != "code" || asked.code_challenge_method != "S256" {
        return StatusCode::BAD_REQUEST.into_response();
    }
    assert!(asked.scope.split(' ').any(|scope| scope == "openid"), "{}", asked.scope);
    let code = format!("code-{}", provider.0.codes.fetch_add(1, Ordering::Relaxed));
    let grant = Grant { nonce: asked.nonce, challenge: asked.code_challenge };
    provider.0.grants.lock().insert(code.clone(), grant);
    let state = asked.state;
    if asked.response_mode.as_deref() == Some("form_post") {
        return Html(format!(
            "<form method=\"post\" action=\"{REDIRECT_URI}\"><input type=\"hidden\" name=\"code\" value=\"{code}\">\
             <input type=\"hidden\" name=\"state\" value=\"{state}\"></form><script>document.forms[0].submit()</script>"
        ))
        .into_response();
    }
    let query =
        form_urlencoded::Serializer::new(String::new()).extend_pairs([("code", code), ("state", state)]).finish();
    Redirect::to(&format!("{REDIRECT_URI}?{query}")).into_response()
}

#[derive(Deserialize)]
struct Exchange {
    grant_type: String,
    code: String,
    redirect_uri: String,
    code_verifier: String,
}

async fn token(State(provider): State<TestProvider>, headers: HeaderMap, Form(asked): Form<Exchange>) -> Response {
    let invalid = |error: &str| (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response();
    // Both are form-encoded before (RFC 6749 §2.3.1).
    let secret: String = form_urlencoded::byte_serialize(CLIENT_SECRET.as_bytes()).collect();
    let expected = format!("Basic {}", STANDARD.encode(format!("{CLIENT_ID}:{secret}")));
    if headers.get("authorization").is_none_or(|given| given.as_bytes() != expected.as_bytes()) {
        return invalid("invalid_client");
    }
    // A code is exchanged once (RFC 6749 §4.1.2).
    let Some(grant) = provider.0.grants.lock().remove(&asked.code) else { return invalid("invalid_grant") };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(asked.code_verifier.as_bytes()));
    let is_bound = asked.grant_type == "authorization_code" && asked.redirect_uri == REDIRECT_URI;
    if !is_bound || challenge != grant.challenge {
        return invalid("invalid_grant");
    }
    provider.0.spent.lock().insert(asked.code);
    let id_token = provider.id_token(&grant.nonce);
    Json(json!({ "access_token": "an access token", "token_type": "Bearer", "expires_in": 300, "id_token": id_token }))
        .into_response()
}
