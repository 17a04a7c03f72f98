use cloakroom_testbed::Server;

use crate::Failure;
use crate::args::Options;
use crate::measure::{Latencies, Spread};
use crate::report::Section;
use crate::world::Ask;

use super::{Pair, Site};

const NOTE: &str = "Two nodes in one process over one Redis, one request at a time, `Service::call` to the head of the answer, \
    on a worker of the runtime. \"Hit\" and \"update\" are on the node that started the session, \"miss\" is the first request \
    for it on the other one. `tower-sessions` over Redis keeps nothing in memory, so its hit is a miss.";

const READ: Ask = Ask::get("/cart");
const UPDATE: Ask = Ask::post("/count");

pub(super) fn section() -> Section {
    let columns = ["server", "request", "p50 µs", "p99 µs", "commands per request"];
    Section::new("Latency inside a node", NOTE, columns)
}

/// Per run: p50, p99, commands.
type Samples = Vec<[f64; 3]>;

pub(super) async fn measure(
    section: &mut Section,
    pair: &Pair,
    server: &Server,
    options: &Options,
) -> Result<(), Failure> {
    let mut samples: [Samples; 3] = Default::default();
    // The first run warms up, and is forgotten.
    for run in 0..=options.runs() {
        let mut cookies = Vec::new();
        for _ in 0..options.size(1000, 50) {
            cookies.push(pair.here.clone().start().await?);
        }
        let stages = [(&pair.here, READ, options.size(20, 2)), (&pair.there, READ, 1), (&pair.here, UPDATE, 2)];
        for (samples, (site, ask, rounds)) in samples.iter_mut().zip(stages) {
            let before = server.command_counts().await?;
            let latencies = tokio::spawn(time(site.clone(), ask, cookies.clone(), rounds)).await??;
            let commands = server.commands_since(&before, pair.arm.commands()).await?.total();
            let per_request = commands as f64 / latencies.count() as f64;
            if run > 0 {
                samples.push([latencies.quantile_micros(0.5), latencies.quantile_micros(0.99), per_request]);
            }
        }
    }
    for (name, samples) in ["hit", "miss", "update"].into_iter().zip(samples) {
        enter(section, pair, name, &samples);
    }
    Ok(())
}

async fn time(mut site: Site, ask: Ask, cookies: Vec<String>, rounds: usize) -> Result<Latencies, Failure> {
    let mut latencies = Latencies::new()?;
    for _ in 0..rounds {
        for cookie in &cookies {
            latencies.record(site.ask(ask, cookie).await?.took);
        }
    }
    Ok(latencies)
}

fn enter(section: &mut Section, pair: &Pair, name: &str, samples: &Samples) {
    let [p50, p99, commands] = [0, 1, 2].map(|index| Spread::of(samples.iter().map(|sample| sample[index])));
    let what = pair.arm.what().to_owned();
    section.row([what, name.to_owned(), p50.to_string(), p99.to_string(), commands.to_string()]);
    for (figure, unit, spread) in [("p50", "µs", p50), ("p99", "µs", p99), ("commands", "", commands)] {
        section.figure(format!("http/inside/{}/{name}/{figure}", pair.arm.name()), unit, spread);
    }
}
