use crate::wire::{Wire, is_listening};
use cloakroom_testbed::{Direction::*, Error, Proxy, Server, until};
use std::{
    io::ErrorKind,
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(10);

async fn stage() -> (Server, Proxy, Wire) {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let mut wire = Wire::open(proxy.address()).await;
    wire.ask("PING\r\n", "+PONG\r\n").await;
    (server, proxy, wire)
}

async fn value(server: &Server, key: &str) -> redis::Value {
    server.command(&["GET", key]).await.unwrap()
}

async fn until_server_has(server: &Server, key: &str) {
    until("the server has the key", LIMIT, || async {
        match value(server, key).await {
            redis::Value::Nil => Err(Error::Unexpected("not yet".to_owned())),
            _ => Ok(()),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn bytes_connections_and_commands_are_counted() {
    let (_server, proxy, mut wire) = stage().await;
    let traffic = proxy.traffic();
    assert_eq!((traffic.connections, traffic.open), (1, 1));
    assert_eq!((traffic.to_server.read, traffic.to_server.delivered), (6, 6));
    assert_eq!((traffic.to_client.read, traffic.to_client.delivered), (7, 7));
    let before = proxy.commands();
    wire.ask("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*2\r\n$6\r\nclient\r\n$7\r\ngetname\r\n", "$-1\r\n$-1\r\n").await;
    let since = proxy.commands().since(&before);
    assert_eq!((since.of("GET"), since.of("client|getname"), since.total()), (1, 1, 2));
}

#[tokio::test]
async fn the_tap_counts_what_a_real_client_sends() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let url = format!("{}?protocol=resp3", proxy.url());
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let before = (proxy.commands(), server.command_counts().await.unwrap());
    let mut pipeline = redis::pipe();
    pipeline.hset("h", "f", vec![b'*'; 100_000]).hgetall("h").hgetall("none");
    pipeline.query_async::<redis::Value>(&mut connection).await.unwrap();
    let on_the_wire = proxy.commands().since(&before.0);
    assert_eq!(on_the_wire.iter().collect::<Vec<_>>(), [("hgetall", 2), ("hset", 1)]);
    assert_eq!(server.commands_since(&before.1, &["hgetall", "hset"]).await.unwrap(), on_the_wire);
}

#[tokio::test]
async fn cut_resets_present_connections_and_lets_new_ones_in() {
    let (server, proxy, mut wire) = stage().await;
    proxy.cut().await;
    assert_eq!(wire.end().await, Some(ErrorKind::ConnectionReset));
    assert_eq!(proxy.traffic().open, 0);
    until("the server lost the connection", LIMIT, || async {
        match server.info("clients").await?.get("connected_clients").map(String::as_str) {
            Some("1") => Ok(()),
            other => Err(Error::Unexpected(format!("{other:?} clients"))),
        }
    })
    .await
    .unwrap();
    Wire::open(proxy.address()).await.ask("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test]
async fn refuse_turns_away_new_connections_only() {
    let (_server, proxy, mut wire) = stage().await;
    proxy.refuse().await.unwrap();
    assert!(!is_listening(proxy.address()).await);
    wire.ask("PING\r\n", "+PONG\r\n").await;
    proxy.accept().await.unwrap();
    proxy.accept().await.unwrap();
    Wire::open(proxy.address()).await.ask("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test]
async fn swallowed_replies_leave_a_server_that_hears_and_a_client_that_waits() {
    let (server, proxy, mut wire) = stage().await;
    proxy.swallow(ToClient);
    wire.send("SET k v\r\n").await;
    until_server_has(&server, "k").await;
    wire.expect_silence().await;
    // Even the server's death is hidden.
    server.kill().unwrap();
    wire.expect_silence().await;
    wire.send("PING\r\n").await;
    wire.expect_silence().await;
    let traffic = proxy.traffic();
    assert_eq!((traffic.open, traffic.to_client.read, traffic.to_client.delivered), (1, 12, 7));
    proxy.pass();
    wire.end().await;
}

#[tokio::test]
async fn swallowed_commands_never_reach_the_server() {
    let (server, proxy, mut wire) = stage().await;
    proxy.swallow(ToServer);
    wire.send("SET k v\r\n").await;
    wire.expect_silence().await;
    assert_eq!(value(&server, "k").await, redis::Value::Nil);
    assert_eq!(proxy.commands().of("set"), 1);
    // The other direction still works: the server closes the connection and the client notices.
    server.cut_clients().await.unwrap();
    wire.end().await;
}

#[tokio::test]
async fn held_commands_arrive_later_and_in_order() {
    let (server, proxy, mut wire) = stage().await;
    proxy.hold(ToServer);
    wire.send("SET k 1\r\n").await;
    wire.send("APPEND k 2\r\n").await;
    wire.expect_silence().await;
    assert_eq!(value(&server, "k").await, redis::Value::Nil);
    proxy.release(ToServer);
    wire.expect("+OK\r\n:2\r\n").await;
}

#[tokio::test]
async fn held_replies_arrive_later_and_in_order() {
    let (server, proxy, mut wire) = stage().await;
    proxy.hold(ToClient);
    wire.send("SET k 1\r\nINCR k\r\n").await;
    until_server_has(&server, "k").await;
    wire.expect_silence().await;
    proxy.pass();
    wire.expect("+OK\r\n:2\r\n").await;
}

#[tokio::test]
async fn delayed_bytes_arrive_that_much_later_unless_the_delay_is_lifted() {
    let (_server, proxy, mut wire) = stage().await;
    let delay = Duration::from_millis(150);
    proxy.delay(ToServer, delay);
    proxy.delay(ToClient, delay);
    let start = Instant::now();
    wire.ask("PING\r\n", "+PONG\r\n").await;
    assert!(start.elapsed() >= 2 * delay, "{:?}", start.elapsed());
    proxy.delay(ToServer, Duration::from_secs(3600));
    wire.send("PING\r\n").await;
    wire.expect_silence().await;
    proxy.pass();
    wire.expect("+PONG\r\n").await;
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_connection_to_the_server() {
    let (_server, proxy, wire) = stage().await;
    drop(wire);
    until("no connection is open", LIMIT, || async {
        match proxy.traffic().open {
            0 => Ok(()),
            open => Err(Error::Unexpected(format!("{open} are open"))),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_dead_server_behind_the_proxy_resets_its_clients() {
    let (server, proxy, mut wire) = stage().await;
    server.kill().unwrap();
    wire.end().await;
    assert_eq!(Wire::open(proxy.address()).await.end().await, Some(ErrorKind::ConnectionReset));
}
