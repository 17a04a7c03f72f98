mod gate;
mod plan;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Verb;
use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Payload, Principal, Record, Selector, Store, StoreError, StoreErrorKind, Touch,
};

use gate::gate;
use plan::{Fault, Plan};

pub use gate::CallGate;
pub use plan::FaultRates;

/// A store that fails on demand: by script, for a single case, or by a seed, for many runs.
///
/// Without a plan it passes every call through. Clones share the plan: give one to the builder and
/// keep another. A scripted fault hits the next call of its verb; several for one verb hit one
/// after the other, in the order in which they were asked for. Scripted faults come before
/// [`fail_all`](FaultyStore::fail_all), and that before [`roll`](FaultyStore::roll).
///
/// It does not disturb [`subscribe`](Store::subscribe) and [`is_lease_valid`](Store::is_lease_valid); for a store that
/// is cut off, see [`MemoryStore::disconnect`](super::MemoryStore::disconnect).
#[derive(Debug)]
pub struct FaultyStore<S> {
    faulty: Arc<Faulty<S>>,
}

struct Faulty<S> {
    store: S,
    plan: Mutex<Plan>,
}

impl<S> FaultyStore<S> {
    /// Stands before `store`, without a plan yet.
    pub fn new(store: S) -> Self {
        Self { faulty: Arc::new(Faulty { store, plan: Mutex::default() }) }
    }

    /// The store behind the faults.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.faulty.store
    }

    /// The next call of `verb` fails with `kind` and does nothing.
    pub fn fail_next(&self, verb: Verb, kind: StoreErrorKind) {
        self.script(verb, Fault::Fail(kind));
    }

    /// The next call of `verb` acts, and fails with [`StoreErrorKind::Unknown`] all the same.
    pub fn lose_reply_next(&self, verb: Verb) {
        self.script(verb, Fault::LoseReply);
    }

    /// The next call of `verb` waits at the gate: before it acts, and again before its reply.
    pub fn delay_next(&self, verb: Verb) -> CallGate {
        let (gate, turnstile) = gate();
        self.script(verb, Fault::Hold(turnstile));
        gate
    }

    /// Damages every value of the next record that is loaded, so that none decodes any more. What
    /// the store holds stays as it is.
    pub fn corrupt_next_load(&self) {
        self.faulty.plan.lock().corrupt_next_load();
    }

    /// From now on every call fails with `kind` and does nothing: the store is down.
    pub fn fail_all(&self, kind: StoreErrorKind) {
        self.faulty.plan.lock().go_down(kind);
    }

    /// From now on chance decides, in a sequence that follows from `seed` and the order of the calls.
    pub fn roll(&self, seed: u64, chances: FaultRates) {
        self.faulty.plan.lock().roll(seed, chances);
    }

    /// Ends all of it, also scripted faults that have not hit yet. Calls that wait at a gate still do.
    pub fn reset(&self) {
        *self.faulty.plan.lock() = Plan::default();
    }

    fn script(&self, verb: Verb, fault: Fault) {
        self.faulty.plan.lock().script(verb, fault);
    }

    async fn strike<T>(&self, verb: Verb, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let fault = self.faulty.plan.lock().fault_for(verb);
        match fault {
            None => call.await,
            Some(Fault::Fail(kind)) => Err(injected(kind)),
            Some(Fault::LoseReply) => {
                call.await?;
                Err(injected(StoreErrorKind::Unknown))
            }
            Some(Fault::Hold(mut turnstile)) => {
                turnstile.before_acting().await;
                let answer = call.await;
                turnstile.before_replying().await;
                answer
            }
            Some(Fault::Dawdle(before, after)) => {
                give_way(before).await;
                let answer = call.await;
                give_way(after).await;
                answer
            }
        }
    }
}

impl<S> Clone for FaultyStore<S> {
    fn clone(&self) -> Self {
        Self { faulty: Arc::clone(&self.faulty) }
    }
}

impl<S: fmt::Debug> fmt::Debug for Faulty<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faulty").field("store", &self.store).field("plan", &*self.plan.lock()).finish()
    }
}

impl<S: Store> Store for FaultyStore<S> {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        let mut loaded = self.strike(Verb::Load, self.inner().load(selector)).await?;
        if let Some(loaded) = &mut loaded
            && self.faulty.plan.lock().corrupts()
        {
            corrupt(&mut loaded.record);
        }
        Ok(loaded)
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        self.strike(Verb::Create, self.inner().create(selector, record)).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        self.strike(Verb::Commit, self.inner().commit(selector, commit)).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        self.strike(Verb::Touch, self.inner().touch(touches)).await
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        self.strike(Verb::Destroy, self.inner().destroy(selector, guard)).await
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        self.strike(Verb::Admit, self.inner().add_member(principal, selector, until, limit)).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.strike(Verb::Dismiss, self.inner().remove_members(principal, selectors)).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        self.strike(Verb::Members, self.inner().list_members(principal, page)).await
    }

    fn namespace(&self) -> &str {
        self.inner().namespace()
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.inner().subscribe(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.inner().is_lease_valid(lease)
    }

    fn time(&self) -> Option<Timestamp> {
        self.inner().time()
    }

    fn max_lease(&self) -> Duration {
        self.inner().max_lease()
    }
}

fn injected(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "injected by a FaultyStore")
}

async fn give_way(times: u64) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

/// Every byte is flipped, which no UTF-8 survives, and half of them are lost.
fn corrupt(record: &mut Record) {
    for value in &mut record.values {
        if let Payload::Present(bytes) | Payload::Sealed(bytes) = &mut value.payload {
            let kept = bytes.len().div_ceil(2);
            *bytes = bytes[..kept].iter().map(|byte| !byte).collect();
        }
    }
}
