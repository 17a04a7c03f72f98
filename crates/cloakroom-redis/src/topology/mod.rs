//! Finds the server that owns a key, and sends requests to it.

mod cluster;
mod masters;
mod slots;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::store::{Lease, StoreError};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use crate::connection::{Connection, ConnectionPair, timed};
use crate::fault::{self, Effect};
use crate::scripts::Call;
use crate::wire;

pub(crate) use cluster::Cluster;
pub(crate) use masters::ask;
#[cfg(any(test, fuzzing))]
pub(crate) use slots::ranges;

/// Maximum wait for the server's report of a write after the reply to it. The report is nearly
/// always in the same packet; if it does not arrive, the copy is dropped and read again at the next
/// access.
const REPORT_TIMEOUT: Duration = Duration::from_millis(100);

/// The servers of a store.
#[derive(Debug)]
pub(crate) enum Topology {
    /// One master has all keys, whether or not sentinels elect it.
    Single(Connection),
    /// The keys are spread over the masters of a cluster.
    Cluster(Arc<Cluster>),
}

/// A request about one key.
pub(crate) enum Request {
    /// A plain command.
    Command(Cmd),
    /// A call of a script.
    Script(Call),
}

/// The effects of a request and how it is tracked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestKind {
    pub(crate) effect: Effect,
    /// Whether this process keeps a copy of the record in the reply.
    pub(crate) tracked: bool,
    /// The effect on the record, if its changes are reported.
    pub(crate) record_effect: RecordEffect,
}

/// The effect of a request on the record under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordEffect {
    /// None, or the key holds no record.
    None,
    /// May write the record. The server reports the write to every client that has read it,
    /// including the writer.
    MayWrite,
    /// May remove the record.
    MayRemove,
}

impl RequestKind {
    pub(crate) const READ: Self = Self { effect: Effect::Reads, tracked: true, record_effect: RecordEffect::None };
    pub(crate) const WRITE: Self =
        Self { effect: Effect::Writes, tracked: true, record_effect: RecordEffect::MayWrite };
    /// Not tracked, because no copy is kept, and the token may be made up.
    pub(crate) const END: Self =
        Self { effect: Effect::Writes, tracked: false, record_effect: RecordEffect::MayRemove };
    pub(crate) const READ_UNTRACKED: Self =
        Self { effect: Effect::Reads, tracked: false, record_effect: RecordEffect::None };
    pub(crate) const WRITE_UNTRACKED: Self =
        Self { effect: Effect::Writes, tracked: false, record_effect: RecordEffect::None };
}

impl Topology {
    /// Sends a request to the server that owns the key. Returns the reply and the lease under which
    /// it may be kept.
    pub(crate) async fn request(
        &self,
        key: &str,
        request: &Request,
        kind: RequestKind,
        deadline: Duration,
    ) -> Result<(Value, Lease), StoreError> {
        match self {
            Self::Single(connection) => {
                let pair = connection.pair(deadline).await.map_err(fault::before_send)?;
                let lease = pair.lease();
                let answer = request.send(&pair, key, kind, deadline).await;
                answer.map(|answer| (answer, lease)).map_err(|error| fault::after_send(error, kind.effect))
            }
            // Boxed, because this future is several times as large, and every caller's future would
            // be as large as it.
            Self::Cluster(cluster) => Box::pin(cluster.request(key, request, kind, deadline)).await,
        }
    }
}

impl Topology {
    /// Sends requests about several keys at once. Each has its own result, in the order of the
    /// requests.
    pub(crate) async fn request_many(
        &self,
        questions: Vec<(String, Request)>,
        kind: RequestKind,
        deadline: Duration,
    ) -> Vec<Result<Value, StoreError>> {
        match self {
            Self::Single(connection) => request_batch(connection, &questions, kind, deadline).await,
            Self::Cluster(cluster) => {
                let mut waiting = Vec::with_capacity(questions.len());
                for (key, request) in questions {
                    let cluster = Arc::clone(cluster);
                    waiting.push(tokio::spawn(async move {
                        cluster.request(&key, &request, kind, deadline).await.map(|(answer, _)| answer)
                    }));
                }
                let mut answers = Vec::with_capacity(waiting.len());
                for answer in waiting {
                    answers.push(answer.await.unwrap_or_else(|error| Err(fault::lost(error, kind.effect))));
                }
                answers
            }
        }
    }
}

/// Sends all requests in one packet: commands that wait for each other would take one round trip
/// each.
async fn request_batch(
    connection: &Connection,
    questions: &[(String, Request)],
    kind: RequestKind,
    deadline: Duration,
) -> Vec<Result<Value, StoreError>> {
    let pair = match connection.pair(deadline).await {
        Ok(pair) => pair,
        Err(error) => return questions.iter().map(|_| Err(fault::before_send(Arc::clone(&error)))).collect(),
    };
    let commands: Vec<_> = questions.iter().map(|(_, request)| request.first().clone()).collect();
    let record = |key: &String| (kind.record_effect != RecordEffect::None).then(|| pair.tag_of(key)).flatten();
    let mut writes: Vec<_> =
        questions.iter().map(|(key, _)| record(key).map(|selector| pair.begin_write(selector))).collect();
    let answers = match timed(deadline, pair.send_all(&commands, kind.tracked)).await {
        Ok(answers) => answers,
        Err(error) => {
            let error = Arc::new(error);
            return questions.iter().map(|_| Err(fault::lost(Arc::clone(&error), kind.effect))).collect();
        }
    };
    let mut settled = Vec::with_capacity(answers.len());
    for (((_, request), answer), write) in questions.iter().zip(answers).zip(&mut writes) {
        // The server has forgotten the script; the first of these calls loads it again.
        let answer = match request.second(&answer) {
            Some(_) => timed(deadline, request.send_to(&pair, kind.tracked)).await,
            None => answer,
        };
        if let (Some(write), true) =
            (write.take(), kind.record_effect == RecordEffect::MayRemove && answer.as_ref().is_ok_and(wire::is_done))
        {
            write.end();
        }
        settled.push(answer.map_err(|error| fault::after_send(error, kind.effect)));
    }
    settled
}

impl Request {
    /// Sends the request over a connection pair, and waits for the server's report of the change if
    /// it makes one.
    async fn send(
        &self,
        pair: &ConnectionPair,
        key: &str,
        kind: RequestKind,
        deadline: Duration,
    ) -> RedisResult<Value> {
        let end = Instant::now() + deadline;
        let record = (kind.record_effect != RecordEffect::None).then(|| pair.tag_of(key)).flatten();
        let write = record.map(|selector| pair.begin_write(selector));
        let answer = timed(deadline, self.send_to(pair, kind.tracked)).await;
        if let Some(write) = write {
            let made = answer.as_ref().is_ok_and(wire::is_done);
            match kind.record_effect {
                RecordEffect::MayRemove if made => write.end(),
                effect => {
                    let reported = made && effect == RecordEffect::MayWrite;
                    write.settle(reported, end.saturating_duration_since(Instant::now()).min(REPORT_TIMEOUT)).await;
                }
            }
        }
        answer
    }

    /// Sends the request, and sends it again with the full script if the server has forgotten the
    /// script.
    async fn send_to(&self, pair: &ConnectionPair, tracked: bool) -> RedisResult<Value> {
        let answer = send(pair, self.first(), tracked).await;
        match self.second(&answer) {
            Some(second) => Box::pin(send(pair, &second, tracked)).await,
            None => answer,
        }
    }

    /// Sends the request with `ASKING`, to a server that is taking over the key's slot. The reply
    /// is never kept.
    async fn send_asking(&self, pair: &ConnectionPair) -> RedisResult<Value> {
        let answer = send_asking(pair, self.first().clone()).await;
        match self.second(&answer) {
            Some(second) => send_asking(pair, second).await,
            None => answer,
        }
    }

    fn first(&self) -> &Cmd {
        match self {
            Self::Command(command) => command,
            Self::Script(call) => call.by_digest(),
        }
    }

    fn second(&self, answer: &RedisResult<Value>) -> Option<Cmd> {
        let Self::Script(call) = self else { return None };
        let forgotten = |error: &RedisError| error.kind() == ErrorKind::Server(ServerErrorKind::NoScript);
        answer.as_ref().is_err_and(forgotten).then(|| call.by_text())
    }
}

async fn send(pair: &ConnectionPair, command: &Cmd, tracked: bool) -> RedisResult<Value> {
    if tracked { pair.send_tracked(command).await } else { pair.send(command).await }
}

async fn send_asking(pair: &ConnectionPair, command: Cmd) -> RedisResult<Value> {
    let answers = pair.send_all(&[redis::cmd("ASKING"), command], false).await?;
    answers.into_iter().next_back().unwrap_or(Ok(Value::Nil))
}
