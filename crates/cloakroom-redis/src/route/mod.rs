//! Which server has a key, and how to reach it.

mod cluster;
mod slots;

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom::store::{Lease, StoreError};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use crate::fault::{self, Effect};
use crate::link::{Line, Link, timed};
use crate::scripts::Call;
use crate::wire;

pub(crate) use cluster::Cluster;
#[cfg(any(test, fuzzing))]
pub(crate) use slots::ranges;

/// How far behind the reply to a write the report of it is waited for. It is in the same packet, nearly always; without it the
/// copy is read again when it is next asked for.
const BEHIND: Duration = Duration::from_millis(100);

/// All servers of a store.
#[derive(Debug)]
pub(crate) enum Route {
    /// One master has all keys, whether sentinels choose it or not.
    Single(Link),
    /// The keys are spread over the masters of a cluster.
    Cluster(Arc<Cluster>),
}

/// Something to ask for one key.
pub(crate) enum Question {
    /// A plain command.
    Command(Cmd),
    /// A script.
    Script(Call),
}

/// How a question is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Manner {
    pub(crate) effect: Effect,
    /// Whether this process keeps what it reads.
    pub(crate) tracked: bool,
    /// What becomes of a record whose changes are reported.
    pub(crate) fate: Fate,
}

/// What a question does to the record under its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing, or it is no record.
    Stays,
    /// It may be written, which the server reports to whoever has read it, the writer included.
    Changes,
    /// It may be removed.
    Ends,
}

impl Manner {
    pub(crate) const READ: Self = Self { effect: Effect::Reads, tracked: true, fate: Fate::Stays };
    pub(crate) const WRITE: Self = Self { effect: Effect::Writes, tracked: true, fate: Fate::Changes };
    /// Not tracked, because nothing is kept, and whoever made up a token may ask for it.
    pub(crate) const END: Self = Self { effect: Effect::Writes, tracked: false, fate: Fate::Ends };
    pub(crate) const READ_ASIDE: Self = Self { effect: Effect::Reads, tracked: false, fate: Fate::Stays };
    pub(crate) const WRITE_ASIDE: Self = Self { effect: Effect::Writes, tracked: false, fate: Fate::Stays };
}

impl Route {
    /// Asks the server that has the key. Answers also under which lease the answer may be kept.
    pub(crate) async fn ask(
        &self,
        key: &str,
        question: &Question,
        manner: Manner,
        deadline: Duration,
    ) -> Result<(Value, Lease), StoreError> {
        match self {
            Self::Single(link) => {
                let line = link.line(deadline).await.map_err(fault::unsent)?;
                let lease = line.lease();
                let answer = question.put(&line, key, manner, deadline).await;
                answer.map(|answer| (answer, lease)).map_err(|error| fault::sent(error, manner.effect))
            }
            // Boxed, because its future is several times as large, and everybody's would be as large as it.
            Self::Cluster(cluster) => Box::pin(cluster.ask(key, question, manner, deadline)).await,
        }
    }
}

impl Question {
    /// Puts the question over a line, and waits for the server's report of the change where it makes one.
    async fn put(&self, line: &Line, key: &str, manner: Manner, deadline: Duration) -> RedisResult<Value> {
        let end = Instant::now() + deadline;
        let record = (manner.fate != Fate::Stays).then(|| line.tag_of(key)).flatten();
        let write = record.map(|tag| line.begin_write(tag));
        let answer = timed(deadline, self.put_to(line, manner.tracked)).await;
        if let Some(write) = write {
            let made = answer.as_ref().is_ok_and(wire::says_done);
            match manner.fate {
                Fate::Ends if made => write.end(),
                fate => {
                    let reported = made && fate == Fate::Changes;
                    write.settle(reported, end.saturating_duration_since(Instant::now()).min(BEHIND)).await;
                }
            }
        }
        answer
    }

    /// Puts the question over a line, once more in full if the server has forgotten the script.
    async fn put_to(&self, line: &Line, tracked: bool) -> RedisResult<Value> {
        let answer = send(line, self.first(), tracked).await;
        match self.second(&answer) {
            Some(second) => Box::pin(send(line, &second, tracked)).await,
            None => answer,
        }
    }

    /// The same in the name of a server that is handing the key over. Its answer is never kept.
    async fn put_asking(&self, line: &Line) -> RedisResult<Value> {
        let answer = send_asking(line, self.first().clone()).await;
        match self.second(&answer) {
            Some(second) => send_asking(line, second).await,
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

async fn send(line: &Line, command: &Cmd, tracked: bool) -> RedisResult<Value> {
    if tracked { line.send_tracked(command).await } else { line.send(command).await }
}

async fn send_asking(line: &Line, command: Cmd) -> RedisResult<Value> {
    let answers = line.send_all(&[redis::cmd("ASKING"), command], false).await?;
    answers.into_iter().next_back().unwrap_or(Ok(Value::Nil))
}
