mod gate;
mod plan;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::Verb;
use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Endpoint, Guard, Invalidate, Lease, LeasedRecord, Limit, Member,
    Page, PageRequest, Payload, Principal, Record, Selector, Store, StoreError, StoreErrorKind, Touch,
};

use gate::gate;
use plan::{Fault, Plan};

pub use gate::CallGate;
pub use plan::FaultRates;

/// A store that fails on demand: scripted for a single case, or at random with a seed for many
/// runs.
///
/// Without a plan it passes every call through. Clones share the plan: give one to the builder and
/// keep another. A scripted fault hits the next call of its verb; several faults for one verb apply
/// to one call each, in the order in which they were requested. Scripted faults take precedence
/// over [`fail_all`](FaultyStore::fail_all), which takes precedence over
/// [`roll`](FaultyStore::roll).
///
/// When not to use it: for a node that receives no invalidations. [`subscribe`](Store::subscribe)
/// and [`is_lease_valid`](Store::is_lease_valid) are not affected; use
/// [`MemoryStore::disconnect`](super::MemoryStore::disconnect) instead.
#[derive(Debug)]
pub struct FaultyStore<S> {
    faulty: Arc<Faulty<S>>,
}

struct Faulty<S> {
    store: S,
    plan: Mutex<Plan>,
}

impl<S> FaultyStore<S> {
    /// Wraps `store`, without a plan.
    pub fn new(store: S) -> Self {
        Self { faulty: Arc::new(Faulty { store, plan: Mutex::default() }) }
    }

    /// The wrapped store.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.faulty.store
    }

    /// Makes the next call of `verb` fail with `kind` and do nothing.
    pub fn fail_next(&self, verb: Verb, kind: StoreErrorKind) {
        self.script(verb, Fault::Fail(kind));
    }

    /// Makes the next call of `verb` act but fail with [`StoreErrorKind::Unknown`].
    pub fn lose_reply_next(&self, verb: Verb) {
        self.script(verb, Fault::LoseReply);
    }

    /// Makes the next call of `verb` wait at a gate: before it acts, and again before its reply.
    pub fn delay_next(&self, verb: Verb) -> CallGate {
        let (gate, turnstile) = gate();
        self.script(verb, Fault::Hold(turnstile));
        gate
    }

    /// Damages every value of the next record that is loaded, so that none can be decoded. The
    /// stored record is not changed.
    pub fn corrupt_next_load(&self) {
        self.faulty.plan.lock().corrupt_next_load();
    }

    /// Makes every call from now on fail with `kind` and do nothing, as if the store were down.
    pub fn fail_all(&self, kind: StoreErrorKind) {
        self.faulty.plan.lock().go_down(kind);
    }

    /// Makes every call from now on fail at random, in a sequence that follows from `seed` and the
    /// order of the calls.
    pub fn roll(&self, seed: u64, chances: FaultRates) {
        self.faulty.plan.lock().roll(seed, chances);
    }

    /// Clears the plan, including scripted faults that have not hit yet. Calls that wait at a gate
    /// keep waiting.
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
        self.strike(Verb::AddMember, self.inner().add_member(principal, selector, until, limit)).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.strike(Verb::RemoveMembers, self.inner().remove_members(principal, selectors)).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        self.strike(Verb::ListMembers, self.inner().list_members(principal, page)).await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        self.strike(Verb::List, self.inner().list(page)).await
    }

    async fn list_principals(&self, page: PageRequest) -> Result<Page<Principal>, StoreError> {
        self.strike(Verb::ListPrincipals, self.inner().list_principals(page)).await
    }

    async fn count(&self) -> Result<u64, StoreError> {
        self.strike(Verb::Count, self.inner().count()).await
    }

    fn endpoint(&self) -> Endpoint {
        self.inner().endpoint()
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

    fn is_lease_lost(&self) -> bool {
        self.inner().is_lease_lost()
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

/// Flips every byte, so that no UTF-8 is left, and drops half of them.
fn corrupt(record: &mut Record) {
    for value in &mut record.values {
        if let Payload::Present(bytes) | Payload::Sealed(bytes) = &mut value.payload {
            let kept = bytes.len().div_ceil(2);
            *bytes = bytes[..kept].iter().map(|byte| !byte).collect();
        }
    }
}
