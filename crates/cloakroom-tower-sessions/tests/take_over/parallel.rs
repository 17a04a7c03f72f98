//! Parallel requests with one old cookie.

use std::sync::Arc;

use axum::Router;
use cloakroom_tower_sessions::{OldCookie, TakeOverKey, TakeOverLayer};
use futures_util::future::join_all;
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::browser::Browser;
use crate::deployment::Deployment;
use crate::old_store::Watched;
use crate::shop::{convert, new, old, take_over, visitor};

/// Sends requests at once, one after the other to each node, and returns the clients.
async fn at_once(before: &Browser, nodes: &[Router], requests: usize) -> Vec<Browser> {
    let send = async |number: usize| {
        let mut tab = before.at(&nodes[number % nodes.len()]);
        tab.get("/").await.ok("alice");
        tab
    };
    join_all((0..requests).map(send)).await
}

#[tokio::test]
async fn parallel_requests_arrive_at_one_session() {
    for deployment in Deployment::both() {
        let store = Watched::default();
        let first = deployment.node();
        let second = if deployment.is_shared() { deployment.node() } else { first.clone() };
        let before = visitor(&old(SessionManagerLayer::new(store.store.clone()))).await;
        let nodes = [&first, &second].map(|node| new(node, take_over(store.clone())));
        let tabs = at_once(&before, &nodes, 16).await;
        for (number, tab) in tabs.iter().enumerate() {
            assert!(!tab.cookies.contains_key("id"));
            tab.at(&nodes[number % 2]).get(&format!("/add/{number}")).await;
        }
        let cart = tabs[0].at(&nodes[1]).get("/cart").await.body;
        assert_eq!(cart.split(' ').count(), 17, "one cart: {cart}");
        assert_eq!(first.of("alice").list().await.unwrap().len(), 1);
    }
}

/// A request that read the old session before another one took it over, and goes on after the
/// logout.
#[tokio::test]
async fn a_slow_request_does_not_revive_the_session_after_a_logout() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        let app = new(&sessions, take_over(store.clone()));
        let (paused, go_on) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
        let slow = Paused { store, paused: Arc::clone(&paused), go_on: Arc::clone(&go_on) };
        let mut slow_tab = before.at(&new(&sessions, take_over(slow)));
        let slow_request = tokio::spawn(async move {
            slow_tab.get("/").await.ok("nobody");
            slow_tab
        });
        paused.notified().await;
        let mut tab = before.at(&app);
        tab.get("/").await.ok("alice");
        tab.get("/logout").await.ok("");
        go_on.notify_one();
        assert!(slow_request.await.unwrap().cookies.is_empty());
        assert_eq!(sessions.of("alice").list().await.unwrap().len(), 0);
        before.at(&app).get("/").await.ok("nobody");
    }
}

/// The old store, whose first load waits after it has read.
struct Paused {
    store: MemoryStore,
    paused: Arc<tokio::sync::Notify>,
    go_on: Arc<tokio::sync::Notify>,
}

#[async_trait::async_trait]
impl cloakroom_tower_sessions::OldStore for Paused {
    async fn load(
        &self,
        id: &str,
    ) -> Result<Option<cloakroom_tower_sessions::OldSession>, Box<dyn std::error::Error + Send + Sync>> {
        let found = cloakroom_tower_sessions::OldStore::load(&self.store, id).await;
        if found.as_ref().is_ok_and(Option::is_some) {
            self.paused.notify_one();
            self.go_on.notified().await;
        }
        found
    }

    async fn delete(&self, id: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        cloakroom_tower_sessions::OldStore::delete(&self.store, id).await
    }
}

#[tokio::test]
async fn another_key_finds_no_session_that_was_taken_over() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        before.at(&new(&sessions, take_over(store.clone()))).get("/").await.ok("alice");
        let other_key = TakeOverKey::new([8; 32]).unwrap();
        let other = TakeOverLayer::new(OldCookie::named("id").insecure(), store, other_key).convert(convert);
        before.at(&new(&sessions, other)).get("/").await.ok("nobody");
    }
}

/// A request that has created the new session and has not confirmed it, when another one comes.
#[tokio::test]
async fn a_session_that_is_not_confirmed_is_not_taken_for_one_that_is() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        let (paused, go_on) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
        // Of two loads, the second one follows the creation.
        let slow = Paused { store: store.clone(), paused: Arc::clone(&paused), go_on: Arc::clone(&go_on) };
        let mut slow_tab = before.at(&new(&sessions, take_over(slow)));
        let slow_request = tokio::spawn(async move {
            slow_tab.get("/").await.ok("alice");
            slow_tab
        });
        paused.notified().await;
        go_on.notify_one();
        paused.notified().await;
        let mut tab = before.at(&new(&sessions, take_over(store)));
        tab.get("/").await.ok("alice");
        go_on.notify_one();
        let slow_tab = slow_request.await.unwrap();
        assert_eq!(slow_tab.cookies.keys().collect::<Vec<_>>(), ["session"]);
        assert_eq!(sessions.of("alice").list().await.unwrap().len(), 1);
    }
}
