//! R50: a token that binds the forms of a page to the session for which the page was rendered.

use axum::body::Body;
use axum::extract::Path;
use axum::routing::any;
use axum::{Form, Router};
use cloakroom::{CsrfHeader, Session, SessionError};
use http::{Method, Request, StatusCode};

use crate::support::{Browser, COOKIE, Deployment, Node, Reply, routes, secs, send};

#[derive(serde::Deserialize)]
struct Payment {
    #[serde(default)]
    csrf: String,
}

async fn page(session: Session) -> Result<String, SessionError> {
    Ok(session.csrf_token().await?.map_or_else(|| "none".to_owned(), |token| token.as_str().to_owned()))
}

async fn pay(session: Session, Form(payment): Form<Payment>) -> Result<&'static str, SessionError> {
    session.check_csrf(&payment.csrf).await?;
    Ok("paid")
}

async fn act(_: CsrfHeader, Path(_what): Path<String>) -> &'static str {
    "done"
}

async fn renewed_page(session: Session) -> Result<String, SessionError> {
    session.renew().await?;
    page(session).await
}

fn node(deployment: &Deployment) -> Node {
    let forms = Router::new().route("/pay", any(pay)).route("/act/{what}", any(act)).route("/page", any(page));
    Node::with_routes(deployment.builder(), routes().merge(forms).route("/renewed-page", any(renewed_page)))
}

async fn by_form(node: &Node, browser: &Browser, field: &str) -> StatusCode {
    let mut request = Request::builder().method(Method::POST).uri("/pay");
    request = request.header("content-type", "application/x-www-form-urlencoded");
    if let Some(cookie) = &browser.cookie {
        request = request.header("cookie", format!("{COOKIE}={cookie}"));
    }
    send(&node.app, request.body(Body::from(field.to_owned())).unwrap()).await.status
}

async fn by_header(node: &Node, browser: &Browser, presented: &[&str]) -> Reply {
    let mut request = Request::builder().method(Method::POST).uri("/act/now");
    if let Some(cookie) = &browser.cookie {
        request = request.header("cookie", format!("{COOKIE}={cookie}"));
    }
    for presented in presented {
        request = request.header("x-csrf-token", *presented);
    }
    send(&node.app, request.body(Body::empty()).unwrap()).await
}

async fn logged_in(node: &Node, user: &str) -> (Browser, String) {
    let mut browser = Browser::new(&node.app);
    browser.post(&format!("/login/{user}")).await.ok();
    let token = browser.get("/page").await.ok().body;
    (browser, token)
}

#[tokio::test]
async fn r50_a_form_of_the_session_is_accepted_on_every_node_and_looks_new_every_time() {
    for deployment in Deployment::both() {
        let first = node(&deployment);
        let second = if deployment.store.is_some() { node(&deployment) } else { first.clone() };
        let (mut alice, token) = logged_in(&first, "alice").await;
        let again = alice.get("/page").await.ok().body;
        assert_ne!(token, again);
        for presented in [&token, &again] {
            for node in [&first, &second] {
                assert_eq!(by_form(node, &alice, &format!("csrf={presented}")).await, StatusCode::OK);
                assert_eq!(by_header(node, &alice, &[presented]).await.status, StatusCode::OK);
            }
        }
        assert_eq!(first.sessions.stats().csrf_refused + second.sessions.stats().csrf_refused, 0);
    }
}

#[tokio::test]
async fn r50_everything_else_is_refused_with_403() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let (alice, token_of_alice) = logged_in(&node, "alice").await;
        let (bob, token_of_bob) = logged_in(&node, "bob").await;
        let anonymous = Browser::new(&node.app);
        let large = "A".repeat(1 << 20);
        let truncated = token_of_alice[..42].to_owned();
        let mut flipped = token_of_alice.clone().into_bytes();
        flipped[30] ^= 1;
        let flipped = String::from_utf8(flipped).unwrap();
        let before = node.sessions.stats().csrf_refused;
        let mut refused = 0;
        for (client, presented) in [
            (&alice, &token_of_bob),
            (&bob, &token_of_alice),
            (&alice, &truncated),
            (&alice, &flipped),
            (&alice, &large),
            (&alice, &String::new()),
            (&alice, &alice.bare_token()),
            (&anonymous, &token_of_alice),
            (&anonymous, &String::new()),
        ] {
            let status = by_form(&node, client, &format!("csrf={presented}")).await;
            assert_eq!(status, StatusCode::FORBIDDEN, "{:.50}", presented);
            let reply = by_header(&node, client, &[presented]).await;
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::FORBIDDEN, None), "{:.50}", presented);
            refused += 2;
        }
        assert_eq!(by_form(&node, &alice, "").await, StatusCode::FORBIDDEN, "no field");
        assert_eq!(by_header(&node, &alice, &[]).await.status, StatusCode::FORBIDDEN, "no header");
        assert_eq!(
            by_header(&node, &alice, &[&token_of_alice, &token_of_alice]).await.status,
            StatusCode::FORBIDDEN,
            "two headers"
        );
        assert_eq!(node.sessions.stats().csrf_refused - before, refused + 3);
        // In the URL, a token has no effect.
        let mut browser_of_alice = alice.clone();
        assert_eq!(
            browser_of_alice.post(&format!("/act/{token_of_alice}?csrf={token_of_alice}")).await.status,
            StatusCode::FORBIDDEN
        );
    }
}

#[tokio::test]
async fn r50_the_token_dies_with_a_login_and_survives_a_renewal_for_its_grace() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let mut browser = Browser::new(&node.app);
        assert_eq!(
            browser.get("/page").await.ok().body,
            "none",
            "an anonymous page needs no token and creates no session"
        );
        assert_eq!(deployment.session_count(&node), 0);
        browser.post("/note/mine").await.ok();
        let before_login = browser.get("/page").await.ok().body;
        let planted = browser.clone();
        browser.post("/login/alice").await.ok();
        let before_renewal = browser.get("/page").await.ok().body;
        assert_eq!(by_header(&node, &browser, &[&before_login]).await.status, StatusCode::FORBIDDEN);
        assert_eq!(by_header(&node, &planted, &[&before_login]).await.status, StatusCode::FORBIDDEN);

        let old_cookie = browser.clone();
        let renewed = browser.get("/renewed-page").await.ok().body;
        // A form open in another tab, with the new cookie, and a request still in flight with the
        // old one.
        for (browser, token) in [(&browser, &renewed), (&browser, &before_renewal), (&old_cookie, &before_renewal)] {
            assert_eq!(by_header(&node, browser, &[token]).await.status, StatusCode::OK);
        }
        deployment.clock.advance(secs(10));
        assert_eq!(by_header(&node, &browser, &[&renewed]).await.status, StatusCode::OK);
        assert_eq!(by_header(&node, &browser, &[&before_renewal]).await.status, StatusCode::FORBIDDEN);
        browser.post("/do/rotate").await.ok();
        assert_eq!(by_header(&node, &browser, &[&renewed]).await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn r40_a_csrf_token_is_no_cookie_and_what_the_store_holds_is_no_csrf_token() {
    use base64::Engine as _;
    let deployment = Deployment::shared();
    let node = node(&deployment);
    let (alice, token) = logged_in(&node, "alice").await;
    assert_eq!(Browser::holding(&node.app, token).get("/whoami").await.ok().body, "nobody");
    let store = deployment.store.clone().unwrap();
    let record = store.record(store.selectors()[0]).unwrap();
    let previous = record.previous.unwrap().verifier;
    for stored in [record.verifier.as_bytes(), previous.as_bytes(), store.selectors()[0].as_bytes()] {
        // Under a mask of zeros.
        let forged = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([[0; 16], *stored].as_flattened());
        assert_eq!(by_header(&node, &alice, &[&forged]).await.status, StatusCode::FORBIDDEN);
    }
}
