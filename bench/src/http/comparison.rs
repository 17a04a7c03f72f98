//! Measures all deployments in turn, run by run.

use std::time::Duration;

use tokio::runtime::Runtime;

use crate::Result;
use crate::args::Options;
use crate::load::{Pace, UpdateAudit, Workload};
use crate::report::start_step;
use crate::stores::Stores;
use crate::targets::Target;

use super::deployment::Deployment;

/// One kind of load.
pub(super) struct Case {
    /// Its name in figure keys.
    pub(super) key: &'static str,
    label: &'static str,
    workload: fn() -> Workload,
    pace: Pace,
}

/// Rates that saturate no target but the slowest.
pub(super) const READ_RATE: u32 = 2000;
pub(super) const UPDATE_RATE: u32 = 500;

const fn case(key: &'static str, label: &'static str, workload: fn() -> Workload, pace: Pace) -> Case {
    Case { key, label, workload, pace }
}

pub(super) const CASES: [Case; 6] = [
    case("read-one", "read, one session", || Workload::read("GET /cart", true, 5), Pace::ClosedLoop),
    case("read", "read, any of 1000 sessions", || Workload::read("GET /cart", false, 5), Pace::ClosedLoop),
    case("update", "update, any of 1000 sessions", Workload::update, Pace::ClosedLoop),
    case(
        "paced-read",
        "read, any of 1000 sessions",
        || Workload::read("GET /cart", false, 5),
        Pace::PerSecond(READ_RATE),
    ),
    case("paced-update", "update, any of 1000 sessions", Workload::update, Pace::PerSecond(UPDATE_RATE)),
    case("update-alone", "update, any of 1000 sessions", Workload::update, Pace::OneAtATime),
];

impl Case {
    pub(super) const fn is_saturated(&self) -> bool {
        matches!(self.pace, Pace::ClosedLoop)
    }

    /// Returns `true` if it is measured on this many nodes.
    const fn is_on(&self, nodes: usize) -> bool {
        nodes == 1 || !matches!(self.pace, Pace::OneAtATime)
    }

    /// Returns its label with its pace.
    pub(super) fn describe(&self) -> String {
        let pace = match self.pace {
            Pace::ClosedLoop => "at saturation".to_owned(),
            Pace::OneAtATime => "one at a time".to_owned(),
            Pace::PerSecond(rate) => format!("{rate} a second"),
        };
        format!("{}, {pace}", self.label)
    }
}

pub(super) fn run(runtime: &Runtime, stores: &Stores, options: &Options, deployments: &mut [Deployment]) -> Result<()> {
    // The first run warms up and is dropped.
    for run in 0..=options.runs() {
        for (index, case) in CASES.iter().enumerate() {
            start_step(&format!("run {run}: {}", case.describe()));
            // The order alternates, so that no target always follows the same one.
            let is_on = |index: &usize| case.is_on(deployments[*index].nodes.len());
            let mut order: Vec<usize> = (0..deployments.len()).filter(is_on).collect();
            if run % 2 == 1 {
                order.reverse();
            }
            for position in order {
                runtime.block_on(measure(run, index, &mut deployments[position], stores, options))?;
            }
        }
    }
    for deployment in deployments.iter_mut().filter(|deployment| deployment.target.has_sessions()) {
        deployment.updates = deployment.load.audit_updates()?;
        check_updates(deployment)?;
    }
    Ok(())
}

async fn measure(run: u32, case: usize, deployment: &mut Deployment, stores: &Stores, options: &Options) -> Result<()> {
    let time = Duration::from_millis(options.size(1000, 50) as u64);
    let target = deployment.target;
    let before = operations(stores, target).await?;
    let (node_time, store_time) = (deployment.node_time()?, store_time_of(stores, target).await?);
    let result = deployment.load.run(&(CASES[case].workload)(), CASES[case].pace, time)?;
    let node_time = deployment.node_time()? - node_time;
    let store_time = store_time_of(stores, target).await? - store_time;
    let commands = operations(stores, target).await? - before;
    if result.failed > 0 && (target.is_cloakroom() || !target.has_sessions()) {
        return Err(format!("{}: {} requests failed", target.label(), result.failed).into());
    }
    if run > 0 {
        let requests = result.requests.max(1) as f64;
        deployment.results[case].push(result);
        deployment.commands[case].push(commands as f64 / requests);
        deployment.node_micros[case].push(node_time.as_secs_f64() * 1e6 / requests);
        deployment.store_micros[case].push(store_time.as_secs_f64() * 1e6 / requests);
    }
    Ok(())
}

/// Returns the number of operations of its store so far.
async fn operations(stores: &Stores, target: Target) -> Result<u64> {
    match stores.of(target) {
        Some(store) => store.operations(target).await,
        None => Ok(0),
    }
}

/// Returns the processor time that its store has used so far.
async fn store_time_of(stores: &Stores, target: Target) -> Result<Duration> {
    match stores.of(target) {
        Some(store) => store.processor_time().await,
        None => Ok(Duration::ZERO),
    }
}

/// Fails the run if Cloakroom lost an update.
fn check_updates(deployment: &Deployment) -> Result<()> {
    let UpdateAudit { acknowledged, lost, unacknowledged, .. } = deployment.updates;
    if deployment.target.is_cloakroom() && (lost > 0 || unacknowledged > 0 || acknowledged == 0) {
        let label = deployment.target.label();
        let counts = format!("{acknowledged} acknowledged updates, {lost} lost, {unacknowledged} unacknowledged");
        return Err(format!("{label}: {counts}").into());
    }
    Ok(())
}
