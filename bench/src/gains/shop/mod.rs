//! The application whose database is asked: the same handlers with a session cache and without.
//!
//! | endpoint | what it takes from the database |
//! |---|---|
//! | `POST /start` | nothing: signs the next user in |
//! | `GET /cart` | the items of the cart: one query |
//! | `GET /preferences` | the preferences: one query |
//! | `GET /orders` | the roles, to see whether the user may, and then the orders, which nobody caches: two queries |
//! | `GET /queries` | nothing: answers how many queries there were |
//! | `GET /bytes` | nothing: answers how many bytes a session takes by the cache's own count |
//!
//! Without the cache, a request carries a signed token (HS256) that is checked every time; with it, the
//! session is the token, and what a request needs of the database lies in it.

mod database;
mod token;
mod with;
mod without;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::Router;
use serde::{Deserialize, Serialize};

use crate::Failure;

pub(super) use database::{Database, USERS};
pub(super) use token::Tokens;

/// What a server is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(super) url: String,
    /// Added to every query here, where no network can be made slower.
    pub(super) delay: Duration,
    pub(super) connections: u32,
    pub(super) cached: bool,
}

pub(crate) async fn app(plan: Plan) -> Result<Router, Failure> {
    let database = Database::connect(&plan.url, plan.delay, plan.connections).await?;
    match plan.cached {
        true => with::app(database),
        false => Ok(without::app(database, Tokens::new()?)),
    }
}

/// Who signs in next: everybody in turn.
#[derive(Clone, Debug, Default)]
struct Door(Arc<AtomicU64>);

impl Door {
    fn next(&self) -> i64 {
        (self.0.fetch_add(1, Relaxed) % USERS).cast_signed() + 1
    }
}
