use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::ConfigError;
use cloakroom::store::Namespace;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use super::clean::Cleaner;
use super::database::{Breaks, CONNECT, Database};
use super::fault;
use super::feed::{Feed, FeedState, FeedTask};
use super::migrations::{Preparation, check_pooling, open_error};
use super::schema::Schema;
use super::statements::Statements;
use super::store::{PostgresStore, StoreInner};
use super::tasks::Tasks;
use super::wake_up::{Notifier, WakeUp};
use crate::connect_error::ConnectError;
use crate::node::Nodes;

/// The fewest connections with which the store works: one polls, one listens, and two are for calls.
const FEWEST: u32 = 4;

/// The wait between two attempts of [`PostgresStoreBuilder::connect_within`].
const RETRY: Duration = Duration::from_millis(250);

/// Configures and opens a [`PostgresStore`].
///
/// ```no_run
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use cloakroom::Sessions;
/// use cloakroom_sqlx::PostgresStore;
///
/// let store = PostgresStore::builder()
///     .namespace("shop")
///     .schema("sessions")
///     .connect_within("postgres://shop@localhost/shop", Duration::from_secs(30))
///     .await?;
/// let sessions = Sessions::builder().store(store).build()?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `connect` or `in_pool`"]
pub struct PostgresStoreBuilder {
    /// `None` for that of the address, or the default one.
    namespace: Option<String>,
    schema: String,
    deadline: Duration,
    lease: Duration,
    poll_interval: Duration,
    max_connections: u32,
    pub(super) transaction_pooling: bool,
    may_migrate: bool,
    plaintext: bool,
}

impl PostgresStoreBuilder {
    pub(super) fn new() -> Self {
        Self {
            namespace: None,
            schema: "public".to_owned(),
            deadline: Duration::from_secs(2),
            lease: Duration::from_secs(2),
            poll_interval: Duration::from_millis(500),
            max_connections: 10,
            transaction_pooling: false,
            may_migrate: true,
            plaintext: false,
        }
    }

    /// Separates the sessions from others in the same tables: by default that of the address,
    /// `postgres://…/shop?namespace=shop`, or `default`. One to 64 of the characters `a-z`, `0-9`,
    /// `_`, `.` and `-`.
    pub fn namespace(self, namespace: impl Into<String>) -> Self {
        Self { namespace: Some(namespace.into()), ..self }
    }

    /// The schema of the tables: `public` by default. It is created if it is missing and the role
    /// may do so. One to 63 of the characters `a-z`, `0-9` and `_`.
    pub fn schema(self, schema: impl Into<String>) -> Self {
        Self { schema: schema.into(), ..self }
    }

    /// Maximum time of a call: 2 s by default; 10 ms to 60 s.
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// Maximum age of a copy in memory that another node has changed, if this node cannot reach the
    /// database: 2 s by default; 200 ms to 60 s, and at least twice the poll interval.
    ///
    /// It must be the same on every node.
    pub fn lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// Time between two polls for changes by other nodes: 500 ms by default; 10 ms to 30 s.
    ///
    /// Notifications make changes known sooner. The poll decides if one is lost.
    pub fn poll_interval(self, poll_interval: Duration) -> Self {
        Self { poll_interval, ..self }
    }

    /// Maximum number of connections: 10 by default, and at least 4. Two of them are for changes by
    /// other nodes. A pool of the application has its own setting.
    pub fn max_connections(self, max_connections: u32) -> Self {
        Self { max_connections, ..self }
    }

    /// For a connection pooler that gives each transaction another connection, such as pgbouncer in
    /// its transaction mode.
    ///
    /// Statements are then not prepared in advance, and each call is a transaction with four round
    /// trips in place of one. Changes by other nodes are found by polling alone.
    pub fn transaction_pooling(self) -> Self {
        Self { transaction_pooling: true, ..self }
    }

    /// Creates and changes no tables: an older or missing version of them is an error.
    ///
    /// For a role that may not create tables. The SQL is in the folder `migrations/postgres` of this
    /// crate; the role needs the rights that the guide lists.
    pub fn without_migrations(self) -> Self {
        Self { may_migrate: false, ..self }
    }

    /// Allows unencrypted connections to other machines, for networks that nobody else can read.
    ///
    /// Without it, an address of another machine needs `?sslmode=verify-full` and the feature `tls`.
    /// `sslmode=require` is accepted too; it encrypts, and does not check which server it is. A pool
    /// of the application decides for itself.
    pub fn allow_plaintext(self) -> Self {
        Self { plaintext: true, ..self }
    }

    /// Connects to the database at `url`: `postgres://user:password@host/database`.
    ///
    /// # Errors
    /// Everything that prevents the use of the database, each with its remedy.
    pub async fn connect(self, url: &str) -> Result<PostgresStore, ConnectError> {
        self.connect_within(url, Duration::ZERO).await
    }

    /// As [`connect`](Self::connect), but waits for a server that cannot be reached yet, for at most
    /// `patience`.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect). Other problems than an unreachable server are reported at
    /// once.
    pub async fn connect_within(self, url: &str, patience: Duration) -> Result<PostgresStore, ConnectError> {
        let began = Instant::now();
        let (builder, url) = self.with_namespace_of(url)?;
        let (namespace, schema) = builder.checked()?;
        let options = builder.options(&url)?;
        loop {
            match builder.attempt(&namespace, &schema, &options).await {
                Err(ConnectError::Unreachable { server, detail, .. }) => {
                    let waited = began.elapsed();
                    if waited + RETRY > patience {
                        let waited = if patience.is_zero() { Duration::ZERO } else { waited };
                        return Err(ConnectError::Unreachable { server, detail, waited });
                    }
                    tokio::time::sleep(RETRY).await;
                }
                outcome => return outcome,
            }
        }
    }

    /// Uses the application's own pool, in tables whose names begin with `cloakroom_`.
    ///
    /// # Errors
    /// As for [`connect`](Self::connect), and if the pool has fewer than four connections.
    pub async fn in_pool(self, pool: PgPool) -> Result<PostgresStore, ConnectError> {
        let (namespace, schema) = self.checked()?;
        if pool.options().get_max_connections() < FEWEST {
            let problem = format!("is less than {FEWEST} in the options of the pool; raise it");
            return Err(ConfigError::new("max_connections", problem).into());
        }
        let server = server(&pool.connect_options());
        let mut connection = pool.acquire().await.map_err(|error| open_error(&error, &server))?;
        if !self.transaction_pooling {
            let mut second = pool.acquire().await.map_err(|error| open_error(&error, &server))?;
            check_pooling(&mut connection, &mut second, &server).await?;
        }
        self.prepare(&mut connection, &schema, &server).await?;
        drop(connection);
        let breaks = Breaks::new();
        self.start(Parts { namespace, schema, pool, breaks, is_foreign_pool: true, server }).await
    }

    async fn attempt(
        &self,
        namespace: &Namespace,
        schema: &Schema,
        options: &PgConnectOptions,
    ) -> Result<PostgresStore, ConnectError> {
        let server = server(options);
        // Not through the pool, which hides why it cannot connect.
        let connect = || async {
            let connecting = tokio::time::timeout(CONNECT, PgConnection::connect_with(options)).await;
            connecting.unwrap_or_else(|_| Err(fault::timed_out())).map_err(|error| open_error(&error, &server))
        };
        let mut connection = connect().await?;
        if !self.transaction_pooling {
            let mut second = connect().await?;
            check_pooling(&mut connection, &mut second, &server).await?;
            drop(second.close().await);
        }
        self.prepare(&mut connection, schema, &server).await?;
        // The next connections show whether it can be closed.
        drop(connection.close().await);
        let breaks = Breaks::new();
        let seen = Arc::clone(&breaks);
        let pool = PgPoolOptions::new()
            .max_connections(self.max_connections)
            .acquire_timeout(self.deadline)
            .idle_timeout(None)
            .max_lifetime(Duration::from_secs(3600))
            .test_before_acquire(false)
            .before_acquire(move |_, connection| {
                let is_whole = seen.none_since(connection.age);
                Box::pin(async move { Ok(is_whole) })
            })
            .connect_lazy_with(options.clone());
        let (namespace, schema) = (namespace.clone(), schema.clone());
        self.start(Parts { namespace, schema, pool, breaks, is_foreign_pool: false, server }).await
    }

    async fn prepare(&self, connection: &mut PgConnection, schema: &Schema, server: &str) -> Result<(), ConnectError> {
        Preparation { connection, schema, may_migrate: self.may_migrate, server }.run().await
    }

    /// Starts the tasks, and waits until changes by other nodes arrive.
    async fn start(&self, parts: Parts) -> Result<PostgresStore, ConnectError> {
        let Parts { namespace, schema, pool, breaks, is_foreign_pool, server } = parts;
        let database = Database {
            pool,
            statements: Arc::new(Statements::new(&schema)),
            deadline: self.deadline,
            transaction_pooling: self.transaction_pooling,
            breaks,
            is_foreign_pool,
        };
        let nodes = Arc::new(Nodes::default());
        let feed = Feed::new(Arc::clone(&nodes), self.lease);
        let (notifier, changed) = Notifier::new();
        let mut tasks = Tasks::default();
        let task = FeedTask {
            feed: Arc::clone(&feed),
            database: database.clone(),
            namespace: namespace.clone(),
            lease: self.lease,
            poll_interval: self.poll_interval,
        };
        tasks.start(task.run());
        let wake_up = WakeUp::new(database.clone(), namespace.clone(), Arc::clone(&feed), self.lease);
        tasks.start(Arc::clone(&wake_up).send(changed));
        if self.transaction_pooling {
            tracing::info!("nodes learn of each other's changes by polling alone, because of `transaction_pooling`");
        } else {
            tasks.start(wake_up.listen());
        }
        tasks.start(Cleaner::new(&database, Arc::clone(&feed), &schema).run());
        following(&feed, &server).await?;
        let lease = self.lease;
        Ok(PostgresStore::new(StoreInner { database, namespace, nodes, feed, notifier, lease, _tasks: tasks }))
    }

    pub(super) fn checked(&self) -> Result<(Namespace, Schema), ConfigError> {
        let within = |setting, value: Duration, least: Duration, most: Duration| {
            let problem = format!("is {value:?} and must be between {least:?} and {most:?}");
            if value < least || value > most { Err(ConfigError::new(setting, problem)) } else { Ok(()) }
        };
        let (millis, seconds) = (Duration::from_millis, Duration::from_secs);
        within("deadline", self.deadline, millis(10), seconds(60))?;
        within("lease", self.lease, millis(200), seconds(60))?;
        within("poll_interval", self.poll_interval, millis(10), seconds(30))?;
        if self.poll_interval * 2 > self.lease {
            let problem = format!("is {:?} and must be at most half of `lease`, {:?}", self.poll_interval, self.lease);
            return Err(ConfigError::new("poll_interval", problem));
        }
        if self.max_connections < FEWEST {
            let problem = format!("is {} and must be at least {FEWEST}", self.max_connections);
            return Err(ConfigError::new("max_connections", problem));
        }
        Ok((self.namespace.as_deref().unwrap_or("default").parse()?, self.schema.parse()?))
    }

    /// Reads the namespace that an address names, and returns the address without it: `sqlx` ignores
    /// parameters that it does not know.
    pub(super) fn with_namespace_of(self, url: &str) -> Result<(Self, String), ConfigError> {
        let Some((base, query)) = url.split_once('?') else { return Ok((self, url.to_owned())) };
        let (mut namespace, mut rest) = (self.namespace.clone(), Vec::new());
        for parameter in query.split('&') {
            let Some(named) = parameter.strip_prefix("namespace=") else {
                rest.push(parameter);
                continue;
            };
            if namespace.is_some_and(|before| before != named) {
                let problem = format!("is named twice, and one of them is {named:?} in the address; name it once");
                return Err(ConfigError::new("namespace", problem));
            }
            namespace = Some(named.to_owned());
        }
        let separator = if rest.is_empty() { "" } else { "?" };
        Ok((Self { namespace, ..self }, format!("{base}{separator}{}", rest.join("&"))))
    }

    pub(super) fn options(&self, url: &str) -> Result<PgConnectOptions, ConfigError> {
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            let problem = "is not an address of PostgreSQL; write it like `postgres://user:password@host/database`";
            return Err(ConfigError::new("url", problem));
        }
        // The error is left out, because it may show the password.
        let unreadable = |_| {
            let problem = "cannot be parsed; write it like `postgres://user:password@host/database`, with special \
                           characters of the password in percent encoding";
            ConfigError::new("url", problem)
        };
        let options = url.parse::<PgConnectOptions>().map_err(unreadable)?;
        let is_encrypted =
            matches!(options.get_ssl_mode(), PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull);
        if !is_encrypted && !self.plaintext && is_elsewhere(&options) {
            let problem = format!(
                "names another machine, {}, without encryption; add `?sslmode=verify-full` and the feature `tls`, or \
                 call `allow_plaintext`",
                options.get_host()
            );
            return Err(ConfigError::new("url", problem));
        }
        // Statements are not logged: there is one per write.
        let options = options.application_name("cloakroom").disable_statement_logging();
        // Poolers refuse settings that they do not know.
        Ok(if self.transaction_pooling {
            options.extra_float_digits(None).statement_cache_capacity(0)
        } else {
            let limit = self.deadline.as_millis().to_string();
            // A statement whose caller gave up must not go on to wait for locks.
            options.options([("statement_timeout", &*limit), ("idle_in_transaction_session_timeout", &*limit)])
        })
    }
}

struct Parts {
    namespace: Namespace,
    schema: Schema,
    pool: PgPool,
    breaks: Arc<Breaks>,
    is_foreign_pool: bool,
    server: String,
}

/// Waits until the feed follows the changes.
async fn following(feed: &Feed, server: &str) -> Result<(), ConnectError> {
    let mut state = feed.state();
    let settled = state.wait_for(|state| !matches!(state, FeedState::Starting)).await;
    match settled.as_deref() {
        Ok(FeedState::Failed(error)) => Err(open_error(error, server)),
        _ => Ok(()),
    }
}

/// The host and the port, for messages.
pub(super) fn server(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Returns `true` if the server may be on another machine.
fn is_elsewhere(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_socket = options.get_socket().is_some() || host.starts_with('/');
    let is_loopback = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    !is_socket && !is_loopback
}
