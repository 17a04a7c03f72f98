//! The methods of `tower_sessions::Session`, one by one.

use std::time::Duration;

use axum::Router;
use axum::extract::Query;
use axum::routing::get;
use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower_sessions::{Expiry, Session};

use crate::browser::Browser;
use crate::deployment::{Deployment, on};

#[derive(Deserialize)]
struct Pair {
    key: String,
    value: Option<String>,
}

async fn insert(session: Session, Query(pair): Query<Pair>) {
    session.insert(&pair.key, pair.value).await.unwrap();
}

async fn remove(session: Session, Query(pair): Query<Pair>) -> String {
    format!("{:?}", session.remove::<String>(&pair.key).await.unwrap())
}

async fn all(session: Session) -> String {
    let mut found = Vec::new();
    for key in ["a", "b", "Straße 1"] {
        if let Some(Value::String(value)) = session.get_value(key).await.unwrap() {
            found.push(format!("{key}={value}"));
        }
    }
    found.join(" ")
}

async fn id(session: Session) -> String {
    session.load().await.unwrap();
    session.id().map_or_else(|| "none".to_owned(), |id| id.to_string())
}

async fn delete(session: Session) {
    session.insert("a", "late").await.unwrap();
    session.delete().await.unwrap();
}

async fn flush_and_insert(session: Session) {
    session.flush().await.unwrap();
    session.insert("b", "fresh").await.unwrap();
}

async fn save_twice(session: Session) -> String {
    session.insert("a", "1").await.unwrap();
    session.save().await.unwrap();
    let id = session.id().unwrap();
    session.cycle_id().await.unwrap();
    session.insert("b", "2").await.unwrap();
    session.save().await.unwrap();
    assert_eq!(session.id(), Some(id));
    all(session).await
}

async fn expire_in_an_hour(session: Session) {
    session.set_expiry(Some(Expiry::OnInactivity(time::Duration::hours(1))));
}

async fn expire_in_the_past(session: Session) {
    session.set_expiry(Some(Expiry::AtDateTime(time::OffsetDateTime::UNIX_EPOCH)));
}

/// A handler that was ported.
async fn ported(a: cloakroom::Session<A>) -> String {
    a.update(|a| std::mem::replace(&mut a.0, "ported".into())).await.unwrap()
}

#[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
#[session(key = "ts.a")]
struct A(String);

#[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
struct Native(String);

fn app() -> Router {
    Router::new()
        .route("/", get(all))
        .route("/insert", get(insert))
        .route("/remove", get(remove))
        .route("/id", get(id))
        .route("/delete", get(delete))
        .route("/clear", get(async |session: Session| session.clear().await))
        .route("/cycle", get(async |session: Session| session.cycle_id().await.unwrap()))
        .route("/flush-and-insert", get(flush_and_insert))
        .route("/save-twice", get(save_twice))
        .route("/expire", get(expire_in_an_hour))
        .route("/expired", get(expire_in_the_past))
        .route("/ported", get(ported))
        .route("/native", get(async |session: cloakroom::Session| session.set(Native("here".into())).await))
        .route("/has-native", get(async |native: Option<cloakroom::Session<Native>>| native.is_some().to_string()))
}

#[tokio::test]
async fn what_is_inserted_is_read_until_it_is_removed() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        tab.get("/insert?key=b&value=2").await.ok("");
        tab.get("/insert?key=Stra%C3%9Fe+1&value=3").await.ok("");
        tab.get("/").await.ok("a=1 b=2 Straße 1=3");
        tab.get("/remove?key=b").await.ok("Some(\"2\")");
        tab.get("/remove?key=b").await.ok("None");
        tab.get("/remove?key=Stra%C3%9Fe+1").await.ok("Some(\"3\")");
        tab.get("/").await.ok("a=1");
    }
}

#[tokio::test]
async fn a_clear_before_the_first_read_removes_everything() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        tab.get("/native").await.ok("");
        tab.get("/clear").await.ok("");
        tab.get("/").await.ok("");
        tab.get("/has-native").await.ok("true");
    }
}

#[tokio::test]
async fn a_new_id_is_a_new_token_for_the_same_data() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        tab.get("/native").await.ok("");
        let before = tab.clone();
        tab.get("/cycle").await.ok("");
        assert_ne!(before.token(), tab.token());
        tab.get("/").await.ok("a=1");
        tab.get("/has-native").await.ok("true");
        before.clone().get("/").await.ok("");
    }
}

#[tokio::test]
async fn a_session_without_keys_of_its_own_gets_a_new_token_too() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/native").await.ok("");
        let mut old = tab.clone();
        tab.get("/cycle").await.ok("");
        assert_ne!(old.token(), tab.token());
        old.get("/has-native").await.ok("false");
        tab.get("/has-native").await.ok("true");
    }
}

#[tokio::test]
async fn a_deleted_session_does_not_come_back_with_the_response() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        let before = tab.clone();
        tab.get("/delete").await.ok("");
        assert_eq!(tab.token(), None);
        before.clone().get("/").await.ok("");
    }
}

#[tokio::test]
async fn what_follows_a_flush_is_in_a_new_session() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        let before = tab.clone();
        tab.get("/flush-and-insert").await.ok("");
        tab.get("/").await.ok("b=fresh");
        before.clone().get("/").await.ok("");
        assert_ne!(before.clone().get("/id").await.body, tab.get("/id").await.body);
    }
}

#[tokio::test]
async fn the_id_names_the_session_and_survives_a_rotation() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/id").await.ok("none");
        tab.get("/save-twice").await.ok("a=1 b=2");
        let id = tab.get("/id").await.body;
        tab.get("/cycle").await.ok("");
        tab.get("/id").await.ok(&id);
        assert!(!tab.token().unwrap().contains(&id));
    }
}

#[tokio::test]
async fn an_expiry_limits_the_session_and_keeps_its_cookie() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        let reply = tab.get("/expire").await;
        assert!(reply.set_cookie().unwrap().contains("Max-Age="), "{reply:?}");
        for _ in 0..2 {
            deployment.clock.advance(Duration::from_secs(29 * 60));
            tab.get("/").await.ok("a=1");
        }
        deployment.clock.advance(Duration::from_secs(2 * 60 + 1));
        tab.get("/").await.ok("");
    }
}

#[tokio::test]
async fn an_expiry_in_the_past_ends_the_session() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        let before = tab.clone();
        tab.get("/expired").await.ok("");
        before.clone().get("/").await.ok("");
    }
}

#[tokio::test]
async fn the_idle_timeout_is_that_of_cloakroom() {
    for deployment in Deployment::both() {
        let sessions = deployment.builder().idle_timeout(Duration::from_secs(600)).build().unwrap();
        let mut tab = Browser::new(&on(&sessions, app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        for _ in 0..3 {
            deployment.clock.advance(Duration::from_secs(590));
            tab.get("/").await.ok("a=1");
            sessions.run_pending_tasks().await;
        }
        // With a store, another node may report activity up to a tenth of the timeout later.
        deployment.clock.advance(Duration::from_secs(661));
        tab.get("/").await.ok("");
    }
}

#[tokio::test]
async fn a_ported_handler_shares_its_data_with_the_others() {
    for deployment in Deployment::both() {
        let mut tab = Browser::new(&on(&deployment.node(), app()));
        tab.get("/insert?key=a&value=1").await.ok("");
        tab.get("/ported").await.ok("1");
        tab.get("/").await.ok("a=ported");
        tab.get("/insert?key=a&value=2").await.ok("");
        tab.get("/ported").await.ok("2");
    }
}
