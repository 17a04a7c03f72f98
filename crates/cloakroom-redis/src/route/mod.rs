//! Which server has a key, and how to reach it.

mod cluster;
mod slots;

use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::{Lease, StoreError};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use crate::fault::{self, Effect};
use crate::link::{Line, Link, timed};
use crate::scripts::Call;

pub(crate) use cluster::Cluster;
#[cfg(any(test, fuzzing))]
pub(crate) use slots::ranges;

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
}

impl Manner {
    pub(crate) const READ: Self = Self { effect: Effect::Reads, tracked: true };
    pub(crate) const WRITE: Self = Self { effect: Effect::Writes, tracked: true };
    pub(crate) const READ_ASIDE: Self = Self { effect: Effect::Reads, tracked: false };
    pub(crate) const WRITE_ASIDE: Self = Self { effect: Effect::Writes, tracked: false };
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
                let answer = timed(deadline, question.put_to(&line, manner.tracked)).await;
                answer.map(|answer| (answer, lease)).map_err(|error| fault::sent(error, manner.effect))
            }
            // Boxed, because its future is several times as large, and everybody's would be as large as it.
            Self::Cluster(cluster) => Box::pin(cluster.ask(key, question, manner, deadline)).await,
        }
    }
}

impl Question {
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
