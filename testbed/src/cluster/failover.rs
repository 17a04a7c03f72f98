//! Failover: another node becomes the master of a slot.

use super::{Cluster, topology::Line, views::AGREE_LIMIT};
use crate::{Error, Server, wait::until};

/// How a replica replaces a master that is still running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Handover {
    /// The master stops writes until the replica has all of them: nothing is lost (`CLUSTER
    /// FAILOVER`).
    Coordinated,
    /// The replica takes over without a vote (`CLUSTER FAILOVER TAKEOVER`): writes that did not
    /// reach it are lost, and the old master serves the slot until it learns of the takeover.
    Takeover,
}

impl Cluster {
    /// Kills the master of `slot`, and returns the promoted replica once all living nodes agree on
    /// it.
    ///
    /// The killed node stays down until [`Server::restart`], and then rejoins as a replica.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the master has no living replica, [`Error::TimedOut`] after 60 s.
    pub async fn failover(&self, slot: u16) -> Result<&Server, Error> {
        let old = self.owner(slot).await?;
        self.replica_at(&old).await?;
        self.by_port(old.port)?.kill()?;
        self.new_owner(slot, &old).await
    }

    /// Makes a replica the master of `slot` while the old master is alive.
    ///
    /// Returns the new master once all nodes agree on it.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the master has no living replica, [`Error::TimedOut`] after 60 s.
    pub async fn hand_over(&self, slot: u16, how: Handover) -> Result<&Server, Error> {
        let old = self.owner(slot).await?;
        let replica = self.replica_at(&old).await?;
        match how {
            Handover::Coordinated => replica.text(&["CLUSTER", "FAILOVER"]).await?,
            Handover::Takeover => replica.text(&["CLUSTER", "FAILOVER", "TAKEOVER"]).await?,
        };
        self.new_owner(slot, &old).await
    }

    /// A living replica of the master of `slot`.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when the master has no living replica.
    pub async fn replica_of(&self, slot: u16) -> Result<&Server, Error> {
        self.replica_at(&self.owner(slot).await?).await
    }

    /// A living replica that itself reports this master.
    async fn replica_at(&self, master: &Line) -> Result<&Server, Error> {
        let follows = |line: &Line| line.is("myself") && line.replica_of.as_ref() == Some(&master.id);
        let views = self.views().await;
        let replica = views.iter().find(|view| view.lines.iter().any(follows)).map(|view| view.server);
        replica.ok_or_else(|| Error::unexpected(format!("the master on port {} has no living replica", master.port)))
    }

    async fn new_owner(&self, slot: u16, old: &Line) -> Result<&Server, Error> {
        until("another node owns the slot and all agree", AGREE_LIMIT, || async {
            let new = self.owner(slot).await?;
            if new.id == old.id {
                return Err(Error::unexpected(format!("port {} still owns slot {slot}", old.port)));
            }
            self.agreed().await?;
            self.by_port(new.port)
        })
        .await
    }
}
