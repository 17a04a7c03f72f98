//! PostgreSQL and its pooler start, fail as they are told to, and end when their values are dropped.

use crate::wire::is_listening;
use cloakroom_testbed::{Error, PgBouncer, Postgres, until};
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// `SSLRequest`, which a server answers with one letter before anything else.
const QUESTION: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

#[tokio::test]
async fn a_postgres_server_answers_until_its_value_is_dropped() {
    let server = Postgres::start().await.unwrap();
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(&QUESTION).await.unwrap();
    let answer = timeout(Duration::from_secs(20), stream.read_u8()).await.unwrap().unwrap();
    assert!(matches!(answer, b'N' | b'S'), "answered {answer}");
    let address = server.address();
    drop(server);
    assert!(!is_listening(address).await);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_processor_time_of_a_server_includes_that_of_sessions_that_have_ended() {
    let server = Postgres::start().await.unwrap();
    let before = server.processor_time().unwrap();
    until("sessions have used processors", Duration::from_secs(20), || async {
        answer(&server).await;
        match server.processor_time()? - before {
            used if used >= Duration::from_millis(50) => Ok(()),
            used => Err(Error::Unexpected(format!("{used:?} so far"))),
        }
    })
    .await
    .unwrap();
}

/// Asks the question on a new connection. `None` if nothing answers within half a second.
async fn answer(server: &Postgres) -> Option<u8> {
    let mut stream = TcpStream::connect(server.address()).await.ok()?;
    stream.write_all(&QUESTION).await.ok()?;
    timeout(Duration::from_millis(500), stream.read_u8()).await.ok()?.ok()
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_frozen_postgres_server_is_silent_in_open_sessions_too_and_answers_after_the_thaw() {
    let server = Postgres::start().await.unwrap();
    let mut session = TcpStream::connect(server.address()).await.unwrap();
    session.write_all(&QUESTION).await.unwrap();
    session.read_u8().await.unwrap();
    for _ in 0..2 {
        server.freeze().await.unwrap();
        // The session has a process of its own, which must be frozen as well.
        session.write_all(&QUESTION).await.unwrap();
        assert!(timeout(Duration::from_millis(300), session.read_u8()).await.is_err());
        assert_eq!(answer(&server).await, None);
        server.thaw().unwrap();
        assert!(timeout(Duration::from_secs(20), session.read_u8()).await.is_ok());
        assert!(answer(&server).await.is_some());
        session = TcpStream::connect(server.address()).await.unwrap();
        session.write_all(&QUESTION).await.unwrap();
        session.read_u8().await.unwrap();
    }
    server.freeze().await.unwrap();
    let address = server.address();
    drop(server);
    assert!(!is_listening(address).await);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_killed_postgres_server_recovers_on_the_same_port() {
    let server = Postgres::builder().setting("fsync", "off").start().await.unwrap();
    for frozen in [false, true] {
        if frozen {
            server.freeze().await.unwrap();
        }
        server.kill().await.unwrap();
        assert!(!is_listening(server.address()).await);
        server.restart().await.unwrap();
        assert!(server.log().contains("automatic recovery in progress"), "{}", server.log());
        assert!(answer(&server).await.is_some());
    }
}

#[tokio::test]
async fn a_stopped_postgres_server_starts_again_without_recovery() {
    let server = Postgres::start().await.unwrap();
    server.stop().await.unwrap();
    assert!(!is_listening(server.address()).await);
    let error = server.stop().await.unwrap_err();
    assert!(matches!(error, Error::Unexpected(_)), "{error}");
    server.restart().await.unwrap();
    assert!(!server.log().contains("automatic recovery in progress"), "{}", server.log());
    assert!(answer(&server).await.is_some());
}

#[tokio::test]
async fn a_postgres_server_that_refuses_a_setting_says_why() {
    let error = Postgres::builder().setting("no_such_setting", "1").start().await.unwrap_err();
    assert!(matches!(&error, Error::NotStarted { log, .. } if log.contains("no_such_setting")), "{error}");
}

#[tokio::test]
async fn a_pgbouncer_accepts_connections_until_its_value_is_dropped() {
    let server = Postgres::start().await.unwrap();
    let pooler = PgBouncer::start(&server, &[]).await.unwrap();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, pooler.port()));
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&QUESTION).await.unwrap();
    assert_eq!(timeout(Duration::from_secs(20), stream.read_u8()).await.unwrap().unwrap(), b'N');
    drop(pooler);
    assert!(!is_listening(address).await);
}
