//! `try_update`, `take` and `clear`.

use cloakroom::{CachePolicy, SessionErrorKind, SessionValue};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::support::{Deployment, Note, secs, visitor, visitor_with};
use crate::visitor::Visitor;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cart(Vec<String>);

impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flash(String);

impl SessionValue for Flash {
    const KEY: &'static str = "flash";
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Roles(u8);

impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(secs(60));
}

fn put_in(cart: &mut Cart) -> Result<usize, &'static str> {
    cart.0.push("a pen".into());
    if cart.0.len() > 1 { Err("full") } else { Ok(cart.0.len()) }
}

#[tokio::test]
async fn a_declined_update_leaves_no_partial_change() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let visitor = visitor(&first).await;
        let session = visitor.enter(&first);
        assert_eq!(session.try_update(put_in).await.unwrap(), Ok(1));
        let commits = first.stats().commits;
        assert_eq!(session.try_update(put_in).await.unwrap(), Err("full"));
        assert_eq!(first.stats().commits, commits);
        session.leave().await;
        assert_eq!(visitor.enter(&second).get::<Cart>().await.unwrap().unwrap().0.len(), 1);
    }
}

#[tokio::test]
async fn an_update_without_a_change_creates_no_session_and_no_cookie() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let stranger = Visitor::default();
        let visit = stranger.enter(&node);
        let declined = visit.try_update(|cart: &mut Cart| {
            cart.0.push("a pen".into());
            Err::<(), _>("never")
        });
        assert_eq!(declined.await.unwrap(), Err("never"));
        assert_eq!(visit.update(|cart: &mut Cart| cart.0.len()).await.unwrap(), 0);
        visit.update(|cart: &mut Cart| cart.0.retain(|item| item != "a pen")).await.unwrap();
        assert!(!visit.exists().await.unwrap());
        visit.leave().await;
        assert_eq!((stranger.take_received(), node.stats().created), (None, 0));
        let visit = stranger.enter(&node);
        visit.update(|cart: &mut Cart| cart.0.push("a pen".into())).await.unwrap();
        visit.leave().await;
        assert!(stranger.cookie().is_some(), "an update that changes the value creates a session");
    }
}

/// A retried update is applied once, and decides by the current value.
#[tokio::test]
async fn parallel_updates_never_exceed_the_limit_that_they_check() {
    for deployment in Deployment::both() {
        let nodes = deployment.nodes();
        let visitor = visitor(&nodes[0]).await;
        let mut requests = JoinSet::new();
        for number in 0..8 {
            let visit = visitor.enter(&nodes[number % 2]);
            requests.spawn(async move {
                let change = |cart: &mut Cart| {
                    cart.0.push("a pen".into());
                    if cart.0.len() > 3 { Err("full") } else { Ok(()) }
                };
                visit.try_update(change).await.unwrap()
            });
        }
        let outcomes = requests.join_all().await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 3);
        assert_eq!(visitor.enter(&nodes[0]).get::<Cart>().await.unwrap().unwrap().0.len(), 3);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_requests_on_two_nodes_take_a_flash_message_once() {
    for deployment in Deployment::both() {
        let nodes = deployment.nodes();
        for _ in 0..20 {
            let visitor = visitor_with(&nodes[0], Flash("saved".into())).await;
            let mut requests = JoinSet::new();
            for number in 0..8 {
                let visit = visitor.enter(&nodes[number % 2]);
                requests.spawn(async move { visit.take::<Flash>().await.unwrap() });
            }
            let taken: Vec<_> = requests.join_all().await.into_iter().flatten().collect();
            assert_eq!(taken, [Flash("saved".into())]);
        }
    }
}

#[tokio::test]
async fn taking_an_absent_value_writes_and_creates_nothing() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        assert_eq!(Visitor::default().enter(&node).take::<Flash>().await.unwrap(), None);
        assert_eq!(node.stats().created, 0);
        let session = visitor(&node).await.enter(&node);
        let commits = node.stats().commits;
        assert_eq!(session.take::<Flash>().await.unwrap(), None);
        assert_eq!(node.stats().commits, commits);
    }
}

#[tokio::test]
async fn a_value_that_does_not_decode_is_not_taken() {
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Number(u8);
    impl SessionValue for Number {
        const KEY: &'static str = Flash::KEY;
    }
    let node = Deployment::local().node();
    let session = visitor_with(&node, Flash("saved".into())).await.enter(&node);
    assert_eq!(session.take::<Number>().await.unwrap_err().kind(), SessionErrorKind::Decode);
    assert_eq!(session.take::<Flash>().await.unwrap(), Some(Flash("saved".into())));
}

#[tokio::test]
async fn clear_removes_all_values_and_leaves_the_login_and_the_token() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let visitor = visitor_with(&first, Flash("saved".into())).await;
        let visit = visitor.enter(&first);
        visit.login("somebody").await.unwrap();
        visit.set(Roles(7)).await.unwrap();
        visit.set(Note("here".into())).await.unwrap();
        visit.leave().await;
        let commits = first.stats().commits;
        let visit = visitor.enter(&first);
        assert!(visit.clear().await.unwrap());
        assert!(!visit.clear().await.unwrap(), "there is nothing left");
        visit.leave().await;
        assert_eq!(first.stats().commits, commits + 1, "all in one commit");
        let visit = visitor.enter(&second);
        assert_eq!(visit.get::<Note>().await.unwrap(), None);
        assert_eq!(visit.get::<Roles>().await.unwrap(), None);
        assert_eq!(visit.principal().await.unwrap().unwrap().as_str(), "somebody");
    }
}

#[tokio::test]
async fn clear_without_a_session_creates_none() {
    let node = Deployment::local().node();
    assert!(!Visitor::default().enter(&node).clear().await.unwrap());
    assert_eq!(node.stats().created, 0);
}

#[tokio::test]
async fn clear_removes_what_another_node_has_just_written() {
    let [first, second] = Deployment::shared().nodes();
    let visitor = visitor(&first).await;
    // Both nodes have a copy. Then the second one writes, and the first may not know it yet.
    for node in [&first, &second] {
        visitor.enter(node).get::<Note>().await.unwrap();
    }
    visitor.enter(&second).set(Flash("added".into())).await.unwrap();
    assert!(visitor.enter(&first).clear().await.unwrap());
    assert_eq!(visitor.enter(&second).get::<Flash>().await.unwrap(), None);
}
