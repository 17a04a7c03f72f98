//! Guards: who may pass, and what everybody else is told.

use http::{Method, StatusCode};

use crate::application::{Account, Db, PAGE, node, send_with, signed_in};
use crate::support::{Deployment, secs};

const GET: Method = Method::GET;

#[tokio::test]
async fn r73_a_browser_is_sent_to_the_login_page_and_back() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &Db::new());
        for path in ["/account", "/staff", "/profile"] {
            let asked = format!("{path}?a=b&c=d%20e");
            let reply = send_with(&node, None, (GET, &asked), PAGE).await;
            assert_eq!(reply.status, StatusCode::SEE_OTHER);
            let login = format!("/login?next=%2F{}%3Fa%3Db%26c%3Dd%2520e", &path[1..]);
            assert_eq!(reply.header("location"), [login.as_str()]);
            assert_eq!(reply.header("cache-control"), ["no-store"]);
            assert_eq!(reply.set_cookie(), None);

            let query = login.split_once('?').unwrap().1;
            let reply = send_with(&node, None, (Method::POST, &format!("/sign-in/ada?{query}")), PAGE).await;
            assert_eq!(reply.header("location"), [asked.as_str()]);
        }
    }
}

#[tokio::test]
async fn r71_a_link_to_the_login_page_does_not_lead_to_another_site() {
    let node = node(&Deployment::local(), &Db::new());
    for next in ["//evil.example", "https://evil.example", "/%5Cevil.example", "/login", "/x&next=/y"] {
        let reply = send_with(&node, None, (Method::POST, &format!("/sign-in/ada?next={next}")), PAGE).await;
        assert_eq!(reply.header("location"), ["/home"], "{next}");
    }
}

#[tokio::test]
async fn the_page_to_return_to_is_the_whole_path_within_a_nested_router() {
    let node = node(&Deployment::local(), &Db::new());
    let reply = send_with(&node, None, (GET, "/nested/page"), PAGE).await;
    assert_eq!(reply.header("location"), ["/login?next=%2Fnested%2Fpage"]);
}

#[tokio::test]
async fn a_layer_in_a_nested_router_keeps_the_whole_path_that_an_outer_one_saw() {
    let inner = axum::Router::new()
        .route("/page", axum::routing::get(async || "nested"))
        .route_layer(cloakroom_auth::Guard::<Account>::signed_in())
        .layer(cloakroom_auth::AuthLayer::new(Db::new()).login_page("/staff-login").unwrap());
    let outer = cloakroom_auth::AuthLayer::new(Db::new()).login_page("/login").unwrap();
    let routes = axum::Router::new().nest("/nested", inner).layer(outer);
    let node = crate::support::Node::with_routes(Deployment::local().builder(), routes);
    let reply = send_with(&node, None, (GET, "/nested/page"), PAGE).await;
    assert_eq!(reply.header("location"), ["/staff-login?next=%2Fnested%2Fpage"]);
}

#[tokio::test]
async fn a_request_that_is_not_repeated_after_the_login_has_no_page_to_return_to() {
    let node = node(&Deployment::local(), &Db::new());
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
        let reply = send_with(&node, None, (method, "/account"), PAGE).await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, vec!["/login"]));
    }
    let reply = send_with(&node, None, (Method::HEAD, "/account"), PAGE).await;
    assert_eq!(reply.header("location"), ["/login?next=%2Faccount"]);
}

#[tokio::test]
async fn r71_a_path_that_is_no_safe_page_is_not_returned_to() {
    let node = node(&Deployment::local(), &Db::new());
    for path in ["/account?a\\b".to_owned(), format!("/account?{}", "a".repeat(3000))] {
        let reply = send_with(&node, None, (GET, &path), PAGE).await;
        assert_eq!(reply.header("location"), ["/login"], "{path}");
    }
}

#[tokio::test]
async fn r73_a_program_gets_401_and_no_redirect() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &Db::new());
        let html = ("accept", "text/html");
        for headers in [
            &[][..],
            &[("accept", "application/json")],
            &[html, ("sec-fetch-mode", "cors")],
            &[html, ("x-requested-with", "XMLHttpRequest")],
            &[html, ("authorization", "Basic eA==")],
        ] {
            for path in ["/account", "/staff", "/profile"] {
                let reply = send_with(&node, None, (GET, path), headers).await;
                assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{headers:?}");
                assert_eq!(reply.header("www-authenticate"), ["Session error=\"login_required\""]);
                assert_eq!(reply.header("cache-control"), ["no-store"]);
                assert_eq!(reply.header("location"), [""; 0]);
            }
        }
        let reply = send_with(&node, None, (GET, "/account"), &[html, ("authorization", "Bearer x")]).await;
        assert_eq!(reply.header("www-authenticate"), ["Bearer"]);
    }
}

#[tokio::test]
async fn r73_a_user_without_the_permission_gets_403_and_no_redirect() {
    for deployment in Deployment::both() {
        let node = node(&deployment, &Db::new());
        let (ada, bob) = (signed_in(&node, "ada").await, signed_in(&node, "bob").await);
        assert_eq!(send_with(&node, Some(&ada), (GET, "/staff"), PAGE).await.ok().body, "for staff");
        for headers in [PAGE, &[("accept", "application/json")]] {
            let reply = send_with(&node, Some(&bob), (GET, "/staff"), headers).await;
            assert_eq!(reply.status, StatusCode::FORBIDDEN);
            assert_eq!((reply.header("location"), reply.header("cache-control")), (vec![], vec!["no-store"]));
        }
        assert_eq!(send_with(&node, Some(&bob), (GET, "/account"), PAGE).await.ok().body, "BOB");
    }
}

#[tokio::test]
async fn r73_a_role_that_was_withdrawn_is_effective_after_the_ttl() {
    for deployment in Deployment::both() {
        let db = Db::new();
        let node = node(&deployment, &db);
        let mut ada = signed_in(&node, "ada").await;
        ada.get("/staff").await.ok();
        db.set_staff("ada", false);
        deployment.clock.advance(secs(59));
        ada.get("/staff").await.ok();
        deployment.clock.advance(secs(1));
        assert_eq!(ada.get("/staff").await.status, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn r73_a_role_that_was_withdrawn_is_effective_at_once_on_every_node_if_it_is_invalidated() {
    let (deployment, db) = (Deployment::shared(), Db::new());
    let [first, second] = [node(&deployment, &db), node(&deployment, &db)];
    let mut devices = [signed_in(&first, "ada").await, signed_in(&second, "ada").await];
    for device in &mut devices {
        device.get("/staff").await.ok();
    }
    db.set_staff("ada", false);
    assert_eq!(first.sessions.of("ada").invalidate::<Account>().await.unwrap(), 2);
    for device in &mut devices {
        assert_eq!(device.get("/staff").await.status, StatusCode::FORBIDDEN);
        assert_eq!(device.get("/account").await.ok().body, "ADA", "still signed in");
    }
}

#[tokio::test]
async fn a_guard_around_the_login_page_itself_does_not_redirect_in_circles() {
    let db = Db::new();
    let routes = axum::Router::new()
        .route("/login", axum::routing::any(async || "sign in here"))
        .layer(cloakroom_auth::Guard::<Account>::signed_in())
        .layer(cloakroom_auth::AuthLayer::new(db).login_page("/login").unwrap());
    let node = crate::support::Node::with_routes(Deployment::local().builder(), routes);
    let reply = send_with(&node, None, (GET, "/login?next=/login"), PAGE).await;
    assert_eq!((reply.status, reply.header("location")), (StatusCode::UNAUTHORIZED, vec![]));
}

#[tokio::test]
async fn a_rejection_says_whether_it_redirects_and_where_to() {
    let routes = axum::Router::new()
        .route(
            "/where",
            axum::routing::any(async |user: Result<cloakroom_auth::User<Account>, cloakroom_auth::AuthRejection>| {
                match user.map(drop).unwrap_err() {
                    cloakroom_auth::AuthRejection::SignIn(required) => format!("{:?}", required.location()),
                    other => other.to_string(),
                }
            }),
        )
        .layer(cloakroom_auth::AuthLayer::new(Db::new()).login_page("/login").unwrap());
    let node = crate::support::Node::with_routes(Deployment::local().builder(), routes);
    let page = send_with(&node, None, (GET, "/where"), PAGE).await;
    assert_eq!(page.ok().body, "Some(\"/login?next=%2Fwhere\")");
    let program = send_with(&node, None, (GET, "/where"), &[]).await;
    assert_eq!(program.ok().body, "None");
}
