//! The settings of the sessions, and their stores.

use std::path::Path;
use std::time::Duration;

use cloakroom::store::LimitPolicy;
use cloakroom::{ConfigError, Sessions, SessionsBuilder};
use cloakroom_redis::RedisStore;
use cloakroom_sqlx::{PostgresStore, SqliteStore};

use crate::server::StartError;

/// How long a second shop waits for the one that uses the same file.
const TAKE_OVER_TIMEOUT: Duration = Duration::from_secs(10);

/// More sessions of one user are more likely a stolen password than more devices.
const MAX_DEVICES: u32 = 10;

/// The lifetime of a session with "Keep me signed in".
pub(crate) const REMEMBER_ME_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The timeouts with `--short-timeouts`: without requests, and in any case.
const SHORT_TIMEOUTS: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(5 * 60));

/// Returns the shop's settings: the library's defaults, and a limit of sessions per user.
pub fn settings() -> SessionsBuilder {
    Sessions::builder().max_sessions_per_principal(MAX_DEVICES, LimitPolicy::EndOldest)
}

/// Returns the same with timeouts that are short enough to watch sessions end.
pub fn settings_with_short_timeouts() -> SessionsBuilder {
    let (idle, absolute) = SHORT_TIMEOUTS;
    settings().idle_timeout(idle).absolute_timeout(absolute)
}

/// Creates sessions that are stored in the memory of this process.
///
/// # Errors
///
/// If the settings contradict each other, which would be a bug of the shop.
pub fn in_memory() -> Result<Sessions, ConfigError> {
    settings().build()
}

/// Creates sessions that are stored in the file `sessions.db` of a folder, so that they survive the
/// end of this process, with copies in its memory.
///
/// # Errors
///
/// If the file cannot be used, or another process uses it.
pub async fn in_folder(settings: SessionsBuilder, folder: &Path) -> Result<Sessions, StartError> {
    let store = SqliteStore::builder().take_over_timeout(TAKE_OVER_TIMEOUT).open(folder.join("sessions.db")).await?;
    Ok(settings.store(store).build()?)
}

/// Creates sessions that are stored in PostgreSQL, with copies in the memory of this process.
///
/// Waits for a server that cannot be reached yet, for at most `patience`.
///
/// # Errors
///
/// If the address or the database cannot be used.
pub async fn over_postgres(settings: SessionsBuilder, url: &str, patience: Duration) -> Result<Sessions, StartError> {
    let store = PostgresStore::builder().namespace("shop").connect_within(url, patience).await?;
    Ok(settings.store(store).build()?)
}

/// Creates sessions that are stored in Redis, with copies in the memory of this process.
///
/// # Errors
///
/// If the address or the server cannot be used.
pub async fn over_redis(settings: SessionsBuilder, address: &str) -> Result<Sessions, StartError> {
    let mut address = address.to_owned();
    if !address.contains("namespace=") {
        address += if address.contains('?') { "&namespace=shop" } else { "?namespace=shop" };
    }
    Ok(settings.store(RedisStore::connect(&address).await?).build()?)
}
