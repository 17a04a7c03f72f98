//! R55: logs, errors, `Debug` output and panics never contain a token, a secret, a selector or a
//! session's values.

use axum::Router;
use axum::routing::any;
use cloakroom::store::StoreErrorKind;
use cloakroom::{Session, SessionError};

use crate::support::{Browser, Count, Deployment, Node, Note, Recording, VERBS, capture, decode, encodings, routes};

/// Text that only the sessions of these tests contain.
const PAYLOAD: &str = "a-very-private-note";
const USERNAME: &str = "private-user-name";

/// Everything that must not be in the output of a test.
#[derive(Default)]
struct Secrets(Vec<Vec<u8>>);

impl Secrets {
    fn text(&mut self, text: &str) {
        self.0.push(text.as_bytes().to_vec());
        self.0.extend(encodings(text.as_bytes()));
    }

    fn cookie(&mut self, browser: &Browser) {
        let Some(value) = &browser.cookie else { return };
        self.text(value);
        let token = decode(value);
        for half in [&token[..16], &token[16..]] {
            self.0.extend(encodings(half));
        }
    }

    fn records(&mut self, deployment: &Deployment) {
        let Some(store) = &deployment.store else { return };
        for selector in store.selectors() {
            let Some(record) = store.record(selector) else { continue };
            let verifiers = [Some(record.verifier), record.previous.map(|previous| previous.verifier)];
            for verifier in verifiers.iter().flatten() {
                self.0.extend(encodings(verifier.as_bytes()));
            }
        }
    }

    #[track_caller]
    fn assert_absent(&self, text: &str, context: &str) {
        for secret in &self.0 {
            let exposed = text.as_bytes().windows(secret.len()).any(|window| window == secret);
            assert!(!exposed, "{context} contains {}:\n{text}", String::from_utf8_lossy(secret));
        }
    }
}

#[tokio::test]
async fn r55_a_whole_visit_at_trace_level_logs_no_secret() {
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        let mut secrets = Secrets::default();
        secrets.text(PAYLOAD);
        secrets.text(USERNAME);
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post(&format!("/note/{PAYLOAD}")).await.ok();
        secrets.cookie(&browser);
        browser.post(&format!("/login/{USERNAME}")).await.ok();
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
        assert!(log.text().contains("session_logged_in"), "the log must be recorded: {}", log.text());
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
    assert!(log.info_lines() > 0, "errors must be logged");
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
        let output = std::sync::Arc::new(parking_lot::Mutex::new(String::new()));
        let print = {
            let output = std::sync::Arc::clone(&output);
            async move |session: Session, note: Session<Note>| {
                let parts = (&session, &note, session.public_id().await.unwrap(), session.principal().await.unwrap());
                output.lock().push_str(&format!("{parts:?} {parts:#?}"));
            }
        };
        let sessions = deployment.builder().build().unwrap();
        let app = routes().route("/print", any(print));
        let layer = cloakroom::SessionLayer::new(sessions.clone());
        let node = Node { app: Node::with_sessions(sessions.clone(), app), sessions };
        let mut events = node.sessions.events();
        let mut browser = Browser::new(&node.app);
        browser.post(&format!("/login/{USERNAME}")).await.ok();
        browser.post(&format!("/note/{PAYLOAD}")).await.ok();
        browser.post("/print").await.ok();
        let mut secrets = Secrets::default();
        secrets.text(PAYLOAD);
        secrets.text(USERNAME);
        secrets.cookie(&browser);
        secrets.records(&deployment);
        let events: Vec<_> = std::iter::from_fn(|| events.try_recv()).collect();
        let of_user = node.sessions.of(USERNAME);
        let list = of_user.list().await.unwrap();
        let login = cloakroom::Login::new(USERNAME).keep::<Count>();
        let debug_output = format!(
            "{:#?} {layer:?} {events:?} {of_user:?} {list:?} {login:?} {:?}",
            node.sessions,
            node.sessions.stats()
        );
        secrets.assert_absent(&debug_output, "Debug");
        secrets.assert_absent(&output.lock(), "Debug");
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
    browser.post(&format!("/login/{USERNAME}")).await.ok();
    let mut secrets = Secrets::default();
    secrets.text(USERNAME);
    secrets.cookie(&browser);
    let panic = tokio::spawn(async move { browser.post("/panic").await }).await.unwrap_err().into_panic();
    secrets.assert_absent(panic.downcast_ref::<String>().unwrap(), "the panic");
}

/// Derives a key from its name, so that the repository contains no secret.
fn secret_for_tests(name: &str) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let secret: [u8; 32] = Sha256::digest(format!("a key for tests: {name}")).into();
    cloakroom_secret_scan::record("key", secret);
    secret
}

/// Nodes with other token formats, each with the secret of its configuration.
fn nodes_with_secret_keys(deployment: &Deployment) -> [(Node, Vec<Vec<u8>>); 2] {
    use cloakroom::{Key, KeyRing, TokenHeader, Transport};
    use cloakroom_jwt::{JwtCodec, JwtKey, JwtKeys};
    const ORIGIN: &str = "https://shop.example";
    let [ring, shared] = ["ring", "shared"].map(secret_for_tests);
    let keys = KeyRing::new(Key::new(1, ring).unwrap());
    let bearer = || Transport::bearer(TokenHeader::default());
    let jwt = JwtCodec::builder("shop", JwtKeys::new(JwtKey::hs256("shared", shared).unwrap()));
    let jwt = bearer().codec(jwt.issuer(ORIGIN).audience(ORIGIN).build().unwrap()).unwrap();
    [
        (Node::with_transport(deployment.builder().keys(keys), bearer()), encodings(&ring)),
        (Node::with_transport(deployment.builder(), jwt), encodings(&shared)),
    ]
}

#[tokio::test]
async fn r55_neither_bearer_tokens_nor_keys_nor_jwts_are_logged() {
    use crate::support::BearerClient;
    use cloakroom::{Key, KeyRing};
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        for (node, keys) in nodes_with_secret_keys(&deployment) {
            let mut secrets = Secrets(keys);
            let mut client = BearerClient::new(&node.app);
            client.post(&format!("/login/{USERNAME}")).await.ok();
            for verb in VERBS.iter().filter(|verb| **verb != "destroy").chain(&["destroy"]) {
                let token = client.token.clone().unwrap_or_default();
                for part in token.split('.').filter(|part| part.len() > 40) {
                    secrets.text(part);
                }
                // Rejected tokens too: truncated, extended, altered, superseded, and of a removed
                // key.
                for wrong in [&token[..token.len().saturating_sub(1)], &format!("{token}A"), &token.to_lowercase()] {
                    BearerClient::holding(&node.app, wrong).post(&format!("/do/{verb}")).await;
                }
                let mut late_client = client.clone();
                client.post(&format!("/do/{verb}")).await;
                late_client.post("/note/late").await;
            }
            let other = KeyRing::new(Key::generate(2, &Recording(cloakroom::OsRandom)).unwrap());
            drop(node.sessions.replace_keys(other));
            client.post("/note/again").await;
            let debug_output =
                format!("{:?} {:#?}", node.sessions, cloakroom::SessionLayer::new(node.sessions.clone()));
            secrets.assert_absent(&debug_output, "Debug");
            secrets.assert_absent(&log.text(), "the log");
        }
        assert!(log.text().contains("session_logged_in"), "the log must be recorded: {}", log.text());
    }
}
