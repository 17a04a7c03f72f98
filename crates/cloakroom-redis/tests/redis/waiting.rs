//! When a whole deployment starts, a node may be up before its server.

use std::time::{Duration, Instant};

use cloakroom_redis::{Problem, RedisStore};
use cloakroom_testbed::{FakeServer, Server};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_server_that_is_not_up_yet_is_waited_for() {
    let server = Server::start().await.unwrap();
    server.kill().unwrap();
    let builder = RedisStore::builder("shop").server(server.url());
    let (connected, restarted) = tokio::join!(builder.connect_within(PATIENCE), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.restart().await
    });
    restarted.unwrap();
    connected.map(drop).unwrap();
}

#[tokio::test]
async fn a_server_that_still_reads_its_data_is_not_up_yet() {
    let server = Server::start().await.unwrap();
    for status in ["LOADING Redis is loading the dataset in memory", "BUSY Redis is busy running a script."] {
        let fake_server = FakeServer::start(server.address()).await.unwrap();
        fake_server.script_reply("client", format!("-{status}\r\n"));
        let builder = RedisStore::builder("shop").server(format!("redis://127.0.0.1:{}", fake_server.port()));
        let error = builder.clone().connect().await.unwrap_err();
        assert!(matches!(error.problems(), [Problem::NotReady(_)]), "{error}");
        assert!(error.to_string().contains("connect_within"), "{error}");
        let (connected, ()) = tokio::join!(builder.connect_within(PATIENCE), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            fake_server.clear_replies();
        });
        connected.map(drop).unwrap();
    }
}

#[tokio::test]
async fn a_wait_that_was_in_vain_says_for_how_long_and_what_was_wrong_at_last() {
    let server = Server::start().await.unwrap();
    server.kill().unwrap();
    let began = Instant::now();
    let patience = Duration::from_millis(400);
    let error = RedisStore::builder("shop").server(server.url()).connect_within(patience).await.unwrap_err();
    assert!(began.elapsed() >= patience && began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let text = error.to_string();
    assert!(text.contains("400ms") && text.contains("cannot be reached"), "{text}");
    assert!(matches!(error.problems(), [Problem::Unreachable(_)]), "{text}");
}

#[tokio::test]
async fn what_time_does_not_mend_is_not_waited_for() {
    let server = Server::builder().password("open-sesame").start().await.unwrap();
    let right = Server::start().await.unwrap();
    let address = |port: u16| format!("redis://127.0.0.1:{port}/");
    let began = Instant::now();
    for builder in [
        RedisStore::builder("No Good").server(address(right.port())),
        RedisStore::builder("shop").server("redis://192.0.2.7/"),
        RedisStore::builder("shop").server(address(server.port())),
        RedisStore::builder("shop").server(format!("redis://:wrong@127.0.0.1:{}/", server.port())),
        RedisStore::builder("shop").cluster([address(right.port())]),
        RedisStore::builder("shop").sentinels([address(right.port())], "main"),
    ] {
        let error = builder.connect_within(PATIENCE).await.unwrap_err();
        assert!(began.elapsed() < PATIENCE / 2, "{error}");
    }
}

/// The output of `fn main() -> Result<(), ConnectError>`.
#[tokio::test]
async fn an_error_that_leaves_main_shows_its_remedy() {
    let error = RedisStore::connect("redis://192.0.2.7/?namespace=shop").await.unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    assert!(format!("{error:?}").contains("allow_plaintext"), "{error:?}");
    assert!(format!("{:?}", error.problems()[0]).contains("allow_plaintext"));
    let error = RedisStore::builder("No Good").server("redis://127.0.0.1:1/").connect().await.unwrap_err();
    assert!(format!("{error:?}").contains("a-z"), "{error:?}");
    let store = RedisStore::builder("shop").server(Server::start().await.unwrap().url()).connect().await;
    // The library's own error types behave in the same way.
    let error = "no handle".parse::<cloakroom::PublicId>().unwrap_err();
    assert_eq!(format!("{error:?}"), error.to_string());
    let error = cloakroom::store::StoreError::new(cloakroom::store::StoreErrorKind::Refused, "the disk is full");
    assert!(format!("{error:?}").contains("the session store refused the operation: the disk is full"), "{error:?}");
    let warnings = format!("{:?}", store.unwrap().warnings());
    assert!(warnings.contains("appendonly yes"), "{warnings}");
}
