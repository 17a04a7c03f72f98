//! Checks that the nodes of a cluster agree.

use super::{
    Cluster,
    topology::{self, Line},
};
use crate::{Error, Server, wait::until};
use futures_util::future::join_all;
use std::{collections::BTreeSet, time::Duration};

/// Longer than a busy node needs, and short enough to skip a frozen one quickly.
const LOOK_LIMIT: Duration = Duration::from_secs(1);
pub(super) const AGREE_LIMIT: Duration = Duration::from_secs(60);

/// The topology that one node reports.
pub(super) struct View<'a> {
    pub(super) server: &'a Server,
    pub(super) lines: Vec<Line>,
}

impl View<'_> {
    fn myself(&self) -> Option<&Line> {
        self.lines.iter().find(|line| line.is("myself"))
    }

    fn owners(&self) -> BTreeSet<(&[(u16, u16)], &str)> {
        let masters = self.lines.iter().filter(|line| !line.slots.is_empty());
        masters.map(|line| (line.slots.as_slice(), line.id.as_str())).collect()
    }
}

impl Cluster {
    /// The topology as reported by each node that answers; dead and frozen nodes are left out.
    pub(super) async fn views(&self) -> Vec<View<'_>> {
        let looks = self.nodes.iter().filter(|server| server.is_running()).map(|server| async move {
            let text = server.text_within(LOOK_LIMIT, &["CLUSTER", "NODES"]).await.ok()?;
            Some(View { server, lines: topology::parse(&text).ok()? })
        });
        join_all(looks).await.into_iter().flatten().collect()
    }

    /// The line of the slot's owner: the newest claim that any node knows of.
    pub(super) async fn owner(&self, slot: u16) -> Result<Line, Error> {
        let lines = self.views().await.into_iter().flat_map(|view| view.lines);
        let claims = lines.filter(|line| line.is("master") && line.owns(slot));
        claims.max_by_key(|line| line.epoch).ok_or_else(|| Error::unexpected(format!("no node owns slot {slot}")))
    }

    pub(super) fn by_port(&self, port: u16) -> Result<&Server, Error> {
        let found = self.nodes.iter().find(|server| server.peer_port() == port);
        found.ok_or_else(|| Error::unexpected(format!("no node of this cluster listens on port {port}")))
    }

    /// Waits until all nodes that answer agree on the owners and serve every slot, and all replicas
    /// are in sync.
    ///
    /// Call it after a fault that the test injected itself, such as a node that was killed and
    /// restarted.
    ///
    /// # Errors
    ///
    /// [`Error::TimedOut`] after 60 s.
    pub async fn wait_for_agreement(&self) -> Result<(), Error> {
        until("the nodes agree", AGREE_LIMIT, || self.agreed()).await
    }

    pub(super) async fn agreed(&self) -> Result<(), Error> {
        let views = self.views().await;
        let Some(first) = views.first() else { return Err(Error::unexpected("no node answers")) };
        if let Some(other) = views.iter().find(|view| view.owners() != first.owners()) {
            let ports = (first.server.port(), other.server.port());
            return Err(Error::unexpected(format!("the nodes on {ports:?} see different owners")));
        }
        for view in &views {
            serves(view).await?;
        }
        Ok(())
    }
}

async fn serves(view: &View<'_>) -> Result<(), Error> {
    let port = view.server.port();
    let state = view.server.text(&["CLUSTER", "INFO"]).await?;
    if !state.contains("cluster_state:ok") {
        return Err(Error::unexpected(format!("the node on {port} reports {state:?}")));
    }
    if view.myself().is_none_or(|line| line.is("master")) {
        return Ok(());
    }
    match view.server.info("replication").await?.get("master_link_status").map(String::as_str) {
        Some("up") => Ok(()),
        other => Err(Error::unexpected(format!("the link of the replica on {port} is {other:?}"))),
    }
}
