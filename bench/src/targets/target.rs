use serde::{Deserialize, Serialize};

use crate::stores::StoreKind;

/// A server under test. Every part of the bench chooses from these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Target {
    /// axum without sessions, with the same responses.
    Bare,
    /// Cloakroom in memory, on one node.
    Memory,
    /// Cloakroom over an SQLite file, on one node.
    Sqlite,
    /// Cloakroom over PostgreSQL.
    Postgres,
    /// Cloakroom over Redis.
    Redis,
    /// A middleware around a map behind one lock.
    Map,
    /// `tower-sessions` with its memory store.
    TowerMemory,
    /// `tower-sessions` with its moka store.
    TowerMoka,
    /// `tower-sessions` with its SQLite store, on one node.
    TowerSqlite,
    /// The same with the settings of SQLite that Cloakroom uses.
    TowerSqliteWal,
    /// `tower-sessions` with its PostgreSQL store.
    TowerPostgres,
    /// `tower-sessions` with its Redis store.
    TowerRedis,
    /// `tower-sessions` with its caching store: moka in front of Redis.
    TowerCached,
    /// `axum_session` without a database.
    AxumMemory,
    /// `axum_session` with its Redis database layer.
    AxumRedis,
}

impl Target {
    /// Targets that keep sessions in memory only.
    pub(crate) const IN_MEMORY: [Self; 5] =
        [Self::Memory, Self::Map, Self::TowerMemory, Self::TowerMoka, Self::AxumMemory];
    /// Targets that keep sessions in a file, for one process.
    pub(crate) const IN_FILE: [Self; 3] = [Self::Sqlite, Self::TowerSqlite, Self::TowerSqliteWal];
    /// Targets that share sessions between nodes.
    pub(crate) const SHARED: [Self; 6] =
        [Self::Postgres, Self::TowerPostgres, Self::Redis, Self::TowerRedis, Self::TowerCached, Self::AxumRedis];

    /// Returns all targets but bare axum.
    pub(crate) fn with_sessions() -> Vec<Self> {
        [&Self::IN_MEMORY[..], &Self::IN_FILE[..], &Self::SHARED[..]].concat()
    }

    /// Its name in figure keys and for `--only`.
    pub(crate) const fn key(self) -> &'static str {
        self.names().0
    }

    /// Its name in tables.
    pub(crate) const fn label(self) -> &'static str {
        self.names().1
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Bare => ("bare", "bare axum"),
            Self::Memory => ("memory", "Cloakroom, in memory"),
            Self::Sqlite => ("sqlite", "Cloakroom over SQLite"),
            Self::Postgres => ("postgres", "Cloakroom over PostgreSQL"),
            Self::Redis => ("redis", "Cloakroom over Redis"),
            Self::Map => ("map", "a map behind a RwLock"),
            Self::TowerMemory => ("tower-memory", "tower-sessions, memory"),
            Self::TowerMoka => ("tower-moka", "tower-sessions, moka"),
            Self::TowerSqlite => ("tower-sqlite", "tower-sessions over SQLite"),
            Self::TowerSqliteWal => ("tower-sqlite-wal", "tower-sessions over SQLite, WAL"),
            Self::TowerPostgres => ("tower-postgres", "tower-sessions over PostgreSQL"),
            Self::TowerRedis => ("tower-redis", "tower-sessions over Redis"),
            Self::TowerCached => ("tower-cached", "tower-sessions, moka before Redis"),
            Self::AxumMemory => ("axum-memory", "axum_session, memory"),
            Self::AxumRedis => ("axum-redis", "axum_session over Redis"),
        }
    }

    /// Returns whether this is Cloakroom, of which a lost update or a failed request fails the run.
    pub(crate) const fn is_cloakroom(self) -> bool {
        matches!(self, Self::Memory | Self::Sqlite | Self::Postgres | Self::Redis)
    }

    pub(crate) const fn has_sessions(self) -> bool {
        !matches!(self, Self::Bare)
    }

    /// Returns whether several nodes can share its sessions.
    pub(crate) fn is_shared(self) -> bool {
        Self::SHARED.contains(&self)
    }

    /// Returns whether it is served by the program in `bench/sqlx-peer`.
    pub(crate) const fn is_sqlx_peer(self) -> bool {
        matches!(self, Self::TowerSqlite | Self::TowerSqliteWal | Self::TowerPostgres)
    }

    /// Returns the store of its sessions, or `None` if it keeps them in memory only.
    pub(crate) const fn store(self) -> Option<StoreKind> {
        match self {
            Self::Sqlite | Self::TowerSqlite | Self::TowerSqliteWal => Some(StoreKind::Sqlite),
            Self::Postgres | Self::TowerPostgres => Some(StoreKind::Postgres),
            Self::Redis | Self::TowerRedis | Self::TowerCached | Self::AxumRedis => Some(StoreKind::Redis),
            Self::Bare | Self::Memory | Self::Map | Self::TowerMemory | Self::TowerMoka | Self::AxumMemory => None,
        }
    }

    /// Returns the Redis commands that its requests send, without lease probes, connection setup and
    /// what scripts call.
    pub(crate) const fn redis_commands(self) -> &'static [&'static str] {
        match self {
            Self::Redis => &["eval", "evalsha"],
            Self::TowerRedis | Self::TowerCached => &["get", "set", "del"],
            Self::AxumRedis => &["get", "set", "del", "exists", "expireat", "multi", "exec"],
            _ => &[],
        }
    }
}
