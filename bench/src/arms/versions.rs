const LOCK: &str = include_str!("../../../Cargo.lock");

/// The peers, with versions, for people.
pub(crate) fn peers() -> String {
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
    crates.map(|name| format!("{name} {}", library(name))).join(", ")
}

/// The version that Cargo locked, and thus built.
fn library(name: &str) -> &'static str {
    let start = format!("name = \"{name}\"\nversion = \"");
    let found = LOCK.split_once(&start).and_then(|(_, rest)| rest.split('"').next());
    found.unwrap_or("unknown")
}
