//! The servers under test. All have the same endpoints, and each library is used as its
//! documentation shows.
//!
//! | endpoint | effect |
//! |---|---|
//! | `GET /idle` | does not touch the session |
//! | `POST /fill` | puts a cart of five items into the session |
//! | `POST /start` | the same, and a counter |
//! | `GET /cart` | returns the number of items |
//! | `POST /add` | changes the quantity of an item, returns the number of items |
//! | `POST /count`, `GET /count` | increments the counter and returns it; returns it |
//! | `POST /late` | reads the counter, waits for [`SLOW_WRITE_DELAY`], writes it incremented |
//! | `POST /login`, `GET /who` | logs the next user in with a new id and the cart kept; returns the user's number, 0 for nobody |
//! | `POST /rotate/fail` | gives the session a new id, then fails with 500 |
//! | `POST /switch` | ends the session and logs the next user in, in one request |
//! | `POST /logout` | ends the session |

mod axum_session;
pub(crate) mod bare;
pub(crate) mod cloakroom;
pub(crate) mod floor;
mod locked_map;
mod target;
mod tower_sessions;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ::axum::Router;
use serde::{Deserialize, Serialize};

use crate::Result;

pub(crate) use target::Target;

/// Cloakroom's default, and a usual choice.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The time between the read and the write of `POST /late`.
pub(crate) const SLOW_WRITE_DELAY: Duration = Duration::from_millis(150);

/// The configuration of a server under test.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TargetConfig {
    pub(crate) target: Target,
    /// `host:port`; empty for targets in memory.
    pub(crate) redis: String,
    /// Nodes with the same namespace share sessions.
    pub(crate) namespace: String,
    pub(crate) idle_timeout: Duration,
}

impl TargetConfig {
    /// Returns the configuration of bare axum or one of [`Target::IN_MEMORY`].
    pub(crate) const fn in_memory(target: Target) -> Self {
        Self { target, redis: String::new(), namespace: String::new(), idle_timeout: IDLE_TIMEOUT }
    }
}

pub(crate) async fn build(config: TargetConfig) -> Result<Router> {
    match config.target {
        Target::Bare => Ok(bare::app()),
        Target::Memory => cloakroom::in_memory(&config),
        Target::Redis => cloakroom::over_redis(&config).await,
        Target::Map => Ok(locked_map::app(&config)),
        Target::TowerMemory => tower_sessions::in_memory(&config),
        Target::TowerMoka => tower_sessions::in_moka(&config),
        Target::TowerRedis => tower_sessions::over_redis(&config).await,
        Target::TowerCached => tower_sessions::moka_before_redis(&config).await,
        Target::AxumMemory => axum_session::in_memory(&config).await,
        Target::AxumRedis => axum_session::over_redis(&config).await,
    }
}

/// Returns the libraries under test with the versions in `Cargo.lock`.
pub(crate) fn versions() -> String {
    const LOCK: &str = include_str!("../../../Cargo.lock");
    let version = |name: &str| {
        let start = format!("name = \"{name}\"\nversion = \"");
        let found = LOCK.split_once(&start).and_then(|(_, rest)| rest.split('"').next());
        format!("{name} {}", found.unwrap_or("unknown"))
    };
    let crates = [
        "axum",
        "hyper",
        "tower-sessions",
        "tower-sessions-redis-store",
        "fred",
        "tower-sessions-moka-store",
        "moka",
        "axum_session",
        "axum_session_redispool",
    ];
    crates.map(version).join(", ")
}

/// Returns the number of the next user to log in.
fn next_user() -> u64 {
    static USERS: AtomicU64 = AtomicU64::new(1);
    USERS.fetch_add(1, Relaxed)
}
