//! R17, R18: a logout that comes too late, and one whose answer is lost.

use axum::Router;
use axum::routing::any;
use cloakroom::{Session, SessionError};
use cloakroom_testkit::Verb;
use http::StatusCode;

use crate::support::{Browser, Deployment, HandlerGate, Node, Note, perform, routes};

/// `/renewed/{then}`: renews, pauses, then does what the verb says. `/late`: reads, pauses, logs out and writes.
fn paused_routes(gate: &HandlerGate) -> Router {
    let (first, second) = (gate.clone(), gate.clone());
    let renewed = async move |session: Session, path: axum::extract::Path<String>| {
        session.renew().await?;
        first.pause().await;
        perform(&session, &path).await
    };
    let late = async move |session: Session| {
        session.get::<Note>().await?;
        second.pause().await;
        session.destroy().await?;
        session.set(Note("late".into())).await?;
        Ok::<_, SessionError>("written")
    };
    routes().route("/renewed/{then}", any(renewed)).route("/late", any(late))
}

/// A request to `path`, during whose pause the same browser logs in as Bob, maybe on another node
/// of which this one hears nothing.
async fn overtaken_by_a_login(deployment: &Deployment, path: &str, heard: bool) -> crate::support::Reply {
    let gate = HandlerGate::new();
    let store = deployment.store.as_ref().map(cloakroom_testkit::MemoryStore::node);
    let builder = crate::support::recorded().clock(deployment.clock.clone());
    let builder = if let Some(store) = &store { builder.store(store.clone()) } else { builder };
    let first = Node::with_routes(builder, paused_routes(&gate));
    let other = if store.is_some() { deployment.node() } else { first.clone() };
    let mut browser = Browser::new(&first.app);
    browser.post("/note/mine").await.ok();
    let (mut tab, path) = (browser.clone(), path.to_owned());
    let slow = tokio::spawn(async move { tab.post(&path).await });
    gate.arrival().await;
    if let (false, Some(store)) = (heard, &store) {
        store.pause_invalidations();
    }
    browser.at(&other.app).post("/login/bob").await.ok();
    gate.release();
    let reply = slow.await.unwrap();
    assert_eq!(other.sessions.of("bob").list().await.unwrap().len(), 1, "the login was ended");
    reply
}

#[tokio::test]
async fn r18_a_write_after_a_logout_that_came_too_late_is_refused() {
    for (deployment, heard) in
        [(Deployment::local(), true), (Deployment::shared(), true), (Deployment::shared(), false)]
    {
        let reply = overtaken_by_a_login(&deployment, "/late", heard).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None), "{heard}");
    }
}

#[tokio::test]
async fn r18_a_renewed_token_that_a_login_replaced_is_not_given_out_any_more() {
    for then in ["destroy", "get", "principal"] {
        for (deployment, heard) in
            [(Deployment::local(), true), (Deployment::shared(), true), (Deployment::shared(), false)]
        {
            if !heard && then != "destroy" {
                // A read asks nobody, so it cannot know.
                continue;
            }
            let reply = overtaken_by_a_login(&deployment, &format!("/renewed/{then}"), heard).await;
            // Neither that a session is over which lives, nor an empty one in place of the one that it was shown.
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None), "{then} {heard}");
        }
    }
}

#[tokio::test]
async fn r17_after_a_logout_whose_answer_is_lost_no_copy_is_believed() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    store.lose_reply_next(Verb::Destroy);
    let reply = browser.post("/do/destroy").await;
    assert_eq!((reply.status, reply.set_cookie()), (StatusCode::SERVICE_UNAVAILABLE, None));
    assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
    assert_eq!(browser.post("/do/destroy").await.ok().set_cookie(), None, "there is nothing to end any more");
}

#[tokio::test]
async fn r17_a_logout_that_is_given_up_half_way_leaves_no_copy_that_is_believed() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    let gate = store.delay_next(Verb::Destroy);
    let mut tab = browser.clone();
    let slow = tokio::spawn(async move { tab.post("/do/destroy").await });
    assert!(gate.let_act().await, "the store has ended the session, and its answer is on the way");
    slow.abort();
    slow.await.unwrap_err();
    assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
}

#[tokio::test]
async fn r17_a_tab_that_a_renewal_overtook_can_still_log_out() {
    for deployment in Deployment::alone_and_a_little_apart() {
        let [first, second] = deployment.nodes();
        let mut browser = Browser::new(&first.app);
        browser.post("/login/alice").await.ok();
        let mut tab = browser.at(&second.app);
        browser.post("/do/renew").await.ok();
        tab.post("/do/destroy").await.ok();
        assert_eq!(tab.cookie, None, "it is told to forget its token");
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
    }
}
