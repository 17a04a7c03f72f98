//! A client without a client library, which reads exactly the bytes on the wire.

use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Time limit for replies that must arrive.
const LIMIT: Duration = Duration::from_secs(10);
/// Waiting time for bytes that must not arrive: long against the microseconds of a loopback round
/// trip.
const SILENCE: Duration = Duration::from_millis(200);

pub(crate) struct Wire(TcpStream);

impl Wire {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads exactly this reply.
    pub(crate) async fn expect(&mut self, answer: &str) {
        let mut bytes = vec![0; answer.len()];
        timeout(LIMIT, self.0.read_exact(&mut bytes)).await.expect("a reply arrives").unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), answer);
    }

    pub(crate) async fn ask(&mut self, text: &str, answer: &str) {
        self.send(text).await;
        self.expect(answer).await;
    }

    /// Reads one line, without its line end.
    pub(crate) async fn line(&mut self) -> String {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(timeout(LIMIT, self.0.read_u8()).await.expect("a line arrives").unwrap());
        }
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }

    /// Checks that nothing arrives and the connection stays open.
    pub(crate) async fn expect_silence(&mut self) {
        let mut byte = [0];
        let read = timeout(SILENCE, self.0.read(&mut byte)).await;
        assert!(read.is_err(), "expected silence, got {read:?}");
    }

    /// How the connection ends: the kind of an error, or `None` for an orderly close.
    pub(crate) async fn end(&mut self) -> Option<std::io::ErrorKind> {
        let mut byte = [0];
        match timeout(LIMIT, self.0.read(&mut byte)).await.expect("the connection ends") {
            Ok(0) => None,
            Ok(_) => panic!("expected the end of the connection, got {byte:?}"),
            Err(error) => Some(error.kind()),
        }
    }
}

/// Returns `true` if the address accepts connections.
pub(crate) async fn is_listening(address: SocketAddr) -> bool {
    TcpStream::connect(address).await.is_ok()
}
