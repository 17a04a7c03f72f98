//! Addresses from sentinels, slot maps and redirections must not cause plaintext connections to
//! other machines.

use std::net::{IpAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cloakroom::store::{Selector, Store};
use cloakroom_redis::{Problem, RedisStore};
use cloakroom_testbed::{Cluster, FakeServer, Server};
use tokio::net::TcpListener;

use crate::support::until;

/// A host that counts as another machine by its address, and the number of connections to it.
struct RemoteHost {
    host: String,
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl RemoteHost {
    /// Listens on this machine's external address, or uses an unreachable address if there is none.
    async fn open() -> Self {
        let connections = Arc::new(AtomicUsize::new(0));
        let Some(address) = external_address() else {
            return Self { host: "192.0.2.7".to_owned(), port: 6379, connections };
        };
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let counted = Arc::clone(&connections);
        tokio::spawn(async move {
            while listener.accept().await.is_ok() {
                counted.fetch_add(1, Relaxed);
            }
        });
        Self { host: address.to_string(), port, connections }
    }

    fn assert_refused(&self, text: &str) {
        assert!(text.contains(&self.host), "{text}");
        assert!(text.contains("allow_plaintext") && text.contains("rediss://"), "{text}");
        assert_eq!(self.connections.load(Relaxed), 0, "a connection was opened");
    }
}

/// The external address from the routing table; nothing is sent.
fn external_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// The reply to `CLUSTER SLOTS` if one master owns all slots.
fn map(host: &str, port: u16) -> String {
    let id = "0".repeat(40);
    format!("*1\r\n*3\r\n:0\r\n:16383\r\n*3\r\n${}\r\n{host}\r\n:{port}\r\n$40\r\n{id}\r\n", host.len())
}

#[tokio::test]
async fn r61_a_clusters_map_that_names_another_machine_is_refused_before_anything_is_sent_there() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    let seed = FakeServer::start(cluster.nodes()[0].address()).await.unwrap();
    let remote = RemoteHost::open().await;
    seed.script_reply("cluster", map(&remote.host, remote.port));
    let began = Instant::now();
    let builder = RedisStore::builder("shop").cluster([format!("redis://127.0.0.1:{}", seed.port())]);
    let error = builder.clone().connect().await.unwrap_err();
    assert!(matches!(error.problems(), [Problem::Plaintext(host)] if *host == remote.host), "{error}");
    remote.assert_refused(&error.to_string());
    assert!(began.elapsed() < Duration::from_secs(5));
    // With `allow_plaintext`, the same address is connected to.
    let _store = builder.allow_plaintext().connect().await.unwrap();
    if external_address().is_some() {
        until("the test notices a connection", async || remote.connections.load(Relaxed) > 0).await;
    }
}

#[tokio::test]
async fn r61_a_redirection_to_another_machine_is_not_followed_in_the_clear() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    for redirection in ["MOVED", "ASK"] {
        let server = FakeServer::start(cluster.nodes()[0].address()).await.unwrap();
        server.script_reply("cluster", map("127.0.0.1", server.port()));
        let builder = RedisStore::builder("shop").cluster([format!("redis://127.0.0.1:{}", server.port())]);
        let store = builder.deadline(Duration::from_millis(300)).connect().await.unwrap();
        let remote = RemoteHost::open().await;
        server.script_reply("evalsha", format!("-{redirection} 7 {}:{}\r\n", remote.host, remote.port));
        let error = store.load(Selector::from_bytes([7; 16])).await.unwrap_err();
        remote.assert_refused(&format!("{error:?}"));
    }
}

#[tokio::test]
async fn r61_a_master_on_another_machine_that_a_sentinel_names_is_not_talked_to_in_the_clear() {
    let server = Server::start().await.unwrap();
    let sentinel = FakeServer::start(server.address()).await.unwrap();
    sentinel.script_reply("role", "*2\r\n$8\r\nsentinel\r\n*0\r\n");
    let remote = RemoteHost::open().await;
    let bulk_strings =
        |words: &[&str]| words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect::<String>();
    let (name, port) = ("main", remote.port.to_string());
    let master = bulk_strings(&["name", name, "ip", &remote.host, "port", &port, "flags", "master"]);
    sentinel.script_reply("sentinel", format!("*1\r\n*8\r\n{master}"));
    let url = format!("redis://127.0.0.1:{}", sentinel.port());
    let error = RedisStore::builder("shop").sentinels([url], name).connect().await.unwrap_err();
    assert!(matches!(error.problems(), [Problem::Plaintext(host)] if *host == remote.host), "{error}");
    remote.assert_refused(&error.to_string());
}
