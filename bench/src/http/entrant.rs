use cloakroom_testbed::Server;

use crate::Failure;
use crate::args::{Options, Part};
use crate::arms::{Arm, IDLE, Plan};
use crate::load::{Books, Driven, Load, Setting};
use crate::measure::Spread;
use crate::process::Node;
use crate::report::{expect, progress};

use super::trial::TRIALS;

pub(super) const NODES: [usize; 2] = [1, 3];
/// Enough that the processors are never idle, few enough that a queue does not hide what a request takes.
pub(super) const CLIENTS: usize = 32;

/// One kind of server on so many nodes, the load on it, and how it fared. The load ends before the nodes.
pub(super) struct Entrant {
    pub(super) arm: Arm,
    pub(super) load: Load,
    pub(super) nodes: Vec<Node>,
    /// By trial, then by run.
    pub(super) driven: [Vec<Driven>; TRIALS.len()],
    /// What requests sent to Redis, per request.
    pub(super) commands: [Vec<f64>; TRIALS.len()],
    pub(super) books: Books,
}

/// Everybody who takes part, ready.
pub(super) fn gather(server: &Server, options: &Options) -> Result<Vec<Entrant>, Failure> {
    let wanted = |arm: &Arm| *arm == Arm::Bare || options.wants(arm.name());
    let arms =
        NODES.into_iter().flat_map(|nodes| Arm::on(nodes).into_iter().filter(wanted).map(move |arm| (nodes, arm)));
    let arms: Vec<_> = arms.collect();
    expect(arms.len());
    arms.into_iter().map(|(nodes, arm)| Entrant::start(arm, nodes, server, options)).collect()
}

impl Entrant {
    fn start(arm: Arm, nodes: usize, server: &Server, options: &Options) -> Result<Self, Failure> {
        progress(&format!("starting {}, nodes: {nodes}", arm.what()));
        let redis = server.address().to_string();
        let plan = Plan { arm, redis, namespace: format!("bench-{nodes}"), idle: IDLE };
        let nodes = (0..nodes).map(|_| Node::start(Part::Node, &plan)).collect::<Result<Vec<_>, _>>()?;
        let setting = Setting {
            nodes: nodes.iter().map(|node| node.address).collect(),
            sessions: options.size(1000, 100),
            clients: CLIENTS,
            seed: options.seed,
        };
        let load = Load::start(&setting)?;
        let (driven, commands) = Default::default();
        Ok(Self { arm, load, nodes, driven, commands, books: Books::default() })
    }

    pub(super) fn spread(&self, trial: usize, figure: fn(&Driven) -> f64) -> Spread {
        Spread::of(self.driven[trial].iter().map(figure))
    }

    /// Its requests per second over those of another, run by run.
    pub(super) fn ratio(&self, other: &Self, trial: usize) -> Spread {
        let pairs = self.driven[trial].iter().zip(&other.driven[trial]);
        Spread::of(pairs.map(|(one, other)| one.rate() / other.rate()))
    }
}
