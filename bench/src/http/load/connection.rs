use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

/// No answer here is longer.
const ROOM: usize = 8 * 1024;
const HEADERS: usize = 32;

/// A connection that stays open.
pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What of an answer matters here.
pub(super) struct Reply {
    pub(super) status: u16,
    /// `name=value` of the last cookie that it sets.
    pub(super) cookie: Option<String>,
    /// The number that the body is.
    pub(super) number: Option<u64>,
}

impl Connection {
    pub(super) async fn open(to: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(ROOM) })
    }

    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Reply, Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("a server closed its connection".into());
            }
            if let Some(reply) = parse(&self.buffer)? {
                return Ok(reply);
            }
        }
    }
}

/// The answer, if all of it is there.
fn parse(bytes: &[u8]) -> Result<Option<Reply>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes)? else { return Ok(None) };
    let named = |name: &'static str| {
        let headers = head.headers.iter().rev().find(move |header| header.name.eq_ignore_ascii_case(name));
        headers.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    let length: usize = named("content-length").ok_or("an answer without its length")?.parse()?;
    let Some(body) = bytes.get(start..start + length) else { return Ok(None) };
    Ok(Some(Reply {
        status: head.code.unwrap_or_default(),
        cookie: named("set-cookie").and_then(|cookie| cookie.split(';').next()).map(str::to_owned),
        number: std::str::from_utf8(body).ok().and_then(|body| body.parse().ok()),
    }))
}
