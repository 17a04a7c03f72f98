use crate::application::Sessions;
use crate::config_error::ConfigError;
use crate::crypto::KeyRing;

/// Keys, with the feature `keys`.
impl Sessions {
    /// Replaces the key ring, without a restart and without a lock for requests.
    ///
    /// Tokens made under a remaining key are still accepted, and are made again under the active
    /// key with the client's next request. So to replace a key, pass a ring with the new key first
    /// and the old one behind it.
    ///
    /// Tokens made under a key that is not in `ring` open nothing from now on. Replacing all keys
    /// thus ends every session at once (OWASP ASVS 7.4.2, 13.3.4), but only on the nodes where it
    /// is called: call it on all of them.
    ///
    /// # Errors
    /// If the sessions were built [without keys](crate::SessionsBuilder::keys).
    pub fn replace_keys(&self, ring: KeyRing) -> Result<(), ConfigError> {
        let Some(keys) = self.0.keys() else {
            let problem = "were not set when the sessions were built, so there are none to replace; give the builder a \
                           `KeyRing`";
            return Err(ConfigError::new("keys", problem));
        };
        tracing::info!(?ring, "the session keys were replaced");
        keys.replace(ring);
        Ok(())
    }
}
