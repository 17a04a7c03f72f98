use std::time::Duration;

use crate::Result;
use crate::args::Options;
use crate::load::{LoadConfig, LoadProcess, LoadResult, UpdateAudit};
use crate::measure::Spread;
use crate::process::ServerProcess;
use crate::report::start_step;
use crate::stores::Stores;
use crate::targets::{self, IDLE_TIMEOUT, Target, TargetConfig};

use super::comparison::CASES;

pub(super) const NODES: [usize; 2] = [1, 3];
/// Enough to keep the processors busy, few enough that a queue does not dominate the latency.
const CLIENTS: usize = 64;

/// A target on one or more nodes, its load generator, and its results. The load ends before the
/// nodes.
pub(super) struct Deployment {
    pub(super) target: Target,
    pub(super) load: LoadProcess,
    pub(super) nodes: Vec<ServerProcess>,
    /// By case, then by run.
    pub(super) results: [Vec<LoadResult>; CASES.len()],
    /// Redis commands or PostgreSQL statements per request, by case, then by run.
    pub(super) commands: [Vec<f64>; CASES.len()],
    /// Microseconds of processor time of all nodes per request, by case, then by run.
    pub(super) node_micros: [Vec<f64>; CASES.len()],
    /// Microseconds of processor time of Redis per request, by case, then by run.
    pub(super) store_micros: [Vec<f64>; CASES.len()],
    pub(super) updates: UpdateAudit,
}

/// Starts bare axum and these targets, each on every number of nodes that it works on.
pub(super) fn start_all(targets: &[Target], stores: &Stores, options: &Options) -> Result<Vec<Deployment>> {
    let mut deployments = Vec::new();
    for nodes in NODES {
        deployments.push(Deployment::start(Target::Bare, nodes, stores, options)?);
        for target in targets.iter().filter(|target| nodes == 1 || target.is_shared()) {
            deployments.push(Deployment::start(*target, nodes, stores, options)?);
        }
    }
    Ok(deployments)
}

impl Deployment {
    fn start(target: Target, nodes: usize, stores: &Stores, options: &Options) -> Result<Self> {
        start_step(&format!("starting {}, nodes: {nodes}", target.label()));
        let namespace = format!("bench_{nodes}");
        let store = stores.of(target).map_or_else(String::new, |store| store.url(target.key()));
        let config = TargetConfig { target, store, namespace, idle_timeout: IDLE_TIMEOUT };
        let nodes = (0..nodes).map(|_| targets::start(&config)).collect::<Result<Vec<_>>>()?;
        let load = LoadProcess::start(&LoadConfig {
            nodes: nodes.iter().map(|node| node.address).collect(),
            sessions: options.size(1000, 100),
            clients: CLIENTS,
            seed: options.seed,
        })?;
        let (results, commands, node_micros, store_micros) = Default::default();
        let updates = UpdateAudit::default();
        Ok(Self { target, load, nodes, results, commands, node_micros, store_micros, updates })
    }

    /// Returns the processor time that all nodes have used so far.
    pub(super) fn node_time(&self) -> Result<Duration> {
        self.nodes.iter().map(ServerProcess::processor_time).sum()
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

    /// Returns its median latency less that of another in microseconds, run by run.
    pub(super) fn difference(&self, other: &Self, case: usize) -> Spread {
        let pairs = self.results[case].iter().zip(&other.results[case]);
        Spread::of(pairs.map(|(own, other)| own.p50 - other.p50))
    }
}
