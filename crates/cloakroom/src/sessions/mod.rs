//! The thing that is shared: configuration, verbs that need no request, events, counters.

mod alarm;
mod bearer;
mod builder;
mod commit;
mod convert;
mod create;
mod delivery;
mod depth;
mod end;
mod end_each;
mod engine;
mod error;
mod events;
mod housekeeping;
mod index;
mod ledger;
mod loads;
mod log_id;
mod nonces;
mod parallel_logins;
mod patience;
mod policy;
mod principals;
mod resolve;
mod rollback;
mod rotate;
mod sealing;
mod side_by_side;
mod stats;
#[cfg(debug_assertions)]
mod types_in_use;
mod unconfirmed;
mod update;

pub use builder::SessionsBuilder;
pub use error::{SessionError, SessionErrorKind};
pub use events::{Event, EventKind, Events};
pub use log_id::LogId;
pub use policy::{ConfigError, OnInvalidToken, OnStoreError, ReusePolicy, RollbackPolicy, SealPolicy};
pub use principals::{PrincipalSessions, SessionInfo};
pub use stats::Stats;

pub(crate) use bearer::{Bearer, Writer};
pub(crate) use commit::{CommitError, Proposal};
pub(crate) use delivery::Delivery;
pub(crate) use depth::{DEEPEST, is_shallow, is_within};
pub(crate) use engine::Engine;
pub(crate) use patience::Patience;
pub(crate) use policy::LONGEST;
pub(crate) use resolve::{Access, Open};
pub(crate) use rotate::{LoginRequest, remembered_within};
pub(crate) use unconfirmed::UnconfirmedRequest;

use std::fmt;

use crate::identity::Principal;
use crate::keys::KeyRing;
use crate::sync::Arc;

/// All sessions of an application. Clones share everything and cost one reference count.
///
/// Make one at start-up, give it to a [`SessionLayer`](crate::SessionLayer), and keep a clone
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
        self.0.ledger.announcer.listen()
    }

    /// Counts of what happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.ledger.counters.snapshot(self.0.tier.len() as u64, self.0.tier.bytes())
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
    pub async fn run_due(&self) {
        self.0.run_due().await;
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
