//! The stores that keep the sessions of the servers under test: a Redis, a PostgreSQL, and a folder
//! with SQLite files.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloakroom_testbed::{Postgres, Server};
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgPool, query_scalar};
use tempfile::TempDir;

use crate::Result;
use crate::targets::Target;

/// The kind of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreKind {
    Redis,
    Postgres,
    Sqlite,
}

/// The failures that writes to PostgreSQL survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// As by default: each commit waits for the disk.
    PowerLoss,
    /// For parts that measure no time.
    ProcessCrash,
}

/// A store of its own, which ends on drop.
pub(crate) enum Store {
    Redis(Server),
    Postgres { server: Postgres, pool: PgPool },
    Sqlite(TempDir),
}

/// One store of each kind that some targets need.
pub(crate) struct Stores(Vec<(StoreKind, Store)>);

impl Stores {
    pub(crate) async fn start(targets: &[Target]) -> Result<Self> {
        let mut stores = Vec::new();
        for kind in [StoreKind::Redis, StoreKind::Postgres, StoreKind::Sqlite] {
            if targets.iter().any(|target| target.store() == Some(kind)) {
                stores.push((kind, Store::start(kind, Durability::PowerLoss).await?));
            }
        }
        Ok(Self(stores))
    }

    /// Returns the store of a target, or `None` for one in memory.
    pub(crate) fn of(&self, target: Target) -> Option<&Store> {
        self.0.iter().find(|(kind, _)| target.store() == Some(*kind)).map(|(_, store)| store)
    }

    /// Returns the names and versions of all.
    pub(crate) async fn describe(&self) -> Result<String> {
        let mut names = Vec::new();
        for (_, store) in &self.0 {
            names.push(store.describe().await?);
        }
        Ok(names.join(", "))
    }
}

/// The rows of all tables of an application. There is no other way to count them in one statement.
const POSTGRES_ROWS: &str = "
    SELECT coalesce(sum((xpath('//n/text()', query_to_xml(
        format('SELECT count(*) AS n FROM %I.%I', schemaname, tablename), false, true, '')))[1]::text::bigint), 0)::bigint
    FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')";
/// The tables that grow with the number of sessions; the others have the changes of a minute.
const POSTGRES_BYTES: &str = "
    SELECT sum(pg_total_relation_size(c.oid))::bigint FROM pg_class c
    WHERE c.relname IN ('cloakroom_sessions', 'cloakroom_values', 'cloakroom_members')";
const POSTGRES_STATEMENTS: &str = "
    SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'";

impl Store {
    pub(crate) async fn start(kind: StoreKind, durability: Durability) -> Result<Self> {
        match kind {
            StoreKind::Redis => Ok(Self::Redis(Server::start().await?)),
            StoreKind::Postgres => {
                let fsync = if durability == Durability::PowerLoss { "on" } else { "off" };
                let server = Postgres::builder()
                    .setting("shared_preload_libraries", "pg_stat_statements")
                    .setting("fsync", fsync)
                    .start()
                    .await?;
                let pool = PgPoolOptions::new().max_connections(1).connect(&server.url()).await?;
                sqlx::query("CREATE EXTENSION pg_stat_statements").execute(&pool).await?;
                Ok(Self::Postgres { server, pool })
            }
            StoreKind::Sqlite => Ok(Self::Sqlite(TempDir::with_prefix("cloakroom-bench-")?)),
        }
    }

    /// Returns its URL. Files have the name `file`; the servers have no use for it.
    pub(crate) fn url(&self, file: &str) -> String {
        match self {
            Self::Redis(server) => format!("redis://{}", server.address()),
            Self::Postgres { server, .. } => server.url(),
            Self::Sqlite(folder) => format!("sqlite://{}", folder.path().join(file).with_extension("db").display()),
        }
    }

    /// Returns the URL through a proxy of [`Store::address`].
    pub(crate) fn url_through(&self, proxy: SocketAddr) -> String {
        match self {
            Self::Postgres { server, .. } => server.url_through(proxy.port()),
            _ => format!("redis://{proxy}"),
        }
    }

    /// Returns the address of a server, or `None` for files.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Redis(server) => Some(server.address()),
            Self::Postgres { server, .. } => Some(server.address()),
            Self::Sqlite(_) => None,
        }
    }

    /// Returns its name and version.
    pub(crate) async fn describe(&self) -> Result<String> {
        match self {
            Self::Redis(server) => {
                let info = server.info("server").await?;
                Ok(format!("Redis {}", info.get("redis_version").map_or("unknown", |version| version.trim())))
            }
            Self::Postgres { pool, .. } => {
                let version: String = query_scalar("SELECT current_setting('server_version')").fetch_one(pool).await?;
                Ok(format!("PostgreSQL {version}"))
            }
            Self::Sqlite(_) => Ok("SQLite".to_owned()),
        }
    }

    /// Returns the number of commands that requests to this target have sent to Redis so far, or of
    /// all statements that PostgreSQL has run.
    pub(crate) async fn operations(&self, target: Target) -> Result<u64> {
        match self {
            Self::Redis(server) => Ok(server.command_counts().await?.only(target.redis_commands()).total()),
            Self::Postgres { pool, .. } => {
                let calls: i64 = query_scalar(POSTGRES_STATEMENTS).fetch_one(pool).await?;
                Ok(calls.unsigned_abs())
            }
            Self::Sqlite(_) => Ok(0),
        }
    }

    /// Returns the processor time that Redis has used so far; zero for other stores.
    pub(crate) async fn processor_time(&self) -> Result<Duration> {
        let Self::Redis(server) = self else { return Ok(Duration::ZERO) };
        let info = server.info("cpu").await?;
        let seconds = |name| -> Result<f64> {
            Ok(info.get(name).ok_or("Redis does not report its processor time")?.trim().parse()?)
        };
        Ok(Duration::from_secs_f64(seconds("used_cpu_user")? + seconds("used_cpu_sys")?))
    }

    /// Returns the bytes that the sessions in it take, and what it takes without any.
    pub(crate) async fn bytes(&self) -> Result<u64> {
        match self {
            Self::Redis(server) => {
                let info = server.info("memory").await?;
                Ok(info.get("used_memory").ok_or("Redis does not report its memory")?.trim().parse()?)
            }
            Self::Postgres { pool, .. } => {
                let bytes: i64 = query_scalar(POSTGRES_BYTES).fetch_one(pool).await?;
                Ok(bytes.unsigned_abs())
            }
            Self::Sqlite(folder) => {
                let mut bytes = 0;
                for path in databases(folder)? {
                    let mut connection = SqliteConnectOptions::new().filename(&path).connect().await?;
                    sqlx::raw_sql("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
                    connection.close().await?;
                    bytes += fs::metadata(path)?.len();
                }
                Ok(bytes)
            }
        }
    }

    /// Returns the number of keys or rows that it keeps.
    pub(crate) async fn entries(&self) -> Result<u64> {
        match self {
            Self::Redis(server) => Ok(redis::from_redis_value(server.command(&["DBSIZE"]).await?)?),
            Self::Postgres { pool, .. } => {
                let rows: i64 = query_scalar(POSTGRES_ROWS).fetch_one(pool).await?;
                Ok(rows.unsigned_abs())
            }
            Self::Sqlite(folder) => {
                let mut rows = 0;
                for path in databases(folder)? {
                    rows += rows_of_file(&path).await?;
                }
                Ok(rows)
            }
        }
    }
}

/// The files of databases, without their companions.
fn databases(folder: &TempDir) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "db") {
            paths.push(path);
        }
    }
    Ok(paths)
}

async fn rows_of_file(path: &Path) -> Result<u64> {
    let mut connection = SqliteConnectOptions::new().filename(path).read_only(true).connect().await?;
    let tables = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
    let tables: Vec<String> = query_scalar(tables).fetch_all(&mut connection).await?;
    let mut rows = 0;
    for table in tables {
        let count = AssertSqlSafe(format!("SELECT count(*) FROM \"{table}\""));
        let count: i64 = query_scalar(count).fetch_one(&mut connection).await?;
        rows += count.unsigned_abs();
    }
    connection.close().await?;
    Ok(rows)
}
