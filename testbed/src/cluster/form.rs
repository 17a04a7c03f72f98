//! Forms a cluster out of single servers.

use super::{Cluster, ClusterBuilder, views::AGREE_LIMIT};
use crate::{
    Error, Server,
    server::{Part, ServerBuilder},
    wait::until,
};
use futures_util::future::try_join_all;

const SLOTS: usize = 16_384;

pub(super) async fn form(wanted: &ClusterBuilder) -> Result<Cluster, Error> {
    if wanted.masters == 0 {
        return Err(Error::Setting { field: "masters", remedy: "pass at least 1" });
    }
    let count = wanted.masters * (1 + wanted.replicas);
    let nodes = try_join_all((0..count).map(|_| node(wanted).start())).await?;
    let cluster = Cluster { nodes };
    let (masters, replicas) = cluster.nodes.split_at(wanted.masters);
    for (index, master) in masters.iter().enumerate() {
        take_slots(master, index, masters.len()).await?;
    }
    meet(&cluster).await?;
    for (index, replica) in replicas.iter().enumerate() {
        let master = masters[index % masters.len()].text(&["CLUSTER", "MYID"]).await?;
        replica.text(&["CLUSTER", "REPLICATE", &master]).await?;
    }
    until("the cluster is complete", AGREE_LIMIT, || complete(&cluster, wanted)).await?;
    Ok(cluster)
}

fn node(wanted: &ClusterBuilder) -> ServerBuilder {
    let node = Server::builder()
        .part(Part::ClusterNode)
        .config(format!("cluster-node-timeout {}", wanted.node_timeout.as_millis()))
        // Tests inject long faults, so a replica takes over however long it was disconnected.
        .config("cluster-replica-validity-factor 0");
    let node = wanted.directives.iter().fold(node, ServerBuilder::config);
    let node = wanted.tls.iter().cloned().fold(node, ServerBuilder::tls);
    match &wanted.password {
        Some(password) => node.password(password),
        None => node,
    }
}

/// Assigns the master its share of the slots, and an epoch of its own: with equal epochs the nodes
/// would first have to resolve the conflict.
async fn take_slots(master: &Server, index: usize, masters: usize) -> Result<(), Error> {
    let (first, last) = (SLOTS * index / masters, SLOTS * (index + 1) / masters - 1);
    master.text(&["CLUSTER", "SET-CONFIG-EPOCH", &(index + 1).to_string()]).await?;
    master.text(&["CLUSTER", "ADDSLOTSRANGE", &first.to_string(), &last.to_string()]).await?;
    Ok(())
}

async fn meet(cluster: &Cluster) -> Result<(), Error> {
    let Some((first, others)) = cluster.nodes.split_first() else { return Ok(()) };
    for other in others {
        let config = other.command(&["CONFIG", "GET", "cluster-port"]).await?;
        let config: Vec<String> = redis::from_redis_value(config).map_err(|e| Error::unexpected(e.to_string()))?;
        let Some(bus) = config.get(1) else { return Err(Error::unexpected("CONFIG GET cluster-port is empty")) };
        first.text(&["CLUSTER", "MEET", "127.0.0.1", &other.peer_port().to_string(), bus]).await?;
    }
    until("the nodes know each other", AGREE_LIMIT, || async {
        let views = cluster.views().await;
        let known = |view: &super::views::View<'_>| {
            view.lines.len() == cluster.nodes.len() && !view.lines.iter().any(|line| line.is("handshake"))
        };
        if views.len() == cluster.nodes.len() && views.iter().all(known) {
            return Ok(());
        }
        Err(Error::unexpected(format!("{} of {} answer", views.len(), cluster.nodes.len())))
    })
    .await
}

/// Waits for every node to see every replica, because clients may ask any node for the topology.
async fn complete(cluster: &Cluster, wanted: &ClusterBuilder) -> Result<(), Error> {
    for view in cluster.views().await {
        let replicas = view.lines.iter().filter(|line| line.replica_of.is_some()).count();
        if replicas != wanted.masters * wanted.replicas {
            return Err(Error::unexpected(format!("the node on {} sees {replicas} replicas", view.server.port())));
        }
    }
    cluster.agreed().await
}
