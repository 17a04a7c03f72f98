//! R17, R18: a logout that comes too late, and one whose reply is lost.

use axum::Router;
use axum::routing::any;
use cloakroom::{Session, SessionError};
use cloakroom_testkit::Verb;
use http::StatusCode;

use crate::support::{Browser, Deployment, HandlerGate, Node, Note, perform, routes};

/// `/renewed/{verb}`: renews, pauses, then performs the verb. `/late`: reads, pauses, logs out and
/// writes.
fn paused_routes(gate: &HandlerGate) -> Router {
    let (first, second) = (gate.clone(), gate.clone());
    let renewed = async move |session: Session, path: axum::extract::Path<String>| {
        session.renew().await?;
        first.pause().await;
        perform(&session, &path).await
    };
    let late_logout = async move |session: Session| {
        session.get::<Note>().await?;
        second.pause().await;
        session.destroy().await?;
        session.set(Note("late".into())).await?;
        Ok::<_, SessionError>("written")
    };
    routes().route("/renewed/{verb}", any(renewed)).route("/late", any(late_logout))
}

/// A request to `path`, during whose pause the same browser logs in as Bob. With a store, that
/// happens on another node, and `notified` says whether this one receives the invalidation.
async fn request_around_a_login(deployment: &Deployment, path: &str, notified: bool) -> crate::support::Reply {
    let gate = HandlerGate::new();
    let store = deployment.store.as_ref().map(cloakroom_testkit::MemoryStore::node);
    let builder = crate::support::recorded().clock(deployment.clock.clone());
    let builder = if let Some(store) = &store { builder.store(store.clone()) } else { builder };
    let first = Node::with_routes(builder, paused_routes(&gate));
    let other = if store.is_some() { deployment.node() } else { first.clone() };
    let mut browser = Browser::new(&first.app);
    browser.post("/note/mine").await.ok();
    let (mut tab, path) = (browser.clone(), path.to_owned());
    let request = tokio::spawn(async move { tab.post(&path).await });
    gate.wait_until_paused().await;
    if let (false, Some(store)) = (notified, &store) {
        store.pause_invalidations();
    }
    browser.at(&other.app).post("/login/bob").await.ok();
    gate.release();
    let reply = request.await.unwrap();
    assert_eq!(other.sessions.of("bob").list().await.unwrap().len(), 1, "the login's session must not end");
    reply
}

#[tokio::test]
async fn r18_a_write_after_a_logout_that_came_too_late_is_refused() {
    for (deployment, notified) in
        [(Deployment::local(), true), (Deployment::shared(), true), (Deployment::shared(), false)]
    {
        let reply = request_around_a_login(&deployment, "/late", notified).await;
        assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None), "{notified}");
    }
}

#[tokio::test]
async fn r18_a_renewed_token_that_a_login_replaced_is_not_given_out_any_more() {
    for verb in ["destroy", "get", "principal"] {
        for (deployment, notified) in
            [(Deployment::local(), true), (Deployment::shared(), true), (Deployment::shared(), false)]
        {
            if !notified && verb != "destroy" {
                // A read does not ask the store, so it cannot know.
                continue;
            }
            let reply = request_around_a_login(&deployment, &format!("/renewed/{verb}"), notified).await;
            // The response reports neither a logout of a session that still exists nor an empty
            // session.
            assert_eq!((reply.status, reply.set_cookie()), (StatusCode::UNAUTHORIZED, None), "{verb} {notified}");
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
    assert_eq!(browser.post("/do/destroy").await.ok().set_cookie(), None, "the session has ended already");
}

#[tokio::test]
async fn r17_a_logout_that_is_given_up_half_way_leaves_no_copy_that_is_believed() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let mut browser = Browser::new(&node.app);
    browser.post("/login/alice").await.ok();
    let gate = store.delay_next(Verb::Destroy);
    let mut tab = browser.clone();
    let request = tokio::spawn(async move { tab.post("/do/destroy").await });
    assert!(gate.let_act().await, "the store has ended the session but not replied yet");
    request.abort();
    request.await.unwrap_err();
    assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
}

#[tokio::test]
async fn r17_a_tab_that_a_renewal_overtook_can_still_log_out() {
    for deployment in Deployment::local_and_slightly_skewed() {
        let [first, second] = deployment.nodes();
        let mut browser = Browser::new(&first.app);
        browser.post("/login/alice").await.ok();
        let mut tab = browser.at(&second.app);
        browser.post("/do/renew").await.ok();
        tab.post("/do/destroy").await.ok();
        assert_eq!(tab.cookie, None, "the client's token is removed");
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
    }
}
