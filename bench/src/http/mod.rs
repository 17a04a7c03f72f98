//! Throughput and latency over loopback HTTP: all servers and load generators run in processes of
//! their own at the same time, and are measured in turn. Two nodes in this process show the latency
//! without a network, and how soon another node sees a change.

mod comparison;
mod deployment;
mod node_pair;
mod tables;

use cloakroom_testbed::Server;

use crate::args::Options;
use crate::process::runtime;
use crate::report::Section;
use crate::{Result, targets};

pub(crate) fn run(options: &Options) -> Result<Vec<Section>> {
    let runtime = runtime()?;
    let server = runtime.block_on(Server::start())?;
    let info = runtime.block_on(server.info("server"))?;
    let redis = info.get("redis_version").map_or("unknown", |version| version.trim());
    let versions = format!("{}, Redis {redis}", targets::versions());
    let mut deployments = deployment::start_all(&server, options)?;
    comparison::run(&runtime, &server, options, &mut deployments)?;
    let mut sections = tables::sections(&deployments, &versions);
    drop(deployments);
    sections.extend(runtime.block_on(node_pair::run(&server, options))?);
    Ok(sections)
}
