//! R07, R08, R16: a change of privilege issues a new token, and the old one is dead at once.

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::{Clock, Login, Session, SessionError};
use cloakroom_testkit::Verb;
use http::StatusCode;

use crate::support::{Browser, Deployment, Node, minutes, routes, secs};

#[tokio::test]
async fn r07_every_login_gives_a_new_token() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/before").await.ok();
        // Login, re-authentication, impersonation of another user, and back.
        for user in ["alice", "alice", "bob", "alice"] {
            let old = browser.bare_token();
            browser.post(&format!("/login/{user}")).await.ok();
            assert_ne!(browser.bare_token(), old);
            assert_eq!(Browser::holding(&node.app, old).get("/whoami").await.ok().body, "nobody");
            assert_eq!(browser.get("/whoami").await.ok().body, user);
        }
    }
}

#[tokio::test]
async fn r07_what_an_anonymous_session_held_survives_a_login_only_if_named() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/note/planted").await.ok();
        browser.post("/kept/chosen").await.ok();
        browser.post("/login-keeping/alice").await.ok();
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
        assert_eq!(browser.get("/do/get").await.ok().body, "false");
        assert_eq!(kept(&node, &browser).await, "chosen");
    }
}

/// Reads the value that `/login-keeping` keeps, on a separate route.
async fn kept(node: &Node, browser: &Browser) -> String {
    let routes = Router::new().route("/kept", any(async |kept: Session<crate::support::Kept>| kept.0.clone()));
    let app = routes.layer(cloakroom::SessionLayer::new(node.sessions.clone()));
    browser.at(&app).get("/kept").await.ok().body
}

#[tokio::test]
async fn r07_values_survive_a_reauthentication_and_never_a_change_of_user() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        browser.post("/note/of-alice").await.ok();
        browser.post("/kept/of-alice").await.ok();
        browser.post("/login/alice").await.ok();
        assert_eq!(browser.get("/note").await.ok().body, "of-alice");
        browser.post("/login-keeping/bob").await.ok();
        assert_eq!(browser.get("/note").await.ok().body, "nothing");
        assert_eq!(kept(&node, &browser).await, "");
    }
}

#[tokio::test]
async fn r08_old_token_is_dead_at_once_after_login() {
    for deployment in Deployment::local_and_skewed() {
        let [first, second] = deployment.nodes();
        let mut victim = Browser::new(&first.app);
        victim.post("/note/before").await.ok();
        let fixated = victim.cookie.clone().unwrap();
        // The other node has a local copy during the login.
        assert_eq!(victim.at(&second.app).get("/note").await.ok().body, "before");
        victim.post("/login/victim").await.ok();
        for node in [&first, &second] {
            let mut attacker = Browser::holding(&node.app, fixated.clone());
            assert_eq!(attacker.get("/whoami").await.ok().body, "nobody");
            assert_eq!(attacker.get("/note").await.ok().set_cookie(), None, "the new token is not disclosed");
            assert_eq!(attacker.post("/note/evil").await.status, StatusCode::UNAUTHORIZED);
            assert_eq!(attacker.post("/do/renew").await.set_cookie(), None);
        }
        assert_eq!(victim.get("/whoami").await.ok().body, "victim");
        assert_eq!(victim.get("/note").await.ok().body, "nothing");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r08_whoever_fixed_the_token_never_gets_into_the_login_in_a_thousand_interleavings() {
    const ATTACKS: [&str; 5] = ["/whoami", "/note/evil", "/do/renew", "/do/remember", "/do/get"];
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        for round in 0..1000 {
            let mut attacker = Browser::new(&first.app);
            attacker.post("/note/planted").await.ok();
            let mut victim = attacker.at(&second.app);
            let login = tokio::spawn(async move {
                victim.post("/login/victim").await.ok();
                victim
            });
            let mut attacker_tokens = Vec::new();
            for attack in 0..4 {
                if (round + attack) % 3 == 0 {
                    tokio::task::yield_now().await;
                }
                let reply = attacker.post(ATTACKS[(round + attack) % ATTACKS.len()]).await;
                assert_ne!(reply.body, "victim", "round {round}");
                attacker_tokens.push(attacker.bare_token());
            }
            let mut victim = login.await.unwrap();
            assert_eq!(victim.get("/whoami").await.ok().body, "victim", "round {round}");
            for bare_token in attacker_tokens {
                assert_ne!(bare_token, victim.bare_token(), "round {round}");
                assert_eq!(
                    Browser::holding(&second.app, bare_token).get("/whoami").await.ok().body,
                    "nobody",
                    "round {round}"
                );
            }
        }
    }
}

#[tokio::test]
async fn r16_a_page_can_demand_a_recent_login() {
    for deployment in Deployment::both() {
        let clock = deployment.clock.clone();
        let secret = any(move |session: Session| {
            let now = clock.now();
            async move {
                let at = session.authenticated_at().await?;
                let recent = at.is_some_and(|at| now.since(at) <= secs(300));
                Ok::<_, SessionError>(if recent { StatusCode::OK } else { StatusCode::FORBIDDEN })
            }
        });
        let node = Node::with_routes(deployment.builder(), routes().route("/secret", secret));
        let mut browser = Browser::new(&node.app);
        assert_eq!(browser.get("/secret").await.status, StatusCode::FORBIDDEN);
        browser.post("/login/alice").await.ok();
        deployment.clock.advance(secs(300));
        assert_eq!(browser.get("/secret").await.status, StatusCode::OK);
        deployment.clock.advance(secs(1));
        browser.post("/do/renew").await.ok();
        assert_eq!(browser.get("/secret").await.status, StatusCode::FORBIDDEN, "a renewal is not a login");
        let old = browser.bare_token();
        browser.post("/login/alice").await.ok();
        assert_ne!(browser.bare_token(), old);
        assert_eq!(browser.get("/secret").await.status, StatusCode::OK);
    }
}

/// `/remembered/{user}`, and `/anew/{user}`, which ends the user's other sessions first.
fn login_routes() -> Router {
    let remembered = async |session: Session, Path(user): Path<String>| {
        session.login(Login::new(user.as_str()).remember(minutes(60 * 24 * 30))).await
    };
    let login_ending_others = async |session: Session, Path(user): Path<String>| {
        session.login(Login::new(user.as_str()).ending_others()).await
    };
    routes().route("/remembered/{user}", any(remembered)).route("/anew/{user}", any(login_ending_others))
}

#[tokio::test]
async fn a_login_whose_copy_is_lost_before_its_answer_says_how_long_its_own_session_lives() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let app = Node::with_sessions(node.sessions.clone(), login_routes());
    let mut browser = Browser::new(&app);
    browser.post("/note/mine").await.ok();
    let gate = store.delay_next(Verb::Commit);
    let mut tab = browser.clone();
    let login = tokio::spawn(async move { browser.post("/remembered/alice").await.ok() });
    assert!(gate.let_act().await);
    // The old token is dead already, so this request does not restore the local copy.
    let refresh = tokio::spawn(async move { tab.post("/do/refresh").await });
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    gate.open();
    let reply = login.await.unwrap();
    assert!(reply.set_cookie().unwrap().contains("Max-Age=2592000"), "{:?}", reply.set_cookie());
    refresh.await.unwrap();
}

#[tokio::test]
async fn a_login_that_finds_no_copy_keeps_what_was_its_own() {
    let deployment = Deployment::shared();
    let (store, node) = deployment.faulty_node();
    let app = Node::with_sessions(node.sessions.clone(), login_routes());
    let other = deployment.node();
    let mut browser = Browser::new(&app);
    browser.post("/login/alice").await.ok();
    browser.post("/note/mine").await.ok();
    let (list_gate, mut tab, mut other_browser) =
        (store.delay_next(Verb::ListMembers), browser.clone(), browser.at(&other.app));
    let login = tokio::spawn(async move {
        browser.post("/anew/alice").await.ok();
        browser
    });
    assert!(list_gate.arrived().await);
    other_browser.post("/count").await.ok();
    let add_gate = store.delay_next(Verb::AddMember);
    list_gate.open();
    assert!(add_gate.arrived().await);
    tab.get("/note").await.ok();
    add_gate.open();
    let mut browser = login.await.unwrap();
    assert_eq!(browser.get("/note").await.ok().body, "mine");
    assert_eq!(browser.get("/count").await.ok().body, "1");
}
