//! The servers and processes of a scenario.

mod faults;
mod node;
pub(crate) mod postgres;

use std::net::SocketAddr;

use cloakroom_testbed::{Cluster, Postgres, Proxy, Sentinels, Server};
use futures_util::future::try_join_all;

use crate::Error;
use crate::args::RunArgs;
use crate::fault::Fault;
pub(crate) use faults::play;
use node::{Node, Tier};

pub(crate) const NODES: usize = 3;

/// Three nodes and their shared tier.
#[derive(Debug)]
pub(crate) struct Environment<'a> {
    shared: Shared<'a>,
    nodes: Vec<Node>,
}

#[derive(Debug)]
enum Shared<'a> {
    /// One server, and a proxy to it for each node.
    Server {
        server: Box<Server>,
        proxies: Vec<Proxy>,
    },
    Cluster(&'a Cluster),
    Sentinels(Box<Sentinels>),
    /// One server, and a proxy to it for each node.
    Postgres {
        server: Box<Postgres>,
        proxies: Vec<Proxy>,
    },
}

impl<'a> Environment<'a> {
    pub(crate) async fn on_a_server(args: &RunArgs) -> Result<Self, Error> {
        let server = Box::new(Server::start().await?);
        let proxies = try_join_all((0..NODES).map(|_| Proxy::start(server.address()))).await?;
        let start =
            |(index, proxy): (usize, &Proxy)| Node::start(Tier::Redis(vec![proxy.url()]), "checker", args, index);
        let nodes = try_join_all(proxies.iter().enumerate().map(start));
        Ok(Self { nodes: nodes.await?, shared: Shared::Server { server, proxies } })
    }

    pub(crate) async fn on_a_cluster(cluster: &'a Cluster, fault: Fault, args: &RunArgs) -> Result<Self, Error> {
        let namespace = format!("checker-{fault}");
        let nodes = (0..NODES).map(|index| Node::start(Tier::Redis(cluster.urls()), &namespace, args, index));
        let nodes = try_join_all(nodes).await?;
        Ok(Self { nodes, shared: Shared::Cluster(cluster) })
    }

    pub(crate) async fn on_sentinels(args: &RunArgs) -> Result<Self, Error> {
        let sentinels = Box::new(Sentinels::builder().replicas(1).start().await?);
        let tier = || Tier::Sentinels(sentinels.urls(), sentinels.master_name().to_owned());
        let start = |index| Node::start(tier(), "checker", args, index);
        let nodes = try_join_all((0..NODES).map(start)).await?;
        Ok(Self { nodes, shared: Shared::Sentinels(sentinels) })
    }

    pub(crate) async fn on_postgres(args: &RunArgs) -> Result<Self, Error> {
        let server = Box::new(postgres::start().await?);
        let proxies = try_join_all((0..NODES).map(|_| Proxy::start(server.address()))).await?;
        let start = |(index, proxy): (usize, &Proxy)| {
            Node::start(Tier::Postgres(server.url_through(proxy.port())), "checker", args, index)
        };
        let nodes = try_join_all(proxies.iter().enumerate().map(start));
        Ok(Self { nodes: nodes.await?, shared: Shared::Postgres { server, proxies } })
    }

    pub(crate) fn nodes(&self) -> Vec<SocketAddr> {
        self.nodes.iter().map(Node::address).collect()
    }

    fn server(&self) -> Result<&Server, Error> {
        match &self.shared {
            Shared::Server { server, .. } => Ok(server),
            _ => Err("this fault needs a single Redis server".into()),
        }
    }

    fn postgres(&self) -> Result<&Postgres, Error> {
        match &self.shared {
            Shared::Postgres { server, .. } => Ok(server),
            _ => Err("this fault needs PostgreSQL".into()),
        }
    }

    fn proxies(&self) -> Result<&[Proxy], Error> {
        match &self.shared {
            Shared::Server { proxies, .. } | Shared::Postgres { proxies, .. } => Ok(proxies),
            Shared::Cluster(_) | Shared::Sentinels(_) => Err("this fault needs a single server".into()),
        }
    }

    fn cluster(&self) -> Result<&Cluster, Error> {
        match &self.shared {
            Shared::Cluster(cluster) => Ok(cluster),
            _ => Err("this fault needs a cluster".into()),
        }
    }

    fn sentinels(&self) -> Result<&Sentinels, Error> {
        match &self.shared {
            Shared::Sentinels(sentinels) => Ok(sentinels),
            _ => Err("this fault needs sentinels".into()),
        }
    }
}
