use cloakroom_testbed::Server;

use crate::Result;
use crate::args::{Options, Part};
use crate::load::{LoadConfig, LoadProcess, LoadResult, UpdateAudit};
use crate::measure::Spread;
use crate::process::ServerProcess;
use crate::report::start_step;
use crate::targets::{IDLE_TIMEOUT, Target, TargetConfig};

use super::comparison::CASES;

pub(super) const NODES: [usize; 2] = [1, 3];
/// Enough to keep the processors busy, few enough that a queue does not dominate the latency.
const CLIENTS: usize = 32;

/// A target on one or more nodes, its load generator, and its results. The load ends before the
/// nodes.
pub(super) struct Deployment {
    pub(super) target: Target,
    pub(super) load: LoadProcess,
    pub(super) nodes: Vec<ServerProcess>,
    /// By case, then by run.
    pub(super) results: [Vec<LoadResult>; CASES.len()],
    /// Redis commands per request, by case, then by run.
    pub(super) commands: [Vec<f64>; CASES.len()],
    pub(super) updates: UpdateAudit,
}

/// Starts every target on every number of nodes.
pub(super) fn start_all(server: &Server, options: &Options) -> Result<Vec<Deployment>> {
    let is_selected = |target: &Target| *target == Target::Bare || options.selects(target.key());
    let on_nodes = |nodes| Target::on_nodes(nodes).into_iter().filter(is_selected).map(move |target| (nodes, target));
    let targets: Vec<_> = NODES.into_iter().flat_map(on_nodes).collect();
    targets.into_iter().map(|(nodes, target)| Deployment::start(target, nodes, server, options)).collect()
}

impl Deployment {
    fn start(target: Target, nodes: usize, server: &Server, options: &Options) -> Result<Self> {
        start_step(&format!("starting {}, nodes: {nodes}", target.label()));
        let (redis, namespace) = (server.address().to_string(), format!("bench-{nodes}"));
        let config = TargetConfig { target, redis, namespace, idle_timeout: IDLE_TIMEOUT };
        let start = |_| ServerProcess::start(&Part::TargetServer, &config);
        let nodes = (0..nodes).map(start).collect::<Result<Vec<_>>>()?;
        let load = LoadProcess::start(&LoadConfig {
            nodes: nodes.iter().map(|node| node.address).collect(),
            sessions: options.size(1000, 100),
            clients: CLIENTS,
            seed: options.seed,
        })?;
        let (results, commands) = Default::default();
        Ok(Self { target, load, nodes, results, commands, updates: UpdateAudit::default() })
    }

    pub(super) fn spread(&self, case: usize, figure: fn(&LoadResult) -> f64) -> Spread {
        Spread::of(self.results[case].iter().map(figure))
    }

    /// Returns p50, p99 and p99.9 in microseconds.
    pub(super) fn latencies(&self, case: usize) -> [Spread; 3] {
        [self.spread(case, |run| run.p50), self.spread(case, |run| run.p99), self.spread(case, |run| run.p999)]
    }

    /// Returns its requests per second over those of another, run by run.
    pub(super) fn rate_ratio(&self, other: &Self, case: usize) -> Spread {
        let pairs = self.results[case].iter().zip(&other.results[case]);
        Spread::of(pairs.map(|(own, other)| own.rate() / other.rate()))
    }
}
