//! Tokens that open nothing: by default a 401 for bearer tokens and an anonymous request for
//! cookies, unless the layer is configured otherwise.

use axum::Router;
use axum::body::Body;
use cloakroom::{CookieConfig, OnInvalidToken, SessionLayer, Sessions, TokenHeader, Transport};
use cloakroom_testkit::{MemoryStore, SpyStore, Verb};
use http::header::AUTHORIZATION;
use http::{Request, StatusCode};

use crate::support::{BearerClient, Browser, Deployment, Node, VERBS, minutes, routes, send, unissued_token};

fn bearer() -> Transport {
    Transport::bearer(TokenHeader::default())
}

/// Clients whose tokens were once valid, one for each way in which a token dies.
async fn clients_with_dead_tokens(deployment: &Deployment, node: &Node) -> Vec<(&'static str, BearerClient)> {
    let mut dead = vec![("never issued", BearerClient::holding(&node.app, unissued_token(1)))];
    for reason in ["logged out", "replaced by a login", "revoked", "expired"] {
        let mut client = BearerClient::new(&node.app);
        client.post("/note/mine").await.ok();
        client.post("/login/alice").await.ok();
        dead.push((reason, client.clone()));
        match reason {
            "logged out" => drop(client.post("/do/destroy").await.ok()),
            "replaced by a login" => drop(client.post("/login/bob").await.ok()),
            "revoked" => drop(node.sessions.of("alice").revoke_all().await.unwrap()),
            _ => {}
        }
        // A token with a hint may be looked up in the store, one without only locally: both are
        // dead.
        node.sessions.run_pending_tasks().await;
    }
    deployment.clock.advance(minutes(34));
    dead
}

#[tokio::test]
async fn a_dead_bearer_token_is_refused_when_its_session_is_used() {
    for deployment in Deployment::both() {
        let either = Transport::either(CookieConfig::default(), TokenHeader::default()).prefer_header();
        for transport in [bearer(), either] {
            let node = Node::with_transport(deployment.builder(), transport);
            for (reason, client) in clients_with_dead_tokens(&deployment, &node).await {
                let before = deployment.session_count(&node);
                let verbs =
                    VERBS.iter().filter(|verb| !["login", "destroy", "has-token", "ended", "refresh"].contains(verb));
                for verb in verbs {
                    let reply = client.clone().post(&format!("/do/{verb}")).await;
                    assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{verb}: {reason}: {}", reply.body);
                    reply.invalid_token();
                }
                for path in ["/note", "/count", "/whoami", "/note/new"] {
                    client.clone().get(path).await.invalid_token();
                }
                assert_eq!(client.clone().get("/untouched").await.ok().body, "untouched");
                assert_eq!(client.clone().post("/do/refresh").await.ok().body, "false", "{reason}");
                assert!(deployment.session_count(&node) <= before, "{reason}");
                let mut client = client;
                client.post("/login/carol").await.ok();
                assert_eq!(
                    client.get("/whoami").await.ok().body,
                    "carol",
                    "{reason}: a login makes the client valid again"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_malformed_bearer_token_is_refused_but_another_scheme_is_not() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), bearer());
        for (field, is_presented) in [
            ("Bearer x", true),
            ("Bearer ", true),
            ("bearer eyJhbGciOiJub25lIn0.e30.", true),
            ("Basic YTpi", false),
            ("x", false),
        ] {
            let ask = |path| Request::get(path).header(AUTHORIZATION, field).body(Body::empty()).unwrap();
            for path in ["/note", "/count", "/whoami", "/note/new"] {
                let status = send(&node.app, ask(path)).await.status;
                assert_eq!(status == StatusCode::UNAUTHORIZED, is_presented, "{field}: {path}: {status}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_is_not_reported_invalid_while_the_store_cannot_be_asked() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let app = routes().layer(SessionLayer::new(node.sessions).transport(bearer()));
    store.fail_all(cloakroom::store::StoreErrorKind::Unavailable);
    for path in ["/note", "/whoami", "/note/new", "/do/renew"] {
        let reply = BearerClient::holding(&app, unissued_token(2)).post(path).await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert_eq!(reply.header("www-authenticate"), [""; 0], "{path}");
    }
}

fn layered(sessions: &Sessions, transport: &Transport, on_invalid_token: OnInvalidToken) -> Router {
    routes().layer(SessionLayer::new(sessions.clone()).transport(transport.clone()).on_invalid_token(on_invalid_token))
}

#[tokio::test]
async fn a_layer_may_refuse_dead_cookies_and_accept_dead_bearer_tokens() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let rejecting = layered(&node.sessions, &Transport::default(), OnInvalidToken::Reject);
        let mut browser = Browser::new(&rejecting);
        browser.get("/note").await.ok();
        browser.post("/note/mine").await.ok();
        let dead = browser.clone();
        browser.post("/do/destroy").await.ok();
        for mut browser in [dead, Browser::holding(&rejecting, unissued_token(3))] {
            for path in ["/note", "/count", "/whoami", "/note/new", "/do/exists", "/do/csrf", "/do/load"] {
                let path = path.replace("csrf", "authenticated-within");
                let reply = browser.get(&path).await;
                assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None), "{path}");
            }
            browser.post("/do/destroy").await.ok();
            browser.post("/login/alice").await.ok();
            assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        }
        // Any host of the domain could plant a malformed cookie.
        assert_eq!(Browser::holding(&rejecting, "x").get("/note").await.ok().body, "nothing");
        let accepting = layered(&node.sessions, &bearer(), OnInvalidToken::Anonymous);
        let mut client = BearerClient::holding(&accepting, unissued_token(4));
        assert_eq!(client.get("/whoami").await.ok().body, "nobody");
        client.post("/note/new").await.ok();
        assert_eq!(client.get("/note").await.ok().body, "new");
    }
}

#[tokio::test]
async fn an_inner_layers_policy_for_dead_tokens_is_for_its_handlers_only() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let layer = SessionLayer::new(node.sessions.clone());
        let rejecting = routes().layer(layer.clone().on_invalid_token(OnInvalidToken::Reject));
        let app = routes().nest("/strict", rejecting).layer(layer);
        let mut browser = Browser::holding(&app, unissued_token(5));
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
        BearerClient::holding(&node.app, unissued_token(6)).get(path).await;
        assert_eq!(store.count(Verb::Load), 1, "{path}: {:?}", store.calls());
        assert_eq!(store.calls().len(), 1, "{path}");
    }
}
