//! What the stores under test stand on.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use cloakroom::testkit::{Backend, Capability};
use cloakroom_redis::{RedisStore, RedisStoreBuilder};
use cloakroom_testbed::{Cluster, Sentinels, Server};

/// Much shorter than anybody wants, so that tests do not wait for it.
pub(crate) const LEASE: Duration = Duration::from_millis(400);

/// Servers of one kind, and the stores that are made on them.
pub(crate) struct Ground {
    pub(crate) servers: Servers,
    stores: AtomicU32,
}

pub(crate) enum Servers {
    One(Server),
    Cluster(Cluster),
    Sentinels(Sentinels),
}

impl Ground {
    pub(crate) fn new(servers: Servers) -> Self {
        Self { servers, stores: AtomicU32::new(0) }
    }

    /// A builder of stores that see what all others of this `namespace` see.
    pub(crate) fn builder(&self, namespace: &str) -> RedisStoreBuilder {
        let builder = RedisStore::builder(namespace).lease(LEASE);
        match &self.servers {
            Servers::One(server) => builder.server(server.url()),
            Servers::Cluster(cluster) => builder.cluster(cluster.urls()),
            Servers::Sentinels(sentinels) => builder.sentinels(sentinels.urls(), sentinels.master_name()),
        }
    }

    async fn connect(&self, namespace: &str) -> RedisStore {
        self.builder(namespace).connect().await.expect("the servers of the testbed are in order")
    }
}

impl Backend for Ground {
    type Store = RedisStore;

    async fn store(&self) -> RedisStore {
        self.connect(&format!("test-{}", self.stores.fetch_add(1, Relaxed))).await
    }

    async fn node(&self, store: &RedisStore) -> Option<RedisStore> {
        Some(self.connect(&store.namespace().to_string()).await)
    }

    async fn cut_off(&self, _node: &RedisStore) -> bool {
        let servers = match &self.servers {
            Servers::One(server) => std::slice::from_ref(server),
            Servers::Cluster(cluster) => cluster.nodes(),
            Servers::Sentinels(sentinels) => sentinels.servers(),
        };
        for server in servers {
            server.cut_clients().await.expect("the server answers its administrator");
        }
        true
    }

    /// More than the suite waits for at once, so that a busy machine is not taken for a wrong clock.
    fn tick(&self) -> Duration {
        Duration::from_millis(400)
    }

    /// Each check has a namespace of its own.
    fn at_once(&self) -> usize {
        16
    }

    fn capabilities(&self) -> &[Capability] {
        &[Capability::Nodes, Capability::Vouching, Capability::CutOff]
    }
}
