use std::time::{Duration, Instant};

use crate::Failure;
use crate::args::Options;
use crate::measure::{Latencies, Spread};
use crate::report::Section;
use crate::world::Ask;

use super::{Pair, Site};

const NOTE: &str = "Two nodes in one process over one Redis. Both have the session in memory where they keep it at all. One node \
    acknowledges an update; from then on the other is asked without a pause, with the cookie from before the update, \
    so that nothing in the request tells of it. Times are from the acknowledgement to the first answer with the new value, \
    the asking included.";

const UPDATE: Ask = Ask::post("/count");
const LOOK: Ask = Ask::get("/count");
/// After this long nobody waits any more.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn section() -> Section {
    Section::new("Until another node sees a change", NOTE, ["server", "changes", "seen", "p50 µs", "p99 µs"])
}

pub(super) async fn measure(section: &mut Section, pair: &Pair, options: &Options) -> Result<(), Failure> {
    let changes = options.size(1000, 20);
    let (mut p50, mut p99) = (Vec::new(), Vec::new());
    let (mut made, mut seen) = (0, 0);
    for run in 0..=options.runs() {
        let outcome = tokio::spawn(watch(pair.here.clone(), pair.there.clone(), changes)).await??;
        if run > 0 {
            made += outcome.made;
            seen += outcome.latencies.count();
            p50.push(outcome.latencies.quantile_micros(0.5));
            p99.push(outcome.latencies.quantile_micros(0.99));
        }
    }
    if pair.arm.is_ours() && seen < made {
        return Err(format!("of {made} changes another node saw {seen} within {PATIENCE:?}").into());
    }
    let what = pair.arm.what().to_owned();
    if seen == 0 {
        let never = format!("not within {} s", PATIENCE.as_secs());
        section.row([what, made.to_string(), seen.to_string(), never.clone(), never]);
        return Ok(());
    }
    let [p50, p99] = [p50, p99].map(Spread::of);
    section.row([what, made.to_string(), seen.to_string(), p50.to_string(), p99.to_string()]);
    section.figure(format!("http/visible/{}/p50", pair.arm.name()), "µs", p50);
    section.figure(format!("http/visible/{}/p99", pair.arm.name()), "µs", p99);
    Ok(())
}

struct Outcome {
    made: u64,
    latencies: Latencies,
}

/// Stops at the first change that is not seen: the others would not be either.
async fn watch(mut here: Site, mut there: Site, changes: usize) -> Result<Outcome, Failure> {
    let mut outcome = Outcome { made: 0, latencies: Latencies::new()? };
    for _ in 0..changes.div_ceil(10) {
        let cookie = here.start().await?;
        there.ask(LOOK, &cookie).await?;
        for _ in 0..10 {
            let number = here.ask(UPDATE, &cookie).await?.number;
            outcome.made += 1;
            match seen(&mut there, &cookie, number).await? {
                Some(after) => outcome.latencies.record(after),
                None => return Ok(outcome),
            }
        }
    }
    Ok(outcome)
}

async fn seen(there: &mut Site, cookie: &str, number: u64) -> Result<Option<Duration>, Failure> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if there.ask(LOOK, cookie).await?.number >= number {
            return Ok(Some(began.elapsed()));
        }
        // Lets the worker take the news in, as it would between two requests.
        tokio::task::yield_now().await;
    }
    Ok(None)
}
