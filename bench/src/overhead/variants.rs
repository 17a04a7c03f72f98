//! Cloakroom over bare axum, in every variant that has a budget or answers a question.

use std::time::Duration;

use axum::extract::Request;
use cloakroom::Sessions;
use tokio::runtime::Runtime;
use tower::Service;
use tower::util::MapRequestLayer;

use crate::Result;
use crate::args::Options;
use crate::fixtures::{Endpoint, ManualClock, Population, SeededRandom, SessionChoice};
use crate::measure::{Comparison, InProcessClient, Side, Spread, WARM_UP, compare, with_idle_runtime};
use crate::report::{Section, single, start_step, value};
use crate::targets::cloakroom::{layered, wrapped};
use crate::targets::floor::SharedFloorLayer;
use crate::targets::{bare, floor};

use super::FREQUENT_SESSIONS;

const NOTE: &str = "Nanoseconds per request, in process: `Service::call` to the dropped response. Every request carries \
    three other cookies. The sides run in turn; \"over bare\" is the median of the differences of neighbouring runs. \
    \"Floor\" is the same difference for a layer written by hand that does the least a session layer can: find and decode \
    the cookie, look the session up, compare the secret, add an extension. \
    The cart has five items: in a `BTreeMap<String, u32>` without `size()`, as in the guide, or \"compact\", in a \
    `Vec<(u32, u32)>` with `size()`.";

/// One kind of request.
struct Row {
    /// Its name in figure keys and for `--only`.
    key: &'static str,
    label: &'static str,
    endpoint: Endpoint,
    choice: SessionChoice,
    sessions: SessionSet,
    layer: LayerPosition,
}

/// The sessions that exist while a row is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SessionSet {
    /// A million sessions with the guide's cart.
    Carts,
    /// A million sessions with the compact cart.
    CompactCarts,
    /// A thousand sessions with loaded preferences.
    Preferences,
    /// One session per request with the guide's cart, created for every run.
    Fresh,
    /// Like `Fresh`, but packed.
    Packed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LayerPosition {
    /// `Router::layer`, as in the guide.
    Inside,
    /// Around the router.
    Around,
    /// No session layer, but one that does nothing.
    NoOp,
}

const fn row(
    key: &'static str,
    label: &'static str,
    endpoint: Endpoint,
    choice: SessionChoice,
    sessions: SessionSet,
) -> Row {
    Row { key, label, endpoint, choice, sessions, layer: LayerPosition::Inside }
}

impl Row {
    const fn with_layer(mut self, layer: LayerPosition) -> Self {
        self.layer = layer;
        self
    }

    /// Returns `true` if the floor answers the requests of this row.
    fn has_floor(&self) -> bool {
        let is_answered = [IDLE.path, READ.path].contains(&self.endpoint.path);
        is_answered && self.sessions == SessionSet::Carts && self.layer != LayerPosition::NoOp
    }
}

const IDLE: Endpoint = Endpoint::get("/idle");
const READ: Endpoint = Endpoint::get("/cart");
const UPDATE: Endpoint = Endpoint::post("/add");
const FILL: Endpoint = Endpoint::post("/fill");
const ONE: SessionChoice = SessionChoice::First;
const FREQUENT: SessionChoice = SessionChoice::Random(FREQUENT_SESSIONS);
/// Replaced by a random choice from all sessions of the set.
const ANY: SessionChoice = SessionChoice::Random(usize::MAX);
const EACH: SessionChoice = SessionChoice::EachOnce;
const WITHOUT: SessionChoice = SessionChoice::Without;

/// All kinds, in the order of the table.
fn rows() -> Vec<Row> {
    use LayerPosition::{Around, NoOp};
    use SessionSet::{Carts, CompactCarts, Fresh, Packed, Preferences};
    let (compact, add_compact) = (Endpoint::get("/compact"), Endpoint::post("/compact/add"));
    vec![
        row("no-op-layer", "a layer that does nothing (axum's own cost)", IDLE, ONE, Carts).with_layer(NoOp),
        row("untouched", "untouched, one session", IDLE, ONE, Carts),
        row("untouched-around", "untouched, layer around the router", IDLE, ONE, Carts).with_layer(Around),
        row("untouched-nobody", "untouched, without a session cookie", IDLE, WITHOUT, Carts),
        row("untouched-random", "untouched, random among 1M", IDLE, ANY, Carts),
        row("read-one", "typed read, one session", READ, ONE, Carts),
        row("read-around", "typed read, one session, layer around the router", READ, ONE, Carts).with_layer(Around),
        row("read-hot", "typed read, 1000 sessions", READ, FREQUENT, Carts),
        row("read-random", "typed read, random among 1M", READ, ANY, Carts),
        row("read-random-compact", "typed read, random among 1M, compact cart", compact, ANY, CompactCarts),
        row("read-packed", "first typed read of a packed session", READ, EACH, Packed),
        row("get-or-load", "get_or_load, a hit, 1000 sessions", Endpoint::get("/preferences"), FREQUENT, Preferences),
        row("update-one", "update, one session", UPDATE, ONE, Carts),
        row("update", "update, 1000 sessions", UPDATE, FREQUENT, Carts),
        row("update-compact", "update, 1000 sessions, compact cart", add_compact, FREQUENT, CompactCarts),
        row("update-random", "update, random among 1M", UPDATE, ANY, Carts),
        row("create", "creation by a first write", FILL, WITHOUT, Fresh),
        row("login", "login with the cart kept", Endpoint::post("/login"), EACH, Fresh),
    ]
}

pub(super) fn section(options: &Options) -> Result<Section> {
    let columns = [
        "request",
        "threads",
        "bare",
        "with",
        "over bare (min .. max)",
        "ratio",
        "floor (min .. max)",
        "of floor",
        "allocations",
        "bytes",
    ];
    let mut section = Section::new("Cost of a request over bare axum", NOTE, columns);
    with_idle_runtime(|runtime| {
        let rows = rows();
        let mut measurement = Measurement { options, runtime, current: None, floor: None };
        for row in rows.iter().filter(|row| options.selects(row.key)) {
            start_step(row.label);
            let one = measurement.measure(row, 1)?;
            let two = measurement.measure(row, 2)?;
            for (threads, comparison) in [(1, &one), (2, &two)] {
                add_row(&mut section, row, threads, comparison);
            }
            let ratio = two.difference.median / one.difference.median;
            section.figure(format!("overhead/{}/two-to-one", row.key), "×", Spread::once(ratio));
        }
        Ok(section)
    })
}

fn add_row(section: &mut Section, row: &Row, threads: usize, comparison: &Comparison) {
    let Comparison { bare, with, difference, ratio, floor, additional_allocations: allocations } = comparison;
    let nothing = |name, unit| single(name, unit, f64::NAN).with_text("");
    let values = [
        value("bare", "ns", *bare).decimals(0),
        value("with", "ns", *with).decimals(0),
        value("difference", "ns", *difference),
        value("ratio", "×", *ratio).decimals(2),
        floor.map_or_else(|| nothing("floor", "ns"), |floor| value("floor", "ns", floor)),
        comparison
            .over_floor()
            .map_or_else(|| nothing("of-floor", "×"), |ratio| single("of-floor", "×", ratio).decimals(2)),
        single("allocations", "", allocations.count).signed(1),
        single("allocated", "B", allocations.bytes).signed(0),
    ];
    section.measured_row(&[row.label, &threads.to_string()], &format!("overhead/{}/{threads}", row.key), values);
}

struct Measurement<'a> {
    options: &'a Options,
    runtime: &'a Runtime,
    /// The last large population, which rows with the same set of sessions share.
    current: Option<(SessionSet, Population)>,
    /// The floor of the large population of carts.
    floor: Option<SharedFloorLayer>,
}

impl Measurement<'_> {
    fn measure(&mut self, row: &Row, threads: usize) -> Result<Comparison> {
        let count = self.options.size(50_000, 500);
        let mut population = Population::create(Sessions::in_memory(), 1, FILL)?;
        let mut is_single = true;
        compare(self.options.runs(), threads, count, row.has_floor(), |side, thread| {
            // All threads of a side share one population, which is created for its first thread,
            // or is that of the run before if it can be used again. The bare side gets the cookies of the previous run, for requests
            // of the same length.
            if thread == 0 && side != Side::Bare {
                population = self.population(row, (count + WARM_UP) * threads)?;
                is_single = false;
            }
            let choice = match row.choice {
                SessionChoice::Without => SessionChoice::Without,
                _ if is_single => SessionChoice::First,
                SessionChoice::Random(usize::MAX) => SessionChoice::Random(population.cookies.len()),
                choice => choice,
            };
            let seed = self.options.seed.wrapping_add(thread as u64);
            let requests = choice.requests(row.endpoint, population.cookies.clone(), seed, (thread, threads));
            Ok(match (side, row.layer) {
                (Side::Bare, _) => InProcessClient::new(bare::app(), requests),
                (Side::Floor, LayerPosition::Around) => {
                    InProcessClient::new(floor::wrapped(self.floor(&population)?), requests)
                }
                (Side::Floor, _) => InProcessClient::new(floor::layered(self.floor(&population)?), requests),
                (Side::With, LayerPosition::Inside) => InProcessClient::new(layered(&population.sessions), requests),
                (Side::With, LayerPosition::Around) => InProcessClient::new(wrapped(&population.sessions), requests),
                (Side::With, LayerPosition::NoOp) => {
                    InProcessClient::new(bare::app().layer(MapRequestLayer::new(|request: Request| request)), requests)
                }
            })
        })
    }

    fn floor(&mut self, population: &Population) -> Result<&SharedFloorLayer> {
        match &mut self.floor {
            Some(floor) => Ok(floor),
            none => Ok(none.insert(floor::layer(&population.cookies)?)),
        }
    }

    fn population(&mut self, row: &Row, requests: usize) -> Result<Population> {
        if let Some((_, population)) = self.current.as_ref().filter(|(set, _)| *set == row.sessions) {
            return Ok(population.clone());
        }
        let large = self.options.size(1_000_000, 2 * FREQUENT_SESSIONS);
        let per_request = if row.choice == SessionChoice::EachOnce { requests } else { 0 };
        let seeded = || Sessions::builder().random(SeededRandom::new(self.options.seed)).build();
        let population = match row.sessions {
            SessionSet::Fresh => return Population::create(Sessions::in_memory(), per_request, FILL),
            SessionSet::Packed => return self.packed(per_request),
            SessionSet::Carts => Population::create(seeded()?, large, FILL)?,
            SessionSet::CompactCarts => Population::create(seeded()?, large, Endpoint::post("/compact/fill"))?,
            SessionSet::Preferences => self.with_preferences()?,
        };
        self.floor = None;
        self.current = Some((row.sessions, population.clone()));
        Ok(population)
    }

    fn packed(&self, count: usize) -> Result<Population> {
        let clock = ManualClock::new();
        let random = SeededRandom::new(self.options.seed);
        let sessions = Sessions::builder().clock(clock.clone()).random(random).build()?;
        let population = Population::create(sessions, count, FILL)?;
        let before = population.sessions.stats().bytes;
        clock.advance(Duration::from_secs(90));
        self.runtime.block_on(population.sessions.run_pending_tasks());
        if population.sessions.stats().bytes >= before {
            return Err("idle sessions were not packed".into());
        }
        Ok(population)
    }

    fn with_preferences(&self) -> Result<Population> {
        let population = Population::create(Sessions::in_memory(), FREQUENT_SESSIONS, FILL)?;
        let mut service = layered(&population.sessions);
        let endpoint = Endpoint::get("/preferences");
        let mut requests = SessionChoice::EachOnce.requests(endpoint, population.cookies.clone(), 0, (0, 1));
        for _ in 0..FREQUENT_SESSIONS {
            // The first request of a session loads the value in a task, which needs the runtime.
            let Ok(response) = self.runtime.block_on(service.call(requests()));
            if !response.status().is_success() {
                return Err(format!("loading the preferences failed: {}", response.status()).into());
            }
        }
        Ok(population)
    }
}
