//! The application's own access tokens: verified once per session and token, and forgotten in time.

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

/// An identity provider, an API behind it, and how often the API did the expensive thing.
#[derive(Clone)]
struct Scene {
    deployment: Deployment,
    node: Node,
    verified: Arc<AtomicUsize>,
    /// Closed, it holds what is derived from a token.
    gate: Arc<Semaphore>,
}

impl Scene {
    fn of(deployment: &Deployment) -> Self {
        let tokens = AccessTokenVerifier::builder("https://id.example", "api").clock(deployment.clock.clone());
        let tokens = tokens.build(JwkSet::hs256("k", hmac_secret("idp")).unwrap()).unwrap();
        let (verified, gate) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(1)));
        let (count, hold) = (Arc::clone(&verified), Arc::clone(&gate));
        let roles = async move |session: Session, headers: HeaderMap| -> Result<String, AccessError> {
            let bearer = headers["authorization"].to_str().unwrap_or_default().trim_start_matches("Bearer ");
            let derive = move |token: AccessToken<Claims>| async move {
                count.fetch_add(1, Ordering::Relaxed);
                drop(hold.acquire().await.unwrap());
                if token.claims.sub == "unlucky" { Err("the database is away") } else { Ok(Roles(token.claims.sub)) }
            };
            Ok(tokens.verify_once(&session, bearer, derive).await?.0.clone())
        };
        let node = Node::with_routes(deployment.builder(), routes().route("/roles", get(roles)));
        Self { deployment: deployment.clone(), node, verified, gate }
    }

    fn verified(&self) -> usize {
        self.verified.load(Ordering::Relaxed)
    }

    /// A token that is good for so many seconds.
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

    /// Asks for the roles with a session and an access token.
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
        let scene = Scene::of(&deployment);
        let token = scene.token("ada", 3600);
        let (one, other) = (scene.session().await, scene.session().await);
        for _ in 0..10 {
            assert_eq!(scene.ask(&one, &token).await.ok().body, "ada");
        }
        assert_eq!(scene.verified(), 1);
        assert_eq!(scene.ask(&other, &token).await.ok().body, "ada");
        assert_eq!(scene.verified(), 2, "another session believes nothing of the first");
    }
}

#[tokio::test]
async fn a_token_is_verified_once_for_all_nodes() {
    let deployment = Deployment::shared();
    let [first, second] = [Scene::of(&deployment), Scene::of(&deployment)];
    let browser = first.session().await;
    let token = first.token("ada", 3600);
    first.ask(&browser, &token).await.ok();
    assert_eq!(second.ask(&browser, &token).await.ok().body, "ada");
    assert_eq!((first.verified(), second.verified()), (1, 0));
}

#[tokio::test]
async fn requests_that_come_together_share_one_verification() {
    for deployment in Deployment::both() {
        let scene = Scene::of(&deployment);
        let browser = scene.session().await;
        let token = scene.token("ada", 3600);
        let held = scene.gate.clone().acquire_owned().await.unwrap();
        let asking: Vec<_> = (0..20)
            .map(|_| {
                let (scene, browser, token) = (scene.clone(), browser.clone(), token.clone());
                tokio::spawn(async move { scene.ask(&browser, &token).await })
            })
            .collect();
        while scene.node.sessions.stats().loads_joined < 19 {
            tokio::task::yield_now().await;
        }
        drop(held);
        for reply in asking {
            assert_eq!(reply.await.unwrap().ok().body, "ada");
        }
        assert_eq!(scene.verified(), 1);
    }
}

#[tokio::test]
async fn another_token_in_the_same_session_is_verified_anew() {
    for deployment in Deployment::both() {
        let scene = Scene::of(&deployment);
        let browser = scene.session().await;
        let (ada, bob) = (scene.token("ada", 3600), scene.token("bob", 3600));
        for (token, who, times) in [(&ada, "ada", 1), (&bob, "bob", 2), (&bob, "bob", 2), (&ada, "ada", 3)] {
            assert_eq!(scene.ask(&browser, token).await.ok().body, who);
            assert_eq!(scene.verified(), times);
        }
    }
}

#[tokio::test]
async fn two_tokens_at_the_same_moment_never_get_each_others_roles() {
    for deployment in Deployment::both() {
        let scene = Scene::of(&deployment);
        let browser = scene.session().await;
        let held = scene.gate.clone().acquire_owned().await.unwrap();
        let asking: Vec<_> = (0..10)
            .map(|number| {
                let who = if number % 2 == 0 { "ada" } else { "bob" };
                let (scene, browser, token) = (scene.clone(), browser.clone(), scene.token(who, 3600));
                tokio::spawn(async move { (who, scene.ask(&browser, &token).await) })
            })
            .collect();
        let under_way = |stats: cloakroom::Stats| stats.loads + stats.loads_joined;
        while under_way(scene.node.sessions.stats()) < 10 {
            tokio::task::yield_now().await;
        }
        drop(held);
        for asked in asking {
            let (who, reply) = asked.await.unwrap();
            assert_eq!(reply.ok().body, who);
        }
    }
}

#[tokio::test]
async fn nothing_derived_from_a_token_outlives_it_whatever_the_policy_says() {
    for deployment in Deployment::both() {
        let scene = Scene::of(&deployment);
        let browser = scene.session().await;
        let token = scene.token("ada", 60);
        scene.ask(&browser, &token).await.ok();
        deployment.clock.advance(secs(59));
        assert_eq!(scene.ask(&browser, &token).await.ok().body, "ada");
        assert_eq!(scene.verified(), 1);
        // Within the leeway the token is still believed, but verified every time.
        deployment.clock.advance(secs(1));
        scene.ask(&browser, &token).await.ok();
        scene.ask(&browser, &token).await.ok();
        assert_eq!(scene.verified(), 3);
        deployment.clock.advance(secs(30));
        assert_eq!(scene.ask(&browser, &token).await.status, StatusCode::UNAUTHORIZED, "and never served stale");
        assert_eq!(scene.verified(), 3);
    }
}

#[tokio::test]
async fn the_policy_ends_it_where_the_token_lives_longer() {
    let scene = Scene::of(&Deployment::local());
    let browser = scene.session().await;
    let token = scene.token("ada", 6 * 3600);
    scene.ask(&browser, &token).await.ok();
    scene.deployment.clock.advance(minutes(5));
    scene.ask(&browser, &token).await.ok();
    while scene.verified() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_token_that_is_not_believed_is_a_401_and_leaves_what_another_one_gave() {
    for deployment in Deployment::both() {
        let scene = Scene::of(&deployment);
        let browser = scene.session().await;
        let good = scene.token("ada", 3600);
        scene.ask(&browser, &good).await.ok();
        let (message, _) = good.rsplit_once('.').unwrap();
        for bad in ["", "nonsense", &format!("{message}."), &format!("{good}x"), &scene.token("ada", 100 * 3600)] {
            let reply = scene.ask(&browser, bad).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{bad}");
            assert_eq!(reply.header("www-authenticate"), ["Bearer error=\"invalid_token\""]);
            assert!(!reply.body.contains("signature"), "it is not said why");
        }
        assert_eq!(scene.ask(&browser, &good).await.ok().body, "ada");
        assert_eq!(scene.verified(), 1);
    }
}

#[tokio::test]
async fn a_loader_that_fails_is_no_refusal_of_the_token() {
    for deployment in Deployment::both() {
        let scene = Scene::of(&deployment);
        let browser = scene.session().await;
        let reply = scene.ask(&browser, &scene.token("unlucky", 3600)).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}

#[tokio::test]
async fn without_a_session_everything_is_done_and_nothing_is_kept() {
    for deployment in Deployment::both() {
        let scene = Scene::of(&deployment);
        let nobody = Browser::new(&scene.node.app);
        let token = scene.token("ada", 3600);
        for times in 1..=3 {
            let reply = scene.ask(&nobody, &token).await.ok();
            assert_eq!((reply.body.as_str(), reply.set_cookie()), ("ada", None));
            assert_eq!(scene.verified(), times);
        }
        assert_eq!(deployment.population(&scene.node), 0);
    }
}

#[tokio::test]
async fn r55_the_token_itself_is_kept_nowhere() {
    let deployment = Deployment::shared();
    let scene = Scene::of(&deployment);
    let browser = scene.session().await;
    let token = scene.token("ada", 3600);
    scene.ask(&browser, &token).await.ok();
    let dump = deployment.store.as_ref().unwrap().dump();
    for part in token.split('.') {
        assert!(!dump.windows(part.len()).any(|window| window == part.as_bytes()));
    }
}

#[tokio::test]
async fn a_value_that_ends_by_itself_is_gone_then_also_where_it_was_set() {
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
