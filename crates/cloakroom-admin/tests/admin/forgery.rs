//! Requests that a page of another site, or an old page, makes.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use cloakroom_admin::AdminPage;
use cloakroom_testkit::TestClient;
use tower::ServiceExt;
use tower::layer::util::Identity;

use crate::application::{ADMIN, app, device, in_memory, show, staff};

const ALL_OF_ADA: &str = "/staff/sessions/user/revoke?id=ada";

/// Each way in which a request may lack the proof.
#[tokio::test]
async fn r69_a_form_without_the_proof_changes_nothing() {
    let app = app(&in_memory());
    let (grace, ada) = (staff(&app).await, device(&app, "ada", "Laptop").await);
    let page = show(&grace, "/user?id=ada").await.ok();
    let token = page.csrf();
    let other = staff(&app).await;
    let of_another = show(&other, "/user?id=ada").await.csrf();
    let post = || grace.post(ALL_OF_ADA);
    let with = |token: &str| post().form(&[("csrf", token)]);
    for (what, request) in [
        ("another site", with(&token).header("sec-fetch-site", "cross-site")),
        ("another host of the domain", with(&token).header("sec-fetch-site", "same-site")),
        ("no token", post()),
        ("an empty token", with("")),
        ("a wrong field", post().form(&[("token", &token)])),
        ("a token of another session", with(&of_another)),
        ("a changed token", with(&token.replace(&token[..1], if token.starts_with('A') { "B" } else { "A" }))),
        ("a token as JSON", post().json(&[("csrf", &token)])),
        ("the token in the address", grace.post(&format!("{ALL_OF_ADA}&csrf={token}"))),
        ("plain HTTP", with(&token).header("sec-fetch-site", "cross-site").header("origin", "http://app.example")),
    ] {
        let refused = request.await;
        assert_eq!(refused.status(), 403, "{what}");
        assert!(refused.text().contains("Nothing was changed"), "{what}: {}", refused.text());
        assert_eq!(ada.get("/").await.text(), "ada", "{what}");
    }
    assert_eq!(with(&token).await.status(), 303);
    assert_eq!(ada.get("/").await.text(), "nobody");
}

#[tokio::test]
async fn a_form_of_another_site_has_no_session_at_all() {
    let app = app(&in_memory());
    let (grace, ada) = (staff(&app).await, device(&app, "ada", "Laptop").await);
    let token = show(&grace, "/user?id=ada").await.csrf();
    let forged = grace.post(ALL_OF_ADA).form(&[("csrf", &token)]).from_site("https://evil.example").await;
    assert_eq!(forged.status(), 403);
    assert_eq!(ada.get("/").await.text(), "ada");
}

#[tokio::test]
async fn nothing_is_ended_by_get() {
    let app = app(&in_memory());
    let (grace, ada) = (staff(&app).await, device(&app, "ada", "Laptop").await);
    let reply = grace.get(ALL_OF_ADA).await;
    assert_eq!((reply.status(), reply.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, Some("POST")));
    assert!(reply.text().contains("Not this way"), "{}", reply.text());
    assert_eq!(ada.get("/").await.text(), "ada");
}

/// The guard may be satisfied by what a browser sends by itself, such as `Authorization: Basic`.
#[tokio::test]
async fn without_a_session_layer_a_form_must_name_its_origin() {
    let sessions = in_memory();
    let app = Router::new().nest(ADMIN, AdminPage::new(&sessions).router(Identity::new()));
    let post = |headers: &[(&str, &str)]| {
        let mut request = Request::post(ALL_OF_ADA).header("host", "app.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        app.clone().oneshot(request.body(Body::empty()).unwrap())
    };
    for refused in [
        &[][..],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("origin", "http://app.example")],
    ] {
        assert_eq!(post(refused).await.unwrap().status(), 403, "{refused:?}");
    }
    for accepted in [&[("sec-fetch-site", "same-origin")][..], &[("origin", "https://app.example")]] {
        assert_eq!(post(accepted).await.unwrap().status(), 303, "{accepted:?}");
    }
}

#[tokio::test]
async fn a_result_that_a_link_of_another_site_claims_is_not_shown() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    show(&grace, "/user?id=ada&ended=3").await.ok().has("3 sessions ended");
    for site in ["cross-site", "same-site", "none"] {
        let page = grace.get(&format!("{ADMIN}/user?id=ada&ended=3")).header("sec-fetch-site", site).await;
        assert!(!page.text().contains("3 sessions ended"), "{site}");
    }
}

#[tokio::test]
async fn r51_the_stream_of_events_is_not_given_to_other_sites() {
    let app = app(&in_memory());
    let grace = staff(&app).await;
    let stream = grace.get(&format!("{ADMIN}/events/stream")).header("sec-fetch-site", "same-site").await;
    assert_eq!(stream.status(), 403);
}

#[tokio::test]
async fn r69_whoever_the_guard_refuses_gets_nothing() {
    let app = app(&in_memory());
    let ada = device(&app, "ada", "Laptop").await;
    for path in ["", "/user?id=ada", "/events", "/events/stream", "/statistics", "/assets/admin.css", "/nowhere"] {
        for client in [&ada, &TestClient::new(&app)] {
            let refused = client.get(&format!("{ADMIN}{path}")).await;
            assert_eq!((refused.status(), refused.text()), (StatusCode::FORBIDDEN, ""), "{path}");
        }
    }
    assert_eq!(ada.post(ALL_OF_ADA).await.status(), 403);
}
