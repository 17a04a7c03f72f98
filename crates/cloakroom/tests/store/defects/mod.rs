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
    Admission, Commit, Committed, Copies, Created, Destroyed, Guard, Lease, Limit, Loaded, Member, Page, PageRequest,
    Principal, Record, Store, StoreError, Tag, Touch,
};
use cloakroom::testkit::{ManualClock, MemoryStore, conformance};

use crate::backend::Over;
use erased::AnyDefect;

type Answer<T> = Result<T, StoreError>;

/// How a store is broken: each verb does what the contract says unless it is overridden.
trait Defect: Default + Send + Sync + 'static {
    /// Whether the store below never learns that time passes.
    const STOPPED: bool = false;

    fn load(&self, sound: &Sound, tag: Tag) -> impl Future<Output = Answer<Option<Loaded>>> + Send {
        sound.load(tag)
    }

    fn create(&self, sound: &Sound, tag: Tag, record: Record) -> impl Future<Output = Answer<Created>> + Send {
        sound.create(tag, record)
    }

    fn commit(&self, sound: &Sound, tag: Tag, commit: Commit) -> impl Future<Output = Answer<Committed>> + Send {
        sound.commit(tag, commit)
    }

    fn touch(&self, sound: &Sound, touches: Vec<Touch>) -> impl Future<Output = Answer<()>> + Send {
        sound.touch(touches)
    }

    fn destroy(&self, sound: &Sound, tag: Tag, guard: Guard) -> impl Future<Output = Answer<Destroyed>> + Send {
        sound.destroy(tag, guard)
    }

    fn destroy_many(&self, sound: &Sound, tags: Vec<Tag>) -> impl Future<Output = Vec<Answer<Destroyed>>> + Send {
        async move {
            let mut answers = Vec::new();
            for tag in tags {
                answers.push(self.destroy(sound, tag, Guard::Anyone).await);
            }
            answers
        }
    }

    fn admit(
        &self,
        sound: &Sound,
        principal: &Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> impl Future<Output = Answer<Admission>> + Send {
        sound.admit(principal, tag, until, limit)
    }

    fn dismiss(&self, sound: &Sound, principal: &Principal, tags: Vec<Tag>) -> impl Future<Output = Answer<()>> + Send {
        sound.dismiss(principal, tags)
    }

    fn members(
        &self,
        sound: &Sound,
        principal: &Principal,
        page: PageRequest,
    ) -> impl Future<Output = Answer<Page<Member>>> + Send {
        sound.members(principal, page)
    }

    fn attach(&self, sound: &Sound, copies: Arc<dyn Copies>) {
        sound.attach(copies);
    }

    fn vouches(&self, sound: &Sound, lease: Lease) -> bool {
        sound.vouches(lease)
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
    async fn load(&self, tag: Tag) -> Answer<Option<Loaded>> {
        self.defect.load(&self.sound, tag).await
    }

    async fn create(&self, tag: Tag, record: Record) -> Answer<Created> {
        self.defect.create(&self.sound, tag, record).await
    }

    async fn commit(&self, tag: Tag, commit: Commit) -> Answer<Committed> {
        self.defect.commit(&self.sound, tag, commit).await
    }

    async fn touch(&self, touches: Vec<Touch>) -> Answer<()> {
        self.defect.touch(&self.sound, touches).await
    }

    async fn destroy(&self, tag: Tag, guard: Guard) -> Answer<Destroyed> {
        self.defect.destroy(&self.sound, tag, guard).await
    }

    async fn destroy_many(&self, tags: Vec<Tag>) -> Vec<Answer<Destroyed>> {
        self.defect.destroy_many(&self.sound, tags).await
    }

    async fn admit(
        &self,
        principal: &Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Answer<Admission> {
        self.defect.admit(&self.sound, principal, tag, until, limit).await
    }

    async fn dismiss(&self, principal: &Principal, tags: Vec<Tag>) -> Answer<()> {
        self.defect.dismiss(&self.sound, principal, tags).await
    }

    async fn members(&self, principal: &Principal, page: PageRequest) -> Answer<Page<Member>> {
        self.defect.members(&self.sound, principal, page).await
    }

    fn attach(&self, copies: Arc<dyn Copies>) {
        self.defect.attach(&self.sound, copies);
    }

    fn vouches(&self, lease: Lease) -> bool {
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
