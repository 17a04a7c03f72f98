//! Several servers that share the slots.

mod builder;
mod failover;
mod form;
mod slot_move;
mod topology;
mod views;

pub use builder::ClusterBuilder;
pub use failover::Handover;
pub use slot_move::SlotMove;

use crate::{Error, Proxy, Server};
use futures_util::future::try_join_all;
use std::net::{Ipv4Addr, SocketAddr};

/// A Redis Cluster on loopback ports, formed and controlled without any tool of the server.
///
/// Its nodes are plain [`Server`]s: each can be frozen, killed, cut and restarted.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
}

impl Cluster {
    /// Starts a cluster of this size, with the other defaults of [`ClusterBuilder`].
    ///
    /// # Errors
    ///
    /// As [`ClusterBuilder::start`].
    pub async fn start(masters: usize, replicas_per_master: usize) -> Result<Self, Error> {
        Self::builder().masters(masters).replicas_per_master(replicas_per_master).start().await
    }

    /// Configures a cluster; the default is 3 masters with 1 replica each.
    #[must_use]
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    /// All nodes, dead ones too; those that started as masters come first.
    #[must_use]
    pub fn nodes(&self) -> &[Server] {
        &self.nodes
    }

    /// The URLs of all nodes, dead ones too, in the order of [`nodes`](Self::nodes).
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::url).collect()
    }

    /// The URLs of the nodes for TLS connections, if the cluster has [`tls`](ClusterBuilder::tls).
    #[must_use]
    pub fn tls_urls(&self) -> Vec<String> {
        self.nodes.iter().map(Server::tls_url).collect()
    }

    /// Starts a proxy in front of each node, on the node's own port of `host`, another address of
    /// the loopback network such as 127.0.0.2.
    ///
    /// A client that connects to `host` uses these proxies only as long as the nodes report no host
    /// of their own: `cluster-preferred-endpoint-type unknown-endpoint`, since Redis 7.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when one of the ports is in use on that address, or the system does not have
    /// the address.
    pub async fn proxies(&self, host: Ipv4Addr) -> Result<Vec<Proxy>, Error> {
        let start = |node: &Server| Proxy::start_at(SocketAddr::from((host, node.port())), node.address());
        try_join_all(self.nodes.iter().map(start)).await
    }

    /// The slot of a key, as computed by the server.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when no node answers.
    pub async fn slot_of(&self, key: &str) -> Result<u16, Error> {
        for node in self.nodes.iter().filter(|node| node.is_running()) {
            if let Ok(redis::Value::Int(slot)) = node.command(&["CLUSTER", "KEYSLOT", key]).await {
                return u16::try_from(slot).map_err(|error| Error::unexpected(error.to_string()));
            }
        }
        Err(Error::unexpected("no node answers"))
    }

    /// The master of a slot, dead or alive: the newest claim that any living node knows of.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when no node answers, or none owns the slot.
    pub async fn node_of(&self, slot: u16) -> Result<&Server, Error> {
        self.by_port(self.owner(slot).await?.port)
    }

    /// The slot ranges of the master of `slot`, each as its first and last slot.
    ///
    /// # Errors
    ///
    /// As [`node_of`](Self::node_of).
    pub async fn slots_of_owner(&self, slot: u16) -> Result<Vec<(u16, u16)>, Error> {
        Ok(self.owner(slot).await?.slots)
    }
}
