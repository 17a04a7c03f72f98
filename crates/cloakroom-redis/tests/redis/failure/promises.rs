//! The server's guarantees at their limits; the table in `docs/testing.md` has a row for each.

use std::time::Duration;

use cloakroom::SessionErrorKind;
use cloakroom_redis::{RedisStore, Warning};
use cloakroom_testbed::Server;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Count, Deployment, LONG, NAMESPACE, Node, Visitor, key, selector_of, until, without_hint};

/// A session with a copy on the node, and a second client of it without a version hint.
async fn copied(node: &Node) -> (Visitor, Visitor) {
    let alice = Visitor::default();
    node.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    assert_eq!(node.count(&stranger).await.unwrap(), Some(1));
    (alice, stranger)
}

#[tokio::test]
async fn what_an_administrator_does_to_a_record_is_heard_of_whatever_it_is() {
    let server = Server::builder().config("enable-debug-command yes").start().await.unwrap();
    let deployment = Deployment { server };
    let node = deployment.node().await;
    for (words, remains) in [
        (&["DEL", "KEY"][..], None),
        (&["UNLINK", "KEY"], None),
        (&["RENAME", "KEY", "shop:elsewhere"], None),
        (&["MOVE", "KEY", "1"], None),
        (&["COPY", "OTHER", "KEY", "REPLACE"], None),
        (&["PEXPIRE", "KEY", "1"], None),
        (&["FLUSHDB"], None),
        (&["FLUSHALL", "ASYNC"], None),
        (&["HSET", "KEY", "value:count", "1 2 - json 7"], Some(7)),
        (&["PERSIST", "KEY"], Some(1)),
        (&["DEBUG", "RELOAD"], Some(1)),
        (&["SCRIPT", "FLUSH"], Some(1)),
        (&["CLIENT", "KILL", "TYPE", "normal"], Some(1)),
    ] {
        let (alice, stranger) = copied(&node).await;
        let (other, _) = copied(&node).await;
        let (mine, others) = (key(&selector_of(&alice)), key(&selector_of(&other)));
        let words: Vec<_> = words.iter().map(|word| word.replace("KEY", &mine).replace("OTHER", &others)).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        let loads = node.sessions.stats().store_loads;
        // Some commands have no reply, because they close the connection that sends them.
        let _ = deployment.server.command(&words).await;
        let noticed = async || {
            remains != Some(1) || words[0] == "SCRIPT" || {
                drop(node.count(&stranger).await);
                node.sessions.stats().store_loads > loads
            }
        };
        until(&format!("{words:?} is noticed"), async || {
            noticed().await && matches!(node.count(&stranger).await, Ok(count) if count == remains)
        })
        .await;
    }
}

#[tokio::test]
async fn swapdb_is_noticed_when_connections_are_cut() {
    let deployment = Deployment::open().await;
    let node = deployment.node().await;
    let (_, stranger) = copied(&node).await;
    deployment.server.command(&["SWAPDB", "0", "1"]).await.unwrap();
    // The server sends no invalidation. If it ever does, update the guide.
    assert_eq!(node.count(&stranger).await.unwrap(), Some(1));
    deployment.server.cut_clients().await.unwrap();
    until("the copy is gone", async || matches!(node.count(&stranger).await, Ok(None))).await;
}

#[tokio::test]
async fn a_server_that_closes_quiet_connections_does_not_close_those_of_nodes() {
    let server = Server::builder().config("timeout 2").start().await.unwrap();
    let deployment = Deployment { server };
    let node = deployment.node_with_lease(Duration::from_secs(2)).await;
    assert!(!node.store.warnings().iter().any(|warning| matches!(warning, Warning::Timeout(_))));
    let connections = node.proxy.traffic().connections;
    // Long enough for the server to check all its clients.
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(node.proxy.traffic().connections, connections, "no connection was reopened");
    let hasty = RedisStore::builder(NAMESPACE).server(deployment.server.url()).lease(LONG).connect().await.unwrap();
    assert!(hasty.warnings().contains(&Warning::Timeout(2)), "a quarter of this lease is longer than the timeout");
}

#[tokio::test]
async fn a_server_with_too_small_a_buffer_is_warned_of_and_serves_what_fits() {
    let server = Server::builder().config("client-output-buffer-limit normal 64kb 0 0").start().await.unwrap();
    let deployment = Deployment { server };
    let (a, b) = (deployment.node().await, deployment.node().await);
    assert!(a.store.warnings().contains(&Warning::OutputLimit(65536)), "{:?}", a.store.warnings());
    let (small, large) = (Visitor::default(), Visitor::default());
    a.add(&small).await.unwrap();
    for _ in 0..2 {
        a.write(&large, &"x".repeat(60_000)).await.unwrap();
    }
    deployment.server.command(&["HSET", &key(&selector_of(&large)), "padding", &"x".repeat(200_000)]).await.unwrap();
    let error = b.note(&large).await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::StoreUnavailable);
    until("all other sessions are served", async || matches!(b.count(&small).await, Ok(Some(1)))).await;
}

#[tokio::test]
async fn a_server_that_refuses_writes_goes_on_with_reads() {
    let deployment = Deployment::open().await;
    let (a, b) = (deployment.node().await, deployment.node().await);
    let (alice, stranger) = copied(&a).await;
    // Like `MISCONF`, this refuses every command that may write, and is undone by one setting.
    deployment.server.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]).await.unwrap();
    let refused = a.add(&alice).await.unwrap_err();
    assert_eq!(refused.kind(), SessionErrorKind::StoreUnavailable);
    assert!(format!("{refused:?}").contains("NOREPLICAS"), "{refused:?}");
    assert_eq!(a.count(&stranger).await.unwrap(), Some(1));
    assert_eq!(b.count(&stranger).await.unwrap(), Some(1), "even if it has to be loaded first");
    deployment.server.command(&["CONFIG", "SET", "min-replicas-to-write", "0"]).await.unwrap();
    assert_eq!(a.add(&alice).await.unwrap(), 2);
}

#[tokio::test]
async fn a_server_that_cannot_save_refuses_writes_and_goes_on_with_reads() {
    let deployment = Deployment::open().await;
    let (a, b) = (deployment.node().await, deployment.node().await);
    let (alice, stranger) = copied(&a).await;
    deployment.server.fail_to_save().await.unwrap();
    for node in [&a, &b] {
        let refused = node.add(&alice).await.unwrap_err();
        assert_eq!(refused.kind(), SessionErrorKind::StoreUnavailable);
        assert!(format!("{refused:?}").contains("MISCONF"), "{refused:?}");
        assert_eq!(node.count(&stranger).await.unwrap(), Some(1), "even if it has to be loaded first");
        assert!(node.login(&alice, "alice").await.is_err());
        assert_eq!(node.whoami(&alice).await.unwrap(), None, "nothing was changed");
    }
    deployment.server.command(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]).await.unwrap();
    assert_eq!(b.add(&alice).await.unwrap(), 2);
    until("the copy is renewed", async || matches!(a.count(&stranger).await, Ok(Some(2)))).await;
}

#[tokio::test]
async fn a_node_that_lost_its_connections_to_a_full_server_serves_nothing_outdated_and_comes_back() {
    let deployment = Deployment::open().await;
    let node = deployment.node_with_lease(Duration::from_millis(400)).await;
    let (alice, stranger) = copied(&node).await;
    // Kept open: the server refuses everybody else while this one is connected.
    let mut admin = TcpStream::connect(deployment.server.address()).await.unwrap();
    let refuse_others = b"CONFIG SET maxclients 1\r\nCLIENT KILL TYPE normal SKIPME yes\r\n";
    let tried = node.proxy.traffic().connections;
    admin.write_all(refuse_others).await.unwrap();
    until("the node has tried to reconnect", async || node.proxy.traffic().connections >= tried + 2).await;
    until("no copy is served", async || node.count(&stranger).await.is_err()).await;
    assert_eq!(node.add(&alice).await.unwrap_err().kind(), SessionErrorKind::StoreUnavailable);
    let change = format!("HSET {} value:count \"1 2 - json 7\"\r\n", key(&selector_of(&alice)));
    admin.write_all(change.as_bytes()).await.unwrap();
    admin.write_all(b"CONFIG SET maxclients 1000\r\n").await.unwrap();
    until("the node serves what is there now", async || matches!(node.count(&stranger).await, Ok(Some(7)))).await;
    let refused = deployment.server.info("stats").await.unwrap()["rejected_connections"].parse::<u64>().unwrap();
    assert!(refused >= 1, "{refused} connections were refused");
}

#[tokio::test]
async fn a_server_at_its_limit_of_clients_goes_on_with_the_nodes_that_are_connected() {
    let deployment = Deployment::open().await;
    let node = deployment.node().await;
    let (alice, _) = copied(&node).await;
    deployment.server.command(&["CONFIG", "SET", "maxclients", "1"]).await.unwrap();
    assert_eq!(node.add(&alice).await.unwrap(), 2);
    let refused = RedisStore::builder(NAMESPACE).server(deployment.server.url()).connect().await.unwrap_err();
    assert!(refused.to_string().contains("cannot be reached"), "{refused}");
    assert_eq!(node.add(&alice).await.unwrap(), 3);
}

#[tokio::test]
async fn a_server_that_is_busy_with_a_script_vouches_for_nothing_and_is_served_again_afterwards() {
    let server = Server::builder().config("busy-reply-threshold 50").start().await.unwrap();
    let deployment = Deployment { server };
    let node = deployment.node_with_lease(Duration::from_millis(400)).await;
    let (alice, stranger) = copied(&node).await;
    let mut other = TcpStream::connect(deployment.server.address()).await.unwrap();
    other.write_all(b"EVAL \"while true do end\" 0\r\n").await.unwrap();
    until("no copy is served", async || node.count(&stranger).await.is_err()).await;
    let refused = node.add(&alice).await.unwrap_err();
    assert_eq!(refused.kind(), SessionErrorKind::StoreUnavailable, "nothing was changed: {refused:?}");
    let mut admin = TcpStream::connect(deployment.server.address()).await.unwrap();
    admin.write_all(b"SCRIPT KILL\r\n").await.unwrap();
    until("it is served again", async || matches!(node.count(&stranger).await, Ok(Some(1)))).await;
    assert_eq!(node.add(&alice).await.unwrap(), 2);
}

#[tokio::test]
async fn a_node_whose_connections_the_server_evicts_serves_no_outdated_copy() {
    let deployment = Deployment::open().await;
    let node = deployment.node().await;
    let (alice, stranger) = copied(&node).await;
    let connections = node.proxy.traffic().connections;
    // The least that the server allows is 128 KiB, which is more than a node needs.
    deployment.server.command(&["CONFIG", "SET", "maxmemory-clients", "1"]).await.unwrap();
    let mut others = Vec::new();
    until("the server evicts the node's connections", async || {
        let mut other = TcpStream::connect(deployment.server.address()).await.unwrap();
        // Evicted itself, sometimes.
        let _ = other.write_all(b"PING\r\n").await;
        others.push(other);
        node.proxy.traffic().connections >= connections + 2
    })
    .await;
    drop(others);
    until("the server accepts commands", async || {
        deployment.server.command(&["CONFIG", "SET", "maxmemory-clients", "0"]).await.is_ok()
    })
    .await;
    deployment.server.command(&["HSET", &key(&selector_of(&alice)), "value:count", "1 2 - json 7"]).await.unwrap();
    until("the change is noticed", async || matches!(node.count(&stranger).await, Ok(Some(7)))).await;
    let evicted = deployment.server.info("stats").await.unwrap()["evicted_clients"].parse::<u64>().unwrap();
    assert!(evicted >= 2, "{evicted} clients were evicted");
}

#[tokio::test]
async fn rights_that_are_taken_away_take_the_copies_along_and_bring_them_back() {
    let server = Server::builder().user("shop", "password", "~* &* +@all").start().await.unwrap();
    let url = server.url_of("shop").unwrap();
    let store = RedisStore::builder(NAMESPACE).server(url).lease(Duration::from_millis(400)).connect().await.unwrap();
    let sessions = cloakroom::Sessions::builder().store(store).build().unwrap();
    let alice = Visitor::default();
    let visit = alice.enter(&sessions);
    visit.set(Count(1)).await.unwrap();
    visit.leave().await;
    let count = async || {
        let visit = alice.enter(&sessions);
        let count = visit.get::<Count>().await.map(|count| count.map(|count| count.0));
        visit.leave().await;
        count
    };
    assert_eq!(count().await.unwrap(), Some(1));
    server.command(&["ACL", "SETUSER", "shop", "resetkeys"]).await.unwrap();
    until("unreadable sessions are not served", async || count().await.is_err()).await;
    server.command(&["ACL", "SETUSER", "shop", "~*"]).await.unwrap();
    until("it is served again", async || matches!(count().await, Ok(Some(1)))).await;
}
