//! A loader returns a `Result`: `Ok::<_, Infallible>(value)` if it cannot fail.

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

async fn roles(session: &Session) -> Result<Arc<Roles>, SessionError> {
    session.get_or_load(|| async { Roles::default() }).await
}

fn main() {
    drop(roles);
}
