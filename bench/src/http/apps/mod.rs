//! The same four endpoints for everybody.
//!
//! `POST /start` makes a session with a cart of five items and a counter; `GET /cart` answers how many
//! items there are; `POST /count` adds one and answers the number; `GET /count` answers the number.

mod bare;
mod ours;
mod theirs;

use axum::Router;
use serde::{Deserialize, Serialize};

use crate::Failure;

use super::arm::Arm;

/// What a server is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) arm: Arm,
    /// `host:port`.
    pub(super) redis: String,
    /// Nodes with the same namespace serve the same sessions.
    pub(super) namespace: String,
}

pub(super) async fn app(plan: &Plan) -> Result<Router, Failure> {
    match plan.arm {
        Arm::Bare => Ok(bare::app()),
        Arm::Memory => ours::in_memory(),
        Arm::Redis => ours::over_redis(&plan.redis, &plan.namespace).await,
        Arm::TowerRedis => theirs::over_redis(&plan.redis).await,
        Arm::TowerCached => theirs::cached(&plan.redis).await,
    }
}
