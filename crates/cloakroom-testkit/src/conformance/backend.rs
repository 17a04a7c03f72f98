use std::fmt;
use std::time::Duration;

use cloakroom::store::Store;
use cloakroom::{Clock, SystemClock, Timestamp};

/// How [`conformance`](super::conformance()) gets at the store under test.
///
/// Only [`store`](Backend::store) has to be written. What else a store can do, it says in
/// [`capabilities`](Backend::capabilities); what it does not claim is skipped, and the report says so.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how to make the store under test",
    note = "implement `cloakroom_testkit::Backend`; `type Store` and `fn store` are enough"
)]
pub trait Backend: Send + Sync + 'static {
    /// The store under test.
    type Store: Store;

    /// A store over fresh, empty data that it shares with no other: an own database, or an own prefix.
    ///
    /// Called once per check. Panic if it cannot be had; the check then fails with your words.
    fn store(&self) -> impl Future<Output = Self::Store> + Send;

    /// Another instance over the data of `store`, as another process would have ([`Capability::Nodes`]).
    fn node(&self, store: &Self::Store) -> impl Future<Output = Option<Self::Store>> + Send {
        let _ = store;
        std::future::ready(None)
    }

    /// Makes `node` miss what other nodes do from now on, for example by killing its connection on the
    /// server ([`Capability::CutOff`]). Answers whether that was done.
    fn cut_off(&self, node: &Self::Store) -> impl Future<Output = bool> + Send {
        let _ = node;
        std::future::ready(false)
    }

    /// The present instant on the store's clock. By default the machine's.
    fn now(&self) -> Timestamp {
        SystemClock::new().now()
    }

    /// Lets time pass on the store's clock. By default really waits.
    fn advance(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(duration)
    }

    /// The unit in which the checks reckon: lifetimes are four of it and the store may be off by one.
    ///
    /// 500 ms by default. Longer if time costs nothing or the store is slow, shorter if it is quick
    /// and exact; a whole number of milliseconds.
    fn tick(&self) -> Duration {
        Duration::from_millis(500)
    }

    /// After how long a check counts as hanging, in real time. 60 s by default; it has to be more than
    /// 20 ticks where they are really waited for.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }

    /// How many checks may run at once. 1 by default, as checks that move one clock together would
    /// disturb each other. More saves time where time is really waited for.
    fn at_once(&self) -> usize {
        1
    }

    /// What the store can do beyond the verbs. Nothing by default.
    fn capabilities(&self) -> &[Capability] {
        &[]
    }
}

/// Something that not every store can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Several instances share the data: [`Backend::node`].
    Nodes,
    /// The store hears of changes through other instances and [vouches](Store::is_lease_valid) for copies.
    Vouching,
    /// An instance can be cut off from the news: [`Backend::cut_off`].
    CutOff,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nodes => "Nodes",
            Self::Vouching => "Vouching",
            Self::CutOff => "CutOff",
        })
    }
}
