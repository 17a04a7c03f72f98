//! What can be known about a database without changing it.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};

use super::builder::{PostgresStoreBuilder, server};
use super::database::{CONNECT, READ_COMMITTED};
use super::fault;
use super::migrations::{NEWEST, Preparation, are_shared, open_error};
use super::schema::Schema;
use crate::connect_error::ConnectError;
use crate::finding::Finding;

/// The maximum time of all statements together.
const LIMIT: Duration = Duration::from_secs(30);

/// The maximum age of the oldest session that should have been removed, in milliseconds. A running
/// node looks every ten seconds.
const OVERDUE: i64 = 10 * 60 * 1000;

/// The number of dead rows from which on a table is worth a look.
const DEAD_ROWS: i64 = 100_000;

/// The settings that decide what survives a crash, and whether rows are cleaned up. `OFF` of each of
/// them is a warning.
const SETTINGS: [(&str, &str, &str); 4] = [
    ("fsync", "durability", "a crash of the machine may destroy the database; set `fsync = on`"),
    ("full_page_writes", "durability", "a crash of the machine may damage the tables; set `full_page_writes = on`"),
    (
        "synchronous_commit",
        "durability",
        "a crash of the server loses the last moments of changes that were acknowledged, logouts too; set \
         `synchronous_commit = on` for the role, unless that is what you want",
    ),
    ("autovacuum", "vacuum", "the tables of sessions change all the time and grow without it; set `autovacuum = on`"),
];

impl PostgresStoreBuilder {
    /// Looks for everything that would prevent or endanger the use of the database at `url`, and
    /// changes nothing: the tables are not created, and the transaction is rolled back.
    pub async fn inspect(self, url: &str) -> Vec<Finding> {
        let is_expected = self.transaction_pooling;
        // A pooler may refuse the settings of other connections.
        let settings = self.transaction_pooling().with_namespace_of(url).and_then(|(builder, url)| {
            let (_, schema) = builder.checked()?;
            Ok((schema, builder.options(&url)?))
        });
        let (schema, options) = match settings {
            Ok(settings) => settings,
            Err(error) => return vec![Finding::problem("settings", &error)],
        };
        let server = server(&options);
        let mut connection = match connect(&options, &server).await {
            Ok(connection) => connection,
            Err(error) => return vec![Finding::problem("server", &error)],
        };
        let mut findings = Vec::new();
        if !is_expected {
            findings.extend(pooling(&mut connection, &options, &server).await);
        }
        let mut inspection = Inspection { connection: &mut connection, schema: &schema, server: &server, findings };
        let run = tokio::time::timeout(LIMIT, inspection.run()).await;
        if let Err(error) = run.unwrap_or_else(|_| Err(fault::timed_out())) {
            inspection.findings.push(Finding::problem("server", &open_error(&error, &server)));
        }
        let findings = inspection.findings;
        drop(connection.close().await);
        findings
    }
}

async fn connect(options: &PgConnectOptions, server: &str) -> Result<PgConnection, ConnectError> {
    let connecting = tokio::time::timeout(CONNECT, PgConnection::connect_with(options)).await;
    connecting.unwrap_or_else(|_| Err(fault::timed_out())).map_err(|error| open_error(&error, server))
}

/// Warns if a pooler gives each transaction another connection.
async fn pooling(connection: &mut PgConnection, options: &PgConnectOptions, server: &str) -> Option<Finding> {
    let mut second = connect(options, server).await.ok()?;
    let are_shared = tokio::time::timeout(CONNECT, are_shared(connection, &mut second)).await;
    drop(second.close().await);
    are_shared.ok()?.ok()?.then(|| {
        let detail = "a connection pooler gives each transaction another connection; the application needs \
                      `transaction_pooling`, and its nodes learn of each other's changes by polling alone";
        Finding::warning("connection pooler", detail)
    })
}

struct Inspection<'a> {
    connection: &'a mut PgConnection,
    schema: &'a Schema,
    server: &'a str,
    findings: Vec<Finding>,
}

impl Inspection<'_> {
    async fn run(&mut self) -> sqlx::Result<()> {
        // One transaction, which a pooler keeps on one connection.
        self.connection.execute(READ_COMMITTED).await?;
        if self.check_store().await {
            self.check_settings().await?;
            self.check_rows().await?;
        }
        self.connection.execute("ROLLBACK").await.map(drop)
    }

    /// Returns `false` if the store cannot be used.
    async fn check_store(&mut self) -> bool {
        let (schema, server) = (self.schema, self.server);
        let mut preparation = Preparation { connection: &mut *self.connection, schema, may_migrate: false, server };
        let version = match preparation.check_server().await {
            Ok(version) => version,
            Err(error) => return self.fails("server", &error),
        };
        self.findings.push(Finding::fine("server", format!("PostgreSQL {version} at {server}")));
        let mut preparation = Preparation { connection: &mut *self.connection, schema, may_migrate: false, server };
        if let Err(error) = preparation.check_version().await {
            return self.fails("tables", &error);
        }
        self.findings.push(Finding::fine("tables", format!("version {NEWEST} in the schema {}", schema.as_str())));
        let mut preparation = Preparation { connection: &mut *self.connection, schema, may_migrate: false, server };
        match preparation.missing_rights().await {
            Ok(missing) if missing.is_empty() => self.findings.push(Finding::fine("rights", "")),
            Ok(missing) => {
                self.findings.extend(missing.iter().map(|error| Finding::problem("rights", error)));
                return false;
            }
            Err(error) => return self.fails("rights", &error),
        }
        true
    }

    fn fails(&mut self, name: &'static str, error: &ConnectError) -> bool {
        self.findings.push(Finding::problem(name, error));
        false
    }

    async fn check_settings(&mut self) -> sqlx::Result<()> {
        let mut are_fine = true;
        for (setting, name, consequence) in SETTINGS {
            let query = sqlx::query_scalar("SELECT current_setting($1)").persistent(false).bind(setting);
            let value: String = query.fetch_one(&mut *self.connection).await?;
            if value == "off" {
                are_fine = false;
                self.findings.push(Finding::warning(name, format!("{setting} is off: {consequence}")));
            }
        }
        if are_fine {
            self.findings.push(Finding::fine("configuration of the server", ""));
        }
        Ok(())
    }

    /// Warns of rows that nobody removes.
    async fn check_rows(&mut self) -> sqlx::Result<()> {
        let schema = self.schema;
        let overdue =
            format!("SELECT coalesce({schema}.cloakroom_now() - min(examine_at), 0) FROM {schema}.cloakroom_sessions");
        let overdue: i64 =
            sqlx::query_scalar(AssertSqlSafe(overdue)).persistent(false).fetch_one(&mut *self.connection).await?;
        if overdue > OVERDUE {
            let minutes = overdue / 60_000;
            let detail = format!(
                "sessions that expired {minutes} minutes ago are still in the tables; a running application removes \
                 them, and logs why if it cannot"
            );
            self.findings.push(Finding::warning("expired sessions", detail));
        }
        const DEAD: &str = "SELECT relname::TEXT, n_dead_tup FROM pg_stat_user_tables WHERE schemaname = $1 \
            AND relname LIKE 'cloakroom\\_%' AND n_dead_tup > $2 AND n_dead_tup > n_live_tup";
        let dead = sqlx::query(DEAD).persistent(false).bind(schema.as_str()).bind(DEAD_ROWS);
        for row in dead.fetch_all(&mut *self.connection).await? {
            let (table, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let detail = format!(
                "{table} has {count} dead rows, more than live ones; end transactions that stay open for long, and let \
                 `autovacuum` run more often for this table"
            );
            self.findings.push(Finding::warning("vacuum", detail));
        }
        Ok(())
    }
}
