//! The versions of the tables.

use sqlx::{SqliteConnection, SqlitePool};

/// The SQL of each version; the first is version 1.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/sqlite/1_sessions.sql")];

/// The newest version that this release knows.
pub(super) const NEWEST: i64 = MIGRATIONS.len() as i64;

const HAS_TABLES: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'cloakroom_migrations'";
const VERSION: &str = "SELECT coalesce(max(version), 0) FROM cloakroom_migrations";

/// The result of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Migrated {
    Done {
        /// Whether there were tables before.
        found: bool,
    },
    /// The tables have a newer version than [`NEWEST`]; nothing was changed.
    Newer(i64),
}

/// Brings the tables to the newest version, all or nothing. Others that migrate wait meanwhile.
pub(super) async fn migrate(pool: &SqlitePool) -> sqlx::Result<Migrated> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let found = version(&mut transaction).await?;
    if found > NEWEST {
        return Ok(Migrated::Newer(found));
    }
    let done = usize::try_from(found).unwrap_or_default();
    for migration in &MIGRATIONS[done..] {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(Migrated::Done { found: found > 0 })
}

/// The version of the tables; 0 if there are none.
pub(super) async fn version(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    let has_tables: i64 = sqlx::query_scalar(HAS_TABLES).fetch_one(&mut *connection).await?;
    match has_tables {
        0 => Ok(0),
        _ => sqlx::query_scalar(VERSION).fetch_one(connection).await,
    }
}
