use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::StoreError;
use redis::{Cmd, Value};

use super::Topology;
use super::cluster::Master;
use crate::connection::{Connection, timed};
use crate::fault::{self, Effect};

/// The masters at one moment, in an order that depends only on their addresses.
pub(crate) enum Masters<'a> {
    Single(&'a Connection),
    /// With a number that identifies the addresses and slots of the masters.
    Cluster(Vec<Arc<Master>>, u64),
}

impl Masters<'_> {
    pub(crate) fn get(&self, place: usize) -> Option<&Connection> {
        match self {
            Self::Single(connection) => (place == 0).then_some(*connection),
            Self::Cluster(masters, _) => masters.get(place).map(|master| &master.connection),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Connection> {
        (0..).map_while(|place| self.get(place))
    }

    /// Identifies the masters and their slots.
    pub(crate) const fn layout(&self) -> u64 {
        match self {
            Self::Single(_) => 0,
            Self::Cluster(_, layout) => *layout,
        }
    }
}

impl Topology {
    pub(crate) fn masters(&self) -> Masters<'_> {
        match self {
            Self::Single(connection) => Masters::Single(connection),
            Self::Cluster(cluster) => {
                let (masters, layout) = cluster.layout();
                Masters::Cluster(masters, layout)
            }
        }
    }
}

/// Sends commands that only read, and name no key, to one server.
pub(crate) async fn ask(server: &Connection, commands: &[Cmd], deadline: Duration) -> Result<Vec<Value>, StoreError> {
    let pair = server.pair(deadline).await.map_err(fault::before_send)?;
    let answers = timed(deadline, pair.send_all(commands, false)).await;
    let answers = answers.and_then(|answers| answers.into_iter().collect());
    answers.map_err(|error| fault::after_send(error, Effect::Reads))
}
