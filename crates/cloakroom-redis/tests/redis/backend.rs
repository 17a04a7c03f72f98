//! What the stores under test stand on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use cloakroom_redis::RedisStore;
use cloakroom_testbed::{Cluster, Sentinels, Server};
use cloakroom_testkit::{Backend, Capability};

use crate::rules;

/// Much shorter than anybody wants, so that tests do not wait for it.
pub(crate) const LEASE: Duration = Duration::from_millis(400);

/// Servers of one kind, and the stores that are made on them.
pub(crate) struct Ground {
    servers: Servers,
    stores: AtomicU32,
    /// The rights of the users that stores connect as.
    rules: String,
    /// Whom stores trust on encrypted lines, which they use if this is here.
    roots: Option<String>,
}

pub(crate) enum Servers {
    One(Arc<Server>),
    Cluster(Cluster),
    Sentinels(Sentinels),
}

impl Ground {
    pub(crate) fn new(servers: Servers) -> Self {
        Self { servers, stores: AtomicU32::new(0), rules: "~* &* +@all".to_owned(), roots: None }
    }

    /// The same over encrypted lines.
    #[cfg(feature = "tls")]
    pub(crate) fn encrypted(self, roots: String) -> Self {
        Self { roots: Some(roots), ..self }
    }

    /// The same, for users with these rights only.
    pub(crate) fn under(self, rules: String) -> Self {
        Self { rules, ..self }
    }

    /// A store that sees what all others of this `namespace` see. They are one user to the servers,
    /// so that a check can cut its own connections and leave those of all others alone.
    async fn connect(&self, namespace: &str) -> RedisStore {
        let (data, sentinels) = self.servers();
        admit(data, namespace, &self.rules).await;
        admit(sentinels, namespace, &rules::of_sentinels()).await;
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
        builder.connect().await.expect("the servers of the testbed are in order")
    }

    /// Those that hold data, and those that watch over them.
    fn servers(&self) -> (&[Server], &[Server]) {
        match &self.servers {
            Servers::One(server) => (std::slice::from_ref(&**server), &[]),
            Servers::Cluster(cluster) => (cluster.nodes(), &[]),
            Servers::Sentinels(sentinels) => (sentinels.servers(), sentinels.sentinels()),
        }
    }
}

/// Has the servers know a user with these rights.
pub(crate) async fn admit(servers: &[Server], user: &str, rules: &str) {
    let words: Vec<_> = ["ACL", "SETUSER", user, "on", ">password"].into_iter().chain(rules.split(' ')).collect();
    for server in servers {
        server.command(&words).await.expect("the server answers its administrator");
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

    async fn cut_off(&self, node: &RedisStore) -> bool {
        let user = node.namespace().to_string();
        for server in self.servers().0 {
            server.command(&["CLIENT", "KILL", "USER", &user]).await.expect("the server answers its administrator");
        }
        true
    }

    /// More than the suite waits for at once, so that a busy machine is not taken for a wrong clock.
    fn tick(&self) -> Duration {
        Duration::from_millis(500)
    }

    /// Each check has a namespace of its own.
    fn at_once(&self) -> usize {
        16
    }

    fn capabilities(&self) -> &[Capability] {
        &[Capability::Nodes, Capability::Leases, Capability::CutOff]
    }
}
