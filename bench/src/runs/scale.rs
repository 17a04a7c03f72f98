//! What a request costs as the number of sessions grows.

use std::sync::Arc;
use std::time::Instant;

use cloakroom::Sessions;

use crate::Failure;
use crate::args::Options;
use crate::measure::{Spread, Subject, time_together};
use crate::report::{Section, progress};
use crate::world::{Ask, Pick, Population, Seeded, bare, layered};

use super::with_idle_runtime;

const NOTE: &str = "Random reads and updates of the compact cart, over bare axum, one thread. All populations \
    are in memory together and are measured in turn, run by run. \"Growth\" is against 10 thousand sessions, the median of \
    the ratios of the runs. Creation is a request too, with seeded randomness.";

struct Size {
    count: usize,
    population: Arc<Population>,
    created: f64,
}

pub(super) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    let columns = ["sessions", "read ns", "growth", "update ns", "growth", "creations per second"];
    let mut section = Section::new("From 10 thousand to 10 million sessions", NOTE, columns);
    with_idle_runtime(|_| {
        let largest = options.size(10_000_000, 10_000);
        let sizes = [10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|count| *count <= largest);
        let sizes = sizes.map(|count| populate(count, options)).collect::<Result<Vec<_>, _>>()?;
        let reads = measure(Ask::get("/compact"), &sizes, options)?;
        let updates = measure(Ask::post("/compact/add"), &sizes, options)?;
        for (index, size) in sizes.iter().enumerate() {
            let growth = |runs: &[Vec<f64>]| Spread::of(runs.iter().map(|run| run[index] / run[0]));
            let spread = |runs: &[Vec<f64>]| Spread::of(runs.iter().map(|run| run[index]));
            let cells =
                [spread(&reads), growth(&reads), spread(&updates), growth(&updates), Spread::once(size.created)];
            let names = ["read", "read", "update", "update", "created"];
            let kinds = ["ns", "growth", "ns", "growth", "per-second"];
            for (cell, (name, kind)) in cells.iter().zip(names.into_iter().zip(kinds)) {
                section.figure(format!("scale/{name}/{}/{kind}", size.count), kind, *cell);
            }
            let [read, read_growth, update, update_growth, created] = cells.map(|cell| cell.to_string());
            section.row([size.count.to_string(), read, read_growth, update, update_growth, created]);
        }
        Ok(vec![section])
    })
}

fn populate(count: usize, options: &Options) -> Result<Size, Failure> {
    progress(&format!("creating {count} sessions"));
    let sessions = Sessions::builder().random(Seeded::new(options.seed)).max_bytes(64 << 30).build()?;
    let mut population = Population::room(sessions, count);
    let began = Instant::now();
    population.arrive(Ask::post("/compact/new"), 1, || ())?;
    let created = count as f64 / began.elapsed().as_secs_f64();
    Ok(Size { count, population: Arc::new(population), created })
}

/// Per run, what each size costs over bare axum. The first run warms up and is forgotten.
fn measure(ask: Ask, sizes: &[Size], options: &Options) -> Result<Vec<Vec<f64>>, Failure> {
    let requests = options.size(100_000, 500);
    let mut runs = Vec::new();
    for run in 0..=options.runs() {
        progress(&format!("{} run {run}", ask.path));
        let seed = options.seed.wrapping_add(run.into());
        let pick = |size: &Size| Pick::Random(size.count).requests(ask, Arc::clone(&size.population), seed, (0, 1));
        let one = |size: &Size| -> Result<f64, Failure> {
            let without = time_together(&mut [Subject::new(bare(), pick(size))], requests)?;
            let with = time_together(&mut [Subject::new(layered(&size.population.sessions), pick(size))], requests)?;
            Ok(with - without)
        };
        runs.push(sizes.iter().map(one).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(runs.split_off(1))
}
