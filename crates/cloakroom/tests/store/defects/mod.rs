//! Stores with one promise broken each. The suite has to notice every one, under the right names.

mod commits;
mod creates;
mod erased;
mod lifetimes;
mod limits;
mod logouts;
mod news;
mod principals;
mod races;
mod secrets;
mod values;

use std::ops::Deref;
use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Committed, Created, Destroyed, Guard, Invalidate, Lease, LeasedRecord, Limit, Member, Page,
    PageRequest, Principal, Record, Selector, Store, StoreError, Touch,
};
use cloakroom_testkit::{ManualClock, MemoryStore, conformance};

use crate::backend::Over;
use erased::AnyDefect;

type Answer<T> = Result<T, StoreError>;

/// How a store is broken: each verb does what the contract says unless it is overridden.
trait Defect: Default + Send + Sync + 'static {
    /// Whether the store below never learns that time passes.
    const STOPPED: bool = false;

    fn load(&self, sound: &Sound, selector: Selector) -> impl Future<Output = Answer<Option<LeasedRecord>>> + Send {
        sound.load(selector)
    }

    fn create(
        &self,
        sound: &Sound,
        selector: Selector,
        record: Record,
    ) -> impl Future<Output = Answer<Created>> + Send {
        sound.create(selector, record)
    }

    fn commit(
        &self,
        sound: &Sound,
        selector: Selector,
        commit: Commit,
    ) -> impl Future<Output = Answer<Committed>> + Send {
        sound.commit(selector, commit)
    }

    fn touch(&self, sound: &Sound, touches: Vec<Touch>) -> impl Future<Output = Answer<()>> + Send {
        sound.touch(touches)
    }

    fn destroy(
        &self,
        sound: &Sound,
        selector: Selector,
        guard: Guard,
    ) -> impl Future<Output = Answer<Destroyed>> + Send {
        sound.destroy(selector, guard)
    }

    fn destroy_many(
        &self,
        sound: &Sound,
        selectors: Vec<Selector>,
    ) -> impl Future<Output = Vec<Answer<Destroyed>>> + Send {
        async move {
            let mut answers = Vec::new();
            for selector in selectors {
                answers.push(self.destroy(sound, selector, Guard::Anyone).await);
            }
            answers
        }
    }

    fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> impl Future<Output = Answer<Admission>> + Send {
        sound.add_member(principal, selector, until, limit)
    }

    fn dismiss(
        &self,
        sound: &Sound,
        principal: &Principal,
        selectors: Vec<Selector>,
    ) -> impl Future<Output = Answer<()>> + Send {
        sound.remove_members(principal, selectors)
    }

    fn members(
        &self,
        sound: &Sound,
        principal: &Principal,
        page: PageRequest,
    ) -> impl Future<Output = Answer<Page<Member>>> + Send {
        sound.list_members(principal, page)
    }

    fn attach(&self, sound: &Sound, copies: Arc<dyn Invalidate>) {
        sound.subscribe(copies);
    }

    fn vouches(&self, sound: &Sound, lease: Lease) -> bool {
        sound.is_lease_valid(lease)
    }
}

/// The store that a defect falls back on, and the clock by which the suite goes.
struct Sound {
    store: MemoryStore,
    clock: ManualClock,
}

impl Deref for Sound {
    type Target = MemoryStore;

    fn deref(&self) -> &MemoryStore {
        &self.store
    }
}

/// A store with a defect of whatever kind.
pub(crate) struct Broken {
    sound: Sound,
    defect: Box<dyn AnyDefect>,
}

impl Broken {
    fn new<D: Defect>(clock: &ManualClock) -> Self {
        let store = MemoryStore::with_clock(if D::STOPPED { ManualClock::new() } else { clock.clone() });
        Self { sound: Sound { store, clock: clock.clone() }, defect: Box::new(D::default()) }
    }

    fn node(&self) -> Self {
        let sound = Sound { store: self.sound.store.node(), clock: self.sound.clock.clone() };
        Self { sound, defect: self.defect.another() }
    }
}

impl Store for Broken {
    async fn load(&self, selector: Selector) -> Answer<Option<LeasedRecord>> {
        self.defect.load(&self.sound, selector).await
    }

    async fn create(&self, selector: Selector, record: Record) -> Answer<Created> {
        self.defect.create(&self.sound, selector, record).await
    }

    async fn commit(&self, selector: Selector, commit: Commit) -> Answer<Committed> {
        self.defect.commit(&self.sound, selector, commit).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Answer<()> {
        self.defect.touch(&self.sound, touches).await
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Answer<Destroyed> {
        self.defect.destroy(&self.sound, selector, guard).await
    }

    async fn destroy_many(&self, selectors: Vec<Selector>) -> Vec<Answer<Destroyed>> {
        self.defect.destroy_many(&self.sound, selectors).await
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        self.defect.admit(&self.sound, principal, selector, until, limit).await
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Answer<()> {
        self.defect.dismiss(&self.sound, principal, selectors).await
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        self.defect.members(&self.sound, principal, page).await
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.defect.attach(&self.sound, copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.defect.vouches(&self.sound, lease)
    }
}

/// That exactly the named checks fail for this defect, no fewer and no more.
///
/// On one thread and in virtual time, so that what is a race elsewhere comes out the same every time.
#[track_caller]
fn fails<D: Defect>(expected: &[&str]) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let backend = Over::new(Broken::new::<D>, |broken| &broken.sound.store, Broken::node);
    let report = runtime.block_on(conformance(backend));
    assert_eq!(report.failed().collect::<Vec<_>>(), expected, "{report}");
}
