//! The configuration of a master under sentinels.

use super::{LIMIT, NAME, SENTINELS, Sentinels};
use crate::{
    Error, Server, ServerBuilder, Tls,
    admin::{PASSWORD, USER},
    server::Part,
    wait::until,
};
use futures_util::future::try_join_all;
use std::time::Duration;

/// Sets up [`Sentinels`].
///
/// Defaults: 2 replicas, a master counts as down after 1 s, no password.
#[derive(Clone, Debug)]
pub struct SentinelsBuilder {
    replicas: usize,
    down_after: Duration,
    password: Option<String>,
    tls: Option<Tls>,
}

impl Default for SentinelsBuilder {
    fn default() -> Self {
        Self { replicas: 2, down_after: Duration::from_secs(1), password: None, tls: None }
    }
}

impl SentinelsBuilder {
    /// The number of replicas of the master; without any, nothing can replace it.
    pub fn replicas(mut self, count: usize) -> Self {
        self.replicas = count;
        self
    }

    /// How long a master may be unreachable before a sentinel considers it down.
    pub fn down_after(mut self, silence: Duration) -> Self {
        self.down_after = silence;
        self
    }

    /// Sets the password of the default user on the master and its replicas; the sentinels have
    /// none.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Makes all servers listen for TLS connections too, and use TLS between each other.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Starts everything, and waits until every sentinel knows every replica and every other
    /// sentinel.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`](crate::ServerBuilder::start), and [`Error::TimedOut`] after 90
    /// s.
    pub async fn start(self) -> Result<Sentinels, Error> {
        let master = self.data(None).start().await?;
        let port = master.peer_port();
        let replicas = try_join_all((0..self.replicas).map(|_| self.data(Some(port)).start())).await?;
        let mut servers = vec![master];
        servers.extend(replicas);
        until("the replicas are in sync", LIMIT, || in_sync(&servers)).await?;
        let sentinels = try_join_all((0..SENTINELS).map(|_| self.sentinel(port).start())).await?;
        let all = Sentinels { servers, sentinels };
        until("the sentinels know each other", LIMIT, || all.complete()).await?;
        Ok(all)
    }

    fn data(&self, master: Option<u16>) -> ServerBuilder {
        let server = master.map(|port| format!("replicaof 127.0.0.1 {port}")).into_iter();
        let server = server.fold(Server::builder(), ServerBuilder::config);
        let server = self.tls.iter().cloned().fold(server, ServerBuilder::tls);
        match &self.password {
            Some(password) => server.password(password),
            None => server,
        }
    }

    fn sentinel(&self, master: u16) -> ServerBuilder {
        let quorum = SENTINELS / 2 + 1;
        let sentinel = Server::builder()
            .part(Part::Sentinel)
            .config(format!("sentinel monitor {NAME} 127.0.0.1 {master} {quorum}"))
            .config(format!("sentinel auth-user {NAME} {USER}"))
            .config(format!("sentinel auth-pass {NAME} {PASSWORD}"))
            .config(format!("sentinel down-after-milliseconds {NAME} {}", self.down_after.as_millis()))
            .config(format!("sentinel failover-timeout {NAME} 5000"))
            .config(format!("sentinel parallel-syncs {NAME} 2"));
        self.tls.iter().cloned().fold(sentinel, ServerBuilder::tls)
    }
}

async fn in_sync(servers: &[Server]) -> Result<(), Error> {
    for replica in &servers[1..] {
        let link = replica.info("replication").await?.remove("master_link_status");
        if link.as_deref() != Some("up") {
            return Err(Error::unexpected(format!("the link of the replica on {} is {link:?}", replica.port())));
        }
    }
    Ok(())
}
