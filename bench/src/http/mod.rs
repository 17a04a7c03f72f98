//! End to end over loopback HTTP, beside bare axum and `tower-sessions`.
//!
//! Three kinds of processes, all of this program: the one that conducts, the servers (`http-node`),
//! and for each group of servers a generator (`http-load`). They speak JSON lines over standard
//! input and output, and end when the conductor does.
//!
//! The generator is our own, because what it must do is what `wrk` cannot: pick one of three
//! nodes for every request over connections that stay open, keep the cookies of a thousand sessions
//! as their browsers would, and count what was acknowledged to each of them. It writes requests
//! that are bytes already and reads no more of an answer than its head, so that it takes little of the
//! processors that it shares with the servers.

mod apps;
mod arm;
mod contest;
mod inside;
mod line;
mod load;
mod node;
mod tables;
mod versions;

use cloakroom_testbed::Server;
use tokio::runtime::{Builder, Runtime};

use crate::Failure;
use crate::args::Options;
use crate::report::Section;

pub(crate) use apps::{IDLE, LATE, Plan, app};
pub(crate) use arm::Arm;
pub(crate) use load::load;
pub(crate) use node::serve;

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    let runtime = runtime()?;
    let server = runtime.block_on(Server::start())?;
    let versions = runtime.block_on(versions::describe(&server))?;
    let contest = contest::hold(&runtime, &server, options)?;
    let mut sections = tables::of(&contest, &versions);
    sections.extend(runtime.block_on(inside::run(&server, options))?);
    Ok(sections)
}

/// As `#[tokio::main]` makes it.
fn runtime() -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread().enable_all().build()?)
}
