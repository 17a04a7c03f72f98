//! R18: no request in flight restores a session that has ended or whose token was rotated.

use http::StatusCode;

use crate::support::{Browser, CREATING_VERBS, Deployment, HandlerGate, Node, Reply, VERBS, decode};

/// The delivery of invalidations between the nodes of a test.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Invalidations {
    Delivered,
    /// Delivered only after the request in flight has been answered.
    Delayed,
    Lost,
}

/// The state after a request that was paused while its session changed.
struct Fixture {
    deployment: Deployment,
    first: Node,
    other: Node,
    old: String,
    /// The client's token after the change.
    new: Option<String>,
    reply: Reply,
}

impl Fixture {
    /// Lets a request read and pause, sends `meanwhile` from the same client, and lets the paused
    /// request perform `verb`.
    async fn run(deployment: Deployment, invalidations: Invalidations, meanwhile: &str, verb: &str) -> Self {
        let gate = HandlerGate::new();
        let node_of = |deployment: &Deployment| Node::with_routes(deployment.builder(), gate.routes());
        let (first, store) = match &deployment.store {
            None => (node_of(&deployment), None),
            Some(store) => {
                let store = store.node();
                let builder = crate::support::recorded().clock(deployment.clock.clone()).store(store.clone());
                (Node::with_routes(builder, gate.routes()), Some(store))
            }
        };
        let other = if store.is_some() { node_of(&deployment) } else { first.clone() };
        let mut browser = Browser::new(&first.app);
        browser.post("/login/alice").await.ok();
        browser.post("/note/mine").await.ok();
        let old = browser.bare_token();
        let path = format!("/paused/{verb}");
        // A client with an old hint would be sent a newer one. A node without the invalidation
        // cannot know that the hint would come with a dead token, so there the client has the
        // newest hint.
        let mut tab = match invalidations {
            Invalidations::Delivered => Browser::holding(&first.app, old.clone()),
            Invalidations::Delayed | Invalidations::Lost => browser.clone(),
        };
        let request = tokio::spawn(async move { tab.post(&path).await });
        gate.wait_until_paused().await;
        if let (Invalidations::Delayed | Invalidations::Lost, Some(store)) = (invalidations, &store) {
            store.pause_invalidations();
        }
        let mut browser = browser.at(&other.app);
        browser.post(meanwhile).await.ok();
        gate.release();
        let reply = request.await.unwrap();
        match (invalidations, &store) {
            (Invalidations::Delayed, Some(store)) => store.deliver_invalidations(),
            (_, Some(store)) => store.drop_invalidations(),
            (_, None) => {}
        }
        Self { deployment, first, other, old, new: browser.cookie, reply }
    }
}

fn setups() -> [(Deployment, Invalidations); 3] {
    [
        (Deployment::local(), Invalidations::Delivered),
        (Deployment::shared(), Invalidations::Delivered),
        (Deployment::shared(), Invalidations::Lost),
    ]
}

#[tokio::test]
async fn r18_no_verb_of_a_request_under_way_brings_a_session_back_after_logout() {
    for verb in VERBS {
        for (deployment, invalidations) in setups() {
            let fixture = Fixture::run(deployment, invalidations, "/do/destroy", verb).await;
            let mut replay = Browser::holding(&fixture.other.app, fixture.old.clone());
            assert_eq!(replay.get("/whoami").await.ok().body, "nobody", "{verb} {invalidations:?}");
            assert_eq!(replay.get("/note").await.ok().body, "nothing", "{verb} {invalidations:?}");
            if verb == "login" {
                let issued = fixture.reply.new_cookie().expect("a login starts a new session");
                assert_ne!(decode(issued)[..16], decode(&fixture.old)[..16], "{invalidations:?}");
                continue;
            }
            // A second logout is harmless, and may remove the cookie once more.
            let issued = fixture.reply.new_cookie().filter(|issued| !issued.is_empty());
            assert_eq!(issued, None, "{verb} {invalidations:?}");
            assert_eq!(fixture.deployment.session_count(&fixture.other), 0, "{verb} {invalidations:?}");
        }
    }
}

#[tokio::test]
async fn r18_a_write_that_comes_too_late_is_an_error_and_not_another_session() {
    for verb in CREATING_VERBS.into_iter().filter(|verb| *verb != "login").chain(["remember"]) {
        for (deployment, invalidations) in setups() {
            let fixture = Fixture::run(deployment, invalidations, "/do/destroy", verb).await;
            assert_eq!(fixture.reply.status, StatusCode::UNAUTHORIZED, "{verb} {invalidations:?}");
            assert_eq!(fixture.reply.set_cookie(), None, "{verb} {invalidations:?}");
        }
    }
}

#[tokio::test]
async fn r18_a_write_under_the_token_of_before_a_login_does_not_reach_the_login() {
    for verb in ["update", "set", "remove", "remember", "renew", "login"] {
        for (deployment, invalidations) in setups() {
            let fixture = Fixture::run(deployment, invalidations, "/login/bob", verb).await;
            let sessions_of_bob = fixture.other.sessions.of("bob").list().await.unwrap();
            assert_eq!(sessions_of_bob.len(), 1, "{verb} {invalidations:?}");
            let issued = fixture.reply.new_cookie().map(decode);
            let is_login_session = issued.is_some_and(|issued| issued[..16] == decode(&fixture.old)[..16]);
            assert!(
                !is_login_session,
                "{verb} {invalidations:?}: the response carries a cookie for the session of the login"
            );
            let mut replay = Browser::holding(&fixture.other.app, fixture.old.clone());
            assert_eq!(replay.get("/whoami").await.ok().body, "nobody", "{verb} {invalidations:?}");
        }
    }
}

#[tokio::test]
async fn r18_a_request_that_read_before_a_renewal_does_not_give_the_old_token_back() {
    for verb in ["get", "update", "load"] {
        for (deployment, invalidations) in setups() {
            let fixture = Fixture::run(deployment, invalidations, "/do/renew", verb).await;
            assert_eq!(fixture.reply.status, StatusCode::OK, "{verb} {invalidations:?}");
            assert_eq!(
                fixture.reply.set_cookie(),
                None,
                "{verb} {invalidations:?}: a cookie would undo the renewal in the browser"
            );
        }
    }
}

#[tokio::test]
async fn r18_an_answer_that_is_late_does_not_overwrite_the_token_of_a_rotation() {
    for meanwhile in ["/do/renew", "/login/bob", "/do/destroy"] {
        for (deployment, invalidations) in
            [(Deployment::local(), Invalidations::Delivered), (Deployment::shared(), Invalidations::Delivered)]
        {
            let fixture = Fixture::run(deployment, invalidations, meanwhile, "nothing").await;
            assert_eq!(fixture.reply.set_cookie(), None, "{meanwhile}");
        }
    }
}

#[tokio::test]
async fn r18_a_logout_under_the_token_of_before_a_login_does_not_end_the_login() {
    for (deployment, invalidations) in setups().into_iter().chain([(Deployment::shared(), Invalidations::Delayed)]) {
        let fixture = Fixture::run(deployment, invalidations, "/login/bob", "destroy").await;
        assert_eq!(
            fixture.reply.status,
            StatusCode::UNAUTHORIZED,
            "{invalidations:?}: the session of the login must not end"
        );
        assert_eq!(
            fixture.reply.set_cookie(),
            None,
            "{invalidations:?}: the removal could erase the cookie of the login"
        );
        assert_eq!(fixture.other.sessions.of("bob").list().await.unwrap().len(), 1, "{invalidations:?}");
        for node in [&fixture.first, &fixture.other] {
            let mut bob = Browser::holding(&node.app, fixture.new.clone().unwrap());
            assert_eq!(bob.get("/whoami").await.ok().body, "bob", "{invalidations:?}");
            // The store's refusal invalidates the node's stale copy.
            let mut replay = Browser::holding(&node.app, fixture.old.clone());
            assert_eq!(replay.get("/whoami").await.ok().body, "nobody", "{invalidations:?}");
        }
    }
}
