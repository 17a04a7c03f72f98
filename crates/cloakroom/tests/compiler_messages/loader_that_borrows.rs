//! A loader must own what it uses, because a load outlives the request that started it.
//!
//! A library cannot change the message of a lifetime error. The compiler's own names the cause.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::{CachePolicy, Session, SessionError, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Roles(Vec<String>);
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(300));
}

struct Database;
impl Database {
    async fn roles(&self) -> Result<Roles, std::io::Error> {
        Ok(Roles::default())
    }
}

async fn roles(session: &Session, database: &Database) -> Result<Arc<Roles>, SessionError> {
    session.get_or_load(|| async { database.roles().await }).await
}

fn main() {
    drop(roles);
}
