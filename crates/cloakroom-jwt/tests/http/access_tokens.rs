//! The application's own access tokens: verified once per session and token, and cached no longer
//! than they are valid.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use cloakroom::{CachePolicy, Clock, Session, SessionLayer, SessionValue};
use cloakroom_jwt::{AccessError, AccessToken, AccessTokenVerifier, JwkSet};
use http::{Request, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::corpus::hmac_secret;
use crate::support::{Browser, COOKIE, Deployment, Node, Reply, minutes, routes, secs, send};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Roles(String);

impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy =
        CachePolicy::ttl(minutes(5)).stale_while_revalidate(minutes(60)).stale_if_error(minutes(60));
}

#[derive(Debug, Deserialize)]
struct Claims {
    sub: String,
}

/// An identity provider, an API behind it, and the number of times the API derived roles from a
/// token.
#[derive(Clone)]
struct Fixture {
    deployment: Deployment,
    node: Node,
    verified: Arc<AtomicUsize>,
    /// While it has no permit, loaders wait.
    gate: Arc<Semaphore>,
}

impl Fixture {
    fn new(deployment: &Deployment) -> Self {
        let tokens = AccessTokenVerifier::builder("https://id.example", "api").clock(deployment.clock.clone());
        let tokens = tokens.build(JwkSet::hs256("k", hmac_secret("idp")).unwrap()).unwrap();
        let (verified, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(1)));
        let (count, gate_of_loader) = (Arc::clone(&verified), Arc::clone(&gate));
        let roles = async move |session: Session, headers: HeaderMap| -> Result<String, AccessError> {
            let bearer = headers["authorization"].to_str().unwrap_or_default().trim_start_matches("Bearer ");
            let derive = move |token: AccessToken<Claims>| async move {
                count.fetch_add(1, Ordering::Relaxed);
                drop(gate_of_loader.acquire().await.unwrap());
                if token.claims.sub == "unlucky" {
                    Err("the database is unavailable")
                } else {
                    Ok(Roles(token.claims.sub))
                }
            };
            Ok(tokens.verify_once(&session, bearer, derive).await?.0.clone())
        };
        let node = Node::with_routes(deployment.builder(), routes().route("/roles", get(roles)));
        Self { deployment: deployment.clone(), node, verified, gate }
    }

    fn verified(&self) -> usize {
        self.verified.load(Ordering::Relaxed)
    }

    /// An access token that is valid for this many seconds.
    fn token(&self, user: &str, seconds: u64) -> String {
        let now = self.deployment.clock.now().as_millis() / 1000;
        let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some("k".to_owned());
        let claims = serde_json::json!({
            "iss": "https://id.example", "aud": "api", "iat": now, "exp": now + seconds, "sub": user
        });
        let key = jsonwebtoken::EncodingKey::from_secret(&hmac_secret("idp"));
        jsonwebtoken::encode(&header, &claims, &key).unwrap()
    }

    async fn session(&self) -> Browser {
        let mut browser = Browser::new(&self.node.app);
        browser.post("/note/mine").await.ok();
        browser
    }

    /// Requests the roles with the browser's session and an access token.
    async fn ask(&self, browser: &Browser, token: &str) -> Reply {
        let mut request = Request::get("/roles").header("authorization", format!("Bearer {token}"));
        if let Some(cookie) = &browser.cookie {
            request = request.header("cookie", format!("{COOKIE}={cookie}"));
        }
        send(&self.node.app, request.body(axum::body::Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn a_token_is_verified_once_per_session() {
    for deployment in Deployment::both() {
        let fixture = Fixture::new(&deployment);
        let token = fixture.token("ada", 3600);
        let (one, other) = (fixture.session().await, fixture.session().await);
        for _ in 0..10 {
            assert_eq!(fixture.ask(&one, &token).await.ok().body, "ada");
        }
        assert_eq!(fixture.verified(), 1);
        assert_eq!(fixture.ask(&other, &token).await.ok().body, "ada");
        assert_eq!(fixture.verified(), 2, "the second session does not trust the first one's verification");
    }
}

#[tokio::test]
async fn a_token_is_verified_once_across_all_nodes() {
    let deployment = Deployment::shared();
    let [first, second] = [Fixture::new(&deployment), Fixture::new(&deployment)];
    let browser = first.session().await;
    let token = first.token("ada", 3600);
    first.ask(&browser, &token).await.ok();
    assert_eq!(second.ask(&browser, &token).await.ok().body, "ada");
    assert_eq!((first.verified(), second.verified()), (1, 0));
}

#[tokio::test]
async fn concurrent_requests_share_one_verification() {
    for deployment in Deployment::both() {
        let fixture = Fixture::new(&deployment);
        let browser = fixture.session().await;
        let token = fixture.token("ada", 3600);
        let closed = fixture.gate.clone().acquire_owned().await.unwrap();
        let requests: Vec<_> = (0..20)
            .map(|_| {
                let (fixture, browser, token) = (fixture.clone(), browser.clone(), token.clone());
                tokio::spawn(async move { fixture.ask(&browser, &token).await })
            })
            .collect();
        while fixture.node.sessions.stats().loads_joined < 19 {
            tokio::task::yield_now().await;
        }
        drop(closed);
        for reply in requests {
            assert_eq!(reply.await.unwrap().ok().body, "ada");
        }
        assert_eq!(fixture.verified(), 1);
    }
}

#[tokio::test]
async fn another_token_in_the_same_session_is_verified_again() {
    for deployment in Deployment::both() {
        let fixture = Fixture::new(&deployment);
        let browser = fixture.session().await;
        let (ada, bob) = (fixture.token("ada", 3600), fixture.token("bob", 3600));
        for (token, user, times) in [(&ada, "ada", 1), (&bob, "bob", 2), (&bob, "bob", 2), (&ada, "ada", 3)] {
            assert_eq!(fixture.ask(&browser, token).await.ok().body, user);
            assert_eq!(fixture.verified(), times);
        }
    }
}

#[tokio::test]
async fn concurrent_requests_with_two_tokens_never_mix_their_roles() {
    for deployment in Deployment::both() {
        let fixture = Fixture::new(&deployment);
        let browser = fixture.session().await;
        let closed = fixture.gate.clone().acquire_owned().await.unwrap();
        let requests: Vec<_> = (0..10)
            .map(|number| {
                let user = if number % 2 == 0 { "ada" } else { "bob" };
                let (fixture, browser, token) = (fixture.clone(), browser.clone(), fixture.token(user, 3600));
                tokio::spawn(async move { (user, fixture.ask(&browser, &token).await) })
            })
            .collect();
        let started = |stats: cloakroom::Stats| stats.loads + stats.loads_joined;
        while started(fixture.node.sessions.stats()) < 10 {
            tokio::task::yield_now().await;
        }
        drop(closed);
        for request in requests {
            let (user, reply) = request.await.unwrap();
            assert_eq!(reply.ok().body, user);
        }
    }
}

#[tokio::test]
async fn a_value_derived_from_a_token_expires_with_it_whatever_its_policy() {
    for deployment in Deployment::both() {
        let fixture = Fixture::new(&deployment);
        let browser = fixture.session().await;
        let token = fixture.token("ada", 60);
        fixture.ask(&browser, &token).await.ok();
        deployment.clock.advance(secs(59));
        assert_eq!(fixture.ask(&browser, &token).await.ok().body, "ada");
        assert_eq!(fixture.verified(), 1);
        // Within the leeway the token is still valid, but its roles are not cached.
        deployment.clock.advance(secs(1));
        fixture.ask(&browser, &token).await.ok();
        fixture.ask(&browser, &token).await.ok();
        assert_eq!(fixture.verified(), 3);
        deployment.clock.advance(secs(30));
        assert_eq!(
            fixture.ask(&browser, &token).await.status,
            StatusCode::UNAUTHORIZED,
            "an expired token's roles are not served stale"
        );
        assert_eq!(fixture.verified(), 3);
    }
}

#[tokio::test]
async fn a_value_derived_from_a_long_lived_token_expires_by_its_policy() {
    let fixture = Fixture::new(&Deployment::local());
    let browser = fixture.session().await;
    let token = fixture.token("ada", 6 * 3600);
    fixture.ask(&browser, &token).await.ok();
    fixture.deployment.clock.advance(minutes(5));
    fixture.ask(&browser, &token).await.ok();
    while fixture.verified() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_invalid_token_is_a_401_and_keeps_the_value_of_a_valid_one() {
    for deployment in Deployment::both() {
        let fixture = Fixture::new(&deployment);
        let browser = fixture.session().await;
        let good = fixture.token("ada", 3600);
        fixture.ask(&browser, &good).await.ok();
        let (message, _) = good.rsplit_once('.').unwrap();
        for bad in ["", "nonsense", &format!("{message}."), &format!("{good}x"), &fixture.token("ada", 100 * 3600)] {
            let reply = fixture.ask(&browser, bad).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{bad}");
            assert_eq!(reply.header("www-authenticate"), ["Bearer error=\"invalid_token\""]);
            assert!(!reply.body.contains("signature"), "the response does not say why");
        }
        assert_eq!(fixture.ask(&browser, &good).await.ok().body, "ada");
        assert_eq!(fixture.verified(), 1);
    }
}

#[tokio::test]
async fn a_failed_loader_is_not_an_invalid_token() {
    for deployment in Deployment::both() {
        let fixture = Fixture::new(&deployment);
        let browser = fixture.session().await;
        let reply = fixture.ask(&browser, &fixture.token("unlucky", 3600)).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn without_a_session_each_request_verifies_and_nothing_is_stored() {
    for deployment in Deployment::both() {
        let fixture = Fixture::new(&deployment);
        let anonymous = Browser::new(&fixture.node.app);
        let token = fixture.token("ada", 3600);
        for times in 1..=3 {
            let reply = fixture.ask(&anonymous, &token).await.ok();
            assert_eq!((reply.body.as_str(), reply.set_cookie()), ("ada", None));
            assert_eq!(fixture.verified(), times);
        }
        assert_eq!(deployment.session_count(&fixture.node), 0);
    }
}

#[tokio::test]
async fn r55_the_token_itself_is_kept_nowhere() {
    let deployment = Deployment::shared();
    let fixture = Fixture::new(&deployment);
    let browser = fixture.session().await;
    let token = fixture.token("ada", 3600);
    fixture.ask(&browser, &token).await.ok();
    let dump = deployment.store.as_ref().unwrap().dump();
    for part in token.split('.') {
        assert!(!dump.windows(part.len()).any(|window| window == part.as_bytes()));
    }
}

#[tokio::test]
async fn a_value_with_its_own_expiry_expires_even_where_it_was_set() {
    #[derive(Clone, Default, Serialize, Deserialize)]
    struct Code {
        digits: u32,
        until: u64,
    }
    impl SessionValue for Code {
        const KEY: &'static str = "code";
        fn expires_at(&self) -> Option<cloakroom::Timestamp> {
            Some(cloakroom::Timestamp::from_millis(self.until))
        }
    }
    for deployment in Deployment::both() {
        let until = deployment.clock.now().after(Duration::from_secs(60)).as_millis();
        let set = async move |session: Session| session.set(Code { digits: 4711, until }).await;
        let read = async |session: Session| -> Result<String, cloakroom::SessionError> {
            Ok(session.get::<Code>().await?.map_or_else(|| "none".to_owned(), |code| code.digits.to_string()))
        };
        let sessions = deployment.builder().build().unwrap();
        let app = Router::new().route("/set", get(set)).route("/read", get(read));
        let app = app.layer(SessionLayer::new(sessions));
        let mut browser = Browser::new(&app);
        browser.get("/set").await.ok();
        deployment.clock.advance(secs(59));
        assert_eq!(browser.get("/read").await.ok().body, "4711");
        deployment.clock.advance(secs(1));
        assert_eq!(browser.get("/read").await.ok().body, "none");
    }
}
