//! Throughput and latency over loopback HTTP: all servers and load generators run in processes of
//! their own at the same time, and are measured in turn. Two nodes in this process show the latency
//! without a network, and how soon another node sees a change.

mod comparison;
mod deployment;
mod node_pair;
mod round_trips;
mod tables;

use crate::args::Options;
use crate::process::runtime;
use crate::report::Section;
use crate::stores::Stores;
use crate::targets::Target;
use crate::{Result, targets};

pub(crate) fn run(options: &Options) -> Result<Vec<Section>> {
    let runtime = runtime()?;
    let is_selected = |target: &Target| options.selects(target.key());
    let targets: Vec<_> = Target::with_sessions().into_iter().filter(is_selected).collect();
    targets::prepare(&targets, options)?;
    let stores = runtime.block_on(Stores::start(&targets))?;
    let versions = format!("{}, {}", targets::versions(), runtime.block_on(stores.describe())?);
    let round_trips = runtime.block_on(round_trips::run(&targets, &stores, options))?;
    let mut deployments = deployment::start_all(&targets, &stores, options)?;
    comparison::run(&runtime, &stores, options, &mut deployments)?;
    let mut sections = tables::sections(&deployments, &round_trips, &versions);
    drop(deployments);
    sections.extend(runtime.block_on(node_pair::run(&targets, &stores, options))?);
    Ok(sections)
}
