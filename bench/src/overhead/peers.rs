//! The same requests through every library that keeps sessions in memory.

use std::sync::Arc;

use axum::Router;
use tokio::runtime::Runtime;

use crate::Failure;
use crate::args::Options;
use crate::arms::{Arm, Plan, app, peers};
use crate::measure::{Allocations, Spread, Subject, shares, time_crowded, with_idle_runtime};
use crate::report::{Chart, Section, expect, progress};
use crate::world::{Ask, Cookies, Pick, newcomers};

use super::rows::HOT;

const NOTE: &str = "In-process, nanoseconds of a thread per request over bare axum with the same cookies, in turn, run by run; the median of the \
    differences. A cart of five items as a `BTreeMap<String, u32>` everywhere; one million sessions. Where a request has to wait for another, \
    its thread goes on with one of three others, as in a server. Everybody answers the same; the map of the seed document copies its session for every request.";

/// One kind of request.
struct Kind {
    name: &'static str,
    what: &'static str,
    ask: Ask,
    whose: Whose,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Hot,
    All,
    /// Nobody's, in a house that is empty at the start of every run.
    Nobody,
    /// Everybody's once, in a house of newcomers.
    Each,
}

const fn kind(name: &'static str, what: &'static str, ask: Ask, whose: Whose) -> Kind {
    Kind { name, what, ask, whose }
}

const FILL: Ask = Ask::post("/fill");
const KINDS: [Kind; 6] = [
    kind("untouched", "untouched, 1000 sessions", Ask::get("/idle"), Whose::Hot),
    kind("read-hot", "typed read, 1000 sessions", Ask::get("/cart"), Whose::Hot),
    kind("read-random", "typed read, random among 1M", Ask::get("/cart"), Whose::All),
    kind("update", "update, 1000 sessions", Ask::post("/add"), Whose::Hot),
    kind("create", "creation by a first write", FILL, Whose::Nobody),
    kind("login", "login with the cart kept", Ask::post("/login"), Whose::Each),
];
const THREADS: [usize; 2] = [1, 2];

pub(super) fn section(options: &Options) -> Result<Section, Failure> {
    let columns = ["request", "threads", "library", "over bare ns (min .. max)", "ratio", "allocations", "bytes"];
    let note = format!("{NOTE} Took part: {}.", peers());
    let mut section = Section::new("Beside other libraries, in memory", &note, columns);
    let mut chart = Chart::bars("overhead", "What a session costs a request", "ns over bare axum, one thread");
    expect(Arm::IN_MEMORY.len() * (KINDS.len() * THREADS.len() + 1));
    let mut rows = Vec::new();
    for arm in Arm::IN_MEMORY.into_iter().filter(|arm| options.wants(arm.name())) {
        with_idle_runtime(|runtime| {
            progress(&format!("{}: a million sessions", arm.what()));
            let house = House::of(runtime, arm, options.size(1_000_000, 2 * HOT))?;
            for (index, kind) in KINDS.iter().enumerate() {
                for threads in THREADS {
                    progress(&format!("{}: {}, {threads} threads", arm.what(), kind.what));
                    rows.push((index, threads, arm, measure(&house, kind, threads, runtime, options)?));
                }
            }
            Ok(())
        })?;
    }
    rows.sort_by_key(|(kind, threads, ..)| (*kind, *threads));
    for (index, threads, arm, cost) in &rows {
        enter(&mut section, &mut chart, &KINDS[*index], *threads, *arm, cost);
    }
    section.chart(chart);
    Ok(section)
}

/// A server in this process, and the cookies of those who have a session there.
struct House {
    arm: Arm,
    app: Router,
    cookies: Arc<Cookies>,
}

impl House {
    fn of(runtime: &Runtime, arm: Arm, visitors: usize) -> Result<Self, Failure> {
        let app = runtime.block_on(app(Plan::in_memory(arm)))?;
        let mut cookies = Cookies::room(visitors);
        cookies.arrive(&mut newcomers(app.clone(), FILL), 1, || ())?;
        Ok(Self { arm, app, cookies: Arc::new(cookies) })
    }
}

struct Cost {
    over: Spread,
    ratio: Spread,
    allocations: Allocations,
}

fn measure(house: &House, kind: &Kind, threads: usize, runtime: &Runtime, options: &Options) -> Result<Cost, Failure> {
    let bare = runtime.block_on(app(Plan::in_memory(Arm::Bare)))?;
    let count = options.size(30_000, 400);
    let newcomers = match kind.whose {
        Whose::Each => count * threads,
        Whose::Nobody | Whose::Hot | Whose::All => 0,
    };
    let fresh = || House::of(runtime, house.arm, newcomers);
    let pairs = (0..=options.runs()).map(|run| -> Result<(f64, f64), Failure> {
        let made = matches!(kind.whose, Whose::Each | Whose::Nobody).then(fresh).transpose()?;
        let present = made.as_ref().unwrap_or(house);
        let seed = options.seed.wrapping_add(run.into());
        let time = |app: &Router| time_crowded(threads, count, app, requests(kind, present, seed, shares(threads)));
        Ok((time(&bare)?, time(&present.app)?))
    });
    // The first pair warms up, and is forgotten.
    let pairs = pairs.collect::<Result<Vec<_>, _>>()?.split_off(1);
    let few = options.size(1000, 100);
    let counted = |app: &Router, house: &House| {
        let next = requests(kind, house, options.seed, 1)(0);
        Subject::new(app.clone(), next).allocations(few)
    };
    let present = House::of(runtime, house.arm, few.max(HOT))?;
    Ok(Cost {
        over: Spread::of(pairs.iter().map(|(bare, with)| with - bare)),
        ratio: Spread::of(pairs.iter().map(|(bare, with)| with / bare)),
        allocations: counted(&present.app, &present)? - counted(&bare, &present)?,
    })
}

fn requests(
    kind: &Kind,
    house: &House,
    seed: u64,
    shares: usize,
) -> impl Fn(usize) -> Box<dyn FnMut() -> axum::extract::Request + Send> {
    let (ask, cookies) = (kind.ask, Arc::clone(&house.cookies));
    let pick = match kind.whose {
        Whose::Hot => Pick::Random(HOT),
        Whose::All => Pick::Random(cookies.len()),
        Whose::Nobody => Pick::Nobody,
        Whose::Each => Pick::Each,
    };
    move |share| {
        let seed = seed.wrapping_add((share as u64) << 32);
        Box::new(pick.requests(ask, Arc::clone(&cookies), seed, (share, shares)))
    }
}

fn enter(section: &mut Section, chart: &mut Chart, kind: &Kind, threads: usize, arm: Arm, cost: &Cost) {
    let Cost { over, ratio, allocations } = cost;
    section.row([
        kind.what.to_owned(),
        threads.to_string(),
        arm.what().to_owned(),
        over.to_string(),
        format!("{:.2}", ratio.median),
        format!("{:+.1}", allocations.count),
        format!("{:+.0}", allocations.bytes),
    ]);
    let mut figure = |name: &str, unit, spread| {
        section.figure(format!("overhead/peers/{}/{threads}/{}/{name}", kind.name, arm.name()), unit, spread);
    };
    figure("difference", "ns", *over);
    figure("ratio", "×", *ratio);
    figure("allocations", "", Spread::once(allocations.count));
    figure("allocated", "B", Spread::once(allocations.bytes));
    if threads == 1 {
        chart.bar(kind.what, arm.what(), *over);
    }
}
