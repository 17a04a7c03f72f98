//! Finds out whether a server that does not answer as expected speaks TLS or plain text.

use std::time::Duration;

use redis::ConnectionAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::error::Problem;

/// A plain-text command. Every Redis server replies to it, if only that a password is needed first.
const PLAIN: &[u8] = b"PING\r\n";
/// A TLS record with an empty handshake message. A TLS server replies with a TLS alert; a
/// plain-text server waits for the end of the command.
const ENCRYPTED: &[u8] = &[0x16, 3, 1, 0, 4, 1, 0, 0, 0];

/// The problem at the first of these addresses where the server speaks the other protocol.
pub(super) async fn probe(addresses: &[ConnectionAddr], deadline: Duration) -> Option<Problem> {
    for address in addresses {
        if let Ok(Some(problem)) = tokio::time::timeout(deadline, diagnose(address)).await {
            return Some(problem);
        }
    }
    None
}

async fn diagnose(address: &ConnectionAddr) -> Option<Problem> {
    match address {
        ConnectionAddr::Tcp(host, port) => {
            let said = answer(host, *port, ENCRYPTED).await?;
            is_encrypted(said).then(|| Problem::SpeaksTls(address.to_string()))
        }
        ConnectionAddr::TcpTls { host, port, .. } => {
            let said = answer(host, *port, PLAIN).await?;
            is_plain(said).then(|| Problem::SpeaksPlain(address.to_string()))
        }
        _ => None,
    }
}

/// The first bytes of the server's reply to `greeting`.
async fn answer(host: &str, port: u16, greeting: &[u8]) -> Option<[u8; 2]> {
    let mut server = TcpStream::connect((host, port)).await.ok()?;
    server.write_all(greeting).await.ok()?;
    let mut said = [0; 2];
    server.read_exact(&mut said).await.ok()?;
    Some(said)
}

/// A handshake record or an alert of any TLS version.
const fn is_encrypted(said: [u8; 2]) -> bool {
    matches!(said, [0x15 | 0x16, 3])
}

/// `+PONG`, or an error such as `-NOAUTH`.
const fn is_plain(said: [u8; 2]) -> bool {
    matches!(said, [b'+' | b'-', b'A'..=b'Z'])
}
