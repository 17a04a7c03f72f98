//! R55: logs, errors, `Debug` and panics never show a token, a secret, a tag or what a session holds.

use axum::Router;
use axum::routing::any;
use cloakroom::store::StoreErrorKind;
use cloakroom::{Session, SessionError};

use crate::support::{Browser, Count, Deployment, Node, Note, Recording, VERBS, capture, decode, routes, spellings};

/// What is in the sessions of these tests and nowhere else.
const PAYLOAD: &str = "a-very-private-note";
const USER: &str = "private-user-name";

/// Everything that a test saw that must not be in its log.
#[derive(Default)]
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    fn text(&mut self, text: &str) {
        self.0.push(text.as_bytes().to_vec());
        self.0.extend(spellings(text.as_bytes()));
    }

    fn cookie(&mut self, browser: &Browser) {
        let Some(value) = &browser.cookie else { return };
        self.text(value);
        let token = decode(value);
        for half in [&token[..16], &token[16..]] {
            self.0.extend(spellings(half));
        }
    }

    fn records(&mut self, deployment: &Deployment) {
        let Some(store) = &deployment.store else { return };
        for selector in store.selectors() {
            let Some(record) = store.record(selector) else { continue };
            let verifiers = [Some(record.verifier), record.previous.map(|previous| previous.verifier)];
            for verifier in verifiers.iter().flatten() {
                self.0.extend(spellings(verifier.as_bytes()));
            }
        }
    }

    #[track_caller]
    fn assert_absent(&self, text: &str, what: &str) {
        for secret in &self.0 {
            let shown = text.as_bytes().windows(secret.len()).any(|window| window == secret);
            assert!(!shown, "{what} shows {}:\n{text}", String::from_utf8_lossy(secret));
        }
    }
}

#[tokio::test]
async fn r55_a_whole_visit_at_trace_level_logs_no_secret() {
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        let mut secrets = Secrets::default();
        secrets.text(PAYLOAD);
        secrets.text(USER);
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post(&format!("/note/{PAYLOAD}")).await.ok();
        secrets.cookie(&browser);
        browser.post(&format!("/login/{USER}")).await.ok();
        browser.post(&format!("/note/{PAYLOAD}")).await.ok();
        for verb in VERBS.iter().filter(|verb| **verb != "destroy").chain(&["destroy"]) {
            secrets.cookie(&browser);
            secrets.records(&deployment);
            let mut attacker = browser.clone();
            browser.post(&format!("/do/{verb}")).await;
            attacker.post("/note/late").await;
        }
        deployment.clock.advance(crate::support::minutes(60));
        node.sessions.run_pending_tasks().await;
        assert!(log.text().contains("session_logged_in"), "the log works: {}", log.text());
        secrets.assert_absent(&log.text(), "the log");
    }
}

#[tokio::test]
async fn r55_errors_of_every_kind_show_no_secret() {
    let deployment = Deployment::shared();
    let (log, _guard) = capture();
    let (store, node) = deployment.faulty_node();
    let mut secrets = Secrets::default();
    secrets.text(PAYLOAD);
    let mut browser = Browser::new(&node.app);
    browser.post(&format!("/note/{PAYLOAD}")).await.ok();
    secrets.cookie(&browser);
    secrets.records(&deployment);
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Unknown, StoreErrorKind::Corrupt, StoreErrorKind::Refused]
    {
        store.fail_all(kind);
        for verb in VERBS {
            let fresh = browser
                .at(&Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(store.clone())).app);
            let reply = fresh.clone().post(&format!("/do/{verb}")).await;
            secrets.assert_absent(&reply.body, verb);
        }
        store.reset();
    }
    store.corrupt_next_load();
    let fresh = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(store.clone()));
    assert!(browser.at(&fresh.app).get("/do/get").await.status.is_server_error());
    assert!(log.loud() > 0, "errors are logged");
    secrets.assert_absent(&log.text(), "the log");
}

#[tokio::test]
async fn r55_a_value_that_does_not_decode_is_not_quoted() {
    #[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
    enum Strict {
        #[default]
        Known,
    }
    impl cloakroom::SessionValue for Strict {
        const KEY: &'static str = "note";
    }
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        let strict = async |session: Session| -> Result<(), SessionError> {
            let error = session.get::<Strict>().await.map(drop).unwrap_err();
            let source = std::error::Error::source(&error).map(|source| format!("{source} {source:?}"));
            tracing::error!("{error} {error:?} {error:#?} {source:?}");
            Err(error)
        };
        let node = Node::with_routes(deployment.builder(), routes().merge(Router::new().route("/strict", any(strict))));
        let mut browser = Browser::new(&node.app);
        browser.post(&format!("/note/{PAYLOAD}")).await.ok();
        let reply = browser.get("/strict").await;
        assert_eq!(reply.status, 500);
        let mut secrets = Secrets::default();
        secrets.text(PAYLOAD);
        secrets.assert_absent(&log.text(), "the log");
        secrets.assert_absent(&reply.body, "the response");
    }
}

#[tokio::test]
async fn r55_debug_output_of_everything_public_shows_no_secret() {
    for deployment in Deployment::both() {
        let seen = std::sync::Arc::new(parking_lot::Mutex::new(String::new()));
        let show = {
            let seen = std::sync::Arc::clone(&seen);
            async move |session: Session, note: Session<Note>| {
                let parts = (&session, &note, session.public_id().await.unwrap(), session.principal().await.unwrap());
                seen.lock().push_str(&format!("{parts:?} {parts:#?}"));
            }
        };
        let sessions = deployment.builder().build().unwrap();
        let app = routes().route("/show", any(show));
        let layer = cloakroom::SessionLayer::new(sessions.clone());
        let node = Node { app: Node::with_sessions(sessions.clone(), app), sessions };
        let mut events = node.sessions.events();
        let mut browser = Browser::new(&node.app);
        browser.post(&format!("/login/{USER}")).await.ok();
        browser.post(&format!("/note/{PAYLOAD}")).await.ok();
        browser.post("/show").await.ok();
        let mut secrets = Secrets::default();
        secrets.text(PAYLOAD);
        secrets.text(USER);
        secrets.cookie(&browser);
        secrets.records(&deployment);
        let events: Vec<_> = std::iter::from_fn(|| events.try_recv()).collect();
        let mine = node.sessions.of(USER);
        let list = mine.list().await.unwrap();
        let login = cloakroom::Login::new(USER).keep::<Count>();
        let all = format!(
            "{:#?} {layer:?} {events:?} {mine:?} {list:?} {login:?} {:?}",
            node.sessions,
            node.sessions.stats()
        );
        secrets.assert_absent(&all, "Debug");
        secrets.assert_absent(&seen.lock(), "Debug");
        if let Some(store) = &deployment.store {
            let records: Vec<_> =
                store.selectors().into_iter().map(|selector| (selector, store.record(selector))).collect();
            secrets.assert_absent(&format!("{store:?} {records:#?}"), "Debug");
        }
    }
}

#[tokio::test]
async fn r55_a_panic_of_a_handler_shows_no_secret() {
    let deployment = Deployment::local();
    let panicking = async |session: Session| -> String { panic!("{session:?} {:?}", session.get::<Count>().await) };
    let node = Node::with_routes(deployment.builder(), routes().route("/panic", any(panicking)));
    let mut browser = Browser::new(&node.app);
    browser.post(&format!("/login/{USER}")).await.ok();
    let mut secrets = Secrets::default();
    secrets.text(USER);
    secrets.cookie(&browser);
    let panic = tokio::spawn(async move { browser.post("/panic").await }).await.unwrap_err().into_panic();
    secrets.assert_absent(panic.downcast_ref::<String>().unwrap(), "the panic");
}

/// Made from its name, so that no secret stands in the repository.
fn secret_for_tests(name: &str) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let secret: [u8; 32] = Sha256::digest(format!("a key for tests: {name}")).into();
    cloakroom_secret_scan::record("key", secret);
    secret
}

/// A node whose tokens come another way, and what of its configuration is secret.
fn with_secrets(deployment: &Deployment) -> [(Node, Vec<Vec<u8>>); 2] {
    use cloakroom::{Key, KeyRing, TokenHeader, Transport};
    use cloakroom_jwt::{JwtCodec, JwtKey, JwtKeys};
    const ORIGIN: &str = "https://shop.example";
    let [ring, shared] = ["ring", "shared"].map(secret_for_tests);
    let keys = KeyRing::new(Key::new(1, ring).unwrap());
    let bearer = || Transport::bearer(TokenHeader::default());
    let jwt = JwtCodec::builder("shop", JwtKeys::new(JwtKey::hs256("shared", shared).unwrap()));
    let jwt = bearer().codec(jwt.issuer(ORIGIN).audience(ORIGIN).build().unwrap()).unwrap();
    [
        (Node::with_transport(deployment.builder().keys(keys), bearer()), spellings(&ring)),
        (Node::with_transport(deployment.builder(), jwt), spellings(&shared)),
    ]
}

#[tokio::test]
async fn r55_neither_bearer_tokens_nor_keys_nor_jwts_are_logged() {
    use crate::support::Program;
    use cloakroom::{Key, KeyRing};
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        for (node, keys) in with_secrets(&deployment) {
            let mut secrets = Secrets(keys);
            let mut program = Program::new(&node.app);
            program.post(&format!("/login/{USER}")).await.ok();
            for verb in VERBS.iter().filter(|verb| **verb != "destroy").chain(&["destroy"]) {
                let token = program.token.clone().unwrap_or_default();
                for part in token.split('.').filter(|part| part.len() > 40) {
                    secrets.text(part);
                }
                // Also what is refused: cut, changed, superseded, and of a key that is gone.
                for wrong in [&token[..token.len().saturating_sub(1)], &format!("{token}A"), &token.to_lowercase()] {
                    Program::holding(&node.app, wrong).post(&format!("/do/{verb}")).await;
                }
                let mut late = program.clone();
                program.post(&format!("/do/{verb}")).await;
                late.post("/note/late").await;
            }
            let other = KeyRing::new(Key::generate(2, &Recording(cloakroom::OsRandom)).unwrap());
            drop(node.sessions.replace_keys(other));
            program.post("/note/again").await;
            let shown = format!("{:?} {:#?}", node.sessions, cloakroom::SessionLayer::new(node.sessions.clone()));
            secrets.assert_absent(&shown, "Debug");
            secrets.assert_absent(&log.text(), "the log");
        }
        assert!(log.text().contains("session_logged_in"), "the log works: {}", log.text());
    }
}
