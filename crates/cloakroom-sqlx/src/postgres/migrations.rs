//! The versions of the tables, and what the role may do with them.

use std::cmp::Ordering;
use std::time::Duration;

use cloakroom::ConfigError;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use super::database::{CONNECT, READ_COMMITTED};
use super::encryption;
use super::fault::{self, PostgresErrorKind};
use super::schema::Schema;
use crate::connect_error::ConnectError;

/// The SQL of each version; the first is version 1.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/postgres/1_sessions.sql")];

/// The newest version that this release knows.
pub(super) const NEWEST: i64 = MIGRATIONS.len() as i64;

/// The oldest server with transaction numbers of 64 bits in SQL.
const OLDEST_SERVER: i32 = 130_000;

/// The maximum time of a migration on the server, which may wait for that of another node.
const MIGRATION: &str = "SET LOCAL statement_timeout = '60s'";

/// The maximum time of the preparation, for a link over which no answer comes any more. Longer than a
/// migration.
const LIMIT: Duration = Duration::from_secs(90);

/// Every right that the store needs, with its table.
const RIGHTS: [(&str, &str); 6] = [
    ("cloakroom_sessions", "SELECT, INSERT, UPDATE, DELETE"),
    ("cloakroom_values", "SELECT, INSERT, UPDATE, DELETE"),
    ("cloakroom_members", "SELECT, INSERT, UPDATE, DELETE"),
    ("cloakroom_changes", "SELECT, INSERT, DELETE"),
    ("cloakroom_feed", "SELECT, INSERT, UPDATE"),
    ("cloakroom_migrations", "SELECT"),
];

/// Checks the server and the tables, and brings the tables to the newest version.
pub(super) struct Preparation<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) schema: &'a Schema,
    pub(super) may_migrate: bool,
    /// The host and the port, for messages.
    pub(super) server: &'a str,
}

impl Preparation<'_> {
    /// Runs all steps, within [`LIMIT`].
    pub(super) async fn run(self) -> Result<(), ConnectError> {
        let server = self.server;
        in_time(LIMIT, server, self.steps()).await
    }

    async fn steps(mut self) -> Result<(), ConnectError> {
        self.check_server().await?;
        match self.check_version().await {
            Err(ConnectError::OlderSchema { .. }) if self.may_migrate => self.migrate().await?,
            checked => checked?,
        }
        self.missing_rights().await?.into_iter().next().map_or(Ok(()), Err)
    }

    /// Returns the version of the server.
    pub(super) async fn check_server(&mut self) -> Result<String, ConnectError> {
        const SERVER: &str = "SELECT current_setting('server_version_num')::INTEGER, current_setting('server_version'), \
             pg_is_in_recovery() OR current_setting('transaction_read_only')::BOOLEAN";
        let row = self.connection.fetch_one(SERVER).await;
        let row = row.map_err(|error| open_error(&error, self.server))?;
        let read = || Ok((row.try_get::<i32, _>(0)?, row.try_get::<String, _>(1)?, row.try_get::<bool, _>(2)?));
        let (version, found, is_read_only) = read().map_err(|error: sqlx::Error| open_error(&error, self.server))?;
        let server = self.server.to_owned();
        if version < OLDEST_SERVER {
            return Err(ConnectError::OldServer { server, found });
        }
        if is_read_only { Err(ConnectError::ReadOnly { server }) } else { Ok(found) }
    }

    /// Fails if the tables do not have the version of this release.
    pub(super) async fn check_version(&mut self) -> Result<(), ConnectError> {
        let found = self.version().await?;
        let (server, schema) = (self.server.to_owned(), self.schema.as_str().to_owned());
        match found.cmp(&NEWEST) {
            Ordering::Less => Err(ConnectError::OlderSchema { server, schema, found, needed: NEWEST }),
            Ordering::Equal => Ok(()),
            Ordering::Greater => Err(ConnectError::NewerSchema { server, schema, found, known: NEWEST }),
        }
    }

    /// The version of the tables; 0 if there are none.
    async fn version(&mut self) -> Result<i64, ConnectError> {
        match version(self.connection, self.schema).await {
            Ok(found) => Ok(found),
            Err(error) => Err(self.denied_or(
                &error,
                "read the version of the tables",
                format!(
                    "GRANT USAGE ON SCHEMA {0} TO the role; GRANT SELECT ON {0}.cloakroom_migrations TO the role;",
                    self.schema
                ),
            )),
        }
    }

    /// Creates what is missing, all or nothing. Others that migrate wait meanwhile.
    async fn migrate(&mut self) -> Result<(), ConnectError> {
        if let Err(error) = migrate(self.connection, self.schema).await {
            let remedy = format!(
                "CREATE SCHEMA IF NOT EXISTS {0}; GRANT CREATE, USAGE ON SCHEMA {0} TO the role; or run the files of \
                 `migrations/postgres` of this crate yourself",
                self.schema
            );
            return Err(self.denied_or(&error, "create the tables", remedy));
        }
        Ok(())
    }

    /// Returns an error for each table on which the role lacks rights.
    pub(super) async fn missing_rights(&mut self) -> Result<Vec<ConnectError>, ConnectError> {
        let mut errors = Vec::new();
        for (table, rights) in RIGHTS {
            let mut missing = Vec::new();
            for right in rights.split(", ") {
                let query = sqlx::query_scalar("SELECT has_table_privilege($1, $2)").persistent(false);
                let query = query.bind(format!("{}.{table}", self.schema)).bind(right);
                let has: bool = match query.fetch_one(&mut *self.connection).await {
                    Ok(has) => has,
                    Err(error) => return Err(open_error(&error, self.server)),
                };
                if !has {
                    missing.push(right);
                }
            }
            if !missing.is_empty() {
                let detail = format!("{} on {table} is missing", missing.join(", "));
                let remedy = format!("GRANT {rights} ON {}.{table} TO the role;", self.schema);
                let (server, what) = (self.server.to_owned(), "use the tables".to_owned());
                errors.push(ConnectError::Denied { server, what, detail, remedy });
            }
        }
        Ok(errors)
    }

    fn denied_or(&self, error: &sqlx::Error, what: &str, remedy: String) -> ConnectError {
        match PostgresErrorKind::of(error) {
            PostgresErrorKind::Denied => ConnectError::Denied {
                server: self.server.to_owned(),
                what: what.to_owned(),
                detail: message(error),
                remedy,
            },
            _ => open_error(error, self.server),
        }
    }
}

async fn version(connection: &mut PgConnection, schema: &Schema) -> sqlx::Result<i64> {
    let table = format!("{schema}.cloakroom_migrations");
    let exists = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").persistent(false).bind(&table);
    if !exists.fetch_one(&mut *connection).await? {
        return Ok(0);
    }
    let version = AssertSqlSafe(format!("SELECT coalesce(max(version), 0) FROM {table}"));
    sqlx::query_scalar(version).persistent(false).fetch_one(connection).await
}

async fn migrate(connection: &mut PgConnection, schema: &Schema) -> sqlx::Result<()> {
    // The version is read again behind the lock, so the snapshot must not be from before it.
    let mut transaction = connection.begin_with(READ_COMMITTED).await?;
    transaction.execute(MIGRATION).await?;
    transaction.execute("SELECT pg_advisory_xact_lock(hashtextextended('cloakroom migrations', 0))").await?;
    let exists = sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL").persistent(false);
    if !exists.bind(schema.to_string()).fetch_one(&mut *transaction).await? {
        transaction.execute(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await?;
    }
    transaction.execute(AssertSqlSafe(format!("SET LOCAL search_path = {schema}"))).await?;
    let done = usize::try_from(version(&mut transaction, schema).await?).unwrap_or_default();
    for migration in MIGRATIONS.iter().skip(done) {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

/// Fails if two connections turn out to be one for the server, because a pooler gives each
/// transaction another one. A prepared statement of one client would then be run for another.
pub(super) async fn check_pooling(
    first: &mut PgConnection,
    second: &mut PgConnection,
    server: &str,
) -> Result<(), ConnectError> {
    let shared = async { are_shared(first, second).await.map_err(|error| open_error(&error, server)) };
    if in_time(CONNECT, server, shared).await? {
        let problem = "is not set, but a connection pooler gives each transaction another connection; set it, or let \
                       the pooler give each client its own";
        return Err(ConfigError::new("transaction_pooling", problem).into());
    }
    Ok(())
}

/// Fails if the server does not answer within `limit`.
async fn in_time<T>(
    limit: Duration,
    server: &str,
    work: impl Future<Output = Result<T, ConnectError>>,
) -> Result<T, ConnectError> {
    let done = tokio::time::timeout(limit, work).await;
    done.unwrap_or_else(|_| Err(open_error(&fault::timed_out(), server)))
}

pub(super) async fn are_shared(first: &mut PgConnection, second: &mut PgConnection) -> sqlx::Result<bool> {
    let name = format!("cloakroom_{:016x}", super::random_number());
    first.execute(AssertSqlSafe(format!("PREPARE {name} AS SELECT 1"))).await?;
    let seen = format!("SELECT count(*)::TEXT FROM pg_prepared_statements WHERE name = '{name}'");
    let seen: String = second.fetch_one(sqlx::raw_sql(AssertSqlSafe(seen))).await?.try_get(0)?;
    // It fails behind a pooler that used another connection for it.
    drop(first.execute(AssertSqlSafe(format!("DEALLOCATE {name}"))).await);
    Ok(seen != "0")
}

/// The error that prevents the start.
pub(super) fn open_error(error: &sqlx::Error, server: &str) -> ConnectError {
    if let Some(error) = encryption::open_error(error, server) {
        return error;
    }
    let (kind, server, detail) = (PostgresErrorKind::of(error), server.to_owned(), message(error));
    match kind {
        PostgresErrorKind::Authentication => ConnectError::Authentication { server, detail },
        PostgresErrorKind::NoDatabase => ConnectError::NoDatabase { server, detail },
        PostgresErrorKind::ReadOnly => ConnectError::ReadOnly { server },
        _ if detail.starts_with("unsupported startup parameter") => {
            let problem = format!("is not set, but a connection pooler reports \"{detail}\"; set it");
            ConfigError::new("transaction_pooling", problem).into()
        }
        _ if matches!(error, sqlx::Error::Tls(_) | sqlx::Error::Configuration(_)) => {
            ConfigError::new("url", format!("asks for a connection that cannot be made: {detail}")).into()
        }
        kind if kind.may_pass() => ConnectError::Unreachable { server, detail, waited: std::time::Duration::ZERO },
        kind => ConnectError::Other { server, detail: format!("{detail} ({})", kind.remedy()) },
    }
}

/// The message without the words that `sqlx` puts before it.
fn message(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(error) => error.message().to_owned(),
        sqlx::Error::Io(error) => error.to_string(),
        sqlx::Error::Tls(error) | sqlx::Error::Configuration(error) => error.to_string(),
        error => error.to_string(),
    }
}
