//! The servers under test. All have the same [`endpoints`], and each library is used as its
//! documentation shows.

mod axum_session;
pub(crate) mod bare;
pub(crate) mod cloakroom;
mod endpoints;
pub(crate) mod floor;
mod locked_map;
mod sqlx_peer;
mod target;
mod tower_sessions;

use std::time::Duration;

use ::axum::Router;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::args::{Options, Part};
use crate::process::ServerProcess;

pub(crate) use endpoints::SLOW_WRITE_DELAY;
pub(crate) use target::Target;

use endpoints::next_user;

/// Cloakroom's default, and a usual choice.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The configuration of a server under test.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TargetConfig {
    pub(crate) target: Target,
    /// The URL of the store; empty for targets in memory.
    pub(crate) store: String,
    /// Nodes with the same namespace share sessions.
    pub(crate) namespace: String,
    pub(crate) idle_timeout: Duration,
}

impl TargetConfig {
    /// Returns the configuration of bare axum or one of [`Target::IN_MEMORY`].
    pub(crate) const fn in_memory(target: Target) -> Self {
        Self { target, store: String::new(), namespace: String::new(), idle_timeout: IDLE_TIMEOUT }
    }
}

/// Builds what these targets need beside this program, so that no start takes long.
pub(crate) fn prepare(targets: &[Target], options: &Options) -> Result<()> {
    match targets.iter().any(|target| target.is_sqlx_peer()) {
        true => sqlx_peer::build(options),
        false => Ok(()),
    }
}

/// Starts a server in a process of its own.
pub(crate) fn start(config: &TargetConfig) -> Result<ServerProcess> {
    match config.target.is_sqlx_peer() {
        true => ServerProcess::of_program(sqlx_peer::program()?, config),
        false => ServerProcess::of_part(&Part::TargetServer, config),
    }
}

/// Returns a server of this process.
pub(crate) async fn build(config: TargetConfig) -> Result<Router> {
    match config.target {
        Target::Bare => Ok(bare::app()),
        Target::Memory => cloakroom::in_memory(&config),
        Target::Sqlite => cloakroom::over_sqlite(&config).await,
        Target::Postgres => cloakroom::over_postgres(&config).await,
        Target::Redis => cloakroom::over_redis(&config).await,
        Target::Map => Ok(locked_map::app(&config)),
        Target::TowerMemory => tower_sessions::in_memory(&config),
        Target::TowerMoka => tower_sessions::in_moka(&config),
        Target::TowerSqlite | Target::TowerSqliteWal | Target::TowerPostgres => {
            Err("its SQLite cannot be linked into this program".into())
        }
        Target::TowerRedis => tower_sessions::over_redis(&config).await,
        Target::TowerCached => tower_sessions::moka_before_redis(&config).await,
        Target::AxumMemory => axum_session::in_memory(&config).await,
        Target::AxumRedis => axum_session::over_redis(&config).await,
    }
}

/// Returns the libraries under test with their versions.
pub(crate) fn versions() -> String {
    const LOCK: &str = include_str!("../../../Cargo.lock");
    const PEER_LOCK: &str = include_str!("../../sqlx-peer/Cargo.lock");
    let version = |(lock, name): (&str, &str)| {
        let start = format!("name = \"{name}\"\nversion = \"");
        let found = lock.split_once(&start).and_then(|(_, rest)| rest.split('"').next());
        format!("{name} {}", found.unwrap_or("unknown"))
    };
    let crates = [
        (LOCK, "axum"),
        (LOCK, "hyper"),
        (LOCK, "sqlx"),
        (LOCK, "libsqlite3-sys"),
        (LOCK, "tower-sessions"),
        (LOCK, "tower-sessions-redis-store"),
        (LOCK, "fred"),
        (LOCK, "tower-sessions-moka-store"),
        (LOCK, "moka"),
        (PEER_LOCK, "tower-sessions-sqlx-store"),
        (PEER_LOCK, "sqlx"),
        (PEER_LOCK, "libsqlite3-sys"),
        (LOCK, "axum_session"),
        (LOCK, "axum_session_redispool"),
    ];
    crates.map(version).join(", ")
}
