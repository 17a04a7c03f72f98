use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::SeededRandom;
use cloakroom::Timestamp;
use cloakroom::store::{
    Authentication, BATCH, Commit, Destroyed, DynStore, Guard, Lifetimes, Member, PageRequest, Payload, Principal,
    Record, Selector, StoredValue, Verifier,
};

use super::backend::Capability;
use super::dyn_backend::DynBackend;
use super::failure::{Failure, Outcome};
use super::helpers::bytes;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The environment of one check: a fresh store, and names and numbers that no other check uses.
pub(super) struct Fixture {
    dyn_backend: Box<dyn DynBackend>,
    pub(super) store: Arc<dyn DynStore>,
    random: SeededRandom,
}

impl Fixture {
    /// The numbers follow from the check's name: they repeat in every run, and differ between
    /// checks.
    pub(super) fn new(check: &'static str, dyn_backend: Box<dyn DynBackend>) -> Self {
        let seed = check.bytes().fold(0_u64, |seed, byte| SeededRandom::new(seed ^ u64::from(byte)).next_u64());
        let store = dyn_backend.store();
        Self { dyn_backend, store, random: SeededRandom::new(seed) }
    }

    pub(super) fn capabilities(&self) -> &[Capability] {
        self.dyn_backend.capabilities()
    }

    pub(super) fn patience(&self) -> Duration {
        self.dyn_backend.patience()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.dyn_backend.now()
    }

    pub(super) fn ticks(&self, count: u32) -> Duration {
        self.dyn_backend.tick() * count
    }

    /// Lets this many ticks pass.
    pub(super) async fn wait(&self, ticks: u32) {
        self.dyn_backend.advance(self.ticks(ticks)).await;
    }

    pub(super) async fn node(&self) -> Outcome<Arc<dyn DynStore>> {
        self.dyn_backend
            .node()
            .await
            .ok_or_else(|| Failure::new("the backend claims Capability::Nodes, but Backend::node returned None"))
    }

    /// Cuts off the node that was created last.
    pub(super) async fn cut_off(&self) -> bool {
        self.dyn_backend.cut_off().await
    }

    pub(super) fn selector(&self) -> Selector {
        Selector::from_bytes(self.sixteen_bytes())
    }

    pub(super) fn verifier(&self) -> Verifier {
        Verifier::from_bytes(self.sixteen_bytes())
    }

    pub(super) fn nonce(&self) -> u64 {
        self.random.next_u64()
    }

    pub(super) fn principal(&self) -> Principal {
        Principal::from(format!("user-{}", self.random.next_u64()))
    }

    fn sixteen_bytes(&self) -> [u8; 16] {
        (u128::from(self.random.next_u64()) << 64 | u128::from(self.random.next_u64())).to_be_bytes()
    }

    /// A duration longer than any check.
    pub(super) fn long(&self) -> Duration {
        DAY + self.ticks(1000)
    }

    /// A record without values that outlives the check.
    pub(super) fn record(&self) -> Record {
        self.record_living(self.long(), self.long())
    }

    /// A record with these lifetimes, starting now.
    pub(super) fn record_living(&self, idle: Duration, absolute: Duration) -> Record {
        let now = self.now();
        Record::new(self.verifier(), Lifetimes::new(now, idle, now.after(absolute)), self.nonce())
    }

    /// A record with the value `first` under each of the keys.
    pub(super) fn record_with(&self, keys: &[&str]) -> Record {
        let value = |key: &&str| StoredValue::new((*key).into(), 1, None, Payload::Present(bytes("first")));
        with_fields!(self.record(), values = keys.iter().map(value).collect())
    }

    /// A record that is logged in as `principal`.
    pub(super) fn record_of(&self, principal: &Principal) -> Record {
        let authentication = Authentication::new(principal.clone(), self.now(), None);
        with_fields!(self.record(), authentication = Some(authentication))
    }

    /// Creates a record in the store, under a new selector.
    pub(super) async fn insert(&self, record: &Record) -> Outcome<Selector> {
        let selector = self.selector();
        self.insert_as(selector, record).await?;
        Ok(selector)
    }

    pub(super) async fn insert_as(&self, selector: Selector, record: &Record) -> Outcome {
        match self.store.create(selector, record.clone()).await? {
            cloakroom::store::Created::Done(_) => Ok(()),
            exists => Err(Failure::new(format!("create under a free selector returned {exists:?}"))),
        }
    }

    /// Creates a session that outlives the check, with the value `first` under each of the keys.
    pub(super) async fn session(&self, keys: &[&str]) -> Outcome<(Selector, Record)> {
        let record = self.record_with(keys);
        Ok((self.insert(&record).await?, record))
    }

    /// The record, which must exist.
    pub(super) async fn load(&self, selector: Selector) -> Outcome<Record> {
        let loaded = self.store.load(selector).await?;
        loaded.map(|loaded| loaded.record).ok_or_else(|| Failure::new("load returned None for a live session"))
    }

    /// Removes a record as the application itself would. Returns `true` if there was one.
    pub(super) async fn destroy(&self, selector: Selector) -> Outcome<bool> {
        match self.store.destroy(selector, Guard::Anyone).await? {
            Destroyed::Done => Ok(true),
            Destroyed::Gone => Ok(false),
            other => Err(Failure::new(format!("destroy under the guard Anyone returned {other:?}"))),
        }
    }

    pub(super) async fn is_live(&self, selector: Selector) -> Outcome<bool> {
        Ok(self.store.load(selector).await?.is_some())
    }

    /// A commit by the application itself at the current instant, with a new nonce.
    pub(super) fn commit(&self, base: u64) -> Commit {
        Commit::new(base, self.nonce(), Guard::Anyone, self.now())
    }

    /// Runs `count` tasks that start together, and returns their results.
    pub(super) async fn together<T, F>(&self, count: u32, task: impl Fn(u32, Arc<dyn DynStore>) -> F) -> Outcome<Vec<T>>
    where
        T: Send + 'static,
        F: Future<Output = Outcome<T>> + Send + 'static,
    {
        let start = Arc::new(tokio::sync::Barrier::new(count as usize));
        let mut tasks = JoinSet::new();
        for number in 0..count {
            let (start, work) = (Arc::clone(&start), task(number, Arc::clone(&self.store)));
            tasks.spawn(async move {
                start.wait().await;
                work.await
            });
        }
        let mut answers = Vec::new();
        while let Some(answer) = tasks.join_next().await {
            answers.push(answer.map_err(|error| Failure::new(format!("a concurrent call failed: {error}")))??);
        }
        Ok(answers)
    }
}

/// The latest end of an admitted session, for checks that do not depend on it.
pub(super) const UNTIL: Timestamp = Timestamp::MAX;

/// All members of a principal, page by page.
pub(super) async fn members(store: &Arc<dyn DynStore>, principal: &Principal) -> Outcome<Vec<Member>> {
    let (mut members, mut request) = (Vec::new(), PageRequest::first(BATCH));
    loop {
        let page = store.list_members(principal, request.clone()).await?;
        members.extend(page.items);
        match page.next {
            Some(next) => request = request.after(next),
            None => return Ok(members),
        }
    }
}

/// The selectors of all members of a principal.
pub(super) async fn listed(store: &Arc<dyn DynStore>, principal: &Principal) -> Outcome<Vec<Selector>> {
    Ok(members(store, principal).await?.into_iter().map(|member| member.selector).collect())
}

/// Selectors as numbers for a report, because their own `Debug` is redacted.
pub(super) fn legible(selectors: &[Selector]) -> Vec<u128> {
    selectors.iter().map(|selector| u128::from_be_bytes(*selector.as_bytes())).collect()
}
