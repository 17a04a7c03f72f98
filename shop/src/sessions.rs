//! How the shop's sessions are made; the one place that knows which tiers there are.

use std::time::Duration;

use cloakroom::store::LimitPolicy;
use cloakroom::{ConfigError, CookieConfig, Sessions, SessionsBuilder};
use cloakroom_redis::RedisStore;

use crate::server::StartError;

/// A person with more devices than this is more likely a stolen password.
const DEVICES: u32 = 10;

/// "Keep me signed in" means this long.
pub(crate) const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The shop's settings: the library's defaults, and a limit of devices per user.
pub fn settings() -> SessionsBuilder {
    Sessions::builder().max_sessions_per_principal(DEVICES, LimitPolicy::EndOldest)
}

/// Sessions in this process's memory.
///
/// # Errors
///
/// When the settings contradict each other, which would be a defect of the shop.
pub fn in_memory() -> Result<Sessions, ConfigError> {
    settings().build()
}

/// Sessions that all shops over this Redis share; each keeps those it serves in its own memory.
///
/// # Errors
///
/// When the address or the server cannot be used; it says why.
pub async fn over_redis(address: &str) -> Result<Sessions, StartError> {
    let named = match (address.contains("namespace="), address.contains('?')) {
        (true, _) => address.to_owned(),
        (false, true) => format!("{address}&namespace=shop"),
        (false, false) => format!("{address}?namespace=shop"),
    };
    Ok(settings().store(RedisStore::connect(&named).await?).build()?)
}

/// The demo runs without TLS on localhost; a real shop keeps the default.
pub(crate) fn cookie() -> CookieConfig {
    CookieConfig::insecure_for_localhost()
}
