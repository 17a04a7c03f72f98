//! HTTP as a browser uses it: connections are kept, and an abandoned request closes its connection.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{COOKIE, HOST, SET_COOKIE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::Error;
use crate::view::{UNCHANGED, View};

/// Longer than a node waits for its store, and longer than it holds back the reply of an ended
/// session, which is one lease.
const PATIENCE: Duration = Duration::from_secs(3);

/// The connections of a client, at most one to each node.
#[derive(Debug, Default)]
pub(crate) struct Connections(Vec<NodeConnection>);

/// The connection to one node, if it is open.
#[derive(Debug)]
pub(crate) struct NodeConnection {
    node: SocketAddr,
    open: Option<OpenConnection>,
}

#[derive(Debug)]
struct OpenConnection {
    sender: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        // Closes the socket, even in the middle of a reply.
        self.driver.abort();
    }
}

/// A request of a client.
#[derive(Clone, Debug)]
pub(crate) struct HttpRequest<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a str>,
    /// Time after which the client closes the connection.
    pub(crate) patience: Duration,
}

impl<'a> HttpRequest<'a> {
    pub(crate) const fn get(path: &'a str, token: Option<&'a str>) -> Self {
        Self { method: Method::GET, path, token, patience: PATIENCE }
    }

    pub(crate) const fn post(path: &'a str, token: Option<&'a str>) -> Self {
        Self { method: Method::POST, path, token, patience: PATIENCE }
    }
}

/// The reply of a node.
#[derive(Debug)]
pub(crate) struct HttpReply {
    pub(crate) status: StatusCode,
    /// Set if the node knows that nothing was changed.
    pub(crate) unchanged: bool,
    /// The new token; empty if the client has to delete its token.
    pub(crate) token: Option<String>,
    pub(crate) view: View,
}

impl Connections {
    pub(crate) fn new(nodes: &[SocketAddr]) -> Self {
        Self(nodes.iter().map(|node| NodeConnection { node: *node, open: None }).collect())
    }

    pub(crate) fn any(&mut self, rng: &mut fastrand::Rng) -> &mut NodeConnection {
        let index = rng.usize(..self.0.len());
        &mut self.0[index]
    }

    pub(crate) fn each(&mut self) -> impl Iterator<Item = &mut NodeConnection> {
        self.0.iter_mut()
    }
}

impl NodeConnection {
    /// Sends a request and waits for the reply. After an error, the outcome of the request is
    /// unknown.
    pub(crate) async fn ask(&mut self, ask: HttpRequest<'_>) -> Result<HttpReply, Error> {
        // Taken out, so that an abandoned request closes its connection.
        let mut open = self.open.take();
        let answer = tokio::time::timeout(ask.patience, exchange(self.node, &mut open, &ask)).await??;
        self.open = open;
        Ok(answer)
    }
}

async fn exchange(
    node: SocketAddr,
    open: &mut Option<OpenConnection>,
    ask: &HttpRequest<'_>,
) -> Result<HttpReply, Error> {
    if open.as_ref().is_none_or(|open| open.sender.is_closed()) {
        *open = Some(connect(node).await?);
    }
    let Some(open) = open else { return Err("no connection".into()) };
    let mut request = Request::builder().method(ask.method.clone()).uri(ask.path).header(HOST, "localhost");
    if let Some(token) = ask.token {
        request = request.header(COOKIE, format!("{}={token}", crate::view::COOKIE));
    }
    open.sender.ready().await?;
    let response = open.sender.send_request(request.body(Empty::new())?).await?;
    let status = response.status();
    let unchanged = response.headers().contains_key(UNCHANGED);
    let token = response.headers().get(SET_COOKIE).and_then(|header| token_of(header.to_str().ok()?));
    let body = response.into_body().collect().await?.to_bytes();
    let view = if status == StatusCode::OK { serde_json::from_slice(&body)? } else { View::default() };
    Ok(HttpReply { status, unchanged, token, view })
}

async fn connect(node: SocketAddr) -> Result<OpenConnection, Error> {
    let stream = TcpStream::connect(node).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(async move {
        // The request that fails reports how the connection ended.
        let _ended = connection.await;
    });
    Ok(OpenConnection { sender, driver })
}

fn token_of(header: &str) -> Option<String> {
    let value = header.strip_prefix(crate::view::COOKIE)?.strip_prefix('=')?;
    Some(value.split(';').next().unwrap_or_default().to_owned())
}
