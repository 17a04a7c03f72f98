//! Programs that send their session's token as a bearer token.

use cloakroom::{SessionLayer, TokenHeader, Transport};
use http::StatusCode;

use crate::application::{Db, routes};
use crate::support::{BearerClient, Deployment, Node, Reply, secs};

const PATHS: [&str; 4] = ["/account", "/staff", "/profile", "/home"];

fn node(deployment: &Deployment, db: &Db) -> Node {
    let sessions = deployment.builder().build().unwrap();
    let layer = SessionLayer::new(sessions.clone()).transport(Transport::bearer(TokenHeader::default()));
    Node { app: routes(db).layer(layer), sessions }
}

async fn signed_in(node: &Node) -> BearerClient {
    let mut program = BearerClient::new(&node.app);
    assert_eq!(program.post("/sign-in/ada").await.status, StatusCode::SEE_OTHER);
    for path in PATHS {
        program.get(path).await.ok();
    }
    program
}

fn assert_says_that_the_token_is_dead(reply: &Reply, why: &str) {
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{why}: {reply:?}");
    let challenge = reply.header("www-authenticate");
    assert!(challenge.len() == 1 && challenge[0].contains("invalid_token"), "{why}: {challenge:?}");
    assert_eq!(reply.header("location"), [""; 0], "{why}");
}

#[tokio::test]
async fn a_dead_token_gets_401_wherever_the_user_is_asked_for() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &Db::new());
        for path in PATHS {
            let program = signed_in(&node).await;
            node.sessions.of("ada").revoke_all().await.unwrap();
            assert_says_that_the_token_is_dead(&program.at(&node.app).get(path).await, path);
        }
    }
}

#[tokio::test]
async fn a_token_whose_user_changed_the_password_gets_401_from_the_first_request_on() {
    for deployment in Deployment::both() {
        for path in PATHS {
            let db = Db::new();
            let node = node(&deployment, &db);
            let program = signed_in(&node).await;
            db.set_password_hash("ada", "hash of the second password");
            deployment.clock.advance(secs(60));
            for _ in 0..2 {
                assert_says_that_the_token_is_dead(&program.at(&node.app).get(path).await, path);
            }
        }
    }
}

#[tokio::test]
async fn a_program_without_a_login_is_asked_for_one() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &Db::new());
        let mut program = BearerClient::new(&node.app);
        program.post("/note/anonymous").await.ok();
        for path in ["/account", "/staff", "/profile"] {
            let reply = program.get(path).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{path}");
            assert_eq!(reply.header("www-authenticate"), ["Bearer"], "{path}");
        }
        assert_eq!(program.get("/home").await.ok().body, "nobody");
    }
}

#[tokio::test]
async fn a_visitor_whose_cookie_names_an_outdated_login_goes_on_without_one() {
    let (deployment, db) = (Deployment::shared(), Db::new());
    let node = crate::application::node(&deployment, &db);
    let mut ada = crate::application::signed_in(&node, "ada").await;
    db.delete("ada");
    deployment.clock.advance(secs(60));
    assert_eq!(ada.get("/home").await.ok().body, "nobody");
}
