//! The application's interface: configuration, and operations outside of requests.

mod builder;
#[cfg_attr(not(all(feature = "derive", debug_assertions)), path = "without_declared_values.rs")]
mod declared_values;
#[cfg(feature = "keys")]
mod keys;
mod principal_sessions;

pub use builder::SessionsBuilder;
#[cfg(all(feature = "derive", debug_assertions))]
pub use declared_values::DeclaredValue;
pub use principal_sessions::{PrincipalSessions, SessionInfo};

use std::fmt;

use crate::engine::Engine;
use crate::error::SessionError;
use crate::store::{Page, PageRequest};
use crate::sync::Arc;
use crate::telemetry::{Events, Stats};
use crate::token::Principal;

/// All sessions of an application. Clones share everything and cost one reference count.
///
/// Create one at start-up, pass it to a [`SessionLayer`](crate::http::SessionLayer), and keep a
/// clone wherever sessions have to be listed or revoked.
///
/// Not for data that all users share: that belongs in an application-level cache.
#[derive(Clone)]
pub struct Sessions(Arc<Engine>);

impl Sessions {
    /// Creates sessions that live in this process, with the default settings of
    /// [`SessionsBuilder`].
    ///
    /// They are lost when the process ends. For several nodes, or to survive a restart, give
    /// [`Sessions::builder`] a store.
    ///
    /// # Panics
    /// If the operating system provides no randomness, or, in a debug build, if two types that
    /// derive [`SessionValue`](crate::session::SessionValue) have the same key;
    /// [`SessionsBuilder::build`] returns an error instead.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::builder().build().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Returns a builder with every setting at its default.
    pub fn builder() -> SessionsBuilder {
        SessionsBuilder::new()
    }

    pub(crate) const fn from_engine(engine: Arc<Engine>) -> Self {
        Self(engine)
    }

    pub(crate) const fn engine(&self) -> &Arc<Engine> {
        &self.0
    }

    /// Returns the sessions of one principal.
    #[must_use]
    pub fn of(&self, principal: impl Into<Principal>) -> PrincipalSessions {
        PrincipalSessions::new(Arc::clone(&self.0), principal.into())
    }

    /// Returns a page of the principals that have sessions, in no particular order.
    ///
    /// For jobs and administrators. [`of`](Self::of) gives the sessions of each. A page may have
    /// fewer principals than requested, or none, although the list continues; at its end, there is
    /// no [`next`](Page::next). At most 500 are read at once.
    ///
    /// A principal may be on several pages, and one whose sessions have all ended may be listed
    /// until the shared tier has removed them. A page costs one round trip; over a store that keeps
    /// no list of principals, it also costs one per session.
    ///
    /// # Errors
    /// If the shared tier cannot be reached, and for a cursor that was not returned with a page.
    pub async fn users(&self, page: PageRequest) -> Result<Page<Principal>, SessionError> {
        self.0.list_principals(page).await
    }

    /// Returns the number of sessions, with and without a login.
    ///
    /// For dashboards. Exact if no session begins or ends meanwhile, except that sessions whose time
    /// is over may count until they are removed. Over SQL it is one query, over Redis a scan of the
    /// keys of every server in steps of 500, so do not call it on every request.
    ///
    /// # Errors
    /// If the shared tier cannot be reached.
    pub async fn count(&self) -> Result<u64, SessionError> {
        self.0.count_sessions().await
    }

    /// Subscribes to events from now on: sessions created, logged in, renewed and ended, and signs
    /// of attack.
    ///
    /// Listening never makes a request wait. See [`Events`].
    #[must_use]
    pub fn events(&self) -> Events {
        self.0.telemetry().events.subscribe()
    }

    /// Returns the counts of what has happened so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.0.stats()
    }

    /// Gives the recorder of the crate `metrics` the present numbers.
    ///
    /// Call it before each scrape, for numbers of that very moment. Without it they are up to a
    /// second old, and missing until the first session is created or read, because the background
    /// task brings them up to date. Costs some microseconds.
    #[cfg(feature = "metrics")]
    pub fn record_metrics(&self) {
        self.0.publish_metrics();
    }

    /// Runs the background task's work now: ends overdue sessions, packs quiet ones, and reports
    /// activity to the shared tier.
    ///
    /// The background task does this every second, so a server never needs it. For tests that move
    /// a clock, and for programs without a tokio runtime of their own.
    pub async fn run_pending_tasks(&self) {
        self.0.run_pending_tasks().await;
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
