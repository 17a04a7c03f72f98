//! A master monitored by sentinels.

mod builder;

pub use builder::SentinelsBuilder;

use crate::{Error, Server, wait::until};
use redis::Value;
use std::time::Duration;

const NAME: &str = "testbed-master";
const SENTINELS: usize = 3;
/// Sentinels announce themselves every 2 s, look for replicas every 10 s, and wait a random time
/// before an election.
const LIMIT: Duration = Duration::from_secs(90);

/// One master, its replicas, and three sentinels that replace it when it dies.
#[derive(Debug)]
pub struct Sentinels {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
}

impl Sentinels {
    /// Starts a master with two replicas and three sentinels.
    ///
    /// # Errors
    ///
    /// As [`SentinelsBuilder::start`].
    pub async fn start() -> Result<Self, Error> {
        Self::builder().start().await
    }

    /// Configures a deployment that differs from the defaults.
    #[must_use]
    pub fn builder() -> SentinelsBuilder {
        SentinelsBuilder::default()
    }

    /// The name under which the sentinels know the master.
    #[must_use]
    pub fn master_name(&self) -> &'static str {
        NAME
    }

    /// The URLs of the sentinels, which clients ask for the master.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::url).collect()
    }

    /// The URLs of the sentinels for TLS connections, if [`tls`](SentinelsBuilder::tls) is set.
    #[must_use]
    pub fn tls_urls(&self) -> Vec<String> {
        self.sentinels.iter().map(Server::tls_url).collect()
    }

    /// The first master and its replicas, dead ones too.
    #[must_use]
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The sentinel processes, so that a test can freeze or kill one.
    #[must_use]
    pub fn sentinels(&self) -> &[Server] {
        &self.sentinels
    }

    /// The server that all running sentinels name as the master.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] while they disagree or none is running.
    pub async fn master(&self) -> Result<&Server, Error> {
        let mut named = Vec::new();
        for sentinel in self.sentinels.iter().filter(|sentinel| sentinel.is_running()) {
            let answer = sentinel.command(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME]).await?;
            let address: Vec<String> =
                redis::from_redis_value(answer).map_err(|error| Error::unexpected(error.to_string()))?;
            named.extend(address.into_iter().nth(1));
        }
        let Some(port) = named.first().filter(|first| named.iter().all(|other| other == *first)) else {
            return Err(Error::unexpected(format!("the sentinels name the ports {named:?}")));
        };
        let server = self.servers.iter().find(|server| server.peer_port().to_string() == *port);
        server.ok_or_else(|| Error::unexpected(format!("the sentinels name the unknown port {port}")))
    }

    /// Kills the master, and returns the new one once all running sentinels name it and it reports
    /// that role.
    ///
    /// The killed server stays down until [`Server::restart`]; the sentinels then make it a
    /// replica.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] after 90 s.
    pub async fn kill_master(&self) -> Result<&Server, Error> {
        let old = self.master().await?;
        old.kill()?;
        until("another server is the master", LIMIT, || async {
            let new = self.master().await?;
            let role = new.info("replication").await?.remove("role");
            if new.port() == old.port() || role.as_deref() != Some("master") {
                return Err(Error::unexpected(format!("the sentinels name port {}, a {role:?}", new.port())));
            }
            Ok(new)
        })
        .await
    }

    async fn complete(&self) -> Result<(), Error> {
        for sentinel in &self.sentinels {
            let replicas = known(sentinel, "REPLICAS").await?;
            let others = known(sentinel, "SENTINELS").await?;
            if (replicas, others) != (self.servers.len() - 1, SENTINELS - 1) {
                let port = sentinel.port();
                let seen = format!("the sentinel on {port} knows {replicas} replicas and {others} others");
                return Err(Error::unexpected(seen));
            }
        }
        Ok(())
    }
}

async fn known(sentinel: &Server, what: &str) -> Result<usize, Error> {
    match sentinel.command(&["SENTINEL", what, NAME]).await? {
        Value::Array(items) => Ok(items.len()),
        other => Err(Error::unexpected(format!("SENTINEL {what} answered {other:?}"))),
    }
}
