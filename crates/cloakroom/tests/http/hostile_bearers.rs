//! R30: in any `Authorization` header, only a valid token counts.

use axum::Router;
use axum::body::Body;
use cloakroom::{Stats, TokenHeader, Transport};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, StatusCode};

use crate::corpus::bearer_headers::{Case, Expected, cases};
use crate::support::{BearerClient, Deployment, Node, Reply, send};

/// `None` if no server would accept these fields.
async fn ask(app: &Router, path: &str, fields: &[Vec<u8>]) -> Option<Reply> {
    let mut request = Request::builder().uri(path);
    for field in fields {
        request = request.header(AUTHORIZATION, HeaderValue::from_bytes(field).ok()?);
    }
    Some(send(app, request.body(Body::empty()).ok()?).await)
}

/// The counter of rejected tokens that a request increased.
fn counter_moved(before: &Stats, after: &Stats) -> Expected {
    let changes = [
        (after.tokens_malformed - before.tokens_malformed, Expected::Malformed),
        (after.tokens_unknown - before.tokens_unknown, Expected::Unknown),
        (after.tokens_ambiguous - before.tokens_ambiguous, Expected::Ambiguous),
    ];
    assert!(changes.iter().map(|(times, _)| times).sum::<u64>() <= 1, "{changes:?}");
    changes.iter().find(|(times, _)| *times == 1).map_or(Expected::Absent, |(_, kind)| *kind)
}

#[tokio::test]
async fn r30_a_corpus_of_hostile_authorizations_opens_no_session_and_gives_no_token() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), Transport::bearer(TokenHeader::default()));
        let mut owner = BearerClient::new(&node.app);
        owner.post("/login/victim").await.ok();
        owner.post("/note/secret").await.ok();
        for Case { why, fields, expected } in cases(&owner.bare_token()) {
            let before = node.sessions.stats();
            let Some(reply) = ask(&node.app, "/note", &fields).await else {
                assert_eq!(expected, Expected::Refused, "{why}");
                continue;
            };
            if expected == Expected::Ambiguous {
                assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{why}");
            } else {
                match expected {
                    Expected::Live => assert_eq!(reply.clone().ok().body, "secret", "{why}"),
                    Expected::Absent => assert_eq!(reply.clone().ok().body, "nothing", "{why}"),
                    _ => drop(reply.clone().invalid_token()),
                }
            }
            let has_new_hint = deployment.store.is_some() && expected == Expected::Live;
            assert!(reply.token().is_none() || has_new_hint, "{why}");
            if expected != Expected::Live {
                assert_eq!(counter_moved(&before, &node.sessions.stats()), expected, "{why}");
            }
        }
        assert_eq!(owner.get("/whoami").await.ok().body, "victim");
        assert_eq!(deployment.session_count(&node), 1);
    }
}

#[tokio::test]
async fn r30_a_hostile_authorization_never_gives_a_write_the_session_of_its_token() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), Transport::bearer(TokenHeader::default()));
        let mut owner = BearerClient::new(&node.app);
        owner.post("/login/victim").await.ok();
        owner.post("/note/secret").await.ok();
        for Case { why, fields, expected } in cases(&owner.bare_token()) {
            if expected == Expected::Live {
                continue;
            }
            for path in ["/note/evil", "/do/destroy", "/do/renew", "/do/remember", "/login/mallory"] {
                ask(&node.app, path, &fields).await;
            }
            assert_eq!(owner.get("/whoami").await.ok().body, "victim", "{why}");
            assert_eq!(owner.get("/note").await.ok().body, "secret", "{why}");
        }
    }
}

#[tokio::test]
async fn r30_of_two_authorization_fields_no_use_of_the_session_comes_to_anything() {
    for deployment in Deployment::both() {
        let node = Node::with_transport(deployment.builder(), Transport::bearer(TokenHeader::default()));
        let mut owner = BearerClient::new(&node.app);
        owner.post("/note/mine").await.ok();
        let field = format!("Bearer {}", owner.bare_token()).into_bytes();
        let both = [field.clone(), field];
        let mut events = node.sessions.events();
        for verb in crate::support::VERBS {
            let reply = ask(&node.app, &format!("/do/{verb}"), &both).await.unwrap();
            assert_eq!(events.try_recv().unwrap().kind, cloakroom::EventKind::TokensAmbiguous, "{verb}");
            assert!(events.try_recv().is_none(), "{verb}");
            match verb {
                // These cannot fail, and return what they return without a session.
                "has-token" => assert_eq!(reply.ok().body, "false"),
                "ended" => assert_eq!(reply.ok().body, "Gone"),
                _ => assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{verb}: {}", reply.body),
            }
        }
        let untouched = ask(&node.app, "/untouched", &both).await.unwrap().ok();
        assert_eq!((untouched.body.as_str(), untouched.header("vary")), ("untouched", vec![]));
        assert_eq!(deployment.session_count(&node), 1);
    }
}
