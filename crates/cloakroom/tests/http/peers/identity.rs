//! Tokens that are adopted, re-issued, taken back or printed.

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{get, post};
use cloakroom::{Session, SessionLayer};
use http::StatusCode;

use crate::support::{Browser, COOKIE, Deployment, HandlerGate, Node, decode, invented, send, with_cookie};

#[tokio::test]
async fn t02_a_straggler_of_before_a_login_never_takes_the_new_cookie_away() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/basket").await.ok();
        let mut straggler = Browser::holding(&node.app, browser.ticket());
        browser.post("/login/alice").await.ok();
        for path in ["/note", "/whoami", "/untouched", "/do/get", "/do/extract-option"] {
            assert_eq!(straggler.get(path).await.set_cookie(), None, "{path}");
        }
        assert_eq!(browser.get("/whoami").await.body, "alice");
    }
}

#[tokio::test]
async fn t03_a_straggler_that_writes_never_overwrites_the_new_cookie() {
    for deployment in Deployment::alone_and_a_little_apart() {
        let [first, second] = deployment.nodes();
        let mut browser = Browser::new(&first.app);
        browser.post("/note/basket").await.ok();
        let mut straggler = Browser::holding(&second.app, browser.ticket());
        browser.post("/login/alice").await.ok();
        let reply = straggler.post("/note/late").await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None));
    }
}

#[tokio::test]
async fn t06_a_session_after_a_logout_never_has_the_old_tag() {
    for deployment in Deployment::both() {
        let again = post(|session: Session| async move {
            session.destroy().await?;
            session.login("mallory").await
        });
        let node = Node::with_routes(deployment.builder(), crate::support::routes().route("/again", again));
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        let before = decode(&browser.ticket());
        browser.post("/again").await.ok();
        assert_ne!(decode(&browser.ticket())[..16], before[..16]);
    }
}

#[tokio::test]
async fn a01_t07_r01_a_token_of_the_clients_own_making_is_never_adopted() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut attacker = Browser::holding(&node.app, invented(7));
        for path in ["/do/remove", "/do/invalidate", "/do/get", "/note/planted"] {
            attacker.post(path).await.ok();
        }
        assert_ne!(attacker.ticket(), invented(7));
        assert_eq!(Browser::holding(&node.app, invented(7)).get("/note").await.body, "nothing");
    }
}

#[tokio::test]
async fn t09_a02_strangers_and_random_tokens_leave_nothing_behind() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        for number in 0..1000 {
            let mut stranger = Browser::holding(&node.app, invented(number));
            stranger.get("/untouched").await.ok();
            assert_eq!(stranger.get("/note").await.set_cookie(), None);
        }
        Browser::new(&node.app).get("/note").await.ok();
        assert_eq!((deployment.population(&node), node.sessions.stats().created), (0, 0));
        assert_eq!(node.sessions.stats().sessions, 0, "no cell is left of a question");
    }
}

#[tokio::test]
async fn t25_a_missing_layer_is_an_error_and_not_an_empty_page() {
    let app: Router = Router::new().route("/", get(|_: Session| async { "fine" }));
    let reply = send(&app, with_cookie("/", b"")).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a05_a_request_that_was_dropped_does_not_keep_a_logout_from_working() {
    for deployment in Deployment::both() {
        let gate = HandlerGate::new();
        let node = Node::with_routes(deployment.builder(), gate.routes());
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let mut tab = browser.clone();
        let hanging = tokio::spawn(async move { tab.post("/paused/set").await });
        gate.arrival().await;
        hanging.abort();
        assert!(hanging.await.unwrap_err().is_cancelled());
        let stolen = browser.ticket();
        browser.post("/do/destroy").await.ok();
        assert_eq!(Browser::holding(&node.app, stolen).get("/note").await.body, "nothing");
        assert_eq!(deployment.population(&node), 0);
    }
}

#[tokio::test]
async fn a07_t23_a_prefixed_cookie_is_read_under_the_name_it_was_written_under_and_can_be_deleted() {
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
async fn s5_a_malformed_cookie_of_somebody_else_hides_nothing() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    let ours = format!("{COOKIE}={}", browser.ticket());
    for field in
        [format!("foo; {ours}"), format!("=; ;; {ours}; \"x"), format!("a=\"b; {ours}"), format!("é=ü; {ours}")]
    {
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
        let before = browser.ticket();
        let mut browser = browser.at(&app);
        browser.post("/note/after").await.ok();
        assert_ne!(browser.ticket(), before);
        assert_eq!(browser.at(&plain).get("/note").await.body, "after");
    }
}

#[tokio::test]
async fn r8_a_rotated_secret_has_nothing_of_the_old_one() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    browser.post("/note/mine").await.ok();
    let old = decode(&browser.ticket());
    browser.post("/do/renew").await.ok();
    let new = decode(&browser.ticket());
    assert_eq!(new[..16], old[..16], "the tag names the same session");
    let same = (16..32).filter(|index| new[*index] == old[*index]).count();
    assert!(same <= 3, "{same} of 16 bytes of the secret are the old ones");
}

#[tokio::test]
async fn l2_logging_in_again_gives_a_new_token_also_to_the_same_user() {
    let node = Deployment::local().node();
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    let first = browser.ticket();
    browser.post("/login/alice").await.ok();
    assert_ne!(browser.ticket(), first);
    assert_eq!(Browser::holding(&node.app, first).get("/whoami").await.body, "nobody");
}
