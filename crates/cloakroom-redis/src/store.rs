use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{
    Action, Admission, Commit, Committed, Copies, Created, Destroyed, Edit, Expect, Guard, Lease, Limit, LimitPolicy,
    Loaded, Principal, Receipt, Record, Store, StoreError, StoreErrorKind, Tag, Touch,
};
use redis::{Value, cmd};

use crate::builder::RedisStoreBuilder;
use crate::error::ConnectError;
use crate::fault;
use crate::link::Settings;
use crate::namespace::{Namespace, hex, unhex};
use crate::preflight::Warning;
use crate::route::{Manner, Question, Route};
use crate::scripts;
use crate::wire::{self, Answer, Fields, Malformed, Nonsense};

/// How long the index of a principal is kept after its last login: longer than any session may last.
const INDEX_KEPT: Duration = Duration::from_secs(401 * 24 * 60 * 60);

/// Sessions on Redis or Valkey, for any number of nodes.
///
/// Cheap to clone; clones share their connections. Made by [`connect`](Self::connect) or, with more
/// to say, by [`builder`](Self::builder). Needs Redis 7.0 or Valkey 7.2 and newer.
#[derive(Clone)]
pub struct RedisStore(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) settings: Arc<Settings>,
    pub(crate) route: Route,
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

    async fn ask(&self, key: &str, question: Question<'_>, manner: Manner) -> Result<(Value, Lease), StoreError> {
        self.0.route.ask(key, &question, manner, self.0.settings.deadline).await
    }

    /// Runs a script that answers a word and what comes with it.
    async fn run(
        &self,
        script: &'static scripts::Script,
        key: &str,
        arguments: Vec<Vec<u8>>,
        manner: Manner,
    ) -> Result<(Answer, Lease), StoreError> {
        let (answer, lease) = self.ask(key, Question::Script(script, arguments), manner).await?;
        Ok((Answer::from_value(answer).map_err(fault::nonsense)?, lease))
    }

    async fn read(&self, tag: Tag, manner: Manner) -> Result<Option<Loaded>, StoreError> {
        let key = self.0.settings.namespace.record(tag);
        let mut command = cmd("HGETALL");
        command.arg(&key);
        let (answer, lease) = self.ask(&key, Question::Command(command), manner).await?;
        let fields = Fields::from_value(answer).map_err(fault::nonsense)?;
        if fields.is_empty() {
            return Ok(None);
        }
        wire::decode(&fields).map(|record| Some(Loaded::new(record, lease))).map_err(fault::malformed)
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
        let mut arguments = vec![
            wire::nonce(record.nonce).into_bytes(),
            wire::idle(&record.lifetimes).into_bytes(),
            millis(record.lifetimes.absolute),
        ];
        arguments.extend(wire::fields(&record));
        let key = self.0.settings.namespace.record(tag);
        let (answer, lease) = self.run(&scripts::CREATE, &key, arguments, Manner::WRITE).await?;
        match answer.word.as_str() {
            "done" => Ok(Created::Done(lease)),
            "exists" => Ok(Created::Exists),
            _ => Err(fault::nonsense(Nonsense)),
        }
    }

    async fn commit(&self, tag: Tag, commit: Commit) -> Result<Committed, StoreError> {
        let key = self.0.settings.namespace.record(tag);
        let (mut answer, lease) = self.run(&scripts::COMMIT, &key, commit_arguments(&commit), Manner::WRITE).await?;
        match answer.word.as_str() {
            "gone" => Ok(Committed::Gone),
            "conflict" => Ok(Committed::Conflict(Loaded::new(record(answer.next())?, lease))),
            "superseded" => Ok(Committed::Superseded(Loaded::new(record(answer.next())?, lease))),
            "done" => receipt(answer, lease).map(Committed::Done),
            _ => Err(fault::nonsense(Nonsense)),
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
                let arguments = vec![millis(touch.seen)];
                store.ask(&key, Question::Script(&scripts::TOUCH, arguments), Manner::WRITE).await
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
        let [word, shown] = guarded(guard);
        // The server's own clock decides; no caller's instant is needed.
        let arguments = vec![b"0".to_vec(), word, shown];
        let (answer, _) = self.run(&scripts::DESTROY, &key, arguments, Manner::WRITE).await?;
        match answer.word.as_str() {
            "done" => Ok(Destroyed::Done),
            "gone" => Ok(Destroyed::Gone),
            "superseded" => Ok(Destroyed::Superseded),
            _ => Err(fault::nonsense(Nonsense)),
        }
    }

    async fn admit(&self, principal: &Principal, tag: Tag, limit: Option<Limit>) -> Result<Admission, StoreError> {
        let key = self.0.settings.namespace.index(principal);
        let mut answer = self.try_to_admit(&key, tag, limit, None).await?;
        if answer.word == "full" {
            let dead = self.dead_among(tags(answer.next())?).await?;
            answer = self.try_to_admit(&key, tag, limit, Some(&dead)).await?;
        }
        match answer.word.as_str() {
            "refused" => Ok(Admission::Refused),
            "admitted" => {
                let displaced = tags(answer.next())?;
                let dead = self.dead_among(tags(answer.next())?).await.unwrap_or_default();
                if !dead.is_empty() {
                    // Only tidying up: the next login does it if this one cannot.
                    drop(self.leave(&key, &dead).await);
                }
                Ok(Admission::Admitted { displaced })
            }
            _ => Err(fault::nonsense(Nonsense)),
        }
    }

    async fn dismiss(&self, principal: &Principal, tag: Tag) -> Result<(), StoreError> {
        self.leave(&self.0.settings.namespace.index(principal), &[tag]).await
    }

    async fn members(&self, principal: &Principal) -> Result<Vec<(Tag, Record)>, StoreError> {
        let key = self.0.settings.namespace.index(principal);
        let mut range = cmd("ZRANGE");
        range.arg(&key).arg(0).arg(-1);
        let (listed, _) = self.ask(&key, Question::Command(range), Manner::READ_ASIDE).await?;
        let listed = tags(Some(listed))?;
        let (mut members, mut dead) = (Vec::new(), Vec::new());
        for (tag, record) in
            self.each(&listed, |store, tag| async move { store.read(tag, Manner::READ_ASIDE).await }).await?
        {
            match record {
                None => dead.push(tag),
                Some(loaded) if is_somebody_elses(&loaded.record, principal) => {}
                Some(loaded) => members.push((tag, loaded.record)),
            }
        }
        if !dead.is_empty() {
            drop(self.leave(&key, &dead).await);
        }
        Ok(members)
    }

    fn attach(&self, copies: Arc<dyn Copies>) {
        self.0.settings.audience.add(copies);
    }

    fn vouches(&self, lease: Lease) -> bool {
        self.0.settings.leases.hold(lease)
    }
}

/// The index of a principal's sessions.
impl RedisStore {
    /// With `dead` members known, the answer is a decision; without, it may be that the index is full.
    async fn try_to_admit(
        &self,
        key: &str,
        tag: Tag,
        limit: Option<Limit>,
        dead: Option<&[Tag]>,
    ) -> Result<Answer, StoreError> {
        let count = limit.map(|limit| NonZeroU32::get(limit.count).to_string()).unwrap_or_default();
        let policy = match limit.map(|limit| limit.when_reached) {
            Some(LimitPolicy::EndOldest) => "end-oldest",
            _ => "reject",
        };
        let decide = if dead.is_some() { "decide" } else { "" };
        let mut arguments = vec![
            hex(tag.as_bytes()).into_bytes(),
            count.into_bytes(),
            policy.into(),
            decide.into(),
            INDEX_KEPT.as_millis().to_string().into_bytes(),
        ];
        arguments.extend(dead.unwrap_or_default().iter().map(|tag| hex(tag.as_bytes()).into_bytes()));
        let (answer, _) = self.run(&scripts::ADMIT, key, arguments, Manner::WRITE_ASIDE).await?;
        Ok(answer)
    }

    async fn leave(&self, key: &str, tags: &[Tag]) -> Result<(), StoreError> {
        let mut remove = cmd("ZREM");
        remove.arg(key);
        for tag in tags {
            remove.arg(hex(tag.as_bytes()));
        }
        self.ask(key, Question::Command(remove), Manner::WRITE_ASIDE).await.map(drop)
    }

    /// Those of `tags` that have no record. A record never comes back under the same tag, so what is
    /// dead once may be removed later.
    async fn dead_among(&self, tags: Vec<Tag>) -> Result<Vec<Tag>, StoreError> {
        let answers = self.each(&tags, |store, tag| async move {
            let key = store.0.settings.namespace.record(tag);
            let mut exists = cmd("EXISTS");
            exists.arg(&key);
            let (answer, _) = store.ask(&key, Question::Command(exists), Manner::READ_ASIDE).await?;
            Ok(answer == Value::Int(0))
        });
        Ok(answers.await?.into_iter().filter_map(|(tag, dead)| dead.then_some(tag)).collect())
    }

    /// Asks about all tags at once; the answers are in their order.
    async fn each<T, F>(&self, tags: &[Tag], ask: impl Fn(Self, Tag) -> F) -> Result<Vec<(Tag, T)>, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let waiting: Vec<_> = tags.iter().map(|tag| (*tag, tokio::spawn(ask(self.clone(), *tag)))).collect();
        let mut answers = Vec::with_capacity(tags.len());
        for (tag, answer) in waiting {
            let answer = answer.await.map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?;
            answers.push((tag, answer?));
        }
        Ok(answers)
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("namespace", &self.0.settings.namespace).finish_non_exhaustive()
    }
}

fn commit_arguments(commit: &Commit) -> Vec<Vec<u8>> {
    let mut arguments =
        vec![millis(commit.now), commit.base.to_string().into_bytes(), wire::nonce(commit.nonce).into_bytes()];
    arguments.extend(guarded(commit.guard));
    let none = Vec::new;
    match &commit.lifetimes {
        Some(lifetimes) => arguments.extend([
            wire::idle(lifetimes).into_bytes(),
            millis(lifetimes.absolute),
            wire::persistent(lifetimes).into(),
        ]),
        None => arguments.extend([none(), none(), none()]),
    }
    let rotation = commit.rotation.as_ref();
    match rotation {
        Some(rotation) => arguments.push(hex(rotation.verifier.as_bytes()).into_bytes()),
        None => arguments.push(none()),
    }
    match rotation.and_then(|rotation| rotation.previous) {
        Some(previous) => {
            arguments.extend([hex(previous.verifier.as_bytes()).into_bytes(), millis(previous.until)]);
        }
        None => arguments.extend([none(), none()]),
    }
    match rotation.and_then(|rotation| rotation.authentication.as_ref()) {
        Some(authentication) => arguments.extend([
            b"login".to_vec(),
            authentication.principal.as_str().into(),
            millis(authentication.at),
            authentication.label.as_ref().map(|label| format!("+{label}").into_bytes()).unwrap_or_default(),
        ]),
        None => arguments.extend([none(), none(), none(), none()]),
    }
    match rotation.and_then(|rotation| rotation.keep_only.as_ref()) {
        Some(kept) => {
            arguments.push(kept.len().to_string().into_bytes());
            arguments.extend(kept.iter().map(|key| key.as_bytes().to_vec()));
        }
        None => arguments.push(none()),
    }
    commit.edits.iter().for_each(|edit| arguments.extend(edit_arguments(edit)));
    arguments
}

fn edit_arguments(edit: &Edit) -> [Vec<u8>; 3] {
    let expected = match edit.expect {
        Expect::Version(version) => version.to_string(),
        _ => "*".to_owned(),
    };
    let tail = match &edit.action {
        Action::Put { payload, fresh_until } => wire::tail(payload, *fresh_until),
        _ => wire::tail(&cloakroom::store::Payload::Removed, None),
    };
    [edit.key.as_bytes().to_vec(), expected.into_bytes(), tail]
}

fn guarded(guard: Guard) -> [Vec<u8>; 2] {
    let (word, shown) = match guard {
        Guard::Holder(shown) => ("holder", hex(shown.as_bytes())),
        Guard::Current(shown) => ("current", hex(shown.as_bytes())),
        _ => ("anyone", String::new()),
    };
    [word.into(), shown.into()]
}

fn millis(at: Timestamp) -> Vec<u8> {
    at.as_millis().to_string().into_bytes()
}

fn receipt(mut answer: Answer, lease: Lease) -> Result<Receipt, StoreError> {
    let first = answer.next().ok_or_else(|| fault::nonsense(Nonsense))?;
    // A repeat is answered with the record alone.
    let (version, fields) = match first {
        Value::Array(_) | Value::Map(_) => (None, Some(first)),
        version => (Some(wire::text(version).map_err(fault::nonsense)?), answer.next()),
    };
    let Some(fields) = fields else {
        let version = version.and_then(|version| version.parse().ok()).ok_or_else(|| fault::nonsense(Nonsense))?;
        return Ok(Receipt::new(version, lease));
    };
    let record = record(Some(fields))?;
    let mut receipt = Receipt::new(record.version, lease);
    receipt.record = Some(Box::new(record));
    Ok(receipt)
}

fn record(fields: Option<Value>) -> Result<Record, StoreError> {
    let fields = Fields::from_value(fields.unwrap_or(Value::Nil)).map_err(fault::nonsense)?;
    wire::decode(&fields).map_err(fault::malformed)
}

fn tags(value: Option<Value>) -> Result<Vec<Tag>, StoreError> {
    let texts = wire::texts(value.unwrap_or_else(|| Value::Array(Vec::new()))).map_err(fault::nonsense)?;
    let tag = |text: &String| unhex(text.as_bytes()).map(Tag::from_bytes);
    texts.iter().map(tag).collect::<Option<_>>().ok_or_else(|| fault::malformed(Malformed::Field("index")))
}

fn is_somebody_elses(record: &Record, principal: &Principal) -> bool {
    record.authentication.as_ref().is_some_and(|authentication| authentication.principal != *principal)
}
