use std::cell::{Cell, RefCell};
use std::time::Duration;

use cloakroom_testbed::Proxy;

use crate::Result;
use crate::args::Options;
use crate::stores::{Durability, Store};
use crate::targets::{self, IDLE_TIMEOUT, Target, TargetConfig};

use super::client::{Browser, Node, Response, shorten_cookies};

/// What a check needs of a target.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    OneNode,
    /// A store that a process leaves behind.
    Store,
    /// A store on a server, which several nodes share and may fail to reach.
    TwoNodes,
}

/// A target with a store of its own: on two nodes if they can share it, and else on one.
pub(super) struct Setup {
    target: Target,
    first: Node,
    second: Option<Node>,
    store: Option<Store>,
    /// The number of files that were given to nodes.
    files: Cell<u32>,
    options: Options,
}

impl Setup {
    pub(super) async fn start(target: Target, options: &Options) -> Result<Self> {
        let store = match target.store() {
            Some(kind) => Some(Store::start(kind, Durability::ProcessCrash).await?),
            None => None,
        };
        let config = config(target, store.as_ref().map_or_else(String::new, |store| store.url("first")), IDLE_TIMEOUT);
        let first = Node::new("A", targets::start(&config)?);
        let start = || Ok::<_, crate::Error>(Node::new("B", targets::start(&config)?));
        let second = target.is_shared().then(start).transpose()?;
        Ok(Self { target, first, second, store, files: Cell::new(0), options: options.clone() })
    }

    pub(super) const fn supports(&self, needs: Needs) -> bool {
        match needs {
            Needs::OneNode => true,
            Needs::Store => self.store.is_some(),
            Needs::TwoNodes => self.second.is_some(),
        }
    }

    /// Returns the URL of the store for another node, whose sessions are in a file of its own if
    /// they are in files: one process uses a file.
    fn store_url(&self) -> String {
        self.files.set(self.files.get() + 1);
        self.store.as_ref().map_or_else(String::new, |store| store.url(&format!("node-{}", self.files.get())))
    }
}

fn config(target: Target, store: String, idle_timeout: Duration) -> TargetConfig {
    TargetConfig { target, store, namespace: "bench".to_owned(), idle_timeout }
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
        self.start(self.setup.store_url(), idle_timeout)
    }

    /// Returns a function that starts a node on the same sessions each time.
    pub(super) fn restarts(&self) -> impl Fn() -> Result<Node> {
        let url = self.setup.store_url();
        move || self.start(url.clone(), IDLE_TIMEOUT)
    }

    /// Starts another node that reaches its store through a proxy.
    pub(super) async fn start_node_with_proxy(&self) -> Result<(Node, Proxy)> {
        let store = self.setup.store.as_ref().ok_or("the check needs a store")?;
        let proxy = Proxy::start(store.address().ok_or("the check needs a server")?).await?;
        Ok((self.start(store.url_through(proxy.address()), IDLE_TIMEOUT)?, proxy))
    }

    fn start(&self, store: String, idle_timeout: Duration) -> Result<Node> {
        Ok(Node::new("C", targets::start(&config(self.setup.target, store, idle_timeout))?))
    }

    /// Returns the number of keys or rows in the store, or 0 without one.
    pub(super) async fn store_entries(&self) -> Result<u64> {
        match &self.setup.store {
            Some(store) => store.entries().await,
            None => Ok(0),
        }
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
