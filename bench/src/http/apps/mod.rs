//! The same endpoints for everybody.
//!
//! `POST /start` makes a session with a cart of five items and a counter; `GET /cart` answers how many
//! items there are; `POST /count` adds one and answers the number; `GET /count` answers the number. For `correctness` there are also `POST /late`, which adds one some time after
//! it has read, and `POST /logout`.

mod bare;
mod ours;
mod theirs;

use std::time::Duration;

use axum::Router;
use serde::{Deserialize, Serialize};

use crate::Failure;

use super::arm::Arm;

/// What applications usually take, and the default of Cloakroom.
pub(crate) const IDLE: Duration = Duration::from_secs(30 * 60);

/// How long `POST /late` waits between reading and writing.
pub(crate) const LATE: Duration = Duration::from_millis(150);

/// What a server is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) arm: Arm,
    /// `host:port`.
    pub(crate) redis: String,
    /// Nodes with the same namespace serve the same sessions.
    pub(crate) namespace: String,
    /// How long a session lives without activity.
    pub(crate) idle: Duration,
}

pub(crate) async fn app(plan: &Plan) -> Result<Router, Failure> {
    match plan.arm {
        Arm::Bare => Ok(bare::app()),
        Arm::Memory => ours::in_memory(plan),
        Arm::Redis => ours::over_redis(plan).await,
        Arm::TowerRedis => theirs::over_redis(plan).await,
        Arm::TowerCached => theirs::cached(plan).await,
    }
}
