use std::sync::Arc;

use cloakroom::store::Store;
use cloakroom::{Key, KeyRing, OsRandom, SealPolicy, Sessions};
use parking_lot::RwLock;

/// A database that nodes open.
pub(crate) trait Database {
    type Store: Store;

    /// A store over the database, as another process would have.
    async fn open(&self) -> Self::Store;
}

/// The nodes that serve requests now.
#[derive(Clone)]
pub(crate) struct Deployment {
    nodes: Arc<RwLock<Vec<Sessions>>>,
    /// The same for all nodes of all deployments.
    keys: KeyRing,
}

impl Deployment {
    pub(crate) async fn of(nodes: usize, database: &impl Database) -> Self {
        let keys = KeyRing::new(Key::generate(1, &OsRandom).expect("the system has randomness"));
        let deployment = Self { nodes: Arc::default(), keys };
        for _ in 0..nodes {
            let node = deployment.node(database.open().await);
            deployment.nodes.write().push(node);
        }
        deployment
    }

    /// Replaces a node. Requests that it has begun to serve end on it.
    pub(crate) fn replace(&self, node: usize, store: impl Store) {
        let new = self.node(store);
        self.nodes.write()[node] = new;
    }

    /// One of the nodes, as a load balancer chooses it.
    pub(crate) fn any(&self, choices: &mut fastrand::Rng) -> Sessions {
        let nodes = self.nodes.read();
        nodes[choices.usize(..nodes.len())].clone()
    }

    pub(crate) fn all(&self) -> Vec<Sessions> {
        self.nodes.read().clone()
    }

    fn node(&self, store: impl Store) -> Sessions {
        let sessions = Sessions::builder().store(store).keys(self.keys.clone()).seal(SealPolicy::Require);
        sessions.build().expect("the settings are valid")
    }
}
