use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Result;
use crate::fixtures::{OTHER_COOKIES, USER_AGENT};

pub(crate) use httparse::Response as ResponseHead;

/// The size of the longest response.
const BUFFER: usize = 8 * 1024;
const MAX_HEADERS: usize = 32;

/// An HTTP/1.1 connection that stays open.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// The parts of a response that the load generator uses.
pub(super) struct Reply {
    pub(super) status: u16,
    /// The values of its `Set-Cookie` headers.
    pub(super) set_cookies: Vec<String>,
    /// The body, if it is a number.
    pub(super) number: Option<u64>,
}

impl Connection {
    pub(crate) async fn open(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(BUFFER) })
    }

    pub(super) async fn exchange(&mut self, request: &[u8]) -> Result<Reply> {
        let read = |head: &ResponseHead<'_, '_>, body: &[u8]| Reply {
            status: head.code.unwrap_or_default(),
            set_cookies: header_values(head, "set-cookie").map(str::to_owned).collect(),
            number: std::str::from_utf8(body).ok().and_then(|body| body.parse().ok()),
        };
        self.exchange_with(request, read).await
    }

    /// Sends a request and returns what `read` takes from the head and the body of the response.
    pub(crate) async fn exchange_with<T>(
        &mut self,
        request: &[u8],
        read: impl Fn(&ResponseHead<'_, '_>, &[u8]) -> T,
    ) -> Result<T> {
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

/// Returns the values of a header.
pub(crate) fn header_values<'a>(head: &'a ResponseHead<'_, '_>, name: &str) -> impl Iterator<Item = &'a str> {
    let headers = head.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
    headers.filter_map(|header| std::str::from_utf8(header.value).ok())
}

/// Returns `None` while the response is incomplete.
fn parse<T>(bytes: &[u8], read: impl Fn(&ResponseHead<'_, '_>, &[u8]) -> T) -> Result<Option<T>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut head = ResponseHead::new(&mut headers);
    let httparse::Status::Complete(start) = head.parse(bytes)? else { return Ok(None) };
    let length = header_values(&head, "content-length").next().ok_or("a response has no Content-Length")?;
    let length: usize = length.parse()?;
    Ok(bytes.get(start..start + length).map(|body| read(&head, body)))
}

/// Returns a browser's request up to the end of its cookies, without the session's.
pub(crate) fn request_head(line: &str) -> String {
    let length = if line.starts_with("POST") { "content-length: 0\r\n" } else { "" };
    format!(
        "{line} HTTP/1.1\r\nhost: shop.example\r\nuser-agent: {USER_AGENT}\r\n\
         accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n{length}cookie: {OTHER_COOKIES}"
    )
}

/// Returns the whole request.
pub(crate) fn request_bytes(head: &str, cookie: &str) -> Vec<u8> {
    let separator: &[u8] = if cookie.is_empty() { b"" } else { b"; " };
    [head.as_bytes(), separator, cookie.as_bytes(), b"\r\n\r\n"].concat()
}
