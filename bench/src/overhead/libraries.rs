//! The same requests to every library that keeps sessions in memory.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use tokio::runtime::Runtime;

use crate::Result;
use crate::args::Options;
use crate::fixtures::{Endpoint, SessionChoice, SessionCookies, session_creator};
use crate::measure::{Allocations, InProcessClient, Spread, sources, time_concurrent, with_idle_runtime};
use crate::report::{Chart, Section, single, start_step, value};
use crate::targets::{self, Target, TargetConfig};

use super::FREQUENT_SESSIONS;

const NOTE: &str = "In process, nanoseconds of a thread per request over bare axum with the same cookies; the median of \
    the differences of neighbouring runs. A cart of five items as a `BTreeMap<String, u32>`, one million sessions. While a \
    request waits for another, its thread continues with one of three others, as in a server. The map copies its session \
    for every request.";
const SUMMARY_NOTE: &str = "Nanoseconds of a thread per request over bare axum, in process, with one million sessions in \
    memory: the medians on one thread / on two threads at once.";

/// One kind of request.
struct Case {
    key: &'static str,
    label: &'static str,
    endpoint: Endpoint,
    sessions: SessionSet,
}

/// The sessions of a case.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SessionSet {
    /// A thousand of a million sessions.
    Frequent,
    /// All of a million sessions.
    All,
    /// No session; every run starts with an empty store.
    Empty,
    /// Each session once; every run creates its own.
    Fresh,
}

const fn case(key: &'static str, label: &'static str, endpoint: Endpoint, sessions: SessionSet) -> Case {
    Case { key, label, endpoint, sessions }
}

const FILL: Endpoint = Endpoint::post("/fill");
const CASES: [Case; 6] = [
    case("untouched", "untouched, 1000 sessions", Endpoint::get("/idle"), SessionSet::Frequent),
    case("read-hot", "typed read, 1000 sessions", Endpoint::get("/cart"), SessionSet::Frequent),
    case("read-random", "typed read, random among 1M", Endpoint::get("/cart"), SessionSet::All),
    case("update", "update, 1000 sessions", Endpoint::post("/add"), SessionSet::Frequent),
    case("create", "creation by a first write", FILL, SessionSet::Empty),
    case("login", "login with the cart kept", Endpoint::post("/login"), SessionSet::Fresh),
];
const THREADS: [usize; 2] = [1, 2];

struct Cost {
    difference: Spread,
    ratio: Spread,
    additional_allocations: Allocations,
}

/// A library in this process, and the cookies of its sessions.
struct Library {
    target: Target,
    app: Router,
    cookies: Arc<SessionCookies>,
}

pub(super) fn sections(options: &Options) -> Result<[Section; 2]> {
    let selected: Vec<_> = Target::IN_MEMORY.into_iter().filter(|target| options.selects(target.key())).collect();
    // By target, then by case, then by number of threads.
    let mut costs: Vec<[[Option<Cost>; 2]; CASES.len()]> = Vec::new();
    for target in &selected {
        costs.push(with_idle_runtime(|runtime| {
            start_step(&format!("{}: a million sessions", target.label()));
            let library = Library::start(runtime, *target, options.size(1_000_000, 2 * FREQUENT_SESSIONS))?;
            let mut costs: [[Option<Cost>; 2]; CASES.len()] = Default::default();
            for (case, costs) in CASES.iter().zip(&mut costs) {
                for (threads, cost) in THREADS.into_iter().zip(costs) {
                    start_step(&format!("{}: {}, {threads} threads", target.label(), case.label));
                    *cost = Some(library.measure(case, threads, runtime, options)?);
                }
            }
            Ok(costs)
        })?);
    }
    let columns = ["request", "threads", "library", "over bare ns (min .. max)", "ratio", "allocations", "bytes"];
    let note = format!("{NOTE} Versions: {}.", targets::versions());
    let mut section = Section::new("Cost of a request by library, in memory", &note, columns);
    let mut chart = Chart::new("overhead", "Cost of the session in a request", "ns over bare axum, one thread");
    let mut summary = Section::new("Cost of a request", SUMMARY_NOTE, ["request"]).on_page();
    summary.columns.extend(selected.iter().map(|target| target.label().to_owned()));
    for (index, case) in CASES.iter().enumerate() {
        for (position, threads) in THREADS.into_iter().enumerate() {
            for (target, costs) in selected.iter().zip(&costs) {
                let Some(cost) = &costs[index][position] else { continue };
                add_row(&mut section, case, threads, *target, cost);
                if threads == 1 {
                    chart.bar(case.label, target.label(), cost.difference);
                }
            }
        }
        let cells = costs.iter().map(|costs| {
            let medians = costs[index].iter().flatten().map(|cost| cost.difference.without_range().to_string());
            medians.collect::<Vec<_>>().join(" / ")
        });
        summary.row([case.label.to_owned()].into_iter().chain(cells));
    }
    section.charts.push(chart);
    Ok([summary, section])
}

impl Library {
    fn start(runtime: &Runtime, target: Target, sessions: usize) -> Result<Self> {
        let app = runtime.block_on(targets::build(TargetConfig::in_memory(target)))?;
        let mut cookies = SessionCookies::with_capacity(sessions);
        cookies.create_sessions(&mut session_creator(app.clone(), FILL), 1, || ())?;
        Ok(Self { target, app, cookies: Arc::new(cookies) })
    }

    fn measure(&self, case: &Case, threads: usize, runtime: &Runtime, options: &Options) -> Result<Cost> {
        let bare = runtime.block_on(targets::build(TargetConfig::in_memory(Target::Bare)))?;
        let count = options.size(30_000, 400);
        let fresh_sessions = if case.sessions == SessionSet::Fresh { count * threads } else { 0 };
        let is_fresh = matches!(case.sessions, SessionSet::Fresh | SessionSet::Empty);
        let pairs = (0..=options.runs()).map(|run| -> Result<(f64, f64)> {
            let start = || Self::start(runtime, self.target, fresh_sessions);
            let fresh = is_fresh.then(start).transpose()?;
            let library = fresh.as_ref().unwrap_or(self);
            let seed = options.seed.wrapping_add(run.into());
            let requests = |source| library.requests(case, seed, (source, sources(threads)));
            Ok((
                time_concurrent(threads, count, &bare, requests)?,
                time_concurrent(threads, count, &library.app, requests)?,
            ))
        });
        // The first pair warms up and is dropped.
        let pairs = pairs.collect::<Result<Vec<_>>>()?.split_off(1);
        let few = options.size(1000, 100);
        let library = Self::start(runtime, self.target, few.max(FREQUENT_SESSIONS))?;
        let allocations = |app: &Router| {
            let requests = library.requests(case, options.seed, (0, 1));
            InProcessClient::new(app.clone(), requests).allocations(few)
        };
        Ok(Cost {
            difference: Spread::of_differences(&pairs),
            ratio: Spread::of_ratios(&pairs),
            additional_allocations: allocations(&library.app)? - allocations(&bare)?,
        })
    }

    fn requests(
        &self,
        case: &Case,
        seed: u64,
        (source, sources): (usize, usize),
    ) -> impl FnMut() -> Request + Send + use<> {
        let choice = match case.sessions {
            SessionSet::Frequent => SessionChoice::Random(FREQUENT_SESSIONS),
            SessionSet::All => SessionChoice::Random(self.cookies.len()),
            SessionSet::Empty => SessionChoice::Without,
            SessionSet::Fresh => SessionChoice::EachOnce,
        };
        let seed = seed.wrapping_add((source as u64) << 32);
        choice.requests(case.endpoint, Arc::clone(&self.cookies), seed, (source, sources))
    }
}

fn add_row(section: &mut Section, case: &Case, threads: usize, target: Target, cost: &Cost) {
    let Cost { difference, ratio, additional_allocations: allocations } = cost;
    let key = format!("overhead/libraries/{}/{threads}/{}", case.key, target.key());
    let values = [
        value("difference", "ns", *difference),
        value("ratio", "×", *ratio).decimals(2),
        single("allocations", "", allocations.count).signed(1),
        single("allocated", "B", allocations.bytes).signed(0),
    ];
    section.measured_row(&[case.label, &threads.to_string(), target.label()], &key, values);
}
