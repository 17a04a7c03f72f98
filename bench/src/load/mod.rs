//! The load: a process of its own that sends requests and keeps the cookies of its visitors.
//!
//! It is our own because of what a standard generator cannot do: pick one of three nodes for every
//! request over connections that stay open, keep the cookies of a thousand sessions as their browsers
//! would, count what was acknowledged to each of them, and hold a fixed rate with latencies that count from
//! when a request was due. Where `wrk` can do the same, it does it too, beside it ([`wrk`]).
//!
//! It writes requests that are bytes already and reads no more of an answer than its head, so that it
//! takes little of the processors that it shares with the servers.

mod client;
mod connection;
mod journey;
mod pace;
mod visitor;
pub(crate) mod wrk;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::args::Part;
use crate::measure::Latencies;

use crate::process::{Process, say, told};
use client::Crowd;

pub(crate) use connection::{Connection, Head, named};
pub(crate) use visitor::{head, request};

/// What is asked, again and again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct What {
    /// Such as `GET /cart`.
    pub(crate) line: String,
    pub(crate) whose: Whose,
    /// The number that every right answer is; without it, any but 0.
    pub(crate) answer: Option<u64>,
    /// Whether the answers acknowledge an update of the visitor's counter.
    pub(crate) counts: bool,
}

/// Whose session a request names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Whose {
    /// Always the same one's.
    One,
    /// Any of them, at random.
    Any,
}

/// When the next request is sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Pace {
    /// As soon as the one before it is answered.
    Saturate,
    /// So many a second over all clients, at random moments that do not depend on the answers. Latencies
    /// count from when a request was due, also if its client was still waiting for the one before.
    PerSecond(u32),
}

/// Whom to ask. Every request goes to any of the nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) nodes: Vec<SocketAddr>,
    pub(crate) sessions: usize,
    pub(crate) clients: usize,
    pub(crate) seed: u64,
}

/// What visitors do, one request after the other; as many visitors at the same time as there are clients.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Journey {
    pub(crate) steps: Vec<String>,
    pub(crate) visitors: usize,
}

#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Drive { what: What, pace: Pace, time: Duration },
    Travel(Journey),
    Count,
    Cookies,
    Number(String),
}

/// What a stretch of load came to. Latencies are microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Driven {
    pub(crate) requests: u64,
    pub(crate) failed: u64,
    pub(crate) seconds: f64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
}

/// The updates of all stretches together, and what became of them.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Books {
    pub(crate) acknowledged: u64,
    /// Acknowledged, and not in the highest counter that any node answers.
    pub(crate) lost: u64,
    /// In a counter, and never acknowledged.
    pub(crate) unasked: u64,
    /// Nodes that answer another counter than the highest, over all sessions.
    pub(crate) stale: u64,
}

/// The load, in a process of its own.
pub(crate) struct Load(Process);

impl What {
    pub(crate) fn read(whose: Whose, line: &str, answer: u64) -> Self {
        Self { line: line.to_owned(), whose, answer: Some(answer), counts: false }
    }

    /// `POST /count` of any session.
    pub(crate) fn update() -> Self {
        Self { line: "POST /count".to_owned(), whose: Whose::Any, answer: None, counts: true }
    }
}

impl Driven {
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 / self.seconds
    }
}

impl Load {
    /// Starts it, and has it start the sessions.
    pub(crate) fn start(setting: &Setting) -> Result<Self, Failure> {
        let mut process = Process::start(Part::Load.name())?;
        let () = process.ask(setting)?;
        Ok(Self(process))
    }

    pub(crate) fn drive(&mut self, what: &What, pace: Pace, time: Duration) -> Result<Driven, Failure> {
        self.0.ask(&Order::Drive { what: what.clone(), pace, time })
    }

    /// Sends visitors on a journey; the latencies are those of whole journeys.
    pub(crate) fn travel(&mut self, journey: Journey) -> Result<Driven, Failure> {
        self.0.ask(&Order::Travel(journey))
    }

    pub(crate) fn count(&mut self) -> Result<Books, Failure> {
        self.0.ask(&Order::Count)
    }

    /// What the first node answers to a request without a session.
    pub(crate) fn number(&mut self, line: &str) -> Result<u64, Failure> {
        self.0.ask(&Order::Number(line.to_owned()))
    }

    /// What the browsers of the sessions hold, `name=value`.
    pub(crate) fn cookies(&mut self) -> Result<Vec<String>, Failure> {
        self.0.ask(&Order::Cookies)
    }
}

/// In that process.
pub(crate) fn answer() -> Result<(), Failure> {
    let setting: Setting = told()?.ok_or("a load is started by the part of the bench that measures with it")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut crowd = runtime.block_on(Crowd::gather(setting))?;
    say(&())?;
    while let Some(order) = told()? {
        match order {
            Order::Drive { what, pace, time } => say(&runtime.block_on(crowd.drive(&what, pace, time))?)?,
            Order::Travel(journey) => say(&runtime.block_on(crowd.travel(&journey))?)?,
            Order::Count => say(&runtime.block_on(crowd.count())?)?,
            Order::Cookies => say(&crowd.cookies())?,
            Order::Number(line) => say(&runtime.block_on(crowd.number(&line))?)?,
        }
    }
    Ok(())
}

fn driven(latencies: &Latencies, failed: u64, took: Duration) -> Driven {
    Driven {
        requests: latencies.count(),
        failed,
        seconds: took.as_secs_f64(),
        p50: latencies.quantile_micros(0.5),
        p99: latencies.quantile_micros(0.99),
        p999: latencies.quantile_micros(0.999),
    }
}
