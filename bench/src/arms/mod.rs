//! The servers under test, with the same endpoints for everybody, each library used as its documentation does.
//!
//! | endpoint | what it does |
//! |---|---|
//! | `GET /idle` | never asks for the session |
//! | `POST /fill` | puts a cart of five items into the session |
//! | `POST /start` | the same, and a counter |
//! | `GET /cart` | answers how many items there are |
//! | `POST /add` | one more of an item that is in the cart; answers how many items there are |
//! | `POST /count`, `GET /count` | adds one and answers the number; answers the number |
//! | `POST /late` | reads the number, waits for [`LATE`], writes one more |
//! | `POST /login`, `GET /who` | logs the next user in, with a new id and the cart kept; answers the number of the user, 0 for nobody |
//! | `POST /rotate/fail` | gives the session a new id, then fails with 500 |
//! | `POST /switch` | ends the session and logs the next user in, within one request |
//! | `POST /logout` | ends the session |

mod arm;
mod axum_session;
mod bare;
mod map;
mod ours;
mod tower;
mod versions;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use ::axum::Router;
use serde::{Deserialize, Serialize};

use crate::Failure;

pub(crate) use arm::Arm;
pub(crate) use versions::peers;

/// What applications usually take, and the default of Cloakroom.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);

/// How long `POST /late` waits between reading and writing.
pub(crate) const LATE: Duration = Duration::from_millis(150);

/// What a server is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) arm: Arm,
    /// `host:port`; nothing for those that keep sessions in memory alone.
    pub(crate) redis: String,
    /// Nodes with the same namespace serve the same sessions.
    pub(crate) namespace: String,
    /// How long a session lives without activity.
    pub(crate) idle: Duration,
}

impl Plan {
    /// One of [`Arm::IN_MEMORY`], or bare axum.
    pub(crate) const fn in_memory(arm: Arm) -> Self {
        Self { arm, redis: String::new(), namespace: String::new(), idle: IDLE }
    }
}

pub(crate) async fn app(plan: Plan) -> Result<Router, Failure> {
    match plan.arm {
        Arm::Bare => Ok(bare::app()),
        Arm::Memory => ours::in_memory(&plan),
        Arm::Redis => ours::over_redis(&plan).await,
        Arm::Map => Ok(map::app(&plan)),
        Arm::TowerMemory => tower::in_memory(&plan),
        Arm::TowerMoka => tower::on_moka(&plan),
        Arm::TowerRedis => tower::over_redis(&plan).await,
        Arm::TowerCached => tower::cached(&plan).await,
        Arm::AxumMemory => axum_session::in_memory(&plan).await,
        Arm::AxumRedis => axum_session::over_redis(&plan).await,
    }
}

/// Who logs in next.
fn next_user() -> u64 {
    static USERS: AtomicU64 = AtomicU64::new(1);
    USERS.fetch_add(1, Relaxed)
}
