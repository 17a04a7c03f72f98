//! Sessions, and waiting for something to happen.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom::SessionValue;
use cloakroom::store::{Invalidate, Principal, Selector, Store};
use serde::{Deserialize, Serialize};

#[path = "../../../cloakroom/tests/support/log.rs"]
pub(crate) mod log;
#[path = "../../../cloakroom/tests/support/recording.rs"]
mod recording;
#[path = "../../../cloakroom/tests/model/visitor.rs"]
mod visitor;

pub(crate) use recording::recorded;
pub(crate) use visitor::Visitor;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Count(pub(crate) u64);

impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// Longer than any step on a busy machine; only failing tests wait this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(40);

/// Polls until `holds` returns `true`.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !holds().await {
        assert!(tokio::time::Instant::now() < end, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The invalidations that a store has made.
#[derive(Default)]
pub(crate) struct Invalidations {
    selectors: Mutex<Vec<Selector>>,
    lists: Mutex<Vec<Principal>>,
    all: AtomicU32,
}

impl Invalidations {
    pub(crate) fn of(store: &impl Store) -> Arc<Self> {
        let invalidations = Arc::new(Self::default());
        store.subscribe(Arc::clone(&invalidations) as Arc<dyn Invalidate>);
        invalidations
    }

    /// How often the copy of one session was dropped by name.
    pub(crate) fn count(&self, selector: Selector) -> usize {
        self.selectors.lock().expect("no test panics here").iter().filter(|seen| **seen == selector).count()
    }

    /// How often the copy of any session was dropped by name.
    pub(crate) fn sessions(&self) -> usize {
        self.selectors.lock().expect("no test panics here").len()
    }

    /// How often a change of a principal's list was reported.
    pub(crate) fn lists_of(&self, principal: &str) -> usize {
        self.lists.lock().expect("no test panics here").iter().filter(|seen| seen.as_str() == principal).count()
    }

    /// How often all copies were dropped.
    pub(crate) fn of_all(&self) -> u32 {
        self.all.load(Relaxed)
    }
}

impl Invalidate for Invalidations {
    fn invalidate(&self, selector: Selector) {
        self.selectors.lock().expect("no test panics here").push(selector);
    }

    fn members_changed(&self, principal: &Principal) {
        self.lists.lock().expect("no test panics here").push(principal.clone());
    }

    fn invalidate_all(&self) {
        self.all.fetch_add(1, Relaxed);
    }
}
