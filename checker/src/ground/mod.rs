//! The servers and processes that a scenario stands on.

mod faults;
mod node;

use std::net::SocketAddr;

use cloakroom_testbed::{Cluster, Proxy, Server};
use futures_util::future::try_join_all;

use crate::Error;
use crate::fault::Fault;
use crate::node::Sabotage;
pub(crate) use faults::play;
use node::Node;

pub(crate) const NODES: usize = 3;

/// Three nodes, and what they store their sessions in.
#[derive(Debug)]
pub(crate) struct Ground<'a> {
    shared: Shared<'a>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
enum Shared<'a> {
    /// One server, and a way to it for each node.
    Server {
        server: Box<Server>,
        proxies: Vec<Proxy>,
    },
    Cluster(&'a Cluster),
}

impl<'a> Ground<'a> {
    pub(crate) async fn on_a_server(sabotage: Option<Sabotage>) -> Result<Self, Error> {
        let server = Box::new(Server::start().await?);
        let proxies = try_join_all((0..NODES).map(|_| Proxy::start(server.address()))).await?;
        let nodes = try_join_all(proxies.iter().map(|proxy| Node::start(vec![proxy.url()], "checker", sabotage)));
        Ok(Self { nodes: nodes.await?, shared: Shared::Server { server, proxies } })
    }

    pub(crate) async fn on_a_cluster(
        cluster: &'a Cluster,
        fault: Fault,
        sabotage: Option<Sabotage>,
    ) -> Result<Self, Error> {
        let namespace = format!("checker-{fault}");
        let nodes = try_join_all((0..NODES).map(|_| Node::start(cluster.urls(), &namespace, sabotage))).await?;
        Ok(Self { nodes, shared: Shared::Cluster(cluster) })
    }

    pub(crate) fn nodes(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::address).collect()
    }

    fn server(&self) -> Result<(&Server, &[Proxy]), Error> {
        match &self.shared {
            Shared::Server { server, proxies } => Ok((server, proxies)),
            Shared::Cluster(_) => Err("this fault needs a single server".into()),
        }
    }

    fn cluster(&self) -> Result<&Cluster, Error> {
        match &self.shared {
            Shared::Cluster(cluster) => Ok(cluster),
            Shared::Server { .. } => Err("this fault needs a cluster".into()),
        }
    }
}
