//! The pages as a browser without scripts sees them.

use axum::Router;
use cloakroom::Sessions;
use cloakroom_leptos::app;
use cloakroom_testkit::TestClient;

fn visitor(app: &Router) -> TestClient {
    TestClient::new(app).with_origin("http://localhost:3000").with_header("accept", "text/html")
}

#[tokio::test]
async fn what_a_form_adds_is_on_the_next_page_of_its_visitor_alone() {
    let app = app(Sessions::in_memory());
    let (ada, ben) = (visitor(&app), visitor(&app));
    for name in ["lamp", "chair"] {
        let reply = ada.post("/api/cart/add").form(&[("name", name)]).follow_redirects().await;
        assert!(reply.text().contains(name), "{}", reply.text());
    }
    let page = ada.get("/").await;
    assert!(page.text().contains("<li>lamp") && page.text().contains("<li>chair"), "{}", page.text());
    assert!(!ben.get("/").await.text().contains("<li>"));
}

#[tokio::test]
async fn a_visitor_who_only_looks_gets_no_cookie() {
    assert_eq!(visitor(&app(Sessions::in_memory())).get("/").await.header("set-cookie"), None);
}
