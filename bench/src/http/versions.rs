use cloakroom_testbed::Server;

use crate::Failure;

const LOCK: &str = include_str!("../../../Cargo.lock");

/// What took part, with versions.
pub(super) async fn describe(server: &Server) -> Result<String, Failure> {
    let info = server.info("server").await?;
    let redis = info.get("redis_version").map_or("unknown", |version| version.trim());
    let crates =
        ["axum", "hyper", "tower-sessions", "tower-sessions-redis-store", "fred", "tower-sessions-moka-store", "moka"];
    let crates: Vec<_> = crates.iter().map(|name| format!("{name} {}", version(name))).collect();
    Ok(format!("{}, Redis {redis}", crates.join(", ")))
}

/// What Cargo locked, and thus built.
fn version(name: &str) -> &'static str {
    let start = format!("name = \"{name}\"\nversion = \"");
    let found = LOCK.split_once(&start).and_then(|(_, rest)| rest.split('"').next());
    found.unwrap_or("unknown")
}
