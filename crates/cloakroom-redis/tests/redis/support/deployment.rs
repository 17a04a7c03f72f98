use std::time::Duration;

use cloakroom::SessionsBuilder;
use cloakroom_redis::{RedisStore, RedisStoreBuilder};
use cloakroom_testbed::{Proxy, Server};

use super::Node;

/// A lease longer than any test, so that a node never reloads a session because its lease expired.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) const NAMESPACE: &str = "shop";

/// One server, to which the nodes of an application connect.
pub(crate) struct Deployment {
    pub(crate) server: Server,
}

impl Deployment {
    pub(crate) async fn open() -> Self {
        Self { server: Server::start().await.expect("redis-server is installed") }
    }

    /// Starts two nodes with a long lease.
    pub(crate) async fn with_two_nodes() -> (Self, Node, Node) {
        let deployment = Self::open().await;
        let (a, b) = (deployment.node().await, deployment.node().await);
        (deployment, a, b)
    }

    /// Starts a node with a long lease.
    pub(crate) async fn node(&self) -> Node {
        self.node_with(|store| store.lease(LONG), |sessions| sessions).await
    }

    /// Starts a node with this lease.
    pub(crate) async fn node_with_lease(&self, lease: Duration) -> Node {
        self.node_with(|store| store.lease(lease), |sessions| sessions).await
    }

    pub(crate) async fn node_with(
        &self,
        store: impl FnOnce(RedisStoreBuilder) -> RedisStoreBuilder,
        sessions: impl FnOnce(SessionsBuilder) -> SessionsBuilder,
    ) -> Node {
        let proxy = Proxy::start(self.server.address()).await.expect("a port is free");
        let builder = RedisStore::builder(NAMESPACE).server(self.server.url_through(proxy.port()));
        cloakroom_secret_scan::record("namespace", NAMESPACE);
        let store = store(builder).connect().await.expect("the server of the testbed accepts the store");
        let sessions = sessions(super::recorded().store(store.clone())).build().expect("valid settings");
        let node = Node { proxy, store, sessions };
        node.settle().await;
        node
    }

    /// The fields of a record on the server.
    pub(crate) async fn record(&self, selector: &str) -> Vec<(String, String)> {
        let answer = self.server.command(&["HGETALL", &key(selector)]).await.expect("the server answers");
        // Encrypted values are not valid UTF-8.
        let flat: Vec<Vec<u8>> = redis::from_redis_value(answer).expect("a hash");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        flat.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    }

    /// One field of a record, if it exists.
    pub(crate) async fn field(&self, selector: &str, name: &str) -> Option<String> {
        self.record(selector).await.into_iter().find(|(found, _)| found == name).map(|(_, content)| content)
    }

    /// All keys on the server.
    pub(crate) async fn keys(&self) -> Vec<String> {
        let answer = self.server.command(&["KEYS", "*"]).await.expect("the server answers");
        redis::from_redis_value(answer).expect("a list of texts")
    }
}

/// The Redis key of a record.
pub(crate) fn key(selector: &str) -> String {
    format!("{NAMESPACE}:session:{{{selector}}}")
}
