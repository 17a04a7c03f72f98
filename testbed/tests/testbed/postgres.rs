//! PostgreSQL starts, answers, and ends when its value is dropped.

use crate::wire::is_listening;
use cloakroom_testbed::Postgres;
use std::time::Duration;
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
