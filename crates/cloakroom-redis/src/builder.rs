use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::store::{self, Leases};
use cloakroom::{Clock, ConfigError, SystemClock};
use redis::{ConnectionAddr, ConnectionInfo};

use crate::address::{self, AddressOptions, info, invalid, plaintext_host};
use crate::connection::{
    Backoff, Connection, ConnectionSettings, Coverage, Endpoint, LEASE_SLOTS, ProbeTarget, ServerTime, Subscribers,
    TrackingTable,
};
use crate::error::{ConnectError, Problem};
use crate::keyspace::Keyspace;
use crate::record_format::RecordFormat;
use crate::startup;
use crate::store::{RedisStore, StoreInner};
use crate::tls::Certificates;
use crate::topology::{Cluster, Topology};
use crate::warning::{Joined, Warning};

/// Configures and connects a [`RedisStore`].
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
    topology: TopologyConfig,
    deadline: Duration,
    lease: Duration,
    plaintext: bool,
    certificates: Certificates,
    format: RecordFormat,
    clock: Arc<dyn Clock>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TopologyConfig {
    Server,
    Sentinels(String),
    Cluster,
}

/// Omits the addresses, because they contain passwords.
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
            topology: TopologyConfig::Server,
            deadline: Duration::from_secs(1),
            lease: Duration::from_secs(2),
            plaintext: false,
            certificates: Certificates::default(),
            format: RecordFormat::default(),
            clock: Arc::new(SystemClock::new()),
        }
    }

    /// Reads all that a single address can hold: `?namespace=` and, for sentinels, `&master=`.
    pub(crate) fn from_address(address: &str) -> Result<Self, Problem> {
        let unreadable =
            |error| invalid(format!("cannot be parsed ({error}); write it like `redis://localhost/?namespace=shop`"));
        let mut url = url::Url::parse(address).map_err(unreadable)?;
        let mut said = AddressOptions::in_the_query_of(&url)?;
        url.set_query(None);
        if !said.others.is_empty() {
            url.query_pairs_mut().extend_pairs(said.others);
        }
        let builder = Self::new(said.namespace.ok_or_else(|| ConfigError::new("namespace", NO_NAMESPACE))?);
        let (scheme, rest) = url.as_str().split_once("://").unwrap_or_default();
        let topology = scheme.split_once('+').filter(|(_, topology)| *topology != "unix");
        if said.master.is_some() && topology.is_none_or(|(_, topology)| topology != "sentinel") {
            return Err(invalid("has `master=`, which is only for `+sentinel` addresses; remove it"));
        }
        Ok(match topology {
            Some((scheme, "cluster")) => builder.cluster([format!("{scheme}://{rest}")]),
            Some((scheme, "sentinel")) => {
                let master = said.master.take().filter(|master| !master.is_empty());
                let missing = || invalid("names sentinels and needs `&master=` with the master's name");
                builder.sentinels([format!("{scheme}://{rest}")], master.ok_or_else(missing)?)
            }
            Some((_, other)) => {
                return Err(invalid(format!("has `+{other}`, which is neither `+cluster` nor `+sentinel`")));
            }
            None => builder.server(url.as_str()),
        })
    }

    /// Uses one server, at a `redis://`, `rediss://` or `redis+unix://` address.
    pub fn server(self, address: impl Into<String>) -> Self {
        Self { addresses: vec![address.into()], topology: TopologyConfig::Server, ..self }
    }

    /// Uses the server that these sentinels report as the master called `master`.
    ///
    /// The user and password in the addresses are used for the servers as well as for the
    /// sentinels.
    pub fn sentinels(self, addresses: impl IntoIterator<Item = impl Into<String>>, master: impl Into<String>) -> Self {
        let addresses = addresses.into_iter().map(Into::into).collect();
        Self { addresses, topology: TopologyConfig::Sentinels(master.into()), ..self }
    }

    /// Uses a cluster; any of its servers is enough to find the others.
    pub fn cluster(self, addresses: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { addresses: addresses.into_iter().map(Into::into).collect(), topology: TopologyConfig::Cluster, ..self }
    }

    /// Maximum wait for the server per request: 1 s by default; 10 ms to 60 s.
    ///
    /// A read is repeated once if the connection broke, and so is a write whose reply was lost, so
    /// a request waits up to twice as long before it fails with 503.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// How long copies in memory are served without a sign of life from the server: 2 s by default;
    /// 100 ms to 60 s.
    ///
    /// It is also how long readers do not notice that the server is down, and how long a change
    /// made elsewhere can stay unseen when a connection is dead or half dead. Normally changes
    /// arrive within milliseconds, regardless of this setting.
    ///
    /// A response waits for this time if it shows something new that its client's token cannot
    /// record, because the session ended or the server became unreachable meanwhile: only after the
    /// wait does no node serve an older state. So the lease should be shorter than the timeouts
    /// around the session layer, and the same on every node.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Allows unencrypted connections to other machines, for networks that are trusted themselves.
    pub fn allow_plaintext(self) -> Self {
        Self { plaintext: true, ..self }
    }

    /// Trusts the authorities with these certificates (PEM, one or several) on encrypted
    /// connections, in place of the public ones, which are trusted by default. For servers whose
    /// certificates you sign yourself.
    #[cfg(feature = "tls")]
    pub fn tls_root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.certificates.roots = Some(pem.into());
        self
    }

    /// Presents this certificate (PEM, with those that signed it) to servers that ask for one;
    /// `key` is its private key (PEM).
    #[cfg(feature = "tls")]
    pub fn tls_client_certificate(mut self, pem: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.certificates.client = Some((pem.into(), key.into()));
        self
    }

    /// Format in which records are written: [`RecordFormat::V2`] by default. Both are read.
    ///
    /// Set [`RecordFormat::V1`] while nodes of version 0.1 work on the same sessions.
    pub fn record_format(self, format: RecordFormat) -> Self {
        Self { format, ..self }
    }

    /// Clock to compare with the server's at start-up: the machine's by default. Pass the clock
    /// that [`SessionsBuilder::clock`](cloakroom::SessionsBuilder::clock) gets, because sessions
    /// are timed by it.
    pub fn clock(self, clock: impl Clock) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }

    /// Connects and checks the server before any request depends on it.
    ///
    /// # Errors
    /// Every problem of the configuration; if there is none, every problem of the server.
    pub async fn connect(self) -> Result<RedisStore, ConnectError> {
        // Boxed because the future is deep, and the compiler limits the depth of the futures of
        // programs that await it.
        Box::pin(self.connected()).await
    }

    /// Like [`connect`](Self::connect), but waits up to `patience` for a server that is not up yet.
    /// For the start of a whole deployment, where the order is not known.
    ///
    /// Waits only for what can pass by itself: a server that is unreachable or still loading its
    /// data, a name that does not resolve yet, sentinels that see no master. Any other problem is
    /// an error at once.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), cloakroom_redis::ConnectError> {
    /// use std::time::Duration;
    /// use cloakroom_redis::RedisStore;
    ///
    /// let store = RedisStore::builder("shop")
    ///     .server("redis://localhost")
    ///     .connect_within(Duration::from_secs(30))
    ///     .await?;
    /// # drop(store);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As for [`connect`](Self::connect); after the wait, the problems that were found last.
    pub async fn connect_within(self, patience: Duration) -> Result<RedisStore, ConnectError> {
        let began = Instant::now();
        let mut backoff = Backoff::default();
        let mut error = match self.clone().connect().await {
            Err(error) if error.may_pass() => error,
            outcome => return outcome,
        };
        tracing::warn!(%error, ?patience, "waiting for the session store");
        loop {
            let left = patience.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Err(ConnectError { waited: Some(patience), ..error });
            }
            tokio::time::sleep(backoff.next().min(left)).await;
            let left = patience.saturating_sub(began.elapsed());
            match tokio::time::timeout(left, self.clone().connect()).await {
                Ok(Err(next)) if next.may_pass() => error = next,
                Ok(outcome) => return outcome,
                Err(_) => {}
            }
        }
    }

    async fn connected(self) -> Result<RedisStore, ConnectError> {
        let (keyspace, infos) = self.checked()?;
        crate::tls::install_provider(&infos);
        let settings = Arc::new(ConnectionSettings {
            keyspace,
            deadline: self.deadline,
            lease: self.lease,
            plaintext: self.plaintext,
            leases: Arc::new(Leases::with_slots(LEASE_SLOTS)),
            subscribers: Arc::new(Subscribers::default()),
            server_time: ServerTime::default(),
            table: TrackingTable::default(),
        });
        let checks = StartupChecks { settings: &settings, clock: &*self.clock };
        let (seed, more) = infos.split_first().ok_or_else(|| invalid(NO_ADDRESS))?;
        let (warnings, topology) = match &self.topology {
            TopologyConfig::Server => single(Endpoint::configured(seed, self.plaintext), &checks).await?,
            TopologyConfig::Sentinels(master) => {
                single(Endpoint::sentinel(seed, more, master, self.plaintext), &checks).await?
            }
            TopologyConfig::Cluster => cluster(seed, more, &checks).await?,
        };
        if !warnings.is_empty() {
            tracing::warn!(warnings = %Joined(&warnings), "the session store works but may lose sessions");
        }
        let asks_first = !warnings.contains(&Warning::TracksMissingKeys);
        Ok(RedisStore::new(StoreInner {
            settings,
            topology,
            asks_first,
            format: self.format,
            warnings,
            endpoint: self.endpoint(seed),
        }))
    }

    /// Returns the server for spans, without user name and password. Behind sentinels and in a
    /// cluster, the server changes.
    fn endpoint(&self, server: &ConnectionInfo) -> store::Endpoint {
        let endpoint = store::Endpoint::new("redis");
        if !matches!(self.topology, TopologyConfig::Server) {
            return endpoint;
        }
        let endpoint = endpoint.database_name(server.redis_settings().db().to_string());
        match server.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                endpoint.server(host, Some(*port))
            }
            ConnectionAddr::Unix(path) => endpoint.server(path.display().to_string(), None),
            _ => endpoint,
        }
    }

    pub(crate) fn checked(&self) -> Result<(Keyspace, Vec<ConnectionInfo>), ConnectError> {
        let mut problems = Vec::new();
        let namespace = self.namespace.parse().map_err(|error| problems.push(Problem::Setting(error))).ok();
        let mut within = |setting, value: Duration, least: Duration| {
            if value < least || value > Duration::from_secs(60) {
                let problem = format!("is {value:?} and must be between {least:?} and 60s");
                problems.push(ConfigError::new(setting, problem).into());
            }
        };
        within("deadline", self.deadline, Duration::from_millis(10));
        within("lease", self.lease, Duration::from_millis(100));
        if self.addresses.is_empty() {
            problems.push(invalid(NO_ADDRESS));
        }
        let mut infos = Vec::new();
        for address in &self.addresses {
            match info(address).and_then(|info| self.certificates.attach(info)) {
                Ok(info) => {
                    if !self.plaintext
                        && let Some(host) = plaintext_host(&info)
                    {
                        problems.push(Problem::Plaintext(host));
                    }
                    infos.push(info);
                }
                Err(problem) => problems.push(problem),
            }
        }
        match namespace {
            Some(namespace) if problems.is_empty() => Ok((Keyspace::new(namespace), infos)),
            _ => Err(ConnectError::new(problems)),
        }
    }
}

const NO_NAMESPACE: &str = "is missing; add it to the address, as in `redis://localhost/?namespace=shop`";
const NO_ADDRESS: &str = "is missing; use `.server(…)`, `.sentinels(…)` or `.cluster(…)`";

/// Shared inputs of the start-up checks.
struct StartupChecks<'a> {
    settings: &'a Arc<ConnectionSettings>,
    clock: &'a dyn Clock,
}

impl StartupChecks<'_> {
    async fn at(&self, endpoint: &Endpoint, clustered: bool) -> Result<Vec<Warning>, ConnectError> {
        startup::check(endpoint, clustered, self.settings, self.clock.now()).await
    }
}

/// One master, at a fixed address or reported by sentinels.
async fn single(endpoint: Endpoint, checks: &StartupChecks<'_>) -> Result<(Vec<Warning>, Topology), ConnectError> {
    let settings = checks.settings;
    let warnings = checks.at(&endpoint, false).await?;
    let probe_target = ProbeTarget::new(settings.keyspace.probe(0), Coverage::everything(), Arc::default());
    let connection = Connection::start(endpoint, 0, probe_target, Arc::clone(settings));
    connection.pair(settings.deadline * 2).await.map_err(|error| Problem::Unreachable(error.to_string()))?;
    Ok((warnings, Topology::Single(connection)))
}

/// A cluster. Skips seeds that cannot be reached; the result of the first one that answers counts.
async fn cluster(
    seed: &ConnectionInfo,
    more: &[ConnectionInfo],
    checks: &StartupChecks<'_>,
) -> Result<(Vec<Warning>, Topology), ConnectError> {
    let plaintext = checks.settings.plaintext;
    let mut looked = checks.at(&Endpoint::configured(seed, plaintext), true).await;
    for other in more {
        if !looked.as_ref().is_err_and(ConnectError::may_pass) {
            break;
        }
        looked = checks.at(&Endpoint::configured(other, plaintext), true).await;
    }
    let warnings = looked?;
    let cluster = Cluster::start(seed.clone(), more.to_vec(), Arc::clone(checks.settings)).await;
    let unreachable =
        |error| address::refused(&error).map_or_else(|| Problem::Unreachable(error.to_string()), Problem::Plaintext);
    Ok((warnings, Topology::Cluster(cluster.map_err(unreachable)?)))
}
