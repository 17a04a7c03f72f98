//! The application's side: configuration, and what needs no request.

mod builder;
mod principal_sessions;

pub use builder::SessionsBuilder;
pub use principal_sessions::{PrincipalSessions, SessionInfo};

use std::fmt;

use crate::config::ConfigError;
use crate::crypto::KeyRing;
use crate::engine::Engine;
use crate::sync::Arc;
use crate::telemetry::{Events, Stats};
use crate::token::Principal;

/// All sessions of an application. Clones share everything and cost one reference count.
///
/// Make one at start-up, give it to a [`SessionLayer`](crate::http::SessionLayer), and keep a clone
/// wherever sessions have to be listed or revoked.
///
/// Not for data that all users share: that belongs in an application-level cache.
#[derive(Clone)]
pub struct Sessions(Arc<Engine>);

impl Sessions {
    /// Sessions that live in this process, with the default settings, which [`SessionsBuilder`] lists.
    ///
    /// They are gone when the process ends. For several nodes, or to survive a restart, give
    /// [`Sessions::builder`] a store.
    ///
    /// # Panics
    /// If the operating system gives no randomness; [`SessionsBuilder::build`] answers an error instead.
    #[must_use]
    #[expect(clippy::expect_used, reason = "documented; the builder is the way without a panic")]
    pub fn in_memory() -> Self {
        Self::builder().build().expect("the operating system gives randomness")
    }

    /// A builder with every setting at its default.
    pub fn builder() -> SessionsBuilder {
        SessionsBuilder::new()
    }

    pub(crate) const fn from_engine(engine: Arc<Engine>) -> Self {
        Self(engine)
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.0
    }

    /// The sessions of one principal.
    #[must_use]
    pub fn of(&self, principal: impl Into<Principal>) -> PrincipalSessions {
        PrincipalSessions::new(Arc::clone(&self.0), principal.into())
    }

    /// What happens from now on: sessions created, logged in, renewed and ended, and signs of attack.
    ///
    /// Listening costs the requests nothing to wait for. See [`Events`].
    #[must_use]
    pub fn events(&self) -> Events {
        self.0.telemetry.events.subscribe()
    }

    /// Counts of what happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.telemetry.counters.snapshot(self.0.cache.len() as u64, self.0.cache.bytes())
    }

    /// Takes another ring of keys, without a restart and without a lock for requests.
    ///
    /// What was made under a key that stays is accepted as before, and made again under the active key when its client
    /// comes next; so to replace a key, take a ring with the new one in front and the old one behind it. What was made under
    /// a key that is not in `ring` opens nothing from now on. That ends every session of everybody at once
    /// (OWASP ASVS 7.4.2, 13.3.4), on the nodes that were told: tell them all.
    ///
    /// # Errors
    /// If the sessions were built [without keys](SessionsBuilder::keys).
    pub fn replace_keys(&self, ring: KeyRing) -> Result<(), ConfigError> {
        let keys = self.0.keys.as_ref().ok_or_else(ConfigError::keyless)?;
        tracing::info!(?ring, "the keys of the sessions are replaced");
        keys.replace(ring);
        Ok(())
    }

    /// Does at once what the background task does every second: ends what is overdue, packs what is
    /// quiet, tells the shared tier who was seen.
    ///
    /// For tests that move a clock, and for programs without a tokio runtime of their own. A server
    /// never needs it.
    pub async fn run_pending_tasks(&self) {
        self.0.run_pending_tasks().await;
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
