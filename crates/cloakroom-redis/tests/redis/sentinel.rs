//! Sentinels promote another master while a client continues to work.

use std::time::Duration;

use cloakroom::{SessionErrorKind, Sessions};
use cloakroom_redis::{RedisStore, RedisStoreBuilder};
use cloakroom_testbed::{Sentinels, Server};

use crate::backend::{LEASE, create_user};
use crate::rules;
use crate::support::{Count, LIMIT, Visitor, until};

/// The ACL rules of the tests cover names with this prefix.
const NAMESPACE: &str = "test-sentinel";

/// Creates a user with only the documented rights on servers and sentinels.
async fn create_user_everywhere(sentinels: &Sentinels, user: &str) {
    create_user(sentinels.servers(), user, &rules::of_servers()).await;
    create_user(sentinels.sentinels(), user, &rules::of_sentinels()).await;
}

/// A builder of stores that connect as this user.
fn builder(sentinels: &Sentinels, user: &str, master: &str) -> RedisStoreBuilder {
    let urls = sentinels.urls().into_iter().map(|url| url.replacen("://", &format!("://{user}:password@"), 1));
    RedisStore::builder(NAMESPACE).sentinels(urls, master).lease(LEASE)
}

async fn nothing_was_denied(servers: &[Server]) {
    for server in servers.iter().filter(|server| server.is_running()) {
        let denied = server.command(&["ACL", "LOG"]).await.unwrap();
        assert_eq!(denied, redis::Value::Array(Vec::new()), "no command was denied");
    }
}

async fn add(sessions: &Sessions, visitor: &Visitor) -> Result<u64, SessionErrorKind> {
    let visit = visitor.enter(sessions);
    let count = |count: &mut Count| {
        count.0 += 1;
        count.0
    };
    let outcome = visit.update(count).await;
    visit.leave().await;
    outcome.map_err(|error| error.kind())
}

/// A node that does not give up an unresponsive master by itself.
async fn patient_node(sentinels: &Sentinels) -> Sessions {
    let builder = builder(sentinels, "shop", sentinels.master_name()).lease(Duration::from_secs(1));
    let store = builder.deadline(Duration::from_secs(60)).connect().await.unwrap();
    crate::support::recorded().store(store).build().unwrap()
}

/// Freezes the master until another one is promoted, and returns the old one.
async fn replace_master(sentinels: &Sentinels) -> &Server {
    let old = sentinels.master().await.unwrap();
    old.freeze().await.unwrap();
    until("another server is the master", async || {
        let Ok(new) = sentinels.master().await else { return false };
        new.port() != old.port() && new.info("replication").await.is_ok_and(|info| info["role"] == "master")
    })
    .await;
    old
}

async fn count(sessions: &Sessions, visitor: &Visitor) -> Option<u64> {
    visitor.enter(sessions).get::<Count>().await.unwrap().map(|count| count.0)
}

/// The sentinels reconfigure the old master only about ten seconds later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_goes_on_after_it_was_replaced_is_left_before_it_is_told() {
    let sentinels = Sentinels::start().await.unwrap();
    create_user_everywhere(&sentinels, "shop").await;
    let node = patient_node(&sentinels).await;
    let alice = Visitor::default();
    add(&node, &alice).await.unwrap();
    let old = replace_master(&sentinels).await;
    old.thaw().unwrap();
    let fresh = patient_node(&sentinels).await;
    until("the node writes where others read", async || {
        let written = add(&node, &alice).await;
        written.is_ok() && count(&fresh, &alice).await == written.ok()
    })
    .await;
    assert_eq!(old.info("replication").await.unwrap()["role"], "master", "it has not been reconfigured yet");
}

/// A sentinel of another deployment plays the part of one that is cut off together with a replaced
/// master.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_sentinel_alone_makes_no_node_leave_its_master() {
    let (majority, other) = (Sentinels::start().await.unwrap(), Sentinels::start().await.unwrap());
    create_user_everywhere(&majority, "shop").await;
    create_user_everywhere(&other, "shop").await;
    let urls: Vec<_> = majority.urls().into_iter().take(2).chain(other.urls().into_iter().take(1)).collect();
    let urls = urls.into_iter().map(|url| url.replacen("://", "://shop:password@", 1));
    let store = RedisStore::builder(NAMESPACE).sentinels(urls, majority.master_name()).lease(LEASE);
    let sessions = crate::support::recorded().store(store.connect().await.unwrap()).build().unwrap();
    let other_master = other.master().await.unwrap();
    let keys = async || redis::from_redis_value::<u64>(other_master.command(&["DBSIZE"]).await.unwrap()).unwrap();
    // When connecting, the first answer counts; afterwards the majority names the other master.
    until("the node uses the master that the majority names", async || {
        other_master.command(&["FLUSHALL"]).await.unwrap();
        add(&sessions, &Visitor::default()).await.is_ok() && keys().await == 0
    })
    .await;
    for _ in 0..40 {
        tokio::time::sleep(LEASE / 4).await;
        assert_eq!(add(&sessions, &Visitor::default()).await, Ok(1));
        assert_eq!(keys().await, 0, "it left the master that the majority names");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_answer_of_a_master_that_was_replaced() {
    let sentinels = Sentinels::start().await.unwrap();
    create_user_everywhere(&sentinels, "shop").await;
    let node = patient_node(&sentinels).await;
    let alice = Visitor::default();
    add(&node, &alice).await.unwrap();
    let freezing = replace_master(&sentinels);
    let writing = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        tokio::time::timeout(Duration::from_secs(40), add(&node, &alice)).await.expect("the old master is given up")
    };
    let (old, outcome) = tokio::join!(freezing, writing);
    old.thaw().unwrap();
    let there = count(&patient_node(&sentinels).await, &alice).await.unwrap();
    assert!(outcome.is_err() || outcome == Ok(there), "{outcome:?} was acknowledged, but the count is {there}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_that_dies_is_replaced_and_what_was_lost_with_it_is_noticed() {
    let sentinels = Sentinels::start().await.unwrap();
    create_user_everywhere(&sentinels, "shop").await;
    let builder = || builder(&sentinels, "shop", sentinels.master_name());
    let sessions = crate::support::recorded().store(builder().connect().await.unwrap()).build().unwrap();
    let alice = Visitor::default();
    let mut acknowledged = 0;
    for _ in 0..50 {
        add(&sessions, &alice).await.unwrap();
        acknowledged += 1;
    }
    let mut unknown = 0;
    let failover = sentinels.kill_master();
    tokio::pin!(failover);
    let new = loop {
        tokio::select! {
            new = &mut failover => break new.unwrap(),
            outcome = add(&sessions, &alice) => match outcome {
                Ok(_) => acknowledged += 1,
                Err(SessionErrorKind::OutcomeUnknown) => unknown += 1,
                Err(kind) => {
                    assert_eq!(kind, SessionErrorKind::StoreUnavailable, "never an empty session");
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        }
    };
    tokio::time::timeout(LIMIT, async {
        until("the client makes progress", async || add(&sessions, &alice).await.is_ok()).await;
        acknowledged += 1;
    })
    .await
    .expect("the new master is found");
    let counted = add(&sessions, &alice).await.unwrap();
    acknowledged += 1;
    // A request that was cancelled at the end of the failover may have succeeded.
    assert!(counted <= acknowledged + unknown + 1, "{counted} of {acknowledged} and {unknown}");
    let lost = acknowledged.saturating_sub(counted);
    assert!(lost == 0 || sessions.stats().rollbacks > 0, "{lost} writes lost without being detected");

    // The old master restarts, becomes a replica, and no node uses it as a master.
    let old = sentinels.servers().iter().find(|server| !server.is_running()).unwrap();
    assert_ne!(old.port(), new.port());
    old.restart().await.unwrap();
    for _ in 0..10 {
        let before = add(&sessions, &alice).await.unwrap();
        assert_eq!(add(&sessions, &alice).await.unwrap(), before + 1);
    }
    let late = crate::support::recorded().store(builder().connect().await.unwrap()).build().unwrap();
    assert!(add(&late, &alice).await.unwrap() > counted, "a new node finds the new master");
    nothing_was_denied(sentinels.sentinels()).await;
    nothing_was_denied(sentinels.servers()).await;
}

#[tokio::test]
async fn what_does_not_lead_to_a_master_is_said_at_once() {
    let sentinels = Sentinels::builder().replicas(0).start().await.unwrap();
    create_user_everywhere(&sentinels, "shop").await;
    let connect_error = async |builder: RedisStoreBuilder| builder.connect().await.unwrap_err().to_string();
    let unknown = connect_error(builder(&sentinels, "shop", "nobody")).await;
    assert!(unknown.contains("cannot be reached") && unknown.contains("name not found"), "{unknown}");
    // The address of a server instead of its sentinels.
    let server = sentinels.servers()[0].url();
    let mistaken = connect_error(RedisStore::builder(NAMESPACE).sentinels([server], sentinels.master_name())).await;
    assert!(mistaken.contains("not a sentinel") && mistaken.contains("26379"), "{mistaken}");
}

#[tokio::test]
async fn every_right_at_the_sentinels_is_needed_and_a_missing_one_is_named() {
    let sentinels = Sentinels::builder().replicas(0).start().await.unwrap();
    let connect = async |user: &str| builder(&sentinels, user, sentinels.master_name()).connect().await;
    create_user_everywhere(&sentinels, "all").await;
    connect("all").await.expect("the documented rights are enough");
    let rules = rules::of_sentinels();
    let rights: Vec<_> = rules.split(' ').filter_map(|rule| rule.strip_prefix('+')).collect();
    assert!(rules.starts_with("resetchannels resetkeys -@all +") && rights.len() >= 2, "{rules}");
    for (n, right) in rights.iter().enumerate() {
        let user = format!("all-but-{n}");
        create_user_everywhere(&sentinels, &user).await;
        create_user(sentinels.sentinels(), &user, &format!("-{right}")).await;
        let text = connect(&user).await.expect_err("a right is missing").to_string();
        assert!(text.contains("may not ask which server is the master") && text.contains(right), "{right}: {text}");
        assert!(text.contains("access rules"), "{text}");
    }
}
