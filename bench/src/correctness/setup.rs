use std::cell::RefCell;
use std::time::Duration;

use cloakroom_testbed::{Proxy, Server};

use crate::Result;
use crate::args::{Options, Part};
use crate::process::ServerProcess;
use crate::targets::{IDLE_TIMEOUT, Target, TargetConfig};

use super::client::{Browser, Node, Response, shorten_cookies};

/// What a check needs of a target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    OneNode,
    TwoNodes,
    Store,
}

/// A target on two nodes with a Redis of its own, or on one node if it keeps sessions in memory
/// only.
pub(super) struct Setup {
    target: Target,
    first: Node,
    second: Option<Node>,
    redis: Option<Server>,
    options: Options,
}

impl Setup {
    pub(super) async fn start(target: Target, options: &Options) -> Result<Self> {
        let redis = if target.is_shared() { Some(Server::start().await?) } else { None };
        let config = config(target, redis.as_ref(), IDLE_TIMEOUT);
        let start = |name| Ok::<_, crate::Error>(Node::new(name, ServerProcess::start(&Part::TargetServer, &config)?));
        let first = start("A")?;
        let second = target.is_shared().then(|| start("B")).transpose()?;
        Ok(Self { target, first, second, redis, options: options.clone() })
    }

    pub(super) const fn supports(&self, needs: Needs) -> bool {
        matches!(needs, Needs::OneNode) || self.second.is_some()
    }
}

fn config(target: Target, redis: Option<&Server>, idle_timeout: Duration) -> TargetConfig {
    let redis = redis.map_or_else(String::new, |server| server.address().to_string());
    TargetConfig { target, redis, namespace: "bench".to_owned(), idle_timeout }
}

/// The setup as one check uses it, and the transcript of its requests and responses.
pub(super) struct Context<'a> {
    setup: &'a Setup,
    /// Each line with the number of times that it was repeated.
    transcript: RefCell<Vec<(String, usize)>>,
}

impl<'a> Context<'a> {
    pub(super) const fn new(setup: &'a Setup) -> Self {
        Self { setup, transcript: RefCell::new(Vec::new()) }
    }

    pub(super) const fn first(&self) -> &'a Node {
        &self.setup.first
    }

    /// Returns the second node, or the first for a target in memory.
    pub(super) fn second(&self) -> &'a Node {
        self.setup.second.as_ref().unwrap_or(&self.setup.first)
    }

    /// Returns `full`, or `small` in a smoke run.
    pub(super) const fn size(&self, full: usize, small: usize) -> usize {
        self.setup.options.size(full, small)
    }

    /// Starts another node with this idle timeout.
    pub(super) fn start_node(&self, idle_timeout: Duration) -> Result<Node> {
        let config = config(self.setup.target, self.setup.redis.as_ref(), idle_timeout);
        Ok(Node::new("C", ServerProcess::start(&Part::TargetServer, &config)?))
    }

    /// Starts another node that reaches its store through a proxy.
    pub(super) async fn start_node_with_proxy(&self) -> Result<(Node, Proxy)> {
        let redis = self.setup.redis.as_ref().ok_or("the check needs a store")?;
        let proxy = Proxy::start(redis.address()).await?;
        let config = config(self.setup.target, Some(redis), IDLE_TIMEOUT);
        let config = TargetConfig { redis: proxy.address().to_string(), ..config };
        Ok((Node::new("C", ServerProcess::start(&Part::TargetServer, &config)?), proxy))
    }

    /// Returns the number of keys in the store, or 0 without one.
    pub(super) async fn store_keys(&self) -> Result<u64> {
        let Some(redis) = &self.setup.redis else { return Ok(0) };
        Ok(redis::from_redis_value(redis.command(&["DBSIZE"]).await?)?)
    }

    /// Sends a request with these cookies and no others, and adds it to the transcript.
    pub(super) async fn send(&self, node: &Node, line: &str, cookies: &str) -> Result<Response> {
        let response = node.send(line, cookies).await?;
        let with = match cookies {
            "" => "no cookie".to_owned(),
            _ => format!("Cookie: {}", shorten_cookies(cookies)),
        };
        self.note(format!("{}  {line}  [{with}]  →  {}", node.name, response.describe()));
        Ok(response)
    }

    /// Returns the outcome of [`Context::send`] as text.
    pub(super) async fn read(&self, node: &Node, line: &str, cookies: &str) -> Result<String> {
        Ok(self.send(node, line, cookies).await?.text())
    }

    /// Returns a browser whose session on this node has a cart and a counter.
    pub(super) async fn browser(&self, node: &Node) -> Result<Browser<'_>> {
        let mut browser = Browser::new(self);
        browser.send(node, "POST /start").await?;
        match browser.cookies().is_empty() {
            true => Err("a session was started without a cookie".into()),
            false => Ok(browser),
        }
    }

    /// Returns the cookies of a new session on this node.
    pub(super) async fn session_cookies(&self, node: &Node) -> Result<String> {
        Ok(self.browser(node).await?.cookies())
    }

    /// Adds a line to the transcript, or counts its repetition.
    pub(super) fn note(&self, line: String) {
        let mut lines = self.transcript.borrow_mut();
        match lines.last_mut() {
            Some((last, times)) if *last == line => *times += 1,
            _ => lines.push((line, 1)),
        }
    }

    /// Returns the transcript, shortened to its first and last lines.
    pub(super) fn transcript(&self) -> Vec<String> {
        const ENDS: usize = 6;
        let lines = self.transcript.borrow();
        let format_line = |(line, times): &(String, usize)| match times {
            1 => line.clone(),
            times => format!("{line}   (×{times})"),
        };
        let mut formatted: Vec<_> = lines.iter().map(format_line).collect();
        if formatted.len() > 2 * ENDS {
            let omitted = formatted.len() - 2 * ENDS;
            formatted.splice(ENDS..ENDS + omitted, [format!("… {omitted} more …")]);
        }
        formatted
    }
}
