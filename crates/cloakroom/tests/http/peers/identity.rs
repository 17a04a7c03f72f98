//! Tokens that are adopted, reissued, removed or printed by mistake.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{get, post};
use cloakroom::{Session, SessionLayer};
use http::StatusCode;

use crate::support::{Browser, COOKIE, Deployment, HandlerGate, Node, decode, send, unissued_token, with_cookie};

#[tokio::test]
async fn t02_a_late_request_from_before_a_login_never_removes_the_new_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/basket").await.ok();
        let mut late_browser = Browser::holding(&node.app, browser.bare_token());
        browser.post("/login/alice").await.ok();
        for path in ["/note", "/whoami", "/untouched", "/do/get", "/do/extract-option"] {
            assert_eq!(late_browser.get(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(browser.get("/whoami").await.body, "alice");
    }
}

#[tokio::test]
async fn t03_a_late_write_from_before_a_login_never_overwrites_the_new_cookie() {
    for deployment in Deployment::local_and_slightly_skewed() {
        let [first, second] = deployment.nodes();
        let mut browser = Browser::new(&first.app);
        browser.post("/note/basket").await.ok();
        let mut late_browser = Browser::holding(&second.app, browser.bare_token());
        browser.post("/login/alice").await.ok();
        let reply = late_browser.post("/note/late").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None));
    }
}

#[tokio::test]
async fn t06_a_session_after_a_logout_never_has_the_old_selector() {
    for deployment in Deployment::both() {
        let login_after_logout = post(|session: Session| async move {
            session.destroy().await?;
            session.login("mallory").await
        });
        let node = Node::with_routes(
            deployment.builder(),
            crate::support::routes().route("/login-after-logout", login_after_logout),
        );
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        let before = decode(&browser.bare_token());
        browser.post("/login-after-logout").await.ok();
        assert_ne!(decode(&browser.bare_token())[..16], before[..16]);
    }
}

#[tokio::test]
async fn a01_t07_r01_a_token_made_up_by_the_client_is_never_adopted() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut attacker = Browser::holding(&node.app, unissued_token(7));
        for path in ["/do/remove", "/do/invalidate", "/do/get", "/note/planted"] {
            attacker.post(path).await.ok();
        }
        assert_ne!(attacker.bare_token(), unissued_token(7));
        assert_eq!(Browser::holding(&node.app, unissued_token(7)).get("/note").await.body, "nothing");
    }
}

#[tokio::test]
async fn t09_a02_anonymous_reads_and_unissued_tokens_create_nothing() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for number in 0..1000 {
            let mut stranger = Browser::holding(&node.app, unissued_token(number));
            stranger.get("/untouched").await.ok();
            assert_eq!(stranger.get("/note").await.set_cookie(), None);
        }
        Browser::new(&node.app).get("/note").await.ok();
        assert_eq!((deployment.session_count(&node), node.sessions.stats().created), (0, 0));
        assert_eq!(node.sessions.stats().sessions, 0, "a read leaves no entry");
    }
}

#[tokio::test]
async fn t25_a_missing_layer_is_an_error_and_not_an_empty_page() {
    let app: Router = Router::new().route("/", get(|_: Session| async { "fine" }));
    let reply = send(&app, with_cookie("/", b"")).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a05_a_dropped_request_does_not_prevent_a_logout() {
    for deployment in Deployment::both() {
        let gate = HandlerGate::new();
        let node = Node::with_routes(deployment.builder(), gate.routes());
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let mut tab = browser.clone();
        let request = tokio::spawn(async move { tab.post("/paused/set").await });
        gate.wait_until_paused().await;
        request.abort();
        assert!(request.await.unwrap_err().is_cancelled());
        let stolen = browser.bare_token();
        browser.post("/do/destroy").await.ok();
        assert_eq!(Browser::holding(&node.app, stolen).get("/note").await.body, "nothing");
        assert_eq!(deployment.session_count(&node), 0);
    }
}

#[tokio::test]
async fn a07_t23_a_prefixed_cookie_is_read_and_removed_under_the_same_name() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    let reply = browser.post("/note/mine").await.ok();
    assert!(reply.set_cookie().unwrap().starts_with("__Host-"));
    assert_eq!(browser.get("/note").await.body, "mine");
    let deletion = browser.post("/do/destroy").await.ok();
    let attributes = deletion.set_cookie().unwrap();
    for attribute in ["__Host-session=;", "Path=/", "Secure", "HttpOnly", "Max-Age=0"] {
        assert!(attributes.contains(attribute), "{attribute}: {attributes}");
    }
}

#[tokio::test]
async fn a15_p04_a_response_that_changes_no_token_sets_no_cookie() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    for path in ["/untouched", "/note", "/note/other", "/count", "/do/remove"] {
        assert_eq!(browser.get(path).await.ok().set_cookie(), None, "{path}");
    }
}

#[tokio::test]
async fn s5_a_malformed_cookie_of_another_name_hides_nothing() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    let session_cookie = format!("{COOKIE}={}", browser.bare_token());
    for field in [
        format!("foo; {session_cookie}"),
        format!("=; ;; {session_cookie}; \"x"),
        format!("a=\"b; {session_cookie}"),
        format!("é=ü; {session_cookie}"),
    ] {
        assert_eq!(send(&node.app, with_cookie("/note", field.as_bytes())).await.body, "mine", "{field}");
    }
}

#[tokio::test]
async fn r2_reading_the_session_again_after_a_rotation_does_not_undo_it() {
    for deployment in Deployment::both() {
        let renewing = from_fn(|session: Session, request: Request, next: Next| async move {
            session.renew().await?;
            Ok::<_, cloakroom::SessionError>(next.run(request).await)
        });
        let sessions = deployment.builder().build().unwrap();
        let plain = crate::support::routes().layer(SessionLayer::new(sessions.clone()));
        let app = crate::support::routes().layer(renewing).layer(SessionLayer::new(sessions));
        let mut browser = Browser::new(&plain);
        browser.post("/note/before").await.ok();
        let before = browser.bare_token();
        let mut browser = browser.at(&app);
        browser.post("/note/after").await.ok();
        assert_ne!(browser.bare_token(), before);
        assert_eq!(browser.at(&plain).get("/note").await.body, "after");
    }
}

#[tokio::test]
async fn r8_a_rotated_secret_shares_nothing_with_the_old_one() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    let old = decode(&browser.bare_token());
    browser.post("/do/renew").await.ok();
    let new = decode(&browser.bare_token());
    assert_eq!(new[..16], old[..16], "the selector stays the same");
    let same = (16..32).filter(|index| new[*index] == old[*index]).count();
    assert!(same <= 3, "{same} of 16 bytes of the secret are unchanged");
}

#[tokio::test]
async fn l2_logging_in_again_issues_a_new_token_even_to_the_same_user() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    let first = browser.bare_token();
    browser.post("/login/alice").await.ok();
    assert_ne!(browser.bare_token(), first);
    assert_eq!(Browser::holding(&node.app, first).get("/whoami").await.body, "nobody");
}
