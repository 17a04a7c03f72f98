use std::time::Duration;

use cloakroom_testbed::{Proxy, Server};

use crate::Failure;
use crate::args::{Options, Part};
use crate::arms::{Arm, IDLE, Plan};
use crate::process::Node;

use super::site::Site;

/// What a check takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    OneNode,
    TwoNodes,
    Store,
}

/// One library on two nodes, or on one where it keeps sessions in memory alone; a store of its own.
pub(super) struct Ground {
    arm: Arm,
    pub(super) a: Site,
    second: Option<Site>,
    server: Option<Server>,
    options: Options,
}

impl Ground {
    pub(super) async fn lay(arm: Arm, options: &Options) -> Result<Self, Failure> {
        let server = if arm.is_shared() { Some(Server::start().await?) } else { None };
        let plan = plan(arm, server.as_ref(), IDLE);
        let a = Site::new("A", Node::start(Part::Node, &plan)?);
        let second = arm.is_shared().then(|| Node::start(Part::Node, &plan)).transpose()?;
        Ok(Self { arm, a, second: second.map(|node| Site::new("B", node)), server, options: options.clone() })
    }

    /// `full`, or `small` in a smoke run.
    pub(super) const fn size(&self, full: usize, small: usize) -> usize {
        self.options.size(full, small)
    }

    pub(super) const fn suits(&self, needs: Needs) -> bool {
        matches!(needs, Needs::OneNode) || self.second.is_some()
    }

    /// The other node; checks that ask for it say that they need it.
    pub(super) fn b(&self) -> &Site {
        self.second.as_ref().unwrap_or(&self.a)
    }

    /// A node of its own for a check: its sessions live for this long.
    pub(super) fn with_lifetime(&self, idle: Duration) -> Result<Site, Failure> {
        Ok(Site::new("C", Node::start(Part::Node, &plan(self.arm, self.server.as_ref(), idle))?))
    }

    /// A node of its own for a check: the way to its store can be cut.
    pub(super) async fn with_proxy(&self) -> Result<(Site, Proxy), Failure> {
        let server = self.server.as_ref().ok_or("a check asks for a store where there is none")?;
        let proxy = Proxy::start(server.address()).await?;
        let plan = Plan { redis: proxy.address().to_string(), ..plan(self.arm, Some(server), IDLE) };
        Ok((Site::new("C", Node::start(Part::Node, &plan)?), proxy))
    }

    /// How many keys the store has; none where there is no store.
    pub(super) async fn keys(&self) -> Result<u64, Failure> {
        let Some(server) = &self.server else { return Ok(0) };
        Ok(redis::from_redis_value(server.command(&["DBSIZE"]).await?)?)
    }
}

fn plan(arm: Arm, server: Option<&Server>, idle: Duration) -> Plan {
    let redis = server.map_or_else(String::new, |server| server.address().to_string());
    Plan { arm, redis, namespace: "bench".to_owned(), idle }
}
