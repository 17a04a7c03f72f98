mod all_sessions;
mod backend;
mod cancellation;
mod coherence;
mod commit;
mod concurrency;
mod create;
mod destroy;
mod dyn_backend;
mod exact_base;
mod expectations;
mod failure;
mod fixture;
mod helpers;
mod lifetimes;
mod limits;
mod list;
mod logout;
mod pages;
mod principals;
mod removal;
mod repeats;
mod report;
mod retry;
mod rotation;
mod suite;
mod touch;
mod values;

pub use backend::{Backend, Capability};
pub use report::{Finding, Report, Verdict};

/// Checks every promise of the [`Store`](cloakroom::store::Store) contract on the stores that `backend`
/// makes.
///
/// Each check has a name and a store of its own. A check that panics or hangs counts as failed, and
/// the others still run; only a check that blocks its thread forever cannot be timed out. Run it on
/// a Tokio runtime with time enabled, and with several threads to get real races.
///
/// ```
/// use std::time::Duration;
/// use cloakroom_testkit::{Backend, Capability, ManualClock, MemoryStore, conformance};
/// use cloakroom::{Clock, Timestamp};
///
/// struct Memory(ManualClock);
///
/// impl Backend for Memory {
///     type Store = MemoryStore;
///
///     async fn store(&self) -> MemoryStore {
///         MemoryStore::with_clock(self.0.clone())
///     }
///
///     fn now(&self) -> Timestamp {
///         self.0.now()
///     }
///
///     async fn advance(&self, duration: Duration) {
///         self.0.advance(duration);
///     }
///
///     fn capabilities(&self) -> &[Capability] {
///         &[Capability::Leases]
///     }
/// }
///
/// # #[tokio::main]
/// # async fn main() {
/// conformance(Memory(ManualClock::new())).await.assert_passed();
/// # }
/// ```
pub async fn conformance<B: Backend>(backend: B) -> Report {
    let mut checks = Vec::new();
    checks.extend(create::checks());
    checks.extend(values::checks());
    checks.extend(commit::checks());
    checks.extend(expectations::checks());
    checks.extend(exact_base::checks());
    checks.extend(removal::checks());
    checks.extend(retry::checks());
    checks.extend(repeats::checks());
    checks.extend(rotation::checks());
    checks.extend(touch::checks());
    checks.extend(lifetimes::checks());
    checks.extend(destroy::checks());
    checks.extend(logout::checks());
    checks.extend(principals::checks());
    checks.extend(limits::checks());
    checks.extend(list::checks());
    checks.extend(all_sessions::checks());
    checks.extend(concurrency::checks());
    checks.extend(cancellation::checks());
    checks.extend(coherence::checks());
    suite::run(backend, checks).await
}

/// Lists the checks of a group: each function is one check, named after it. Checks after a `;` need
/// capabilities beyond the verbs.
macro_rules! checks {
    ($group:literal: $($check:ident),+ $(,)? $(; $needs:expr => $($more:ident),+ $(,)?)*) => {
        pub(super) fn checks() -> Vec<$crate::conformance::suite::Check> {
            use $crate::conformance::suite::Check;
            vec![
                $(Check::new(concat!($group, "/", stringify!($check)), &[], |fixture| Box::pin($check(fixture))),)+
                $($(Check::new(concat!($group, "/", stringify!($more)), $needs, |fixture| Box::pin($more(fixture))),)+)*
            ]
        }
    };
}

use checks;
