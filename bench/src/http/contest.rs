//! Who is faster: all servers stand ready, and are asked in turn, run by run.

use std::time::Duration;

use cloakroom_testbed::Server;
use tokio::runtime::Runtime;

use crate::Failure;
use crate::args::Options;
use crate::report::progress;

use super::apps::{IDLE, Plan};
use super::arm::Arm;
use super::load::{Books, Driven, Load, Setting, What};
use super::node::Node;

pub(super) const KINDS: [What; 3] = [What::ReadOne, What::Read, What::Update];
pub(super) const NODES: [usize; 2] = [1, 3];
/// Enough that the processors are never idle, few enough that a queue does not hide what a request takes.
const CLIENTS: usize = 32;

/// What everybody did.
pub(super) struct Contest {
    pub(super) entrants: Vec<Entrant>,
}

/// One kind of server on so many nodes, and how it fared. The outer index is the kind of request, the
/// inner one the run.
pub(super) struct Entrant {
    pub(super) arm: Arm,
    pub(super) nodes: usize,
    pub(super) driven: [Vec<Driven>; KINDS.len()],
    /// Per request.
    pub(super) commands: [Vec<f64>; KINDS.len()],
    pub(super) books: Books,
}

/// The processes of an entrant; the load ends before the nodes.
struct Stand {
    load: Load,
    _nodes: Vec<Node>,
}

pub(super) fn hold(runtime: &Runtime, server: &Server, options: &Options) -> Result<Contest, Failure> {
    let (mut entrants, mut stands) = (Vec::new(), Vec::new());
    for nodes in NODES {
        for arm in Arm::on(nodes).iter().filter(|arm| **arm == Arm::Bare || options.wants(arm.name())) {
            progress(&format!("starting {}, nodes: {nodes}", arm.what()));
            stands.push(stand(*arm, nodes, server, options)?);
            let (driven, commands) = Default::default();
            entrants.push(Entrant { arm: *arm, nodes, driven, commands, books: Books::default() });
        }
    }
    // The first run warms up, and is forgotten.
    for run in 0..=options.runs() {
        progress(&format!("run {run}"));
        runtime.block_on(round(run, &mut entrants, &mut stands, server, options))?;
    }
    for (entrant, stand) in entrants.iter_mut().zip(&mut stands) {
        if entrant.arm.has_sessions() {
            entrant.books = stand.load.count()?;
            check(entrant)?;
        }
    }
    Ok(Contest { entrants })
}

/// Everybody once, with every kind of request.
async fn round(
    run: u32,
    entrants: &mut [Entrant],
    stands: &mut [Stand],
    server: &Server,
    options: &Options,
) -> Result<(), Failure> {
    let time = Duration::from_millis(options.size(2000, 100) as u64);
    for (kind, what) in KINDS.into_iter().enumerate() {
        let mut order: Vec<usize> = (0..stands.len()).collect();
        // Who comes after whom is another every time.
        if run % 2 == 1 {
            order.reverse();
        }
        for turn in order {
            let entrant = &mut entrants[turn];
            let (driven, commands) = measure(entrant, &mut stands[turn].load, what, time, server).await?;
            if run > 0 {
                entrant.driven[kind].push(driven);
                entrant.commands[kind].push(commands);
            }
        }
    }
    Ok(())
}

fn stand(arm: Arm, nodes: usize, server: &Server, options: &Options) -> Result<Stand, Failure> {
    let redis = server.address().to_string();
    let plan = Plan { arm, redis, namespace: format!("bench-{nodes}"), idle: IDLE };
    let nodes = (0..nodes).map(|_| Node::start(&plan)).collect::<Result<Vec<_>, _>>()?;
    let setting = Setting {
        nodes: nodes.iter().map(|node| node.address).collect(),
        sessions: options.size(1000, 100),
        clients: CLIENTS,
        seed: options.seed,
    };
    Ok(Stand { load: Load::start(&setting)?, _nodes: nodes })
}

async fn measure(
    entrant: &Entrant,
    load: &mut Load,
    what: What,
    time: Duration,
    server: &Server,
) -> Result<(Driven, f64), Failure> {
    let before = server.command_counts().await?;
    let driven = load.drive(what, time)?;
    let commands = server.commands_since(&before, entrant.arm.commands()).await?.total();
    if driven.failed > 0 && (entrant.arm.is_ours() || !entrant.arm.has_sessions()) {
        return Err(format!("{}: {} requests failed", entrant.arm.what(), driven.failed).into());
    }
    Ok((driven, commands as f64 / driven.requests.max(1) as f64))
}

/// What is promised of ours is checked in every run.
fn check(entrant: &Entrant) -> Result<(), Failure> {
    let Books { acknowledged, lost, unasked, .. } = entrant.books;
    if entrant.arm.is_ours() && (lost > 0 || unasked > 0 || acknowledged == 0) {
        let what = entrant.arm.what();
        return Err(format!("{what}: of {acknowledged} updates {lost} were lost, {unasked} nobody asked for").into());
    }
    Ok(())
}
