//! The settings of the sessions, and the choice between memory and Redis.

use std::time::Duration;

use cloakroom::store::LimitPolicy;
use cloakroom::{ConfigError, Sessions, SessionsBuilder};
use cloakroom_redis::RedisStore;

use crate::server::StartError;

/// More sessions of one user are more likely a stolen password than more devices.
const MAX_DEVICES: u32 = 10;

/// The lifetime of a session with "Keep me signed in".
pub(crate) const REMEMBER_ME_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Returns the shop's settings: the library's defaults, and a limit of sessions per user.
pub fn settings() -> SessionsBuilder {
    Sessions::builder().max_sessions_per_principal(MAX_DEVICES, LimitPolicy::EndOldest)
}

/// Creates sessions that are stored in the memory of this process.
///
/// # Errors
///
/// If the settings contradict each other, which would be a bug of the shop.
pub fn in_memory() -> Result<Sessions, ConfigError> {
    settings().build()
}

/// Creates sessions that are stored in Redis, with copies in the memory of this process.
///
/// # Errors
///
/// If the address or the server cannot be used.
pub async fn over_redis(address: &str) -> Result<Sessions, StartError> {
    let mut address = address.to_owned();
    if !address.contains("namespace=") {
        address += if address.contains('?') { "&namespace=shop" } else { "?namespace=shop" };
    }
    Ok(settings().store(RedisStore::connect(&address).await?).build()?)
}
