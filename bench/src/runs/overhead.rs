//! Nanoseconds and allocations per request over bare axum.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::Sessions;
use tokio::runtime::Runtime;
use tower::layer::util::Identity;

use crate::Failure;
use crate::args::Options;
use crate::measure::{Arm, Comparison, Spread, Subject, compare};
use crate::report::{Section, progress};
use crate::world::{Ask, HandClock, Pick, Population, Seeded, bare, layered, wrapped};

use super::rows::{Among, Crowd, HOT, Placed, ROWS, Row};
use super::with_idle_runtime;

const NOTE: &str = "Nanoseconds per request, in-process: `Service::call` to the dropped response. Every request carries \
    three other cookies. Both arms run in turn; \"over bare\" is the median of the differences of the pairs. \
    \"Guide's cart\": five items in a `BTreeMap<String, u32>`, as in the guide, without `size()`; \"compact\": \
    `Vec<(u32, u32)>` with `size()`.";

pub(super) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    let columns = ["request", "threads", "bare", "with", "over bare (min .. max)", "ratio", "allocations", "bytes"];
    let mut section = Section::new("Cost of a request over bare axum", NOTE, columns);
    with_idle_runtime(|runtime| {
        let mut stage = Stage { options, runtime, standing: None };
        for row in ROWS.iter().filter(|row| options.wants(row.name)) {
            progress(row.what);
            let one = stage.measure(row, 1)?;
            let two = stage.measure(row, 2)?;
            for (threads, comparison) in [(1, &one), (2, &two)] {
                enter(&mut section, row, threads, comparison);
            }
            let ratio = two.difference.median / one.difference.median;
            section.figure(format!("overhead/{}/two-to-one", row.name), "×", Spread::once(ratio));
        }
        Ok(vec![section])
    })
}

fn enter(section: &mut Section, row: &Row, threads: usize, comparison: &Comparison) {
    let Comparison { bare, with, difference, ratio, allocations } = comparison;
    section.row([
        row.what.to_owned(),
        threads.to_string(),
        format!("{:.0}", bare.median),
        format!("{:.0}", with.median),
        difference.to_string(),
        format!("{:.2}", ratio.median),
        format!("{:+.1}", allocations.count),
        format!("{:+.0}", allocations.bytes),
    ]);
    let mut figure = |name: &str, unit, spread| {
        section.figure(format!("overhead/{}/{threads}/{name}", row.name), unit, spread);
    };
    figure("bare", "ns", *bare);
    figure("with", "ns", *with);
    figure("difference", "ns", *difference);
    figure("ratio", "×", *ratio);
    figure("allocations", "", Spread::once(allocations.count));
    figure("allocated", "B", Spread::once(allocations.bytes));
}

/// The population that stands ready, and what it takes to make another.
struct Stage<'a> {
    options: &'a Options,
    runtime: &'a Runtime,
    standing: Option<(Crowd, Arc<Population>)>,
}

impl Stage<'_> {
    fn measure(&mut self, row: &Row, threads: usize) -> Result<Comparison, Failure> {
        let count = self.options.size(50_000, 500);
        let handle = self.runtime.handle().clone();
        let mut shared = None;
        compare(self.options.runs(), threads, count, |arm, thread| {
            // All threads of a run share one population, which the first of them gets made.
            if thread == 0 && arm == Arm::With {
                shared = Some(self.population(row, (count + 64) * threads)?);
            }
            let population = match (&shared, arm) {
                (Some(population), Arm::With) => Arc::clone(population),
                _ => Population::of(Sessions::in_memory(), 1, Ask::post("/cart/new"))?,
            };
            let pick = if arm == Arm::With { row.pick.pick(population.len()) } else { like(row.pick) };
            let seed = self.options.seed.wrapping_add(thread as u64);
            let requests = pick.requests(row.ask, Arc::clone(&population), seed, (thread, threads));
            let handle = handle.clone();
            let next = move || {
                let _entered = &handle;
                requests_next(&mut *Box::new(|| ()), ());
                unreachable!()
            };
            let _ = next;
            Ok(subject(row, arm, &population.sessions, requests))
        })
    }
}
