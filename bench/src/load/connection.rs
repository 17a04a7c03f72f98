use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Failure;

pub(crate) use httparse::Response as Head;

/// No answer here is longer.
const ROOM: usize = 8 * 1024;
const HEADERS: usize = 32;

/// A connection that stays open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// What of an answer matters here.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The cookies that it sets, with their attributes.
    pub(crate) cookies: Vec<String>,
    /// The number that the body is.
    pub(crate) number: Option<u64>,
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> Result<Self, Failure> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(ROOM) })
    }

    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<Reply, Failure> {
        self.exchange_as(request, Reply::of).await
    }

    /// The same for what `read` wants to know of the head and the body.
    pub(crate) async fn exchange_as<T>(
        &mut self,
        request: &[u8],
        read: impl Fn(&Head<'_, '_>, &[u8]) -> T,
    ) -> Result<T, Failure> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("a server closed its connection".into());
            }
            if let Some(reply) = parse(&self.buffer, &read)? {
                return Ok(reply);
            }
        }
    }
}

impl Reply {
    fn of(head: &Head<'_, '_>, body: &[u8]) -> Self {
        Self {
            status: head.code.unwrap_or_default(),
            cookies: named(head, "set-cookie").map(str::to_owned).collect(),
            number: std::str::from_utf8(body).ok().and_then(|body| body.parse().ok()),
        }
    }
}

/// The values of a header.
pub(crate) fn named<'a>(head: &'a Head<'_, '_>, name: &str) -> impl Iterator<Item = &'a str> {
    let named = head.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    named.filter_map(|header| std::str::from_utf8(header.value).ok())
}

/// What is read of the answer, if all of it is there.
fn parse<T>(bytes: &[u8], read: impl Fn(&Head<'_, '_>, &[u8]) -> T) -> Result<Option<T>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = Head::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes)? else { return Ok(None) };
    let length: usize = named(&head, "content-length").next().ok_or("an answer without its length")?.parse()?;
    Ok(bytes.get(start..start + length).map(|body| read(&head, body)))
}
