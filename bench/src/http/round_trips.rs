//! The round trips to the store that a request waits for, counted by its latency: a proxy delays
//! every answer of the store by much more than everything else takes.

use std::time::Duration;

use cloakroom_testbed::{Direction, Proxy};

use crate::Result;
use crate::args::Options;
use crate::load::{LoadConfig, LoadProcess, Pace, Workload};
use crate::report::start_step;
use crate::stores::{Store, Stores};
use crate::targets::{self, IDLE_TIMEOUT, Target, TargetConfig};

const DELAY: Duration = Duration::from_millis(50);

/// The round trips of the median request to a target on one node.
pub(super) struct RoundTrips {
    pub(super) target: Target,
    pub(super) read: f64,
    pub(super) update: f64,
}

/// Counts them for all targets whose store is a server.
pub(super) async fn run(targets: &[Target], stores: &Stores, options: &Options) -> Result<Vec<RoundTrips>> {
    let mut counted = Vec::new();
    for target in targets.iter().copied().filter(|target| target.is_shared()) {
        start_step(&format!("{}: round trips", target.label()));
        let store = stores.of(target).ok_or("a shared target without a store")?;
        counted.push(count(target, store, options).await?);
    }
    Ok(counted)
}

async fn count(target: Target, store: &Store, options: &Options) -> Result<RoundTrips> {
    let proxy = Proxy::start(store.address().ok_or("a store without an address")?).await?;
    let (store, namespace) = (store.url_through(proxy.address()), "bench_round_trips".to_owned());
    let config = TargetConfig { target, store, namespace, idle_timeout: IDLE_TIMEOUT };
    let node = targets::start(&config)?;
    let load = LoadConfig { nodes: vec![node.address], sessions: 10, clients: 1, seed: options.seed };
    let mut load = LoadProcess::start(&load)?;
    let time = Duration::from_millis(options.size(2000, 300) as u64);
    let mut waits = |workload| -> Result<f64> {
        // First without the delay: connections are opened, and statements prepared.
        proxy.pass();
        load.run(&workload, Pace::OneAtATime, time / 4)?;
        proxy.delay(Direction::ToClient, DELAY);
        let result = load.run(&workload, Pace::OneAtATime, time)?;
        Ok((result.p50 / DELAY.as_micros() as f64).floor())
    };
    Ok(RoundTrips { target, read: waits(Workload::read("GET /cart", false, 5))?, update: waits(Workload::update())? })
}
