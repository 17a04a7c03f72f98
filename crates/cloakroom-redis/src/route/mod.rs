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

impl Route {
    /// Asks about several keys at once. Each answer is its own; they are in the order of the questions.
    pub(crate) async fn ask_each(
        &self,
        questions: Vec<(String, Question)>,
        manner: Manner,
        deadline: Duration,
    ) -> Vec<Result<Value, StoreError>> {
        match self {
            Self::Single(link) => ask_in_one_go(link, &questions, manner, deadline).await,
            Self::Cluster(cluster) => {
                let mut waiting = Vec::with_capacity(questions.len());
                for (key, question) in questions {
                    let cluster = Arc::clone(cluster);
                    waiting.push(tokio::spawn(async move {
                        cluster.ask(&key, &question, manner, deadline).await.map(|(answer, _)| answer)
                    }));
                }
                let mut answers = Vec::with_capacity(waiting.len());
                for answer in waiting {
                    answers.push(answer.await.unwrap_or_else(|error| Err(fault::lost(error, manner.effect))));
                }
                answers
            }
        }
    }
}

/// In one packet, as the answers of many commands that wait for each other would take as many round trips.
async fn ask_in_one_go(
    link: &Link,
    questions: &[(String, Question)],
    manner: Manner,
    deadline: Duration,
) -> Vec<Result<Value, StoreError>> {
    let line = match link.line(deadline).await {
        Ok(line) => line,
        Err(error) => return questions.iter().map(|_| Err(fault::unsent(Arc::clone(&error)))).collect(),
    };
    let commands: Vec<_> = questions.iter().map(|(_, question)| question.first().clone()).collect();
    let record = |key: &String| (manner.fate != Fate::Stays).then(|| line.tag_of(key)).flatten();
    let mut writes: Vec<_> = questions.iter().map(|(key, _)| record(key).map(|tag| line.begin_write(tag))).collect();
    let answers = match timed(deadline, line.send_all(&commands, manner.tracked)).await {
        Ok(answers) => answers,
        Err(error) => {
            let error = Arc::new(error);
            return questions.iter().map(|_| Err(fault::lost(Arc::clone(&error), manner.effect))).collect();
        }
    };
    let mut settled = Vec::with_capacity(answers.len());
    for (((_, question), answer), write) in questions.iter().zip(answers).zip(&mut writes) {
        // The server has forgotten the script; the first of these teaches it again.
        let answer = match question.second(&answer) {
            Some(_) => timed(deadline, question.put_to(&line, manner.tracked)).await,
            None => answer,
        };
        if let (Some(write), true) =
            (write.take(), manner.fate == Fate::Ends && answer.as_ref().is_ok_and(wire::says_done))
        {
            write.end();
        }
        settled.push(answer.map_err(|error| fault::sent(error, manner.effect)));
    }
    settled
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
