use crate::wire::{Wire, is_listening};
use cloakroom_testbed::{Error, Server};
use std::sync::Arc;

#[tokio::test]
async fn a_server_keeps_nothing_over_a_restart_by_default() {
    let server = Server::start().await.unwrap();
    let mut wire = Wire::open(server.address()).await;
    wire.ask("SET k v\r\n", "+OK\r\n").await;
    let pid = server.pid();
    server.restart().await.unwrap();
    assert_ne!(server.pid(), pid);
    wire.end().await;
    Wire::open(server.address()).await.ask("GET k\r\n", "$-1\r\n").await;
}

#[tokio::test]
async fn a_persistent_server_comes_back_with_what_it_acknowledged() {
    let server = Server::builder().persist().start().await.unwrap();
    Wire::open(server.address()).await.ask("SET k v\r\n", "+OK\r\n").await;
    server.kill().unwrap();
    assert!(!server.is_running() && !is_listening(server.address()).await);
    server.restart().await.unwrap();
    Wire::open(server.address()).await.ask("GET k\r\n", "$1\r\nv\r\n").await;
}

#[tokio::test]
async fn a_frozen_server_is_silent_and_answers_after_the_thaw() {
    let server = Server::start().await.unwrap();
    let mut wire = Wire::open(server.address()).await;
    for _ in 0..3 {
        wire.ask("PING\r\n", "+PONG\r\n").await;
        server.freeze().await.unwrap();
        assert!(server.is_running());
        wire.send("PING\r\n").await;
        wire.expect_silence().await;
        server.thaw().unwrap();
        wire.expect("+PONG\r\n").await;
    }
    server.freeze().await.unwrap();
    server.kill().unwrap();
    let error = server.freeze().await.unwrap_err();
    assert!(matches!(error, Error::Unexpected(_)), "{error}");
}

#[tokio::test]
async fn cut_clients_closes_the_connections_of_others() {
    let server = Server::start().await.unwrap();
    let mut wire = Wire::open(server.address()).await;
    wire.ask("PING\r\n", "+PONG\r\n").await;
    assert_eq!(server.cut_clients().await.unwrap(), 1);
    wire.end().await;
    Wire::open(server.address()).await.ask("PING\r\n", "+PONG\r\n").await;
}

#[tokio::test]
async fn passwords_and_users_are_asked_for_and_carried_by_urls() {
    let server =
        Server::builder().password("p@ss:w/rd%").user("reader", "se#cret", "~s:* +get +ping").start().await.unwrap();
    let mut wire = Wire::open(server.address()).await;
    wire.send("PING\r\n").await;
    assert!(wire.line().await.starts_with("-NOAUTH"));
    for (url, name) in [(server.url(), "default"), (server.url_of("reader").unwrap(), "reader")] {
        let client = redis::Client::open(url).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        let answer: Result<String, _> = redis::cmd("SET").arg("s:1").arg("v").query_async(&mut connection).await;
        assert_eq!(answer.is_ok(), name == "default", "{name}: {answer:?}");
    }
    assert!(server.url_of("nobody").is_err());
}

#[tokio::test]
async fn a_full_server_refuses_by_its_policy() {
    let server = Server::builder().maxmemory(1_000, "noeviction").start().await.unwrap();
    let error = server.command(&["SET", "k", "v"]).await.unwrap_err();
    assert!(error.to_string().contains("OOM"), "{error}");
}

#[tokio::test]
async fn commands_are_counted_by_name() {
    let server = Server::start().await.unwrap();
    let mut wire = Wire::open(server.address()).await;
    wire.ask("GET k\r\n", "$-1\r\n").await;
    let before = server.command_counts().await.unwrap();
    wire.ask("GET k\r\n", "$-1\r\n").await;
    wire.ask("EVAL \"return redis.call('get','k')\" 0\r\n", "$-1\r\n").await;
    let since = server.commands_since(&before, &["GET", "eval", "set"]).await.unwrap();
    assert_eq!((since.of("get"), since.of("eval"), since.total()), (2, 1, 3));
}

#[tokio::test]
async fn a_server_that_refuses_its_configuration_says_why() {
    let error = Server::builder().config("no-such-directive yes").start().await.unwrap_err();
    assert!(matches!(&error, Error::NotStarted { log, .. } if log.contains("no-such-directive")), "{error}");
    for broken in [
        Server::builder().config("a\nb"),
        Server::builder().password("two words"),
        Server::builder().user("testbed", "x", "+@all"),
        Server::builder().user("x", "", "+@all"),
    ] {
        let error = broken.start().await.unwrap_err();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_can_be_started_and_shared_by_other_tasks() {
    let tasks = (0..4).map(|_| tokio::spawn(async { Arc::new(Server::start().await.unwrap()) }));
    let mut ports = std::collections::BTreeSet::new();
    for task in tasks.collect::<Vec<_>>() {
        let server = task.await.unwrap();
        assert!(ports.insert(server.port()));
        let shared = Arc::clone(&server);
        tokio::spawn(async move { shared.restart().await }).await.unwrap().unwrap();
    }
}
