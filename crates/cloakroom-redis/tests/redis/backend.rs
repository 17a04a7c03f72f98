//! The servers on which the stores under test run.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use cloakroom::store::Store as _;
use cloakroom_redis::RedisStore;
use cloakroom_testbed::{Cluster, Sentinels, Server};
use cloakroom_testkit::{Backend, Capability};

use crate::rules;

/// Much shorter than in production, so that tests do not wait for it.
pub(crate) const LEASE: Duration = Duration::from_millis(400);

/// Servers of one kind, and the stores that are connected to them.
pub(crate) struct RedisBackend {
    servers: Servers,
    stores: AtomicU32,
    /// The ACL rules of the users that stores connect as.
    rules: String,
    /// Root certificates for TLS; connections are plain without them.
    roots: Option<String>,
}

pub(crate) enum Servers {
    One(Arc<Server>),
    Cluster(Cluster),
    Sentinels(Sentinels),
}

impl RedisBackend {
    pub(crate) fn new(servers: Servers) -> Self {
        Self { servers, stores: AtomicU32::new(0), rules: "~* &* +@all".to_owned(), roots: None }
    }

    /// Uses TLS for all connections.
    #[cfg(feature = "tls")]
    pub(crate) fn encrypted(self, roots: String) -> Self {
        Self { roots: Some(roots), ..self }
    }

    /// Restricts the users of the stores to these ACL rules.
    pub(crate) fn under(self, rules: String) -> Self {
        Self { rules, ..self }
    }

    /// Connects a store that shares all data of this `namespace`.
    ///
    /// All stores of a namespace connect as one user, so that a check can close their connections
    /// without affecting the other checks.
    async fn connect(&self, namespace: &str) -> RedisStore {
        let (data, sentinels) = self.servers();
        create_user(data, namespace, &self.rules).await;
        create_user(sentinels, namespace, &rules::of_sentinels()).await;
        let url = |server: &Server| {
            let url = if self.roots.is_some() { server.tls_url() } else { server.url() };
            url.replacen("://", &format!("://{namespace}:password@"), 1)
        };
        let builder = RedisStore::builder(namespace).lease(LEASE);
        #[cfg(feature = "tls")]
        let builder = match &self.roots {
            Some(roots) => builder.tls_root_certificates(roots.as_str()),
            None => builder,
        };
        let builder = match &self.servers {
            Servers::One(server) => builder.server(url(server)),
            Servers::Cluster(_) => builder.cluster(data.iter().map(url)),
            Servers::Sentinels(all) => builder.sentinels(sentinels.iter().map(url), all.master_name()),
        };
        builder.connect().await.expect("the servers of the testbed accept the store")
    }

    /// The servers with data, and the sentinels.
    fn servers(&self) -> (&[Server], &[Server]) {
        match &self.servers {
            Servers::One(server) => (std::slice::from_ref(&**server), &[]),
            Servers::Cluster(cluster) => (cluster.nodes(), &[]),
            Servers::Sentinels(sentinels) => (sentinels.servers(), sentinels.sentinels()),
        }
    }
}

/// Creates a user with these ACL rules on the servers.
pub(crate) async fn create_user(servers: &[Server], user: &str, rules: &str) {
    let words: Vec<_> = ["ACL", "SETUSER", user, "on", ">password"].into_iter().chain(rules.split(' ')).collect();
    for server in servers {
        server.command(&words).await.expect("the server answers the testbed");
    }
}

impl Backend for RedisBackend {
    type Store = RedisStore;

    async fn store(&self) -> RedisStore {
        self.connect(&format!("test-{}", self.stores.fetch_add(1, Relaxed))).await
    }

    async fn node(&self, store: &RedisStore) -> Option<RedisStore> {
        Some(self.connect(store.namespace()).await)
    }

    async fn cut_off(&self, node: &RedisStore) -> bool {
        let user = node.namespace().to_owned();
        for server in self.servers().0 {
            server.command(&["CLIENT", "KILL", "USER", &user]).await.expect("the server answers the testbed");
        }
        true
    }

    /// Longer than any single wait of the suite, so that a busy machine does not look like a wrong
    /// clock.
    fn tick(&self) -> Duration {
        Duration::from_millis(500)
    }

    /// Checks run in parallel, because each has a namespace of its own.
    fn at_once(&self) -> usize {
        16
    }

    fn capabilities(&self) -> &[Capability] {
        &[Capability::Nodes, Capability::Leases, Capability::CutOff]
    }
}
