//! The ACL rules of the guide grant every right that is needed, and no other.

use std::sync::Arc;

use cloakroom_redis::{RedisStore, Warning};
use cloakroom_testbed::{Cluster, Server};
use cloakroom_testkit::conformance;

use crate::backend::{RedisBackend, Servers};
use crate::cluster::another_master;
use crate::rules;
use crate::support::{Visitor, selector_of};

/// Commands that a single server does not receive.
const FOR_CLUSTERS: [&str; 2] = ["cluster|slots", "asking"];

#[tokio::test(flavor = "multi_thread")]
async fn r60_the_contract_holds_under_the_documented_rules_and_every_command_in_them_is_used() {
    // Only `Store::list` needs it, and the guide grants it for that time alone.
    let rules = format!("{} +scan", rules::of_servers());
    let server = Server::builder().user("shop", "password", &rules).start().await.unwrap();
    let address = server.url_of("shop").unwrap();
    let store = RedisStore::builder("test-first").server(&address).connect().await.unwrap();
    assert_eq!(store.warnings(), [Warning::NoPersistence], "the rules allow every startup check");
    server.command(&["SCRIPT", "FLUSH"]).await.unwrap();
    let server = Arc::new(server);
    conformance(RedisBackend::new(Servers::One(Arc::clone(&server))).under(rules.clone())).await.assert_passed();
    let denied = server.command(&["ACL", "LOG"]).await.unwrap();
    assert_eq!(denied, redis::Value::Array(Vec::new()), "no command was denied");
    forgetful(&server).await;
    let used = server.command_counts().await.unwrap();
    for command in rules.split(' ').filter_map(|rule| rule.strip_prefix('+')) {
        if !FOR_CLUSTERS.contains(&command) {
            assert!(used.of(command) > 0, "+{command} is not needed");
        }
    }
    let words: Vec<_> = rules.split(' ').collect();
    assert!(words.starts_with(&["resetchannels", "resetkeys", "~test-*", "-@all"]), "{rules}");
}

/// Makes the server forget its scripts while a store is connected, which needs the right to send
/// them again.
async fn forgetful(server: &Server) {
    use cloakroom::store::{Guard, Selector, Store};
    let store = RedisStore::builder("test-last").server(server.url_of("shop").unwrap()).connect().await.unwrap();
    server.command(&["SCRIPT", "FLUSH"]).await.unwrap();
    store.destroy(Selector::from_bytes([1; 16]), Guard::Anyone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn r60_a_cluster_whose_slots_move_needs_no_more_than_the_documented_rules() {
    let user = format!("user shop on >password {}", rules::of_servers());
    let cluster = Cluster::builder().replicas_per_master(0).config(user).start().await.unwrap();
    let urls = cluster.nodes().iter().map(|node| format!("redis://shop:password@127.0.0.1:{}/", node.port()));
    let store = RedisStore::builder("test-cluster").cluster(urls).connect().await.unwrap();
    let sessions = crate::support::recorded().store(store).build().unwrap();
    let alice = Visitor::default();
    let login = async |user: &'static str| {
        let visit = alice.enter(&sessions);
        visit.login(user).await.unwrap();
        visit.leave().await;
    };
    login("alice").await;
    let slot = cluster.slot_of(&format!("{{{}}}", selector_of(&alice))).await.unwrap();
    let to = another_master(&cluster, slot).await;
    let moving = cluster.begin_move(slot, to).await.unwrap();
    while moving.migrate(10).await.unwrap() > 0 {}
    login("alice").await;
    moving.finish().await.unwrap();
    login("alice").await;
    let mut used = 0;
    for node in cluster.nodes() {
        let denied = node.command(&["ACL", "LOG"]).await.unwrap();
        assert_eq!(denied, redis::Value::Array(Vec::new()), "no command was denied");
        let counts = node.command_counts().await.unwrap();
        used += usize::from(counts.of("asking") > 0) + usize::from(counts.of("cluster|slots") > 0);
    }
    assert!(used >= 2, "both rights were used");
}

#[tokio::test]
async fn r60_under_the_documented_rules_other_keys_are_out_of_reach() {
    let server = Server::builder().user("shop", "password", rules::of_servers()).start().await.unwrap();
    server.command(&["HSET", "other:session:{1}", "format", "1"]).await.unwrap();
    let client = redis::Client::open(server.url_of("shop").unwrap()).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for words in [
        ["HGETALL", "other:session:{1}"].as_slice(),
        &["DEL", "other:session:{1}"],
        &["EVAL", "return redis.call('DEL', 'other:session:{1}')", "0"],
        &["KEYS", "*"],
        &["SCAN", "0"],
        &["FLUSHALL"],
        &["CONFIG", "SET", "maxmemory", "1"],
        &["ACL", "LIST"],
        &["CLIENT", "KILL", "TYPE", "normal"],
        &["SCRIPT", "FLUSH"],
        &["GET", "test-1:session:{1}"],
    ] {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let refused = command.query_async::<redis::Value>(&mut connection).await.unwrap_err();
        assert!(
            format!("{refused}").to_lowercase().contains("perm") || refused.to_string().contains("can't access"),
            "{words:?}: {refused}"
        );
    }
}
