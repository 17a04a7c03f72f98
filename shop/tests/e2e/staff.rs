//! Roles: who may open the staff's page, and when a change of roles is felt.

use crate::support::{ANY, Open};

#[tokio::test]
async fn customers_are_refused_and_guests_are_asked_to_sign_in() {
    let open = Open::new().await;
    open.signed_in("alice").await.get("/staff").await.assert(403, "Staff only");
    assert_eq!(open.browser().get("/staff").await.location(), "/login?next=staff");
    open.visitor(ANY).get("/staff").await.assert(401, "Sign in first");
}

#[tokio::test]
async fn staff_see_the_counts_and_admins_may_appoint() {
    let open = Open::new().await;
    let bob = open.signed_in("bob").await;
    let page = bob.get("/staff").await;
    page.assert(200, "value_hits").assert(200, "Alice Archer");
    assert!(!page.body.contains("Make staff"), "only an admin may");
    bob.post("/staff/people/1", &[("staff", "yes")]).await.assert(403, "Staff only");
    open.signed_in("carol").await.get("/staff").await.assert(200, "Ins Team");
}

#[tokio::test]
async fn a_change_of_roles_is_felt_at_once_although_roles_are_cached() {
    let open = Open::new().await;
    let (alice, carol) = (open.signed_in("alice").await, open.signed_in("carol").await);
    alice.get("/staff").await.assert(403, "Staff only");
    assert_eq!(carol.post("/staff/people/1", &[("staff", "yes")]).await.location(), "/staff");
    alice.get("/staff").await.assert(200, "value_hits");
    carol.post("/staff/people/1", &[("staff", "no")]).await;
    alice.get("/staff").await.assert(403, "Staff only");
    carol.post("/staff/people/1", &[("staff", "maybe")]).await.assert(400, "");
}
