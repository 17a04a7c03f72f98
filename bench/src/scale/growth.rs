//! What a request and a session cost as the number of sessions grows.

use std::sync::Arc;
use std::time::Instant;

use cloakroom::Sessions;

use crate::args::Options;
use crate::measure::{Spread, Subject, time_together, with_idle_runtime};
use crate::report::{Chart, Section, Series, expect, progress};
use crate::world::{Ask, Cookies, Pick, Seeded, bare, layered, newcomers};
use crate::{Failure, machine};

const NOTE: &str = "Random reads and updates of the compact cart, over bare axum, one thread. All populations \
    are in memory together and are measured in turn, run by run. \"Growth\" is against 10 thousand sessions, the median of \
    the ratios of the runs. Bytes are what the operating system says that a population in use takes. Creation is a request too, with seeded randomness.";

struct Size {
    count: usize,
    sessions: Sessions,
    cookies: Arc<Cookies>,
    created: f64,
    bytes: f64,
}

pub(super) fn section(options: &Options) -> Result<Section, Failure> {
    let columns = ["sessions", "read ns", "growth", "update ns", "growth", "bytes per session", "creations per second"];
    let mut section = Section::new("From 10 thousand to 10 million sessions", NOTE, columns);
    let mut chart = Chart::lines("scale", "A request among many sessions", "ns over bare axum", "sessions");
    with_idle_runtime(|_| {
        let largest = options.size(10_000_000, 10_000);
        let sizes = [10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(|count| *count <= largest);
        expect(sizes.clone().count() + 2 * (options.runs() as usize + 1));
        let sizes = sizes.map(|count| populate(count, options)).collect::<Result<Vec<_>, _>>()?;
        let reads = measure(Ask::get("/compact"), &sizes, options)?;
        let updates = measure(Ask::post("/compact/add"), &sizes, options)?;
        for (index, size) in sizes.iter().enumerate() {
            enter(&mut section, size, [&reads, &updates].map(|runs| [spread(runs, index), growth(runs, index)]));
        }
        for (name, runs) in [("read", &reads), ("update", &updates)] {
            let points = sizes.iter().enumerate().map(|(index, size)| (size.count as f64, spread(runs, index)));
            chart.line(Series { name: name.to_owned(), points: points.collect() });
        }
        section.chart(chart);
        Ok(section)
    })
}

fn populate(count: usize, options: &Options) -> Result<Size, Failure> {
    progress(&format!("creating {count} sessions"));
    let resident = || machine::resident_bytes().ok_or(machine::NO_RESIDENT);
    let sessions = Sessions::builder().random(Seeded::new(options.seed)).max_bytes(64 << 30).build()?;
    let mut cookies = Cookies::room(count);
    let mut visitors = newcomers(layered(&sessions), Ask::post("/compact/new"));
    let (before, began) = (resident()?, Instant::now());
    cookies.arrive(&mut visitors, 1, || ())?;
    let created = count as f64 / began.elapsed().as_secs_f64();
    let bytes = resident()?.saturating_sub(before) as f64 / count as f64;
    Ok(Size { count, sessions, cookies: Arc::new(cookies), created, bytes })
}

/// Per run, what each size costs over bare axum. The first run warms up and is forgotten.
fn measure(ask: Ask, sizes: &[Size], options: &Options) -> Result<Vec<Vec<f64>>, Failure> {
    let requests = options.size(100_000, 500);
    let mut runs = Vec::new();
    for run in 0..=options.runs() {
        progress(&format!("{} run {run}", ask.path));
        let seed = options.seed.wrapping_add(run.into());
        let pick = |size: &Size| Pick::Random(size.count).requests(ask, Arc::clone(&size.cookies), seed, (0, 1));
        let one = |size: &Size| -> Result<f64, Failure> {
            let without = time_together(&mut [Subject::new(bare(), pick(size))], requests)?;
            let with = time_together(&mut [Subject::new(layered(&size.sessions), pick(size))], requests)?;
            Ok(with - without)
        };
        runs.push(sizes.iter().map(one).collect::<Result<Vec<_>, _>>()?);
    }
    Ok(runs.split_off(1))
}

fn spread(runs: &[Vec<f64>], index: usize) -> Spread {
    Spread::of(runs.iter().map(|run| run[index]))
}

/// Against the smallest, run by run.
fn growth(runs: &[Vec<f64>], index: usize) -> Spread {
    Spread::of(runs.iter().map(|run| run[index] / run[0]))
}

fn enter(section: &mut Section, size: &Size, [read, update]: [[Spread; 2]; 2]) {
    let mut figure = |name: &str, kind: &str, spread| {
        section.figure(format!("scale/{name}/{}/{kind}", size.count), kind, spread);
    };
    for (name, [ns, growth]) in [("read", read), ("update", update)] {
        figure(name, "ns", ns);
        figure(name, "growth", growth);
    }
    figure("created", "per-second", Spread::once(size.created));
    figure("memory", "bytes", Spread::once(size.bytes));
    section.row([
        size.count.to_string(),
        read[0].to_string(),
        read[1].to_string(),
        update[0].to_string(),
        update[1].to_string(),
        format!("{:.0}", size.bytes),
        format!("{:.0}", size.created),
    ]);
}
