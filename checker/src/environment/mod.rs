//! The servers and processes of a scenario.

mod faults;
mod node;
pub(crate) mod postgres;

use std::net::{Ipv4Addr, SocketAddr};

use cloakroom_testbed::{Cluster, Postgres, Proxy, Sentinels, Server};
use futures_util::future::try_join_all;

use crate::Error;
use crate::args::RunArgs;
use crate::fault::Fault;
pub(crate) use faults::play;
use node::{Node, Tier};

pub(crate) const NODES: usize = 3;
/// The last part of the loopback address at which the first node finds its cluster.
const FIRST_LINK: u8 = 2;
/// Decides whether servers of a cluster report a host, or clients use the host that they connected
/// to.
const ENDPOINT_TYPE: &str = "cluster-preferred-endpoint-type";

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
    /// A cluster, and for each node a proxy to each of its servers, unless nodes connect directly.
    Cluster {
        cluster: &'a Cluster,
        links: Vec<Vec<Proxy>>,
    },
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
        faults::configure(&faults::all(cluster), ENDPOINT_TYPE, "ip").await?;
        Self::with_links(cluster, Vec::new(), fault, args).await
    }

    /// Each node connects to an address of its own for the whole cluster, so that faults can hit the
    /// link of one node. Needs the loopback network of Linux.
    pub(crate) async fn on_a_cluster_through_proxies(
        cluster: &'a Cluster,
        fault: Fault,
        args: &RunArgs,
    ) -> Result<Self, Error> {
        faults::configure(&faults::all(cluster), ENDPOINT_TYPE, "unknown-endpoint").await?;
        let hosts = (0..NODES as u8).map(|index| Ipv4Addr::new(127, 0, 0, FIRST_LINK + index));
        let links = try_join_all(hosts.map(|host| cluster.proxies(host))).await?;
        Self::with_links(cluster, links, fault, args).await
    }

    async fn with_links(
        cluster: &'a Cluster,
        links: Vec<Vec<Proxy>>,
        fault: Fault,
        args: &RunArgs,
    ) -> Result<Self, Error> {
        let namespace = format!("checker-{fault}");
        let start = |index: usize| {
            let urls = links.get(index).map_or_else(|| cluster.urls(), |link| link.iter().map(Proxy::url).collect());
            Node::start(Tier::Redis(urls), &namespace, args, index)
        };
        let nodes = try_join_all((0..NODES).map(start)).await?;
        Ok(Self { nodes, shared: Shared::Cluster { cluster, links } })
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

    /// The proxies between one node and its shared tier; `which` wraps around.
    fn link(&self, which: usize) -> Result<&[Proxy], Error> {
        let which = which % NODES;
        match &self.shared {
            Shared::Server { proxies, .. } | Shared::Postgres { proxies, .. } => Ok(&proxies[which..=which]),
            Shared::Cluster { links, .. } if !links.is_empty() => Ok(&links[which]),
            Shared::Cluster { .. } | Shared::Sentinels(_) => Err("this fault needs proxies".into()),
        }
    }

    fn cluster(&self) -> Result<&Cluster, Error> {
        match &self.shared {
            Shared::Cluster { cluster, .. } => Ok(cluster),
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
