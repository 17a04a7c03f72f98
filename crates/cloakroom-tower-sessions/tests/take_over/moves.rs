//! One visitor moves.

use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use axum::routing::get;
use cloakroom::{Login, Session, SessionValue};
use cloakroom_tower_sessions::{NewSession, OldSession};
use serde::{Deserialize, Serialize};
use tower_sessions::{MemoryStore, SessionManagerLayer};

use crate::browser::Browser;
use crate::deployment::Deployment;
use crate::old_store::Watched;
use crate::shop::{new, new_with, old, routes, take_over, visitor};

#[tokio::test]
async fn a_visitor_stays_logged_in_and_keeps_the_cart() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        let mut tab = before.at(&new(&sessions, take_over(store)));
        tab.get("/").await.ok("alice");
        assert_eq!(tab.cookies.keys().collect::<Vec<_>>(), ["session"], "the old cookie is gone");
        tab.get("/cart").await.ok("umbrella");
        tab.get("/add/boots").await.ok("umbrella boots");
        assert_eq!(sessions.of("alice").list().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_anonymous_cart_moves_too() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let mut tab = Browser::new(&old(SessionManagerLayer::new(store.clone())));
        tab.get("/add/umbrella").await.ok("umbrella");
        let mut tab = tab.at(&new(&sessions, take_over(store)));
        tab.get("/cart").await.ok("umbrella");
        tab.get("/cart").await.ok("umbrella");
        assert_eq!(tab.cookies.len(), 1);
    }
}

#[tokio::test]
async fn the_old_session_is_deleted() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let old = old(SessionManagerLayer::new(store.clone()));
        let before = visitor(&old).await;
        before.at(&new(&sessions, take_over(store))).get("/").await.ok("alice");
        before.at(&old).get("/").await.ok("nobody");
    }
}

#[tokio::test]
async fn the_old_cookie_opens_nothing_after_a_logout() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        let app = new(&sessions, take_over(store));
        let mut tab = before.at(&app);
        // The very request that takes the session over may be the logout.
        tab.get("/logout").await.ok("");
        let mut replay = before.at(&app);
        replay.get("/").await.ok("nobody");
        assert!(replay.cookies.is_empty(), "the old cookie is removed, and no session was made");
    }
}

#[tokio::test]
async fn the_old_cookie_opens_nothing_after_a_new_login() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        let app = new(&sessions, take_over(store));
        let mut tab = before.at(&app);
        tab.get("/").await.ok("alice");
        tab.get("/login/alice").await.ok("");
        let mut replay = before.at(&app);
        replay.get("/").await.ok("nobody");
        assert!(replay.cookies.is_empty());
        tab.get("/").await.ok("alice");
    }
}

#[tokio::test]
async fn a_visitor_who_lost_the_response_gets_the_same_session_again() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        let app = new(&sessions, take_over(store));
        let (mut first, mut again) = (before.at(&app), before.at(&app));
        first.get("/add/boots").await.ok("umbrella boots");
        again.get("/cart").await.ok("umbrella boots");
        again.get("/add/hat").await.ok("umbrella boots hat");
        first.get("/cart").await.ok("umbrella boots hat");
        assert_eq!(sessions.stats().created, 1);
    }
}

#[tokio::test]
async fn a_handler_that_panics_does_not_log_out() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        let panics = async || {
            if true {
                panic!("on purpose");
            }
        };
        let app = new_with(&sessions, take_over(store), routes().route("/panic", get(panics)));
        let mut tab = before.at(&app);
        let panicked = tab.clone();
        assert!(tokio::spawn(async move { panicked.clone().get("/panic").await }).await.is_err());
        sessions.run_pending_tasks().await;
        tab.get("/").await.ok("alice");
        tab.get("/cart").await.ok("umbrella");
    }
}

#[tokio::test]
async fn an_invented_or_expired_old_cookie_makes_no_session() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let app = new(&sessions, take_over(store));
        for id in ["AAAAAAAAAAAAAAAAAAAAAA", "x", "%00", ""] {
            let mut tab = Browser::new(&app);
            tab.cookies.insert("id".into(), id.into());
            tab.get("/").await.ok("nobody");
            assert!(tab.cookies.is_empty(), "{id:?}");
        }
        assert_eq!(sessions.stats().created, 0);
    }
}

#[tokio::test]
async fn a_visitor_without_the_old_cookie_costs_no_lookup() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), Watched::default());
        let mut tab = Browser::new(&new(&sessions, take_over(store.clone())));
        tab.get("/add/umbrella").await.ok("umbrella");
        tab.get("/cart").await.ok("umbrella");
        assert_eq!(store.loads.load(Ordering::SeqCst), 0);
    }
}

#[tokio::test]
async fn after_its_end_an_old_cookie_is_only_removed() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), Watched::default());
        let before = visitor(&old(SessionManagerLayer::new(store.store.clone()))).await;
        let over = take_over(store.clone()).until(SystemTime::now() - Duration::from_secs(1));
        let mut tab = before.at(&new(&sessions, over));
        tab.get("/").await.ok("nobody");
        assert!(tab.cookies.is_empty());
        assert_eq!(store.loads.load(Ordering::SeqCst), 0);
        let in_time = take_over(store).until(SystemTime::now() + Duration::from_secs(3600));
        before.at(&new(&sessions, in_time)).get("/").await.ok("alice");
    }
}

/// The visitor's own session, which the old cookie must not replace.
#[tokio::test]
async fn a_visitor_with_both_cookies_keeps_the_session_of_cloakroom() {
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let old = old(SessionManagerLayer::new(store.clone()));
        let before = visitor(&old).await;
        let app = new(&sessions, take_over(store));
        let mut tab = Browser::new(&app);
        tab.get("/login/bob").await.ok("");
        tab.cookies.extend(before.cookies.clone());
        tab.get("/").await.ok("bob");
        assert_eq!(tab.cookies.len(), 1);
        before.at(&old).get("/").await.ok("nobody");
    }
}

#[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
struct Cart(Vec<String>);

#[tokio::test]
async fn a_session_is_converted_for_handlers_that_use_cloakroom() {
    fn convert(old: &OldSession) -> NewSession {
        let cart = old.data.get("cart").cloned().and_then(|cart| serde_json::from_value(cart).ok());
        let session = NewSession::new().value(&cart.unwrap_or_else(Cart::default)).unwrap();
        session.login(Login::new("alice").label("moved"))
    }
    for deployment in Deployment::both() {
        let (sessions, store) = (deployment.node(), MemoryStore::default());
        let before = visitor(&old(SessionManagerLayer::new(store.clone()))).await;
        let show = async |session: Session| {
            let cart = session.get::<Cart>().await.unwrap().unwrap();
            format!("{} {}", session.principal().await.unwrap().unwrap().as_str(), cart.0.join(" "))
        };
        let app = new_with(&sessions, take_over(store).convert(convert), routes().route("/native", get(show)));
        before.at(&app).get("/native").await.ok("alice umbrella");
        assert_eq!(sessions.of("alice").list().await.unwrap()[0].label.as_deref(), Some("moved"));
    }
}
