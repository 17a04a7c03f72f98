//! Cloakroom over bare axum, in every variant that has a budget or a question.

use std::time::Duration;

use axum::extract::Request;
use cloakroom::Sessions;
use tokio::runtime::Runtime;
use tower::Service;
use tower::util::MapRequestLayer;

use crate::Failure;
use crate::args::Options;
use crate::measure::{Comparison, Side, Spread, Subject, WARM_UP, compare, with_idle_runtime};
use crate::report::{Section, expect, progress};
use crate::world::{Ask, HandClock, Pick, Population, Seeded, bare, layered, wrapped};

use super::rows::{Among, Crowd, HOT, Placed, ROWS, Row};

const NOTE: &str = "Nanoseconds per request, in-process: `Service::call` to the dropped response. Every request carries \
    three other cookies. Both arms run in turn; \"over bare\" is the median of the differences of the pairs. \
    \"Guide's cart\": five items in a `BTreeMap<String, u32>`, as in the guide, without `size()`; \"compact\": \
    `Vec<(u32, u32)>` with `size()`.";

pub(super) fn section(options: &Options) -> Result<Section, Failure> {
    let columns = ["request", "threads", "bare", "with", "over bare (min .. max)", "ratio", "allocations", "bytes"];
    let mut section = Section::new("Cost of a request over bare axum", NOTE, columns);
    with_idle_runtime(|runtime| {
        expect(ROWS.len());
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
        Ok(section)
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
    standing: Option<(Crowd, Population)>,
}

impl Stage<'_> {
    fn measure(&mut self, row: &Row, threads: usize) -> Result<Comparison, Failure> {
        let count = self.options.size(50_000, 500);
        let nobody = Population::of(Sessions::in_memory(), 1, Ask::post("/cart/new"))?;
        let mut present = nobody.clone();
        compare(self.options.runs(), threads, count, |arm, thread| {
            // All threads of a run share one population, which is made for the first of them.
            if thread == 0 {
                present = match arm {
                    Side::Bare => self.standing(row.crowd).unwrap_or_else(|| nobody.clone()),
                    Side::With => self.population(row, (count + WARM_UP) * threads)?,
                };
            }
            let pick = if present.len() == 1 { Pick::One } else { row.pick.pick(present.len()) };
            let pick = if row.pick == Among::Nobody { Pick::Nobody } else { pick };
            let seed = self.options.seed.wrapping_add(thread as u64);
            let requests = pick.requests(row.ask, present.cookies.clone(), seed, (thread, threads));
            Ok(match (arm, row.layer) {
                (Side::Bare, _) => Subject::new(bare(), requests),
                (Side::With, Placed::Router) => Subject::new(layered(&present.sessions), requests),
                (Side::With, Placed::Around) => Subject::new(wrapped(&present.sessions), requests),
                (Side::With, Placed::Nothing) => {
                    Subject::new(bare().layer(MapRequestLayer::new(|request: Request| request)), requests)
                }
            })
        })
    }

    fn standing(&self, crowd: Crowd) -> Option<Population> {
        self.standing.as_ref().filter(|(present, _)| *present == crowd).map(|(_, population)| population.clone())
    }

    fn population(&mut self, row: &Row, requests: usize) -> Result<Population, Failure> {
        if let Some(population) = self.standing(row.crowd) {
            return Ok(population);
        }
        let many = self.options.size(1_000_000, 2 * HOT);
        let visitors = if row.pick == Among::Each { requests } else { 0 };
        let population = match row.crowd {
            Crowd::Fresh => return Population::of(Sessions::in_memory(), visitors, Ask::post("/cart/new")),
            Crowd::Quiet => return self.quiet(visitors),
            Crowd::Carts => Population::of(self.seeded()?, many, Ask::post("/cart/new"))?,
            Crowd::Compacts => Population::of(self.seeded()?, many, Ask::post("/compact/new"))?,
            Crowd::Preferences => self.with_preferences()?,
        };
        self.standing = Some((row.crowd, population.clone()));
        Ok(population)
    }

    fn seeded(&self) -> Result<Sessions, Failure> {
        Ok(Sessions::builder().random(Seeded::new(self.options.seed)).build()?)
    }

    /// Sessions whose values are packed.
    fn quiet(&self, visitors: usize) -> Result<Population, Failure> {
        let clock = HandClock::new();
        let sessions = Sessions::builder().clock(clock.clone()).random(Seeded::new(self.options.seed)).build()?;
        let population = Population::of(sessions, visitors, Ask::post("/cart/new"))?;
        let fresh = population.sessions.stats().bytes;
        clock.advance(Duration::from_secs(90));
        self.runtime.block_on(population.sessions.run_pending_tasks());
        if population.sessions.stats().bytes >= fresh {
            return Err("quiet sessions were not packed".into());
        }
        Ok(population)
    }

    /// Sessions whose preferences were loaded.
    fn with_preferences(&self) -> Result<Population, Failure> {
        let population = Population::of(Sessions::in_memory(), HOT, Ask::post("/cart/new"))?;
        let mut service = layered(&population.sessions);
        let mut requests = Pick::Each.requests(Ask::get("/preferences"), population.cookies.clone(), 0, (0, 1));
        for _ in 0..population.len() {
            // The first time is a load, which runs detached.
            let Ok(response) = self.runtime.block_on(service.call(requests()));
            if !response.status().is_success() {
                return Err(format!("loading preferences was answered with {}", response.status()).into());
            }
        }
        Ok(population)
    }
}
