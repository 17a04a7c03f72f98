//! `update` cannot start a cached value from its default, which its loader may not return.

use std::time::Duration;

use cloakroom::{CachePolicy, Session, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Roles(Vec<String>);
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(300));
}

async fn promote(session: Session) {
    let _ = session.update(|roles: &mut Roles| roles.0.push("admin".to_owned())).await;
}

fn main() {
    drop(axum::Router::<()>::new().route("/", axum::routing::get(promote)));
}
