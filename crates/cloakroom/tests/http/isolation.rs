//! R53: no user ever receives another user's data, whatever is cancelled, late or failing.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::{CachePolicy, Session, SessionError, SessionValue, Sessions};
use cloakroom_testkit::{FaultRates, FaultyStore, MemoryStore, SeededRandom};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::support::{Browser, Deployment, Node, routes};

const USERS: u64 = 1000;
const REQUESTS: u64 = 12;

/// A cached value that names the user for whom it was loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Profile(String);

impl SessionValue for Profile {
    const KEY: &'static str = "profile";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_millis(1));
}

async fn profile(session: Session) -> Result<String, SessionError> {
    let Some(principal) = session.principal().await? else { return Ok("nobody".to_owned()) };
    let load = async move || {
        tokio::task::yield_now().await;
        Ok::<_, SessionError>(Profile(principal.as_str().to_owned()))
    };
    Ok(session.get_or_load(load).await?.0.clone())
}

async fn slow_note(session: Session, Path(text): Path<String>) -> Result<String, SessionError> {
    tokio::task::yield_now().await;
    session.update::<crate::support::Note, _>(|note| note.0.clone_from(&text)).await?;
    tokio::task::yield_now().await;
    Ok(text)
}

fn application(sessions: &Sessions) -> Node {
    let own_routes = Router::new().route("/profile", any(profile)).route("/slow/{text}", any(slow_note));
    Node { app: Node::with_sessions(sessions.clone(), routes().merge(own_routes)), sessions: sessions.clone() }
}

/// Sends one user's requests, some of which are dropped half-way, and asserts that every response
/// is the user's own.
async fn run_user(nodes: [Node; 2], user: u64) -> Browser {
    let rng = SeededRandom::new(user);
    let name = format!("user-{user}");
    let mut browser = Browser::new(&nodes[0].app);
    while browser.post(&format!("/login/{name}")).await.status != 200 {}
    for _ in 0..REQUESTS {
        let paths = ["/whoami".to_owned(), "/profile".to_owned(), format!("/slow/{name}"), "/note".to_owned()];
        let path = &paths[(rng.next_u64() % 4) as usize];
        let node = &nodes[(rng.next_u64() % 2) as usize];
        let mut tab = browser.at(&node.app);
        // Dropped at some await point, or finished in time.
        let time_limit = Duration::from_micros(rng.next_u64() % 400);
        let outcome = tokio::time::timeout(time_limit, tab.post(path)).await;
        let Ok(reply) = outcome else { continue };
        if reply.status == 200 {
            let is_own = reply.body == name || (path == "/note" && reply.body == "nothing");
            assert!(is_own, "{name} requested {path} and received {}", reply.body);
            browser.cookie = tab.cookie;
        }
    }
    browser
}

async fn run_users(nodes: [Node; 2], end_faults: impl FnOnce()) {
    let mut users = JoinSet::new();
    for user in 0..USERS {
        let nodes = nodes.clone();
        users.spawn(async move { (user, run_user(nodes, user).await) });
    }
    let browsers = users.join_all().await;
    end_faults();
    for (user, browser) in browsers {
        for node in &nodes {
            let mut browser = browser.at(&node.app);
            assert_eq!(browser.get("/whoami").await.ok().body, format!("user-{user}"));
            assert_eq!(browser.get("/profile").await.ok().body, format!("user-{user}"));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r53_a_thousand_users_get_their_own_in_one_process() {
    let node = application(&Deployment::local().builder().build().unwrap());
    run_users([node.clone(), node], || {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r53_a_thousand_users_get_their_own_over_a_slow_and_failing_store() {
    let store = MemoryStore::new();
    let faulty = [FaultyStore::new(store.node()), FaultyStore::new(store.node())];
    let nodes = faulty.clone().map(|store| application(&crate::support::recorded().store(store).build().unwrap()));
    for (seed, store) in faulty.iter().enumerate() {
        store.roll(seed as u64, FaultRates::default().unavailable(2).lost_reply(2).dawdle(50));
    }
    run_users(nodes, || faulty.iter().for_each(FaultyStore::reset)).await;
}

#[tokio::test]
async fn r53_a_panic_in_a_handler_disturbs_nobody() {
    for deployment in Deployment::both() {
        let panicking = async |session: Session| -> String {
            session.update::<crate::support::Note, ()>(|_| panic!("in the middle of an update")).await.unwrap();
            unreachable!()
        };
        let node = Node::with_routes(deployment.builder(), routes().route("/panic", any(panicking)));
        let mut alice = Browser::new(&node.app);
        alice.post("/note/of-alice").await.ok();
        let mut bob = Browser::new(&node.app);
        bob.post("/note/of-bob").await.ok();
        let mut tab = alice.clone();
        assert!(tokio::spawn(async move { tab.post("/panic").await }).await.unwrap_err().is_panic());
        for (browser, expected) in [(&mut alice, "of-alice"), (&mut bob, "of-bob")] {
            assert_eq!(browser.get("/note").await.ok().body, expected);
            browser.post("/note/again").await.ok();
            assert_eq!(browser.get("/note").await.ok().body, "again");
        }
    }
}
