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

    /// The fields of a record on the server, with the properties in its head as fields of their own.
    pub(crate) async fn record(&self, selector: &str) -> Vec<(String, String)> {
        let answer = self.server.command(&["HGETALL", &key(selector)]).await.expect("the server answers");
        // Encrypted values are not valid UTF-8.
        let flat: Vec<Vec<u8>> = redis::from_redis_value(answer).expect("a hash");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut fields: Vec<_> = flat.chunks(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect();
        if let Some((_, head)) = fields.iter().find(|(name, _)| name == "head").cloned() {
            let properties = HEAD.iter().zip(head.splitn(HEAD.len(), ' '));
            fields.extend(properties.map(|(name, content)| ((*name).to_owned(), content.to_owned())));
        }
        fields
    }

    /// Sets a field of a record, or a property in its head.
    pub(crate) async fn set(&self, selector: &str, name: &str, content: &str) {
        let words = ["EVAL", SET_FIELD, "1", &key(selector), name, content];
        self.server.command(&words).await.expect("the server answers");
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

/// The properties in a record's head, in order.
const HEAD: [&str; 7] = ["version", "secret", "idle", "absolute", "persistent", "created", "writers"];

/// Sets a field of a record, or a property in its head. A version is set as another node would, with
/// a write of its own.
pub(crate) const SET_FIELD: &str = "
    local properties = { version = 1, secret = 2, idle = 3, absolute = 4, persistent = 5, created = 6 }
    local head, at, word = redis.call('HGET', KEYS[1], 'head'), properties[ARGV[1]], 0
    if not head or not at then return redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) end
    head = string.gsub(head, '%S+', function(old)
        word = word + 1
        if word == at then return ARGV[2] end
        if word == 8 and at == 1 then return 'fffffffffffffffe:' .. ARGV[2] .. ',' .. old end
    end)
    return redis.call('HSET', KEYS[1], 'head', head)";

/// The Redis key of a record.
pub(crate) fn key(selector: &str) -> String {
    format!("{NAMESPACE}:session:{{{selector}}}")
}
