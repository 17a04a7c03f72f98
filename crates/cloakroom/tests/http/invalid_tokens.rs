//! A token that opens nothing: 401 to programs, a visitor like any other to browsers, and as the layer says.

use axum::Router;
use axum::body::Body;
use cloakroom::{CookieConfig, OnInvalidToken, SessionLayer, Sessions, TokenHeader, Transport};
use cloakroom_testkit::{MemoryStore, SpyStore, Verb};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};

use crate::support::{Browser, Deployment, Node, Program, VERBS, invented, minutes, routes, send};

fn bearer() -> Transport {
    Transport::bearer(TokenHeader::default())
}

/// A program whose token was good once, for each way in which one dies.
async fn programs_with_dead_tokens(deployment: &Deployment, node: &Node) -> Vec<(&'static str, Program)> {
    let mut dead = vec![("invented", Program::holding(&node.app, invented(1)))];
    for why in ["logged out", "replaced by a login", "revoked", "expired"] {
        let mut program = Program::new(&node.app);
        program.post("/note/mine").await.ok();
        program.post("/login/alice").await.ok();
        dead.push((why, program.clone()));
        match why {
            "logged out" => drop(program.post("/do/destroy").await.ok()),
            "replaced by a login" => drop(program.post("/login/bob").await.ok()),
            "revoked" => drop(node.sessions.of("alice").revoke_all().await.unwrap()),
            _ => {}
        }
        // What is shown with a hint is asked for at the store, and so on: both are dead.
        node.sessions.run_pending_tasks().await;
    }
    deployment.clock.advance(minutes(34));
    dead
}

#[tokio::test]
async fn a_program_with_a_dead_token_is_refused_as_soon_as_it_asks_for_its_session() {
    for deployment in Deployment::both() {
        let either = Transport::either(CookieConfig::default(), TokenHeader::default()).prefer_header();
        for transport in [bearer(), either] {
            let node = Node::with_transport(deployment.builder(), transport);
            for (why, program) in programs_with_dead_tokens(&deployment, &node).await {
                let before = deployment.population(&node);
                let asking = VERBS
                    .iter()
                    .filter(|verb| !["login", "destroy", "came-with-token", "ended", "refresh"].contains(verb));
                for verb in asking {
                    let reply = program.clone().post(&format!("/do/{verb}")).await;
                    assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{verb}: {why}: {}", reply.body);
                    reply.invalid_token();
                }
                for path in ["/note", "/count", "/whoami", "/note/new"] {
                    program.clone().get(path).await.invalid_token();
                }
                assert_eq!(program.clone().get("/untouched").await.ok().body, "untouched");
                assert_eq!(program.clone().post("/do/refresh").await.ok().body, "false", "{why}");
                assert!(deployment.population(&node) <= before, "{why}");
                let mut program = program;
                program.post("/login/carol").await.ok();
                assert_eq!(program.get("/whoami").await.ok().body, "carol", "{why}: a login is the remedy");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_token_is_refused_as_a_bearer_token_and_another_scheme_is_not() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), bearer());
        for (field, is_shown) in [
            ("Bearer x", true),
            ("Bearer ", true),
            ("bearer eyJhbGciOiJub25lIn0.e30.", true),
            ("Basic YTpi", false),
            ("x", false),
        ] {
            let ask = |path| Request::get(path).header(AUTHORIZATION, field).body(Body::empty()).unwrap();
            for path in ["/note", "/count", "/whoami", "/note/new"] {
                let status = send(&node.app, ask(path)).await.status;
                assert_eq!(status == StatusCode::UNAUTHORIZED, is_shown, "{field}: {path}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn a_program_is_not_told_that_its_token_is_over_while_nobody_knows() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let app = routes().layer(SessionLayer::new(node.sessions).transport(bearer()));
    store.fail_all(cloakroom::store::StoreErrorKind::Unavailable);
    for path in ["/note", "/whoami", "/note/new", "/do/renew"] {
        let reply = Program::holding(&app, invented(2)).post(path).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(reply.header("www-authenticate"), [""; 0], "{path}");
    }
}

fn layered(sessions: &Sessions, transport: &Transport, answer: OnInvalidToken) -> Router {
    routes().layer(SessionLayer::new(sessions.clone()).transport(transport.clone()).on_invalid_token(answer))
}

#[tokio::test]
async fn a_layer_may_refuse_dead_cookies_and_let_dead_bearer_tokens_pass() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let strict = layered(&node.sessions, &Transport::default(), OnInvalidToken::Reject);
        let mut browser = Browser::new(&strict);
        browser.get("/note").await.ok();
        browser.post("/note/mine").await.ok();
        let dead = browser.clone();
        browser.post("/do/destroy").await.ok();
        for mut browser in [dead, Browser::holding(&strict, invented(3))] {
            for path in ["/note", "/count", "/whoami", "/note/new", "/do/exists", "/do/csrf", "/do/load"] {
                let path = path.replace("csrf", "authenticated-within");
                let reply = browser.get(&path).await;
                assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None), "{path}");
            }
            browser.post("/do/destroy").await.ok();
            browser.post("/login/alice").await.ok();
            assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        }
        // Any host of the domain could plant this one.
        assert_eq!(Browser::holding(&strict, "x").get("/note").await.ok().body, "nothing");
        let lenient = layered(&node.sessions, &bearer(), OnInvalidToken::Anonymous);
        let mut program = Program::holding(&lenient, invented(4));
        assert_eq!(program.get("/whoami").await.ok().body, "nobody");
        program.post("/note/new").await.ok();
        assert_eq!(program.get("/note").await.ok().body, "new");
    }
}

#[tokio::test]
async fn what_an_inner_layer_says_about_dead_tokens_is_for_its_handlers_alone() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let layer = SessionLayer::new(node.sessions.clone());
        let strict = routes().layer(layer.clone().on_invalid_token(OnInvalidToken::Reject));
        let app = routes().nest("/strict", strict).layer(layer);
        let mut browser = Browser::holding(&app, invented(5));
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
        assert_eq!(browser.get("/strict/note").await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
    }
}

#[tokio::test]
async fn a_dead_bearer_token_costs_one_lookup_at_most() {
    let store = SpyStore::new(MemoryStore::new());
    let node = Node::with_transport(crate::support::recorded().store(store.clone()), bearer());
    for path in ["/note", "/note/new", "/do/renew", "/do/destroy"] {
        drop(store.take_calls());
        Program::holding(&node.app, invented(6)).get(path).await;
        assert_eq!(store.count(Verb::Load), 1, "{path}: {:?}", store.calls());
        assert_eq!(store.calls().len(), 1, "{path}");
    }
}
