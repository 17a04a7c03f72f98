//! Roles: who may open the staff's pages, and when a change of roles is felt.

use crate::support::{ANY, Open};

#[tokio::test]
async fn customers_are_refused_and_guests_are_asked_to_sign_in() {
    let open = Open::new().await;
    for path in ["/staff", "/staff/sessions", "/staff/sessions/user?id=1", "/staff/sessions/events/stream"] {
        open.signed_in("alice").await.get(path).await.assert(403, "Staff only");
        assert_eq!(open.browser().get(path).await.location(), "/login?next=staff");
        open.visitor(ANY).get(path).await.assert(401, "Sign in first");
    }
}

#[tokio::test]
async fn staff_see_the_people_and_admins_may_appoint() {
    let open = Open::new().await;
    let bob = open.signed_in("bob").await;
    let page = bob.get("/staff").await;
    page.assert(200, "database queries").assert(200, "Alice Archer");
    assert!(!page.body.contains("Make staff"), "only an admin may");
    assert!(!page.body.contains("<ul class=\"devices\""), "the script would replace it with the visitor's devices");
    bob.post("/staff/people/1", &[("staff", "yes")]).await.assert(403, "Staff only");
    open.signed_in("carol").await.get("/staff").await.assert(200, "Ins Team");
}

#[tokio::test]
async fn a_change_of_roles_is_felt_at_once_although_roles_are_cached() {
    let open = Open::new().await;
    let (alice, carol) = (open.signed_in("alice").await, open.signed_in("carol").await);
    alice.get("/staff/sessions").await.assert(403, "Staff only");
    assert_eq!(carol.post("/staff/people/1", &[("staff", "yes")]).await.location(), "/staff");
    alice.get("/staff/sessions").await.assert(200, "Users with sessions");
    carol.post("/staff/people/1", &[("staff", "no")]).await;
    alice.get("/staff/sessions").await.assert(403, "Staff only");
    carol.post("/staff/people/1", &[("staff", "maybe")]).await.assert(400, "");
}

#[tokio::test]
async fn the_sessions_pages_keep_their_own_errors_and_headers() {
    let open = Open::new().await;
    let bob = open.signed_in("bob").await;
    bob.get("/staff/sessions/statistics").await.assert(200, "value_hits");
    bob.get("/staff/sessions/nowhere").await.assert(404, "There is nothing at this address.");
    bob.post("/staff/sessions/user/revoke?id=1", &[]).await.assert(403, "Nothing was changed");
    let page = bob.get("/staff/sessions").await;
    for policy in page.headers.get_all("content-security-policy") {
        let policy = policy.to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    }
    assert_eq!(page.header("cache-control"), Some("no-store"));
}
