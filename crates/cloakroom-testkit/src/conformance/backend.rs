use std::fmt;
use std::time::Duration;

use cloakroom::store::Store;
use cloakroom::{Clock, SystemClock, Timestamp};

/// Access to the store under test for [`conformance`](super::conformance()).
///
/// Only [`store`](Backend::store) is required. Optional features are declared in
/// [`capabilities`](Backend::capabilities); checks that need an undeclared one are skipped, and the
/// report lists them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not define how to make the store under test",
    note = "implement `cloakroom_testkit::Backend`; `type Store` and `fn store` are enough"
)]
pub trait Backend: Send + Sync + 'static {
    /// The store under test.
    type Store: Store;

    /// Creates a store over fresh, empty data that it shares with no other: a separate database, or
    /// a separate prefix.
    ///
    /// Called once per check. Panic if the store cannot be created; the check then fails with the
    /// panic's message.
    fn store(&self) -> impl Future<Output = Self::Store> + Send;

    /// Creates another instance over the data of `store`, as another process would have
    /// ([`Capability::Nodes`]).
    fn node(&self, store: &Self::Store) -> impl Future<Output = Option<Self::Store>> + Send {
        let _ = store;
        std::future::ready(None)
    }

    /// Makes `node` miss what other nodes do from now on, for example by killing its connection on
    /// the server ([`Capability::CutOff`]). Returns `true` if that was done.
    fn cut_off(&self, node: &Self::Store) -> impl Future<Output = bool> + Send {
        let _ = node;
        std::future::ready(false)
    }

    /// The current instant on the store's clock: by default the machine's clock.
    fn now(&self) -> Timestamp {
        SystemClock::new().now()
    }

    /// Lets time pass on the store's clock. Waits in real time by default.
    fn advance(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }

    /// The time unit of the checks: lifetimes are four ticks, and the store may be off by one.
    ///
    /// 500 ms by default. Choose more if time costs nothing or the store is slow, less if the store
    /// is fast and exact; a whole number of milliseconds.
    fn tick(&self) -> Duration {
        Duration::from_millis(500)
    }

    /// Real time after which a check counts as hanging: 60 s by default. It must exceed 20 ticks if
    /// ticks are waited for in real time.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// Number of checks that may run at once: 1 by default, because checks that move one clock
    /// would disturb each other. A higher number saves time if ticks are waited for in real time.
    fn at_once(&self) -> usize {
        1
    }

    /// Returns the optional features of the store. Default: none.
    fn capabilities(&self) -> &[Capability] {
        &[]
    }
}

/// An optional feature of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Several instances can share the data: [`Backend::node`].
    Nodes,
    /// The store receives changes made through other instances, so its leases can be
    /// [valid](Store::is_lease_valid).
    Leases,
    /// An instance can be cut off from invalidations: [`Backend::cut_off`].
    CutOff,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nodes => "Nodes",
            Self::Leases => "Leases",
            Self::CutOff => "CutOff",
        })
    }
}
