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

/// Where one check plays: a fresh store, and names and numbers that no other check uses.
pub(super) struct Fixture {
    ground: Box<dyn DynBackend>,
    pub(super) store: Arc<dyn DynStore>,
    random: SeededRandom,
}

impl Fixture {
    /// Numbers follow from the check's name: the same in every run, different in every check.
    pub(super) fn new(check: &'static str, ground: Box<dyn DynBackend>) -> Self {
        let seed = check.bytes().fold(0_u64, |seed, byte| SeededRandom::new(seed ^ u64::from(byte)).next_u64());
        let store = ground.store();
        Self { ground, store, random: SeededRandom::new(seed) }
    }

    pub(super) fn capabilities(&self) -> &[Capability] {
        self.ground.capabilities()
    }

    pub(super) fn patience(&self) -> Duration {
        self.ground.patience()
    }

    pub(super) fn now(&self) -> Timestamp {
        self.ground.now()
    }

    pub(super) fn ticks(&self, count: u32) -> Duration {
        self.ground.tick() * count
    }

    /// Lets so many ticks pass.
    pub(super) async fn wait(&self, ticks: u32) {
        self.ground.advance(self.ticks(ticks)).await;
    }

    pub(super) async fn node(&self) -> Outcome<Arc<dyn DynStore>> {
        self.ground
            .node()
            .await
            .ok_or_else(|| Failure::new("claims Capability::Nodes, but Backend::node answered None"))
    }

    /// Cuts off the node that was made last.
    pub(super) async fn cut_off(&self) -> bool {
        self.ground.cut_off().await
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

    /// Longer than any check.
    pub(super) fn long(&self) -> Duration {
        DAY + self.ticks(1000)
    }

    /// A record that outlives the check, without values.
    pub(super) fn record(&self) -> Record {
        self.record_living(self.long(), self.long())
    }

    /// A record with these lifetimes from now on.
    pub(super) fn record_living(&self, idle: Duration, absolute: Duration) -> Record {
        let now = self.now();
        Record::new(self.verifier(), Lifetimes::new(now, idle, now.after(absolute)), self.nonce())
    }

    /// A record with `first` under each of the keys.
    pub(super) fn record_with(&self, keys: &[&str]) -> Record {
        let value = |key: &&str| StoredValue::new((*key).into(), 1, None, Payload::Present(bytes("first")));
        with_fields!(self.record(), values = keys.iter().map(value).collect())
    }

    /// A record that is logged in as `principal`.
    pub(super) fn record_of(&self, principal: &Principal) -> Record {
        let authentication = Authentication::new(principal.clone(), self.now(), None);
        with_fields!(self.record(), authentication = Some(authentication))
    }

    /// Puts a record into the store, under a tag of its own.
    pub(super) async fn insert(&self, record: &Record) -> Outcome<Selector> {
        let selector = self.selector();
        self.insert_as(selector, record).await?;
        Ok(selector)
    }

    pub(super) async fn insert_as(&self, selector: Selector, record: &Record) -> Outcome {
        match self.store.create(selector, record.clone()).await? {
            cloakroom::store::Created::Done(_) => Ok(()),
            exists => Err(Failure::new(format!("create under a free tag answered {exists:?}"))),
        }
    }

    /// A session that outlives the check, with `first` under each of the keys.
    pub(super) async fn session(&self, keys: &[&str]) -> Outcome<(Selector, Record)> {
        let record = self.record_with(keys);
        Ok((self.insert(&record).await?, record))
    }

    /// The record, which must be there.
    pub(super) async fn load(&self, selector: Selector) -> Outcome<Record> {
        let loaded = self.store.load(selector).await?;
        loaded.map(|loaded| loaded.record).ok_or_else(|| Failure::new("load answered None for a live session"))
    }

    /// Removes a record as the application itself would. Answers whether there was one.
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

    /// A commit by the application itself, as of now, with a nonce of its own.
    pub(super) fn commit(&self, base: u64) -> Commit {
        Commit::new(base, self.nonce(), Guard::Anyone, self.now())
    }

    /// Runs `count` tasks that begin together, and answers what each came to.
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
            answers.push(answer.map_err(|error| Failure::new(format!("a concurrent call: {error}")))??);
        }
        Ok(answers)
    }
}

/// When an admitted session ends at the latest, where that is not what a check is about.
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

/// The tags of all members of a principal.
pub(super) async fn listed(store: &Arc<dyn DynStore>, principal: &Principal) -> Outcome<Vec<Selector>> {
    Ok(members(store, principal).await?.into_iter().map(|member| member.selector).collect())
}

/// Tags that can be read in a report; their own `Debug` is redacted.
pub(super) fn legible(selectors: &[Selector]) -> Vec<u128> {
    selectors.iter().map(|selector| u128::from_be_bytes(*selector.as_bytes())).collect()
}
