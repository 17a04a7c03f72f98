use std::cell::RefCell;
use std::time::Duration;

use tokio::time::timeout;

use crate::Result;
use crate::fixtures::{CookieJar, is_removal};
use crate::load::{Connection, ResponseHead, header_values, request_bytes, request_head};
use crate::process::ServerProcess;

use super::setup::Context;

/// Longer than the timeout of any store.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A server and the open connections to it.
pub(super) struct Node {
    pub(super) name: &'static str,
    server: ServerProcess,
    idle: RefCell<Vec<Connection>>,
}

impl Node {
    pub(super) const fn new(name: &'static str, server: ServerProcess) -> Self {
        Self { name, server, idle: RefCell::new(Vec::new()) }
    }

    /// Sends a request with these cookies, without a transcript.
    pub(super) async fn send(&self, line: &str, cookies: &str) -> Result<Response> {
        let idle = self.idle.borrow_mut().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(self.server.address).await?,
        };
        let bytes = request_bytes(&request_head(line), cookies);
        let Ok(response) = timeout(TIMEOUT, connection.exchange_with(&bytes, Response::new)).await else {
            return Ok(Response::default());
        };
        self.idle.borrow_mut().push(connection);
        response
    }

    /// Sends a request and closes the connection after a while. Returns whether it had no response
    /// by then.
    pub(super) async fn send_and_abort(&self, line: &str, cookies: &str, after: Duration) -> Result<bool> {
        let mut connection = Connection::open(self.server.address).await?;
        let bytes = request_bytes(&request_head(line), cookies);
        Ok(timeout(after, connection.exchange_with(&bytes, Response::new)).await.is_err())
    }

    pub(super) fn resident_bytes(&self) -> Result<u64> {
        self.server.resident_bytes()
    }
}

/// The parts of a response that a check may look at.
#[derive(Clone, Debug, Default)]
pub(super) struct Response {
    /// 0 if there was none in time.
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) set_cookies: Vec<String>,
    pub(super) cache_control: String,
    pub(super) vary: String,
}

impl Response {
    fn new(head: &ResponseHead<'_, '_>, body: &[u8]) -> Self {
        let join = |name| header_values(head, name).collect::<Vec<_>>().join(", ");
        Self {
            status: head.code.unwrap_or_default(),
            body: String::from_utf8_lossy(body).into_owned(),
            set_cookies: header_values(head, "set-cookie").map(str::to_owned).collect(),
            cache_control: join("cache-control"),
            vary: join("vary"),
        }
    }

    /// Returns the line of the transcript.
    pub(super) fn describe(&self) -> String {
        if self.status == 0 {
            return format!("no response within {TIMEOUT:?}");
        }
        let mut line = self.status.to_string();
        if !self.body.is_empty() && self.status == 200 {
            line += &format!(" “{}”", self.body);
        }
        // Sorted, so that equal responses give equal lines.
        let mut sets: Vec<_> = self.set_cookies.iter().map(|set| shorten_set_cookie(set)).collect();
        sets.sort();
        for set in sets {
            line += &format!(" · Set-Cookie: {set}");
        }
        for (name, value) in [("Cache-Control", &self.cache_control), ("Vary", &self.vary)] {
            if !value.is_empty() {
                line += &format!(" · {name}: {value}");
            }
        }
        line
    }

    /// Returns whether it sets a cookie, and does not only remove some.
    pub(super) fn issues_cookie(&self) -> bool {
        let mut cookies = CookieJar::default();
        self.set_cookies.iter().for_each(|set| cookies.apply(set));
        !cookies.is_empty()
    }

    /// Returns the body, or the status of an error.
    pub(super) fn text(&self) -> String {
        match self.status {
            200 => self.body.clone(),
            status => format!("status {status}"),
        }
    }
}

/// A client that keeps the cookies of every response.
pub(super) struct Browser<'a> {
    context: &'a Context<'a>,
    jar: CookieJar,
}

impl<'a> Browser<'a> {
    pub(super) fn new(context: &'a Context<'a>) -> Self {
        Self { context, jar: CookieJar::default() }
    }

    pub(super) async fn send(&mut self, node: &Node, line: &str) -> Result<Response> {
        let response = self.context.send(node, line, self.jar.header()).await?;
        self.keep_cookies(&response);
        Ok(response)
    }

    /// Returns the outcome of [`Browser::send`] as text.
    pub(super) async fn read(&mut self, node: &Node, line: &str) -> Result<String> {
        Ok(self.send(node, line).await?.text())
    }

    /// Keeps the cookies of a response that the browser did not receive itself.
    pub(super) fn keep_cookies(&mut self, response: &Response) {
        response.set_cookies.iter().for_each(|set| self.jar.apply(set));
    }

    pub(super) fn cookies(&self) -> String {
        self.jar.header().to_owned()
    }
}

/// Returns the shortened cookie of a `Set-Cookie` header, and whether it removes it.
fn shorten_set_cookie(set: &str) -> String {
    let (pair, attributes) = set.split_once(';').unwrap_or((set, ""));
    format!("{}{}", shorten_cookies(pair), if is_removal(attributes) { "; Max-Age=0" } else { "" })
}

/// Shortens the values of cookies to their first characters.
pub(super) fn shorten_cookies(cookies: &str) -> String {
    const CHARACTERS: usize = 6;
    let shorten = |pair: &str| match pair.trim().split_once('=') {
        Some((name, value)) if value.chars().count() > CHARACTERS => {
            format!("{name}={}…", value.chars().take(CHARACTERS).collect::<String>())
        }
        _ => pair.trim().to_owned(),
    };
    cookies.split(';').map(shorten).collect::<Vec<_>>().join("; ")
}
