//! The generator: clients in a closed loop, each asking again as soon as it is answered.

mod client;
mod connection;
mod jar;

use std::net::SocketAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::measure::Latencies;

use super::line::{Process, say, told};
use client::Crowd;

/// What is asked, again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum What {
    /// `GET /cart` of always the same session.
    ReadOne,
    /// `GET /cart` of any of the sessions.
    Read,
    /// `POST /count` of any of the sessions.
    Update,
}

/// Whom to ask. Every request goes to any of the nodes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Setting {
    pub(super) nodes: Vec<SocketAddr>,
    pub(super) sessions: usize,
    pub(super) clients: usize,
    pub(super) seed: u64,
}

#[derive(Debug, Serialize, Deserialize)]
enum Order {
    Drive { what: What, time: Duration },
    Count,
}

/// What a stretch of load came to. Latencies are microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Driven {
    pub(super) requests: u64,
    pub(super) failed: u64,
    pub(super) seconds: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// The updates of all stretches together, and what became of them.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Books {
    pub(super) acknowledged: u64,
    /// Acknowledged, and not in the highest counter that any node answers.
    pub(super) lost: u64,
    /// In a counter, and never acknowledged.
    pub(super) unasked: u64,
    /// Nodes that answer another counter than the highest, over all sessions.
    pub(super) stale: u64,
}

/// The generator, in a process of its own.
pub(super) struct Load(Process);

impl Load {
    /// Starts it, and has it start the sessions.
    pub(super) fn start(setting: &Setting) -> Result<Self, Failure> {
        let mut process = Process::start("http-load")?;
        let () = process.ask(setting)?;
        Ok(Self(process))
    }

    pub(super) fn drive(&mut self, what: What, time: Duration) -> Result<Driven, Failure> {
        self.0.ask(&Order::Drive { what, time })
    }

    pub(super) fn count(&mut self) -> Result<Books, Failure> {
        self.0.ask(&Order::Count)
    }
}

/// In that process.
pub(crate) fn load() -> Result<(), Failure> {
    let setting: Setting = told()?.ok_or("`http-load` is started by `http`")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut crowd = runtime.block_on(Crowd::gather(setting))?;
    say(&())?;
    while let Some(order) = told()? {
        match order {
            Order::Drive { what, time } => say(&runtime.block_on(crowd.drive(what, time))?)?,
            Order::Count => say(&runtime.block_on(crowd.count())?)?,
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
    }
}
