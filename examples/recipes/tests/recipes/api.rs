use cloakroom::Sessions;
use cloakroom_recipes::api::{app, codec};
use cloakroom_testkit::TestClient;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header, jwk::JwkSet};
use serde_json::{Value, json};

async fn signed_in(app: &axum::Router) -> TestClient {
    let client = TestClient::new(app);
    let login = client.post("/login").json(&json!({ "user": "ada", "password": "correct horse" })).await;
    assert_eq!(login.status(), 204);
    client
}

#[tokio::test]
async fn a_program_works_with_the_token_of_its_login_until_it_logs_out() {
    let app = app(Sessions::in_memory(), codec().unwrap()).unwrap();
    let client = signed_in(&app).await;
    client.post("/search").json(&"lamps").await;
    assert_eq!(client.post("/search").json(&"chairs").await.json::<Vec<String>>(), ["lamps", "chairs"]);
    let token = client.token();
    assert_eq!(client.post("/logout").await.status(), 204);
    client.set_token(token.as_deref());
    assert_eq!(client.post("/search").json(&"beds").await.status(), 401);
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_token_are_refused() {
    let app = app(Sessions::in_memory(), codec().unwrap()).unwrap();
    let client = TestClient::new(&app);
    assert_eq!(client.post("/login").json(&json!({ "user": "ada", "password": "no" })).await.status(), 401);
    assert_eq!(client.post("/search").json(&"lamps").await.status(), 401);
}

/// With an independent library, as another service would.
#[tokio::test]
async fn another_service_can_verify_the_token() {
    let app = app(Sessions::in_memory(), codec().unwrap()).unwrap();
    let token = signed_in(&app).await.token().expect("the login returns a token");
    let keys: JwkSet = TestClient::new(&app).get("/.well-known/jwks.json").await.json();
    let header = decode_header(&token).unwrap();
    let key = DecodingKey::from_jwk(keys.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["https://shop.example"]);
    validation.set_issuer(&["https://shop.example"]);
    let claims: Value = decode(&token, &key, &validation).unwrap().claims;
    assert!(claims["sid"].is_string(), "{claims}");
}
