//! Measures all deployments in turn, run by run.

use std::time::Duration;

use cloakroom_testbed::Server;
use tokio::runtime::Runtime;

use crate::Result;
use crate::args::Options;
use crate::load::{Pace, UpdateAudit, Workload};
use crate::report::start_step;

use super::deployment::Deployment;

/// One kind of load.
pub(super) struct Case {
    /// Its name in figure keys.
    pub(super) key: &'static str,
    pub(super) label: &'static str,
    workload: fn() -> Workload,
    pace: Pace,
}

/// A rate that saturates no target.
pub(super) const RATE: u32 = 5000;

const fn case(key: &'static str, label: &'static str, workload: fn() -> Workload, pace: Pace) -> Case {
    Case { key, label, workload, pace }
}

pub(super) const CASES: [Case; 5] = [
    case("read-one", "read, one session", || Workload::read("GET /cart", true, 5), Pace::ClosedLoop),
    case("read", "read, any of 1000 sessions", || Workload::read("GET /cart", false, 5), Pace::ClosedLoop),
    case("update", "update, any of 1000 sessions", Workload::update, Pace::ClosedLoop),
    case("paced-read", "read, any of 1000 sessions", || Workload::read("GET /cart", false, 5), Pace::PerSecond(RATE)),
    case("paced-update", "update, any of 1000 sessions", Workload::update, Pace::PerSecond(RATE)),
];

impl Case {
    pub(super) const fn is_saturated(&self) -> bool {
        matches!(self.pace, Pace::ClosedLoop)
    }
}

pub(super) fn run(runtime: &Runtime, server: &Server, options: &Options, deployments: &mut [Deployment]) -> Result<()> {
    // The first run warms up and is dropped.
    for run in 0..=options.runs() {
        for (index, case) in CASES.iter().enumerate() {
            let pace = if case.is_saturated() { "at saturation" } else { "at a fixed rate" };
            start_step(&format!("run {run}: {} {pace}", case.label));
            // The order alternates, so that no target always follows the same one.
            let mut order: Vec<usize> = (0..deployments.len()).collect();
            if run % 2 == 1 {
                order.reverse();
            }
            for position in order {
                runtime.block_on(measure(run, index, &mut deployments[position], server, options))?;
            }
        }
    }
    for deployment in deployments.iter_mut().filter(|deployment| deployment.target.has_sessions()) {
        deployment.updates = deployment.load.audit_updates()?;
        check_updates(deployment)?;
    }
    Ok(())
}

async fn measure(run: u32, case: usize, deployment: &mut Deployment, server: &Server, options: &Options) -> Result<()> {
    let time = Duration::from_millis(options.size(1000, 50) as u64);
    let target = deployment.target;
    let before = server.command_counts().await?;
    let result = deployment.load.run(&(CASES[case].workload)(), CASES[case].pace, time)?;
    let commands = server.commands_since(&before, target.redis_commands()).await?.total();
    if result.failed > 0 && (target.is_cloakroom() || !target.has_sessions()) {
        return Err(format!("{}: {} requests failed", target.label(), result.failed).into());
    }
    if run > 0 {
        deployment.results[case].push(result);
        deployment.commands[case].push(commands as f64 / result.requests.max(1) as f64);
    }
    Ok(())
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
