//! R07: two logins of one visitor at once. Whichever answer arrives last, the visitor is logged in and has what was kept.

use axum::extract::Path;
use axum::routing::any;
use cloakroom::{Login, Session, SessionError};

use crate::support::{Browser, Deployment, HandlerGate, Kept, Node, ticket};

fn node(builder: cloakroom::SessionsBuilder) -> Node {
    let cart = async |kept: Session<Kept>| kept.0.clone();
    Node::with_routes(builder, crate::support::routes().route("/cart", any(cart)))
}

fn nodes(deployment: &Deployment) -> [Node; 2] {
    let here = node(deployment.builder());
    let there = if deployment.store.is_some() { node(deployment.other_builder()) } else { here.clone() };
    [here, there]
}

async fn visitor(node: &Node) -> Browser {
    let mut browser = Browser::new(&node.app);
    browser.post("/kept/cart").await.ok();
    browser.post("/note/planted").await.ok();
    browser
}

/// Both clients hold the cookie of one and the same browser.
async fn both_have_it(nodes: &[Node; 2], clicks: [Browser; 2]) {
    for click in clicks {
        for node in nodes {
            let mut browser = click.at(&node.app);
            assert_eq!(browser.get("/whoami").await.ok().body, "alice");
            assert_eq!(browser.get("/cart").await.ok().body, "cart");
            assert_eq!(browser.get("/note").await.ok().body, "nothing", "only what was named");
        }
    }
}

#[tokio::test]
async fn r07_a_double_click_keeps_the_cart_whichever_answer_arrives_last() {
    for deployment in Deployment::alone_and_apart() {
        let nodes = nodes(&deployment);
        let mut first = visitor(&nodes[0]).await;
        let mut second = first.at(&nodes[1].app);
        first.post("/login-keeping/alice").await.ok();
        second.post("/login-keeping/alice").await.ok();
        both_have_it(&nodes, [first, second]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r07_logins_at_the_very_same_time_all_keep_the_cart() {
    for deployment in Deployment::alone_and_apart() {
        let nodes = nodes(&deployment);
        for _ in 0..50 {
            let first = visitor(&nodes[0]).await;
            let clicks = [0, 1, 0, 1].map(|node: usize| {
                let mut click = first.at(&nodes[node].app);
                tokio::spawn(async move {
                    click.post("/login-keeping/alice").await.ok();
                    click
                })
            });
            for click in clicks {
                let click = click.await.unwrap();
                both_have_it(&nodes, [click.clone(), click]).await;
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
        assert_eq!(ticket(first.cookie.as_deref().unwrap()), ticket(second.cookie.as_deref().unwrap()));
        assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
        assert_eq!(node.sessions.stats().logins, 1);
    }
}

#[tokio::test]
async fn r07_another_user_gets_nothing_of_a_login_that_was_first() {
    for deployment in Deployment::alone_and_apart() {
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
    for deployment in Deployment::alone_and_apart() {
        let nodes = nodes(&deployment);
        let mut first = visitor(&nodes[0]).await;
        let mut second = first.at(&nodes[0].app);
        first.post("/login-keeping/alice").await.ok();
        second.post("/login-remembered/alice").await.ok();
        assert_ne!(ticket(first.cookie.as_deref().unwrap()), ticket(second.cookie.as_deref().unwrap()));
        assert_eq!(second.get("/cart").await.ok().body, "", "it keeps nothing");
        assert_eq!(first.get("/cart").await.ok().body, "cart");
    }
}

/// What browsers do with a form that is sent twice: they hang up on the first request.
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
        let given_up = tokio::spawn(async move { first.post("/slow/alice").await });
        gate.arrival().await;
        let joined = tokio::spawn(async move {
            second.post("/slow/alice").await.ok();
            second
        });
        gate.arrival().await;
        given_up.abort();
        assert!(given_up.await.unwrap_err().is_cancelled());
        gate.release();
        let mut second = joined.await.unwrap();
        node.sessions.run_pending_tasks().await;
        assert_eq!(second.get("/whoami").await.ok().body, "alice");
        assert_eq!(second.get("/cart").await.ok().body, "cart");
    }
}
