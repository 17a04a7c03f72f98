use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloakroom::Clock;
use cloakroom::store::{
    Action, Authentication, Commit, Committed, Edit, Expect, Guard, Invalidate, Lease, Lifetimes, Payload, Record,
    Selector, Store, StoredValue, Verifier,
};
use cloakroom_testkit::{ManualClock, MemoryStore};

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn selector(number: u8) -> Selector {
    Selector::from_bytes([number; 16])
}

/// A record with an idle timeout of an hour and a lifetime of a day, a `cart`, and `ada` logged in.
pub(crate) fn record(clock: &ManualClock) -> Record {
    let now = clock.now();
    let mut record = Record::new(Verifier::from_bytes([9; 16]), Lifetimes::new(now, HOUR, now.after(24 * HOUR)), 1);
    record.authentication = Some(Authentication::new("ada".into(), now, Some("Firefox".into())));
    record.values.push(StoredValue::new("cart".into(), 1, None, Payload::Present(b"{\"items\":[]}"[..].into())));
    record
}

pub(crate) fn put(clock: &ManualClock, nonce: u64, text: &str) -> Commit {
    let mut commit = Commit::new(1, nonce, Guard::Anyone, clock.now());
    let payload = Payload::Present(text.as_bytes().into());
    commit.edits.push(Edit::new("cart".into(), Expect::Any, Action::Put { payload, fresh_until: None }));
    commit
}

pub(crate) fn text(record: &Record) -> &[u8] {
    match &record.values[0].payload {
        Payload::Present(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

/// A store with one session, `selector(1)`.
pub(crate) async fn store_with_session(clock: &ManualClock) -> MemoryStore {
    let store = MemoryStore::with_clock(clock.clone());
    store.create(selector(1), record(clock)).await.unwrap();
    store
}

pub(crate) async fn lease(store: &impl Store) -> Lease {
    store.load(selector(1)).await.unwrap().unwrap().lease
}

pub(crate) fn is_done(result: &Committed) -> bool {
    matches!(result, Committed::Done(_))
}

/// Records the invalidations of a local tier in order. `None` invalidates everything.
#[derive(Default)]
pub(crate) struct InvalidationLog(Mutex<Vec<Option<Selector>>>);

impl Invalidate for InvalidationLog {
    fn invalidate(&self, selector: Selector) {
        self.0.lock().unwrap().push(Some(selector));
    }

    fn invalidate_all(&self) {
        self.0.lock().unwrap().push(None);
    }
}

impl InvalidationLog {
    pub(crate) fn subscribe(store: &impl Store) -> Arc<Self> {
        let log = Arc::new(Self::default());
        store.subscribe(Arc::<Self>::clone(&log));
        log
    }

    pub(crate) fn take(&self) -> Vec<Option<Selector>> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
