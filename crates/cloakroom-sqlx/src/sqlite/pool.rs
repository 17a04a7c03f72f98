//! The database behind a pool of the application.

use std::path::{Path, PathBuf};

use cloakroom::ConfigError;
use sqlx::{Row, SqlitePool};

use super::builder::Durability;
use super::fault::Location;
use crate::error::OpenError;

/// The database of a pool, as its connections see it.
pub(super) struct PoolDatabase {
    /// `None` if it is in memory.
    file: Option<PathBuf>,
    location: Location,
    journal_mode: String,
    synchronous: i64,
}

/// The level of `synchronous` from which on a transaction waits for the disk.
const FULL: i64 = 2;

impl PoolDatabase {
    pub(super) async fn of(pool: &SqlitePool) -> Result<Self, OpenError> {
        let named = pool.connect_options().get_filename().to_owned();
        let failed = |error: sqlx::Error| Location::new(&named).open_error(&error);
        let listed = sqlx::query("PRAGMA database_list").fetch_all(pool).await.map_err(failed)?;
        let main = listed.iter().find(|row| row.try_get::<&str, _>(1).is_ok_and(|name| name == "main"));
        let file = main.and_then(|row| row.try_get::<Option<String>, _>(2).ok().flatten());
        let file = file.filter(|file| !file.is_empty()).map(PathBuf::from);
        let journal_mode = journal_mode(pool).await.map_err(failed)?;
        let synchronous = sqlx::query_scalar("PRAGMA synchronous").fetch_one(pool).await.map_err(failed)?;
        let location = Location::new(file.as_deref().unwrap_or(&named));
        Ok(Self { file, location, journal_mode, synchronous })
    }

    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    pub(super) const fn location(&self) -> &Location {
        &self.location
    }

    /// Compares the options of the pool with what was asked for.
    pub(super) fn check(&self, durability: Option<Durability>) -> Result<(), OpenError> {
        if durability == Some(Durability::PowerLoss) && self.synchronous < FULL {
            let problem = "needs the pool's option `synchronous` to be FULL, because a power failure may lose writes \
                           otherwise; set it, or choose `Durability::ProcessCrash`";
            return Err(ConfigError::new("durability", problem).into());
        }
        if self.file.is_some() && ["off", "memory"].contains(&&*self.journal_mode) {
            let problem = format!(
                "is {} in the options of the pool, with which the end of the process may damage the database; use WAL",
                self.journal_mode
            );
            return Err(ConfigError::new("journal_mode", problem).into());
        }
        if self.file.is_some() && self.journal_mode != "wal" {
            tracing::warn!(
                file = %self.location.path().display(),
                journal_mode = self.journal_mode,
                "sessions are read and written faster in WAL mode; set `journal_mode` in the options of the pool"
            );
        }
        Ok(())
    }
}

pub(super) async fn journal_mode(pool: &SqlitePool) -> sqlx::Result<String> {
    sqlx::query_scalar("PRAGMA journal_mode").fetch_one(pool).await
}
