use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion, TlsMode};

use crate::error::{ConnectError, Problem};
use crate::link::{Audience, Home, Leases, Link, Origin, Settings, Territory};
use crate::namespace::Namespace;
use crate::preflight::{self, Warning};
use crate::route::{Cluster, Route};
use crate::store::{Inner, RedisStore};

/// Makes a [`RedisStore`].
///
/// ```no_run
/// # async fn connect() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use cloakroom::Sessions;
/// use cloakroom_redis::RedisStore;
///
/// let store = RedisStore::builder("shop")
///     .cluster(["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"])
///     .allow_plaintext()
///     .deadline(Duration::from_millis(500))
///     .connect()
///     .await?;
/// let sessions = Sessions::builder().store(store).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `connect`"]
pub struct RedisStoreBuilder {
    namespace: String,
    addresses: Vec<String>,
    topology: Topology,
    deadline: Duration,
    lease: Duration,
    plaintext: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Topology {
    Server,
    Sentinels(String),
    Cluster,
}

/// Addresses are left out, as they contain passwords.
impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStoreBuilder")
            .field("namespace", &self.namespace)
            .field("topology", &self.topology)
            .field("deadline", &self.deadline)
            .field("lease", &self.lease)
            .field("plaintext", &self.plaintext)
            .finish_non_exhaustive()
    }
}

impl RedisStoreBuilder {
    pub(crate) fn new(namespace: String) -> Self {
        Self {
            namespace,
            addresses: Vec::new(),
            topology: Topology::Server,
            deadline: Duration::from_secs(1),
            lease: Duration::from_secs(2),
            plaintext: false,
        }
    }

    /// Reads what a single address can say: `?namespace=` and, for sentinels, `&master=`.
    pub(crate) fn from_address(address: &str) -> Result<Self, Problem> {
        let unreadable =
            |error| Problem::Address(format!("{error}; write it like `redis://localhost/?namespace=shop`"));
        let mut url = url::Url::parse(address).map_err(unreadable)?;
        let mut said = Said::in_the_query_of(&url)?;
        url.set_query(None);
        if !said.others.is_empty() {
            url.query_pairs_mut().extend_pairs(said.others);
        }
        let builder = Self::new(said.namespace.ok_or(Problem::NoNamespace)?);
        let (scheme, rest) = url.as_str().split_once("://").unwrap_or_default();
        let topology = scheme.split_once('+').filter(|(_, topology)| *topology != "unix");
        if said.master.is_some() && topology.is_none_or(|(_, topology)| topology != "sentinel") {
            return Err(Problem::Address("`master=` is for `+sentinel` addresses; leave it out".into()));
        }
        Ok(match topology {
            Some((scheme, "cluster")) => builder.cluster([format!("{scheme}://{rest}")]),
            Some((scheme, "sentinel")) => {
                let master = said.master.take().filter(|master| !master.is_empty());
                let missing = || Problem::Address("sentinels need `&master=` with the master's name".into());
                builder.sentinels([format!("{scheme}://{rest}")], master.ok_or_else(missing)?)
            }
            Some((_, other)) => {
                return Err(Problem::Address(format!("`+{other}` is neither `+cluster` nor `+sentinel`")));
            }
            None => builder.server(url.as_str()),
        })
    }

    /// One server, at a `redis://`, `rediss://` or `redis+unix://` address.
    pub fn server(self, address: impl Into<String>) -> Self {
        Self { addresses: vec![address.into()], topology: Topology::Server, ..self }
    }

    /// The master that these sentinels call `master`, whichever server that is.
    ///
    /// The addresses' user and password are those of the servers as well as of the sentinels.
    pub fn sentinels(self, addresses: impl IntoIterator<Item = impl Into<String>>, master: impl Into<String>) -> Self {
        let addresses = addresses.into_iter().map(Into::into).collect();
        Self { addresses, topology: Topology::Sentinels(master.into()), ..self }
    }

    /// A cluster; any of its servers are enough to find the others.
    pub fn cluster(self, addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { addresses: addresses.into_iter().map(Into::into).collect(), topology: Topology::Cluster, ..self }
    }

    /// How long a request waits for the server before it fails with 503. One second by default; 10 ms to 60 s.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// How long copies in memory are served without a sign of life of the server, which is how long
    /// a change made elsewhere can stay unseen when a connection is half dead. Two seconds by
    /// default; 100 ms to 60 s. Normally changes arrive within milliseconds, whatever this is.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Allows connections to other machines without encryption, for networks that are trusted themselves.
    pub fn allow_plaintext(self) -> Self {
        Self { plaintext: true, ..self }
    }

    /// Connects, and looks at the server before anybody depends on it.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration, or else with the server.
    pub async fn connect(self) -> Result<RedisStore, ConnectError> {
        let (namespace, infos) = self.checked()?;
        #[cfg(feature = "tls")]
        if infos.iter().any(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. })) {
            crate::tls::provide_cryptography();
        }
        let settings = Arc::new(Settings {
            namespace,
            deadline: self.deadline,
            lease: self.lease,
            leases: Leases::new(),
            audience: Arc::new(Audience::default()),
        });
        let (seed, more) = infos.split_first().ok_or_else(|| Problem::Address("missing".into()))?;
        let (warnings, route) = match &self.topology {
            Topology::Server => single(Origin::at(seed), &settings).await?,
            Topology::Sentinels(master) => single(sentinels(&infos, master)?, &settings).await?,
            Topology::Cluster => cluster(seed, more, &settings).await?,
        };
        for warning in &warnings {
            tracing::warn!(%warning, "the session store works, but");
        }
        Ok(RedisStore::new(Inner { settings, route, warnings }))
    }

    pub(crate) fn checked(&self) -> Result<(Namespace, Vec<ConnectionInfo>), ConnectError> {
        let mut problems = Vec::new();
        let namespace = self.namespace.parse().map_err(|error| problems.push(Problem::Namespace(error))).ok();
        let mut within = |field, value: Duration, least: Duration| {
            if value < least || value > Duration::from_secs(60) {
                problems.push(Problem::Setting {
                    field,
                    remedy: format!("{value:?} is out of bounds; take {least:?} to 60s"),
                });
            }
        };
        within("deadline", self.deadline, Duration::from_millis(10));
        within("lease", self.lease, Duration::from_millis(100));
        if self.addresses.is_empty() {
            problems.push(Problem::Address("missing; say `.server(…)`, `.sentinels(…)` or `.cluster(…)`".into()));
        }
        let mut infos = Vec::new();
        for address in &self.addresses {
            match info(address) {
                Ok(info) => {
                    if !self.plaintext
                        && let Some(host) = exposed(&info)
                    {
                        problems.push(Problem::Plaintext(host));
                    }
                    infos.push(info);
                }
                Err(problem) => problems.push(problem),
            }
        }
        match namespace {
            Some(namespace) if problems.is_empty() => Ok((namespace, infos)),
            _ => Err(ConnectError::new(problems)),
        }
    }
}

/// What the query of an address says.
#[derive(Default)]
struct Said {
    namespace: Option<String>,
    master: Option<String>,
    /// What the client library reads.
    others: Vec<(String, String)>,
}

impl Said {
    /// What nobody reads is more likely misspelt than meant.
    fn in_the_query_of(url: &url::Url) -> Result<Self, Problem> {
        let mut said = Self::default();
        let is_socket = url.scheme().ends_with("unix");
        for (name, value) in url.query_pairs() {
            let place = match &*name {
                "namespace" => &mut said.namespace,
                "master" => &mut said.master,
                "db" | "user" | "pass" if is_socket => {
                    said.others.push((name.into_owned(), value.into_owned()));
                    continue;
                }
                // What it says is not repeated: a password may have come here by mistake.
                _ => {
                    let problem = "says something that means nothing; `?namespace=` and `&master=` are all that it may";
                    return Err(Problem::Address(problem.into()));
                }
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(Problem::Address(format!("says `{name}=` twice; say it once")));
            }
        }
        Ok(said)
    }
}

/// One master, wherever it is.
async fn single(origin: Origin, settings: &Arc<Settings>) -> Result<(Vec<Warning>, Route), ConnectError> {
    let warnings = preflight::look(&origin, false, settings).await?;
    let home = Home::new(settings.namespace.probe(0), Territory::everything(), Arc::default());
    let link = Link::start(origin, 0, home, Arc::clone(settings));
    link.line(settings.deadline * 2).await.map_err(|error| Problem::Unreachable(error.to_string()))?;
    Ok((warnings, Route::Single(link)))
}

/// A cluster: one seed that is down is no reason to fail, but what the first that answers says is.
async fn cluster(
    seed: &ConnectionInfo,
    more: &[ConnectionInfo],
    settings: &Arc<Settings>,
) -> Result<(Vec<Warning>, Route), ConnectError> {
    let mut looked = preflight::look(&Origin::at(seed), true, settings).await;
    for other in more {
        if !looked.as_ref().is_err_and(ConnectError::is_absence) {
            break;
        }
        looked = preflight::look(&Origin::at(other), true, settings).await;
    }
    let warnings = looked?;
    let cluster = Cluster::start(seed.clone(), more.to_vec(), Arc::clone(settings)).await;
    Ok((warnings, Route::Cluster(cluster.map_err(|error| Problem::Unreachable(error.to_string()))?)))
}

/// The server's news come in RESP3 only.
fn info(address: &str) -> Result<ConnectionInfo, Problem> {
    // An address may contain a password: what is wrong is said, the address is not repeated.
    let unreadable = |error| Problem::Address(format!("{error}; write it like `redis://localhost:6379/`"));
    let info = address.into_connection_info().map_err(unreadable)?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        return Err(Problem::Address("`#insecure` would trust whoever answers; leave it out".into()));
    }
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    // Commands of many requests share a connection: none must wait until the one before it is acknowledged.
    let tcp = TcpSettings::default().set_nodelay(true);
    if !info.addr().is_supported() {
        return Err(Problem::Address("an encrypted connection needs the feature `tls` of cloakroom-redis".into()));
    }
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

/// The host that would be talked to in the clear, if it is not this machine.
fn exposed(info: &ConnectionInfo) -> Option<String> {
    let ConnectionAddr::Tcp(host, _) = info.addr() else { return None };
    let loopback =
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    (!loopback).then(|| host.clone())
}

fn sentinels(infos: &[ConnectionInfo], master: &str) -> Result<Origin, Problem> {
    let unreadable = |error: redis::RedisError| Problem::Address(error.to_string());
    let mut node = SentinelNodeConnectionInfo::default();
    if let Some(first) = infos.first() {
        node = node.set_redis_connection_info(first.redis_settings().clone());
        node = node.set_tcp_settings(first.tcp_settings().clone());
        if matches!(first.addr(), ConnectionAddr::TcpTls { .. }) {
            node = node.set_tls_mode(TlsMode::Secure);
        }
    }
    // Sentinels know no databases.
    let infos =
        infos.iter().map(|info| info.clone().set_redis_settings(info.redis_settings().clone().set_db(0))).collect();
    // With encryption it takes any text, without a `String`.
    let master = master.to_owned();
    let client = SentinelClient::build(infos, master, Some(node), SentinelServerType::Master).map_err(unreadable)?;
    Ok(Origin::Sentinels(Box::new(tokio::sync::Mutex::new(client))))
}
