use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, BATCH, Commit, Committed, Copies, Created, Cursor, Destroyed, Guard, Lease, Limit, Loaded, Member, Page,
    PageRequest, Principal, Receipt, Record, Store, StoreError, StoreErrorKind, Summary, Tag, Touch,
};
use redis::{Value, cmd};

use crate::builder::RedisStoreBuilder;
use crate::error::ConnectError;
use crate::fault::{self, Effect};
use crate::index::tags;
use crate::link::Settings;
use crate::namespace::Namespace;
use crate::route::{Manner, Question, Route};
use crate::scripts;
use crate::warning::Warning;
use crate::wire::{self, Answer, Fields, Nonsense};

/// Sessions on Redis or Valkey, for any number of nodes.
///
/// Cheap to clone; clones share their connections. Several `Sessions` over clones of one store hear of each other's changes,
/// but then each reads again what it wrote itself, because to the server they are one, and the store does not know
/// which of them wrote: give each a store of its own if that matters. Made by [`connect`](Self::connect) or, with more
/// to say, by [`builder`](Self::builder). Needs Redis 7.0 or Valkey 7.2 and newer.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: Arc<Settings>,
    pub(crate) route: Route,
    /// Whether a record is read by the script that has the server track only what exists.
    pub(crate) asks_first: bool,
    pub(crate) warnings: Vec<Warning>,
}

impl RedisStore {
    /// Connects to one server, or to the one that is told by `redis+sentinel://` or `redis+cluster://`.
    ///
    /// The address names the namespace too, as applications that share a server must not share
    /// their sessions: `redis://localhost:6379/?namespace=shop`. [`builder`](Self::builder) says
    /// what else there is to choose.
    ///
    /// # Errors
    /// What is wrong with the address or with the server, all of it, each with its remedy.
    pub async fn connect(address: &str) -> Result<Self, ConnectError> {
        RedisStoreBuilder::from_address(address)?.connect().await
    }

    /// Everything that can be chosen, for sessions under `namespace`.
    pub fn builder(namespace: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(namespace.into())
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// What was found at start-up that works but may lose sessions or slow things down.
    ///
    /// Each was also logged once. Empty where the server's rights did not allow to look.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    /// Under which all keys of this store stand.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.0.settings.namespace
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.0.settings
    }

    pub(crate) async fn ask(
        &self,
        key: &str,
        question: &Question,
        manner: Manner,
    ) -> Result<(Value, Lease), StoreError> {
        self.0.route.ask(key, question, manner, self.0.settings.deadline).await
    }

    /// Runs a script that answers a word and what comes with it.
    pub(crate) async fn run(
        &self,
        key: &str,
        script: &Question,
        manner: Manner,
    ) -> Result<(Answer, Lease), StoreError> {
        let (answer, lease) = self.ask(key, script, manner).await?;
        Ok((Answer::from_value(answer).map_err(fault::nonsense(manner.effect))?, lease))
    }

    async fn read(&self, tag: Tag, manner: Manner) -> Result<Option<Loaded>, StoreError> {
        let key = self.0.settings.namespace.record(tag);
        let question = if manner.tracked && self.0.asks_first {
            Question::Script(scripts::LOAD.on(&key))
        } else {
            let mut command = cmd("HGETALL");
            command.arg(&key);
            Question::Command(command)
        };
        let (answer, lease) = self.ask(&key, &question, manner).await?;
        let fields = Fields::from_value(answer).map_err(fault::nonsense(manner.effect))?;
        if fields.is_empty() {
            return Ok(None);
        }
        wire::decode(&fields).map(|record| Some(Loaded::new(record, lease))).map_err(fault::malformed)
    }

    pub(crate) fn route(&self) -> &Route {
        &self.0.route
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.0.settings.deadline
    }
}

impl Store for RedisStore {
    async fn load(&self, tag: Tag) -> Result<Option<Loaded>, StoreError> {
        let first = self.read(tag, Manner::READ).await;
        match first {
            // Reading changes nothing, so a broken connection is no reason to bother the caller.
            Err(error) if error.kind() == StoreErrorKind::Unavailable => self.read(tag, Manner::READ).await,
            first => first,
        }
    }

    async fn create(&self, tag: Tag, record: Record) -> Result<Created, StoreError> {
        let key = self.0.settings.namespace.record(tag);
        let mut call = scripts::CREATE.on(&key);
        wire::write_record(&record, call.arguments());
        let (answer, lease) = self.run(&key, &Question::Script(call), Manner::WRITE).await?;
        match answer.word.as_str() {
            "done" | "repeated" => Ok(Created::Done(lease)),
            "exists" => Ok(Created::Exists),
            _ => Err(nonsense()),
        }
    }

    // Not an `async fn`, whose future would carry the commit to the end beside what it was made into.
    fn commit(&self, tag: Tag, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send {
        let (key, next) = (self.0.settings.namespace.record(tag), commit.next_version());
        let mut call = scripts::COMMIT.on(&key);
        wire::write_commit(&commit, call.arguments());
        let script = Question::Script(call);
        async move {
            let _changing = self.0.settings.audience.while_changed(tag);
            let (mut answer, lease) = self.run(&key, &script, Manner::WRITE).await?;
            match answer.word.as_str() {
                "gone" => Ok(Committed::Gone),
                "conflict" => Ok(Committed::Conflict(Loaded::new(record(answer.next())?, lease))),
                "superseded" => Ok(Committed::Superseded(Loaded::new(record(answer.next())?, lease))),
                "unknown" => Ok(Committed::Unknown),
                "done" | "repeated" => receipt(answer.next(), next, lease).map(Committed::Done),
                _ => Err(nonsense()),
            }
        }
    }

    async fn touch(&self, touches: Vec<Touch>) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        let mut waiting = tokio::task::JoinSet::new();
        for touch in touches {
            let store = self.clone();
            // The connection puts what is sent at once into one packet.
            waiting.spawn(async move {
                let key = store.0.settings.namespace.record(touch.tag);
                let (guard, shown) = wire::guarded(touch.guard);
                let call = scripts::TOUCH.on(&key).with(touch.seen.as_millis()).with(guard).with(shown);
                let manner = if touch.has_copy { Manner::WRITE } else { Manner::WRITE_ASIDE };
                store.ask(&key, &Question::Script(call), manner).await
            });
        }
        while let Some(done) = waiting.join_next().await {
            if let Ok(Err(error)) = done {
                outcome = Err(error);
            }
        }
        outcome
    }

    async fn destroy(&self, tag: Tag, guard: Guard) -> Result<Destroyed, StoreError> {
        let key = self.0.settings.namespace.record(tag);
        let (word, shown) = wire::guarded(guard);
        // The server's own clock decides; no caller's instant is needed.
        let call = scripts::DESTROY.on(&key).with(0).with(word).with(shown);
        let _changing = self.0.settings.audience.while_changed(tag);
        let (answer, _) = self.run(&key, &Question::Script(call), Manner::END).await?;
        destroyed(&answer)
    }

    async fn destroy_many(&self, tags: Vec<Tag>) -> Vec<Result<Destroyed, StoreError>> {
        let (word, shown) = wire::guarded(Guard::Anyone);
        let _changing: Vec<_> = tags.iter().map(|tag| self.0.settings.audience.while_changed(*tag)).collect();
        let destroy = |key: &str| Question::Script(scripts::DESTROY.on(key).with(0).with(word).with(&shown));
        let answers = self.ask_each(&tags, destroy, Manner::END).await;
        let destroyed = |answer: Result<Value, StoreError>| {
            let answer = Answer::from_value(answer?).map_err(fault::nonsense(Effect::Writes))?;
            destroyed(&answer)
        };
        answers.into_iter().map(destroyed).collect()
    }

    async fn admit(
        &self,
        principal: &Principal,
        tag: Tag,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        let key = self.0.settings.namespace.index(principal);
        let mut answer = self.admit_to(&key, tag, until, limit).await?;
        match answer.word.as_str() {
            "refused" => Ok(Admission::Refused),
            "incomplete" => Ok(Admission::Incomplete { displaced: tags(answer.next(), Effect::Writes)? }),
            "admitted" => {
                let displaced = tags(answer.next(), Effect::Writes)?;
                let dead = self.dead_among(tags(answer.next(), Effect::Writes)?).await.unwrap_or_default();
                // Only tidying up: the next login does it if this one cannot.
                drop(self.leave(&key, &dead).await);
                Ok(Admission::Admitted { displaced })
            }
            _ => Err(nonsense()),
        }
    }

    async fn dismiss(&self, principal: &Principal, tags: Vec<Tag>) -> Result<(), StoreError> {
        self.leave(&self.0.settings.namespace.index(principal), &tags).await
    }

    async fn members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        let after = page.after.as_ref().map(|cursor| score_of(cursor.as_str())).transpose()?;
        let key = self.0.settings.namespace.index(principal);
        let (listed, next) = self.range(&key, after, page.limit.get().min(BATCH)).await?;
        let summaries =
            self.ask_each(&listed, |key| Question::Command(wire::read_summary(key)), Manner::READ_ASIDE).await;
        let (mut members, mut dead) = (Vec::new(), Vec::new());
        for (tag, answer) in listed.into_iter().zip(summaries) {
            match answer.and_then(summary).transpose() {
                None => dead.push(tag),
                Some(Ok(summary)) if is_somebody_elses(&summary, principal) => {}
                Some(summary) => members.push(Member::new(tag, summary)),
            }
        }
        // Only tidying up.
        drop(self.leave(&key, &dead).await);
        Ok(Page::new(members, next.map(|score| Cursor::new(score.to_string()))))
    }

    fn namespace(&self) -> &str {
        self.0.settings.namespace.as_str()
    }

    fn attach(&self, copies: Arc<dyn Copies>) {
        self.0.settings.audience.add(copies);
    }

    fn vouches(&self, lease: Lease) -> bool {
        self.0.settings.leases.hold(lease)
    }

    fn time(&self) -> Option<cloakroom::Timestamp> {
        self.0.settings.server_time.now()
    }

    fn longest_lease(&self) -> Duration {
        self.0.settings.lease
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("namespace", &self.0.settings.namespace).finish_non_exhaustive()
    }
}

/// The record comes along only if it is not simply `next`, the one that the commit makes of its base.
pub(crate) fn receipt(fields: Option<Value>, next: u64, lease: Lease) -> Result<Receipt, StoreError> {
    let Some(fields) = fields else { return Ok(Receipt::new(next, lease)) };
    let record = record(Some(fields))?;
    let mut receipt = Receipt::new(record.version, lease);
    receipt.record = Some(Box::new(record));
    Ok(receipt)
}

/// What a script that writes has answered, but should not.
fn nonsense() -> StoreError {
    fault::nonsense(Effect::Writes)(Nonsense)
}

fn record(fields: Option<Value>) -> Result<Record, StoreError> {
    let fields = Fields::from_value(fields.unwrap_or(Value::Nil)).map_err(fault::nonsense(Effect::Writes))?;
    wire::decode(&fields).map_err(fault::malformed)
}

fn destroyed(answer: &Answer) -> Result<Destroyed, StoreError> {
    match answer.word.as_str() {
        "done" => Ok(Destroyed::Done),
        "gone" => Ok(Destroyed::Gone),
        "superseded" => Ok(Destroyed::Superseded),
        _ => Err(nonsense()),
    }
}

/// `None` if there is no record.
fn summary(fields: Value) -> Result<Option<Summary>, StoreError> {
    let fields = wire::summary_fields(fields).map_err(fault::nonsense(Effect::Reads))?;
    if fields.is_empty() { Ok(None) } else { wire::decode_summary(&fields).map(Some).map_err(fault::malformed) }
}

/// In its one spelling: the admission after which a page begins.
fn score_of(cursor: &str) -> Result<u64, StoreError> {
    let invalid = || StoreError::new(StoreErrorKind::InvalidCursor, "an admission is a number");
    let is_number = !cursor.is_empty() && cursor.bytes().all(|byte| byte.is_ascii_digit());
    cursor.parse().ok().filter(|_| is_number).ok_or_else(invalid)
}

fn is_somebody_elses(summary: &Summary, principal: &Principal) -> bool {
    summary.authentication.as_ref().is_some_and(|authentication| authentication.principal != *principal)
}
