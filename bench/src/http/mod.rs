//! End to end over loopback HTTP: every server in processes of its own, all of them standing ready
//! together, asked in turn by loads in processes of their own.

mod beside_wrk;
mod contest;
mod entrant;
mod inside;
mod tables;
mod trial;

use cloakroom_testbed::Server;

use crate::Failure;
use crate::args::Options;
use crate::arms::peers;
use crate::load::wrk::version;
use crate::process::runtime;
use crate::report::Section;

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    // Missing, it would be missed after minutes.
    let wrk = version()?;
    let runtime = runtime()?;
    let server = runtime.block_on(Server::start())?;
    let versions = format!("{}, Redis {}", peers(), runtime.block_on(redis(&server))?);
    let mut entrants = entrant::gather(&server, options)?;
    contest::hold(&runtime, &server, options, &mut entrants)?;
    let mut sections = tables::of(&entrants, &versions);
    sections.push(beside_wrk::section(&mut entrants, &wrk, options)?);
    drop(entrants);
    sections.extend(runtime.block_on(inside::run(&server, options))?);
    Ok(sections)
}

async fn redis(server: &Server) -> Result<String, Failure> {
    let info = server.info("server").await?;
    Ok(info.get("redis_version").map_or("unknown", |version| version.trim()).to_owned())
}
