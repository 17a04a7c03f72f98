//! R07: two concurrent logins of one visitor. Whichever response arrives last, the visitor is
//! logged in and has the values that the login keeps.

use axum::extract::Path;
use axum::routing::any;
use cloakroom::{Login, Session, SessionError};

use crate::support::{Browser, Deployment, HandlerGate, Kept, Node, bare_token, minutes, secs};

fn node(builder: cloakroom::SessionsBuilder) -> Node {
    let cart = async |kept: Session<Kept>| kept.0.clone();
    Node::with_routes(builder, crate::support::routes().route("/cart", any(cart)))
}

fn nodes(deployment: &Deployment) -> [Node; 2] {
    let first = node(deployment.builder());
    let second = if deployment.store.is_some() { node(deployment.other_builder()) } else { first.clone() };
    [first, second]
}

async fn visitor(node: &Node) -> Browser {
    let mut browser = Browser::new(&node.app);
    browser.post("/kept/cart").await.ok();
    browser.post("/note/planted").await.ok();
    browser
}

/// Asserts that both cookies open Alice's session with the kept value on every node. They are two
/// possible states of one browser.
async fn assert_both_logged_in(nodes: &[Node; 2], browsers: [Browser; 2]) {
    for browser in browsers {
        for node in nodes {
            let mut browser = browser.at(&node.app);
            assert_eq!(browser.get("/whoami").await.ok().body, "alice");
            assert_eq!(browser.get("/cart").await.ok().body, "cart");
            assert_eq!(
                browser.get("/note").await.ok().body,
                "nothing",
                "the login keeps only the values that it names"
            );
        }
    }
}

#[tokio::test]
async fn r07_a_double_click_keeps_the_cart_whichever_answer_arrives_last() {
    for deployment in Deployment::local_and_skewed() {
        let nodes = nodes(&deployment);
        let mut first = visitor(&nodes[0]).await;
        let mut second = first.at(&nodes[1].app);
        first.post("/login-keeping/alice").await.ok();
        second.post("/login-keeping/alice").await.ok();
        assert_both_logged_in(&nodes, [first, second]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r07_logins_at_the_very_same_time_all_keep_the_cart() {
    for deployment in Deployment::local_and_skewed() {
        let nodes = nodes(&deployment);
        for _ in 0..50 {
            let first = visitor(&nodes[0]).await;
            let browsers = [0, 1, 0, 1].map(|node: usize| {
                let mut browser = first.at(&nodes[node].app);
                tokio::spawn(async move {
                    browser.post("/login-keeping/alice").await.ok();
                    browser
                })
            });
            for browser in browsers {
                let browser = browser.await.unwrap();
                assert_both_logged_in(&nodes, [browser.clone(), browser]).await;
            }
        }
    }
}

#[tokio::test]
async fn r23_on_one_node_a_double_click_is_one_session() {
    for deployment in Deployment::both() {
        let node = node(deployment.builder());
        let mut first = visitor(&node).await;
        let mut second = first.clone();
        first.post("/login-keeping/alice").await.ok();
        second.post("/login-keeping/alice").await.ok();
        assert_eq!(bare_token(first.cookie.as_deref().unwrap()), bare_token(second.cookie.as_deref().unwrap()));
        assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
        assert_eq!(node.sessions.stats().logins, 1);
    }
}

#[tokio::test]
async fn r07_another_user_gets_nothing_of_a_login_that_was_first() {
    for deployment in Deployment::local_and_skewed() {
        let nodes = nodes(&deployment);
        let mut victim = visitor(&nodes[0]).await;
        let mut attacker = victim.at(&nodes[1].app);
        victim.post("/login-keeping/alice").await.ok();
        victim.post("/kept/of-alice").await.ok();
        attacker.post("/login-keeping/mallory").await.ok();
        assert_eq!(attacker.get("/whoami").await.ok().body, "mallory");
        assert_eq!(attacker.get("/cart").await.ok().body, "");
        assert_eq!(victim.get("/cart").await.ok().body, "of-alice");
    }
}

#[tokio::test]
async fn r07_a_login_that_asks_for_something_else_joins_nobody() {
    for deployment in Deployment::local_and_skewed() {
        let nodes = nodes(&deployment);
        let mut first = visitor(&nodes[0]).await;
        let mut second = first.at(&nodes[0].app);
        first.post("/login-keeping/alice").await.ok();
        second.post("/login-remembered/alice").await.ok();
        assert_ne!(bare_token(first.cookie.as_deref().unwrap()), bare_token(second.cookie.as_deref().unwrap()));
        assert_eq!(second.get("/cart").await.ok().body, "", "the second login keeps no values");
        assert_eq!(first.get("/cart").await.ok().body, "cart");
    }
}

/// On a double click, browsers send a form twice and drop the first request.
#[tokio::test]
async fn r07_a_first_click_that_was_given_up_does_not_end_the_second_one_s_session() {
    for deployment in Deployment::both() {
        let gate = HandlerGate::new();
        let paused = gate.clone();
        let slow = async move |session: Session, Path(user): Path<String>| {
            session.login(Login::new(user).keep::<Kept>().label("Testbrowser")).await?;
            paused.pause().await;
            Ok::<_, SessionError>(())
        };
        let cart = async |kept: Session<Kept>| kept.0.clone();
        let routes = gate.routes().route("/cart", any(cart)).route("/slow/{user}", any(slow));
        let node = Node::with_routes(deployment.builder(), routes);
        let mut first = visitor(&node).await;
        let mut second = first.clone();
        let dropped = tokio::spawn(async move { first.post("/slow/alice").await });
        gate.wait_until_paused().await;
        let second_request = tokio::spawn(async move {
            second.post("/slow/alice").await.ok();
            second
        });
        gate.wait_until_paused().await;
        dropped.abort();
        assert!(dropped.await.unwrap_err().is_cancelled());
        gate.release();
        let mut second = second_request.await.unwrap();
        node.sessions.run_pending_tasks().await;
        assert_eq!(second.get("/whoami").await.ok().body, "alice");
        assert_eq!(second.get("/cart").await.ok().body, "cart");
    }
}

/// Logs in on both nodes with one anonymous token. Returns the possible states of the browser.
async fn double_click(nodes: &[Node; 2]) -> [Browser; 2] {
    let mut first = visitor(&nodes[0]).await;
    let mut second = first.at(&nodes[1].app);
    first.post("/login-keeping/alice").await.ok();
    second.post("/login-keeping/alice").await.ok();
    [first, second]
}

#[tokio::test]
async fn r23_of_two_sessions_of_a_double_click_the_unused_one_ends() {
    for deployment in crate::support::CLOCK_SKEWS.map(Deployment::with_clock_skew) {
        for kept in [0, 1] {
            let nodes = nodes(&deployment);
            let mut browsers = double_click(&nodes).await;
            assert_eq!(nodes[0].sessions.of("alice").list().await.unwrap().len(), 2);
            deployment.clock.advance(secs(61));
            let mut browser = browsers[kept].at(&nodes[1].app);
            for _ in 0..2 {
                assert_eq!(browser.get("/cart").await.ok().body, "cart");
            }
            nodes[1].sessions.run_pending_tasks().await;
            for node in &nodes {
                assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
                let mut unused = browsers[1 - kept].at(&node.app);
                assert_eq!(unused.get("/whoami").await.ok().body, "nobody");
                let mut browser = browsers[kept].at(&node.app);
                assert_eq!(browser.get("/whoami").await.ok().body, "alice");
                assert_eq!(browser.get("/cart").await.ok().body, "cart");
            }
            assert_eq!(nodes[1].sessions.stats().ended_duplicate, 1);
            nodes[0].sessions.of("alice").revoke_all().await.unwrap();
            browsers[kept].cookie = None;
        }
    }
}

#[tokio::test]
async fn r23_while_an_answer_may_still_arrive_both_sessions_of_a_double_click_stay() {
    let deployment = Deployment::shared();
    let nodes = nodes(&deployment);
    let [first, second] = double_click(&nodes).await;
    deployment.clock.advance(secs(59));
    for browser in [&first, &second] {
        assert_eq!(browser.at(&nodes[1].app).get("/cart").await.ok().body, "cart");
    }
    nodes[1].sessions.run_pending_tasks().await;
    assert_both_logged_in(&nodes, [first, second]).await;
}

#[tokio::test]
async fn r23_a_client_that_comes_with_an_old_token_much_later_ends_no_other_session() {
    let deployment = Deployment::shared();
    let nodes = nodes(&deployment);
    let mut first = visitor(&nodes[0]).await;
    let mut second = first.at(&nodes[1].app);
    first.post("/login-keeping/alice").await.ok();
    deployment.clock.advance(minutes(2));
    second.post("/login-keeping/alice").await.ok();
    deployment.clock.advance(minutes(2));
    assert_eq!(second.get("/cart").await.ok().body, "cart");
    nodes[1].sessions.run_pending_tasks().await;
    assert_both_logged_in(&nodes, [first, second]).await;
}

#[tokio::test]
async fn r23_further_logins_on_the_second_node_join_its_session() {
    for deployment in Deployment::local_and_skewed() {
        let nodes = nodes(&deployment);
        let first = visitor(&nodes[0]).await;
        let mut tokens = Vec::new();
        for node in [0, 1, 1, 0, 1] {
            let mut browser = first.at(&nodes[node].app);
            browser.post("/login-keeping/alice").await.ok();
            assert_eq!(browser.get("/cart").await.ok().body, "cart");
            tokens.push(bare_token(browser.cookie.as_deref().unwrap()).to_owned());
        }
        tokens.sort();
        tokens.dedup();
        assert_eq!(tokens.len(), if deployment.store.is_some() { 2 } else { 1 });
        assert_eq!(nodes[0].sessions.of("alice").list().await.unwrap().len(), tokens.len());
    }
}

#[tokio::test]
async fn r23_a_login_of_somebody_else_under_the_same_token_ends_nothing() {
    let deployment = Deployment::shared();
    let nodes = nodes(&deployment);
    let mut alice = visitor(&nodes[0]).await;
    let mut mallory = alice.at(&nodes[1].app);
    alice.post("/login-keeping/alice").await.ok();
    mallory.post("/login-keeping/mallory").await.ok();
    deployment.clock.advance(minutes(2));
    mallory.get("/whoami").await.ok();
    nodes[1].sessions.run_pending_tasks().await;
    assert_eq!(alice.get("/whoami").await.ok().body, "alice");
}
