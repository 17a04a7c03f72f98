use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, BATCH, Commit, CommitReceipt, Committed, Created, Cursor, Destroyed, Endpoint, Guard, Invalidate, Lease,
    LeasedRecord, Limit, Member, Page, PageRequest, Principal, Record, Selector, Store, StoreError, StoreErrorKind,
    Summary, Touch,
};
use redis::{Value, cmd};

use crate::builder::RedisStoreBuilder;
use crate::connection::ConnectionSettings;
use crate::error::ConnectError;
use crate::fault::{self, Effect};
use crate::index::selectors;
use crate::record_format::RecordFormat;
use crate::scripts;
use crate::topology::{Request, RequestKind, Topology};
use crate::warning::Warning;
use crate::wire::{self, Fields, ScriptReply, UnexpectedReply};

/// Session store on Redis or Valkey, for any number of nodes.
///
/// Cheap to clone; clones share their connections. Needs Redis 7.0 or Valkey 7.2 or newer. Create
/// one with [`connect`](Self::connect), or with [`builder`](Self::builder) for more settings.
///
/// Several `Sessions` over clones of one store receive each other's changes, but each write then
/// invalidates the writer's own copy as well: to the server the clones are one client, so the store
/// cannot tell which of them wrote. Use one store per `Sessions` to avoid that.
#[derive(Clone)]
pub struct RedisStore(Arc<StoreInner>);

pub(crate) struct StoreInner {
    pub(crate) settings: Arc<ConnectionSettings>,
    pub(crate) topology: Topology,
    /// Whether records are read by the script that makes the server track only keys that exist.
    pub(crate) asks_first: bool,
    pub(crate) format: RecordFormat,
    pub(crate) warnings: Vec<Warning>,
    pub(crate) endpoint: Endpoint,
}

impl RedisStore {
    /// Connects to one server, or to the topology that `redis+sentinel://` or `redis+cluster://`
    /// names.
    ///
    /// The address also names the namespace, because applications that share a server must not
    /// share their sessions: `redis://localhost:6379/?namespace=shop`. All other settings have
    /// defaults; change them with [`builder`](Self::builder).
    ///
    /// # Errors
    /// Every problem of the address or of the server, each with its remedy.
    pub async fn connect(address: &str) -> Result<Self, ConnectError> {
        RedisStoreBuilder::from_address(address)?.connect().await
    }

    /// A builder with all settings, for sessions under `namespace`.
    pub fn builder(namespace: impl Into<String>) -> RedisStoreBuilder {
        RedisStoreBuilder::new(namespace.into())
    }

    pub(crate) fn new(inner: StoreInner) -> Self {
        Self(Arc::new(inner))
    }

    /// Start-up findings: properties of the server that work but may lose sessions or cost
    /// performance.
    ///
    /// Each was also logged once. A property that the user may not inspect produces no such
    /// finding.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.0.warnings
    }

    pub(crate) fn settings(&self) -> &ConnectionSettings {
        &self.0.settings
    }

    pub(crate) async fn request(
        &self,
        key: &str,
        request: &Request,
        kind: RequestKind,
    ) -> Result<(Value, Lease), StoreError> {
        self.0.topology.request(key, request, kind, self.0.settings.deadline).await
    }

    /// Runs a script that returns a word, optionally followed by data.
    pub(crate) async fn run(
        &self,
        key: &str,
        script: &Request,
        kind: RequestKind,
    ) -> Result<(ScriptReply, Lease), StoreError> {
        let (answer, lease) = self.request(key, script, kind).await?;
        Ok((ScriptReply::from_value(answer).map_err(fault::unexpected_reply(kind.effect))?, lease))
    }

    async fn read(&self, selector: Selector, kind: RequestKind) -> Result<Option<LeasedRecord>, StoreError> {
        let key = self.0.settings.keyspace.record(selector);
        let request = if kind.tracked && self.0.asks_first {
            Request::Script(scripts::LOAD.on(&key))
        } else {
            let mut command = cmd("HGETALL");
            command.arg(&key);
            Request::Command(command)
        };
        let (answer, lease) = self.request(&key, &request, kind).await?;
        let fields = Fields::from_value(answer).map_err(fault::unexpected_reply(kind.effect))?;
        if fields.is_empty() {
            return Ok(None);
        }
        wire::decode(&fields).map(|record| Some(LeasedRecord::new(record, lease))).map_err(fault::malformed)
    }

    pub(crate) fn topology(&self) -> &Topology {
        &self.0.topology
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.0.settings.deadline
    }
}

impl Store for RedisStore {
    async fn load(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        let first = self.read(selector, RequestKind::READ).await;
        match first {
            // Reading changes nothing, so retry once instead of reporting a broken connection to
            // the caller.
            Err(error) if error.kind() == StoreErrorKind::Unavailable => self.read(selector, RequestKind::READ).await,
            first => first,
        }
    }

    async fn create(&self, selector: Selector, record: Record) -> Result<Created, StoreError> {
        let key = self.0.settings.keyspace.record(selector);
        let mut call = scripts::CREATE.on(&key);
        wire::write_record(&record, self.0.format, call.arguments());
        let (answer, lease) = self.run(&key, &Request::Script(call), RequestKind::WRITE).await?;
        match answer.word.as_str() {
            "done" | "repeated" => Ok(Created::Done(lease)),
            "exists" => Ok(Created::Exists),
            _ => Err(nonsense()),
        }
    }

    // Not an `async fn`: its future would hold the commit until the end, beside the call built from
    // it.
    fn commit(&self, selector: Selector, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send {
        let (key, next) = (self.0.settings.keyspace.record(selector), commit.next_version());
        let mut call = scripts::COMMIT.on(&key);
        wire::write_commit(&commit, self.0.format, self.0.settings.server_time.now(), call.arguments());
        let script = Request::Script(call);
        async move {
            let _changing = self.0.settings.subscribers.during_write(selector);
            let (mut answer, lease) = self.run(&key, &script, RequestKind::WRITE).await?;
            match answer.word.as_str() {
                "gone" => Ok(Committed::Gone),
                "conflict" => Ok(Committed::Conflict(LeasedRecord::new(record(answer.next())?, lease))),
                "superseded" => Ok(Committed::Superseded(LeasedRecord::new(record(answer.next())?, lease))),
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
            // Calls that are sent at the same time share a packet.
            waiting.spawn(async move {
                let key = store.0.settings.keyspace.record(touch.selector);
                let guard = wire::GuardArguments(touch.guard);
                let call = scripts::TOUCH.on(&key).with(touch.seen.as_millis()).with(guard);
                let kind = if touch.has_copy { RequestKind::WRITE } else { RequestKind::WRITE_UNTRACKED };
                store.request(&key, &Request::Script(call), kind).await
            });
        }
        while let Some(done) = waiting.join_next().await {
            if let Ok(Err(error)) = done {
                outcome = Err(error);
            }
        }
        outcome
    }

    async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let key = self.0.settings.keyspace.record(selector);
        // The script uses the server's clock, so no instant of the caller is needed.
        let call = scripts::DESTROY.on(&key).with(0).with(wire::GuardArguments(guard));
        let _changing = self.0.settings.subscribers.during_write(selector);
        let (answer, _) = self.run(&key, &Request::Script(call), RequestKind::END).await?;
        destroyed(&answer)
    }

    async fn destroy_many(&self, selectors: Vec<Selector>) -> Vec<Result<Destroyed, StoreError>> {
        let _changing: Vec<_> =
            selectors.iter().map(|selector| self.0.settings.subscribers.during_write(*selector)).collect();
        let destroy =
            |key: &str| Request::Script(scripts::DESTROY.on(key).with(0).with(wire::GuardArguments(Guard::Anyone)));
        let answers = self.request_each(&selectors, destroy, RequestKind::END).await;
        let destroyed = |answer: Result<Value, StoreError>| {
            let answer = ScriptReply::from_value(answer?).map_err(fault::unexpected_reply(Effect::Writes))?;
            destroyed(&answer)
        };
        answers.into_iter().map(destroyed).collect()
    }

    async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        let key = self.0.settings.keyspace.index(principal);
        let mut answer = self.admit_to(&key, selector, until, limit).await?;
        match answer.word.as_str() {
            "refused" => Ok(Admission::Refused),
            "incomplete" => Ok(Admission::Incomplete { displaced: selectors(answer.next(), Effect::Writes)? }),
            "admitted" => {
                let displaced = selectors(answer.next(), Effect::Writes)?;
                let dead = self.dead_among(selectors(answer.next(), Effect::Writes)?).await.unwrap_or_default();
                // Best effort: the next login removes them if this call fails.
                drop(self.remove_from(&key, &dead).await);
                Ok(Admission::Admitted { displaced })
            }
            _ => Err(nonsense()),
        }
    }

    async fn remove_members(&self, principal: &Principal, selectors: Vec<Selector>) -> Result<(), StoreError> {
        self.remove_from(&self.0.settings.keyspace.index(principal), &selectors).await
    }

    async fn watch_members(&self, principal: &Principal) -> Result<(), StoreError> {
        let key = self.0.settings.keyspace.index(principal);
        let mut look = cmd("EXISTS");
        look.arg(&key);
        // Read over the connection on which the server reports changes. It reports one, once.
        self.request(&key, &Request::Command(look), RequestKind::READ).await.map(drop)
    }

    async fn list_members(&self, principal: &Principal, page: PageRequest) -> Result<Page<Member>, StoreError> {
        let after = page.after.as_ref().map(|cursor| score_of(cursor.as_str())).transpose()?;
        let key = self.0.settings.keyspace.index(principal);
        let (listed, next) = self.read_range(&key, after, page.limit.get().min(BATCH)).await?;
        let summaries = self
            .request_each(&listed, |key| Request::Command(wire::read_summary(key)), RequestKind::READ_UNTRACKED)
            .await;
        let (mut members, mut dead) = (Vec::new(), Vec::new());
        for (selector, answer) in listed.into_iter().zip(summaries) {
            match answer.and_then(summary).transpose() {
                None => dead.push(selector),
                Some(Ok(summary)) if summary.is_of_another(principal) => {}
                Some(summary) => members.push(Member::new(selector, summary)),
            }
        }
        // Best effort.
        drop(self.remove_from(&key, &dead).await);
        Ok(Page::new(members, next.map(|score| Cursor::new(score.to_string()))))
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Selector>, StoreError> {
        self.list_sessions(&page).await
    }

    async fn list_principals(&self, page: PageRequest) -> Result<Page<Principal>, StoreError> {
        self.list_indexed(&page).await
    }

    fn namespace(&self) -> &str {
        self.0.settings.keyspace.namespace()
    }

    fn endpoint(&self) -> Endpoint {
        self.0.endpoint.clone()
    }

    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        self.0.settings.subscribers.add(copies);
    }

    fn is_lease_valid(&self, lease: Lease) -> bool {
        self.0.settings.leases.is_valid(lease)
    }

    fn time(&self) -> Option<cloakroom::Timestamp> {
        self.0.settings.server_time.now()
    }

    fn is_lease_lost(&self) -> bool {
        self.0.topology.masters().iter().any(|master| !master.has_lease())
    }

    fn max_lease(&self) -> Duration {
        self.0.settings.lease
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("namespace", &self.0.settings.keyspace.namespace()).finish_non_exhaustive()
    }
}

/// Includes the record unless it is exactly `next`, the version that the commit makes of its base.
pub(crate) fn receipt(fields: Option<Value>, next: u64, lease: Lease) -> Result<CommitReceipt, StoreError> {
    let Some(fields) = fields else { return Ok(CommitReceipt::new(next, lease)) };
    let record = record(Some(fields))?;
    let mut receipt = CommitReceipt::new(record.version, lease);
    receipt.record = Some(Box::new(record));
    Ok(receipt)
}

/// The error for a reply that no script that writes returns.
fn nonsense() -> StoreError {
    fault::unexpected_reply(Effect::Writes)(UnexpectedReply)
}

fn record(fields: Option<Value>) -> Result<Record, StoreError> {
    let fields = Fields::from_value(fields.unwrap_or(Value::Nil)).map_err(fault::unexpected_reply(Effect::Writes))?;
    wire::decode(&fields).map_err(fault::malformed)
}

fn destroyed(answer: &ScriptReply) -> Result<Destroyed, StoreError> {
    match answer.word.as_str() {
        "done" => Ok(Destroyed::Done),
        "gone" => Ok(Destroyed::Gone),
        "superseded" => Ok(Destroyed::Superseded),
        _ => Err(nonsense()),
    }
}

/// `None` if there is no record.
fn summary(fields: Value) -> Result<Option<Summary>, StoreError> {
    let fields = wire::summary_fields(fields).map_err(fault::unexpected_reply(Effect::Reads))?;
    if fields.is_empty() { Ok(None) } else { wire::decode_summary(&fields).map(Some).map_err(fault::malformed) }
}

/// Parses a cursor: the score of the admission after which a page begins, in its only spelling.
fn score_of(cursor: &str) -> Result<u64, StoreError> {
    let invalid = || StoreError::new(StoreErrorKind::InvalidCursor, "the cursor is not a number");
    let is_number = !cursor.is_empty() && cursor.bytes().all(|byte| byte.is_ascii_digit());
    cursor.parse().ok().filter(|_| is_number).ok_or_else(invalid)
}
