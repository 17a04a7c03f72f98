//! Where the router is mounted, and what its links then are.

use axum::Router;
use axum::middleware::from_fn;
use cloakroom::SessionLayer;
use cloakroom_admin::AdminPage;
use cloakroom_testkit::TestClient;

use crate::application::{STAFF, in_memory, staff_only};

#[tokio::test]
async fn every_link_works_wherever_the_router_is_nested() {
    let sessions = in_memory();
    let page = || AdminPage::new(&sessions).router(from_fn(staff_only));
    let layer = SessionLayer::new(sessions.clone());
    for (app, base) in [
        (page().layer(layer.clone()), ""),
        (Router::new().nest("/admin", page()).layer(layer.clone()), "/admin"),
        (Router::new().nest("/a/{tenant}", Router::new().nest("/b", page())).layer(layer.clone()), "/a/x y/b"),
        (Router::new().nest_service("/admin", page()).layer(layer.clone()), "/admin"),
    ] {
        let grace = TestClient::signed_in(&app, STAFF).await;
        let base = base.replace(' ', "%20");
        let root = if base.is_empty() { "/" } else { &base };
        let (mut open, mut seen) = (vec![root.to_owned()], Vec::new());
        while let Some(link) = open.pop() {
            if seen.contains(&link) {
                continue;
            }
            let page = grace.get(&link).await;
            assert_eq!(page.status(), 200, "{link} at {base}");
            let html = page.text().replace("&#38;", "&");
            for attribute in [" href=\"", " src=\""] {
                let links = html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next());
                open.extend(links.filter(|link| link.starts_with('/')).map(str::to_owned));
            }
            seen.push(link);
        }
        // Overview, user, session, events, statistics, style sheet and script.
        assert!(seen.len() >= 7, "{seen:?}");
        assert!(seen.iter().all(|link| link.starts_with(&base)), "{seen:?}");
    }
}

#[tokio::test]
async fn a_path_that_a_proxy_changes_is_set() {
    let sessions = in_memory();
    let page = AdminPage::new(&sessions).base_path("/outside/").way_back("/home", "Home");
    let app = page.router(from_fn(staff_only)).layer(SessionLayer::new(sessions));
    let grace = TestClient::signed_in(&app, STAFF).await;
    let page = grace.get("/").await;
    for link in ["href=\"/outside/events\"", "href=\"/outside\"", "action=\"/outside/user\"", "href=\"/home\""] {
        assert!(page.text().contains(link), "{link}: {}", page.text());
    }
}
