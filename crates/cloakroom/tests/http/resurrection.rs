//! R18: nothing that is under way brings a session back that has ended or rotated.

use http::StatusCode;

use crate::support::{Browser, CREATING, Deployment, HandlerGate, Node, Reply, VERBS, decode};

/// How the nodes of one test hear of each other.
#[derive(Clone, Copy, Debug, PartialEq)]
enum News {
    Prompt,
    /// Not before the request that is under way has been answered.
    Late,
    Lost,
}

/// A request that was on the stage while something happened to its session.
struct Scene {
    deployment: Deployment,
    first: Node,
    other: Node,
    old: String,
    /// What the client holds after the meantime.
    new: Option<String>,
    reply: Reply,
}

impl Scene {
    /// Somebody's request reads, `meanwhile` happens by another request of the same client, then it does `verb`.
    async fn play(deployment: Deployment, news: News, meanwhile: &str, verb: &str) -> Self {
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
        let old = browser.ticket();
        let path = format!("/paused/{verb}");
        // A tab that is a few answers behind is owed a newer version hint. A node that has not heard
        // yet cannot know that the hint would come with a dead token, so there the tab is owed none.
        let mut tab = match news {
            News::Prompt => Browser::holding(&first.app, old.clone()),
            News::Late | News::Lost => browser.clone(),
        };
        let slow = tokio::spawn(async move { tab.post(&path).await });
        gate.arrival().await;
        if let (News::Late | News::Lost, Some(store)) = (news, &store) {
            store.pause_invalidations();
        }
        let mut browser = browser.at(&other.app);
        browser.post(meanwhile).await.ok();
        gate.release();
        let reply = slow.await.unwrap();
        match (news, &store) {
            (News::Late, Some(store)) => store.deliver_invalidations(),
            (_, Some(store)) => store.drop_invalidations(),
            (_, None) => {}
        }
        Self { deployment, first, other, old, new: browser.cookie, reply }
    }
}

fn scenes() -> [(Deployment, News); 3] {
    [(Deployment::local(), News::Prompt), (Deployment::shared(), News::Prompt), (Deployment::shared(), News::Lost)]
}

#[tokio::test]
async fn r18_no_verb_of_a_request_under_way_brings_a_session_back_after_logout() {
    for verb in VERBS {
        for (deployment, news) in scenes() {
            let scene = Scene::play(deployment, news, "/do/destroy", verb).await;
            let mut replay = Browser::holding(&scene.other.app, scene.old.clone());
            assert_eq!(replay.get("/whoami").await.ok().body, "nobody", "{verb} {news:?}");
            assert_eq!(replay.get("/note").await.ok().body, "nothing", "{verb} {news:?}");
            if verb == "login" {
                let given = scene.reply.given().expect("a login starts a session of its own");
                assert_ne!(decode(given)[..16], decode(&scene.old)[..16], "{news:?}");
                continue;
            }
            // A second logout is harmless, and may repeat that the token is to be forgotten.
            let given = scene.reply.given().filter(|given| !given.is_empty());
            assert_eq!(given, None, "{verb} {news:?}");
            assert_eq!(scene.deployment.population(&scene.other), 0, "{verb} {news:?}");
        }
    }
}

#[tokio::test]
async fn r18_a_write_that_comes_too_late_is_an_error_and_not_another_session() {
    for verb in CREATING.into_iter().filter(|verb| *verb != "login").chain(["remember"]) {
        for (deployment, news) in scenes() {
            let scene = Scene::play(deployment, news, "/do/destroy", verb).await;
            assert_eq!(scene.reply.status, StatusCode::UNAUTHORIZED, "{verb} {news:?}");
            assert_eq!(scene.reply.set_cookie(), None, "{verb} {news:?}");
        }
    }
}

#[tokio::test]
async fn r18_a_write_under_the_token_of_before_a_login_does_not_reach_the_login() {
    for verb in ["update", "set", "remove", "remember", "renew", "login"] {
        for (deployment, news) in scenes() {
            let scene = Scene::play(deployment, news, "/login/bob", verb).await;
            let bobs = scene.other.sessions.of("bob").list().await.unwrap();
            assert_eq!(bobs.len(), 1, "{verb} {news:?}");
            let given = scene.reply.given().map(decode);
            let same = given.is_some_and(|given| given[..16] == decode(&scene.old)[..16]);
            assert!(!same, "{verb} {news:?}: a cookie for the session of the login");
            let mut replay = Browser::holding(&scene.other.app, scene.old.clone());
            assert_eq!(replay.get("/whoami").await.ok().body, "nobody", "{verb} {news:?}");
        }
    }
}

#[tokio::test]
async fn r18_a_request_that_read_before_a_renewal_does_not_give_the_old_token_back() {
    for verb in ["get", "update", "load"] {
        for (deployment, news) in scenes() {
            let scene = Scene::play(deployment, news, "/do/renew", verb).await;
            assert_eq!(scene.reply.status, StatusCode::OK, "{verb} {news:?}");
            assert_eq!(scene.reply.set_cookie(), None, "{verb} {news:?}: it would undo the renewal in the browser");
        }
    }
}

#[tokio::test]
async fn r18_an_answer_that_is_late_does_not_overwrite_the_token_of_a_rotation() {
    for meanwhile in ["/do/renew", "/login/bob", "/do/destroy"] {
        for (deployment, news) in [(Deployment::local(), News::Prompt), (Deployment::shared(), News::Prompt)] {
            let scene = Scene::play(deployment, news, meanwhile, "nothing").await;
            assert_eq!(scene.reply.set_cookie(), None, "{meanwhile}");
        }
    }
}

#[tokio::test]
async fn r18_a_logout_under_the_token_of_before_a_login_does_not_end_the_login() {
    for (deployment, news) in scenes().into_iter().chain([(Deployment::shared(), News::Late)]) {
        let scene = Scene::play(deployment, news, "/login/bob", "destroy").await;
        assert_eq!(scene.reply.status, StatusCode::UNAUTHORIZED, "{news:?}: the session is not over");
        assert_eq!(scene.reply.set_cookie(), None, "{news:?}: it may erase the cookie of the login");
        assert_eq!(scene.other.sessions.of("bob").list().await.unwrap().len(), 1, "{news:?}");
        for node in [&scene.first, &scene.other] {
            let mut bob = Browser::holding(&node.app, scene.new.clone().unwrap());
            assert_eq!(bob.get("/whoami").await.ok().body, "bob", "{news:?}");
            // The refusal told the node what it had not heard.
            let mut replay = Browser::holding(&node.app, scene.old.clone());
            assert_eq!(replay.get("/whoami").await.ok().body, "nobody", "{news:?}");
        }
    }
}
