//! The HTTP load generator, which runs in a process of its own.
//!
//! It does what `wrk` and `oha` cannot: choose one of three nodes for every request over open
//! connections, keep the cookies of a thousand sessions as browsers do, check every response, count
//! the acknowledged updates of each session, and hold a fixed rate with latencies that count from
//! when a request was due.
//!
//! To leave the processors to the servers it uses one thread, sends requests that are bytes
//! already, and parses no more of a response than it needs.

mod connection;
mod generator;
mod schedule;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::args::Part;
use crate::measure::Latencies;
use crate::process::{ChildProcess, read_message, write_message};

use generator::Generator;

pub(crate) use connection::{Connection, ResponseHead, header_values, request_bytes, request_head};

/// The servers and the number of sessions and clients. Every request goes to a random server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct LoadConfig {
    pub(crate) nodes: Vec<SocketAddr>,
    pub(crate) sessions: usize,
    pub(crate) clients: usize,
    pub(crate) seed: u64,
}

/// The request that is repeated, and the expected response.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Workload {
    /// Such as `GET /cart`.
    pub(crate) line: String,
    /// Whether all requests are of one session instead of random ones.
    pub(crate) one_session: bool,
    /// The number in every correct response; `None` accepts all but 0.
    pub(crate) expected: Option<u64>,
    /// Whether a response acknowledges an update of the session's counter.
    pub(crate) is_update: bool,
}

impl Workload {
    pub(crate) fn read(line: &str, one_session: bool, expected: u64) -> Self {
        Self { line: line.to_owned(), one_session, expected: Some(expected), is_update: false }
    }

    /// Returns updates of the counters of random sessions.
    pub(crate) fn update() -> Self {
        Self { line: "POST /count".to_owned(), one_session: false, expected: None, is_update: true }
    }
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// As soon as the client has its response.
    ClosedLoop,
    /// The same with one client, so that a request waits for no other.
    OneAtATime,
    /// This many a second over all clients, at random times that do not depend on the responses. A
    /// latency counts from when its request was due, even if the client was still waiting for the
    /// previous response.
    PerSecond(u32),
}

/// Whole sessions: each signs in, sends these requests one after the other, and is not used again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct WholeSessions {
    pub(crate) lines: Vec<String>,
    pub(crate) count: usize,
}

/// The result of a stretch of load. Latencies are microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LoadResult {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) seconds: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

impl LoadResult {
    fn new(latencies: &Latencies, failed: u64, took: Duration) -> Self {
        let [p50, p99, p999] = [0.5, 0.99, 0.999].map(|quantile| latencies.quantile_micros(quantile));
        Self { requests: latencies.count(), failed, seconds: took.as_secs_f64(), p50, p99, p999 }
    }

    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

/// The acknowledged updates of all sessions, compared with the counters on the nodes.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct UpdateAudit {
    pub(crate) acknowledged: u64,
    /// Acknowledged, but missing from the highest counter of any node.
    pub(crate) lost: u64,
    /// Counted, but never acknowledged.
    pub(crate) unacknowledged: u64,
    /// The number of nodes with a lower counter than the highest, over all sessions.
    pub(crate) stale: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Command {
    Run { workload: Workload, pace: Pace, time: Duration },
    RunSessions(WholeSessions),
    AuditUpdates,
    ReadNumber(String),
}

/// A load generator in a process of its own.
pub(crate) struct LoadProcess(ChildProcess);

impl LoadProcess {
    /// Starts the process, which connects its clients and creates the sessions.
    pub(crate) fn start(config: &LoadConfig) -> Result<Self> {
        let mut process = ChildProcess::of_part(&Part::Load)?;
        let () = process.request(config)?;
        Ok(Self(process))
    }

    pub(crate) fn run(&mut self, workload: &Workload, pace: Pace, time: Duration) -> Result<LoadResult> {
        self.0.request(&Command::Run { workload: workload.clone(), pace, time })
    }

    /// Runs whole sessions, as many at a time as there are clients. The latencies are those of
    /// whole sessions.
    pub(crate) fn run_sessions(&mut self, sessions: WholeSessions) -> Result<LoadResult> {
        self.0.request(&Command::RunSessions(sessions))
    }

    pub(crate) fn audit_updates(&mut self) -> Result<UpdateAudit> {
        self.0.request(&Command::AuditUpdates)
    }

    /// Returns the number that the first node responds with to a request without a session.
    pub(crate) fn read_number(&mut self, line: &str) -> Result<u64> {
        self.0.request(&Command::ReadNumber(line.to_owned()))
    }
}

/// Runs in the child process: executes the parent's commands until the input ends.
pub(crate) fn serve() -> Result<()> {
    let config: LoadConfig = read_message()?.ok_or("the load is started by other parts of the bench")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut generator = runtime.block_on(Generator::connect(config))?;
    write_message(&())?;
    while let Some(command) = read_message()? {
        match command {
            Command::Run { workload, pace, time } => {
                write_message(&runtime.block_on(generator.run(&workload, pace, time))?)?;
            }
            Command::RunSessions(sessions) => write_message(&runtime.block_on(generator.run_sessions(&sessions))?)?,
            Command::AuditUpdates => write_message(&runtime.block_on(generator.audit_updates())?)?,
            Command::ReadNumber(line) => write_message(&runtime.block_on(generator.read_number(&line))?)?,
        }
    }
    Ok(())
}
