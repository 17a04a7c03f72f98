//! The configuration of a cluster.

use super::{Cluster, form};
use crate::{Error, Tls};
use std::time::Duration;

/// Sets up a [`Cluster`].
///
/// Defaults: 3 masters with 1 replica each, nodes count as failed after 2 s, no password.
#[derive(Clone, Debug)]
pub struct ClusterBuilder {
    pub(super) masters: usize,
    pub(super) replicas: usize,
    pub(super) node_timeout: Duration,
    pub(super) password: Option<String>,
    pub(super) directives: Vec<String>,
    pub(super) tls: Option<Tls>,
}

impl Default for ClusterBuilder {
    fn default() -> Self {
        Self {
            masters: 3,
            replicas: 1,
            node_timeout: Duration::from_secs(2),
            password: None,
            directives: Vec::new(),
            tls: None,
        }
    }
}

impl ClusterBuilder {
    /// The number of masters; fewer than 3 cannot vote for a replica after one of them has died.
    pub fn masters(mut self, count: usize) -> Self {
        self.masters = count;
        self
    }

    /// The number of replicas of each master.
    pub fn replicas_per_master(mut self, count: usize) -> Self {
        self.replicas = count;
        self
    }

    /// `cluster-node-timeout`: a shorter one promotes sooner, but reports failures on a busy
    /// machine.
    pub fn node_timeout(mut self, timeout: Duration) -> Self {
        self.node_timeout = timeout;
        self
    }

    /// Sets the password of the default user on every node.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Adds a directive to the configuration of every node.
    pub fn config(mut self, directive: impl Into<String>) -> Self {
        self.directives.push(directive.into());
        self
    }

    /// Makes the nodes listen for TLS connections too, and use TLS between each other.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Starts the nodes and waits until each of them serves and every replica is in sync.
    ///
    /// # Errors
    ///
    /// As [`ServerBuilder::start`](crate::ServerBuilder::start), [`Error::Setting`] for no masters,
    /// and [`Error::TimedOut`] when a step takes longer than 60 s.
    pub async fn start(self) -> Result<Cluster, Error> {
        Box::pin(form::form(&self)).await
    }
}
