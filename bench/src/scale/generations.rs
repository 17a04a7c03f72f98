//! Whether the memory of the process stays constant while sessions are created and expire.

use std::time::Duration;

use cloakroom::Sessions;

use crate::args::Options;
use crate::fixtures::{Endpoint, ManualClock, Population, SeededRandom};
use crate::measure::{Spread, with_idle_runtime};
use crate::report::{Section, start_step};
use crate::{Result, machine};

const NOTE: &str = "One million sessions are created and expire, ten times, in one process. Resident memory is read \
    while all sessions live and after the last has expired.";

const GENERATIONS: usize = 10;

pub(super) fn section(options: &Options) -> Result<Section> {
    let mut section = Section::new("Memory over generations", NOTE, ["generation", "full MiB", "empty MiB"]);
    let count = options.size(1_000_000, 2000);
    let (clock, random) = (ManualClock::new(), SeededRandom::new(options.seed));
    let sessions = Sessions::builder().clock(clock.clone()).random(random).memory_limit(16 << 30).build()?;
    let generations = options.size(GENERATIONS, 2);
    with_idle_runtime(|runtime| {
        let mut empty = Vec::new();
        for generation in 1..=generations {
            start_step(&format!("generation {generation}"));
            drop(Population::create(sessions.clone(), count, Endpoint::post("/fill"))?);
            let full = machine::resident_bytes("self")?;
            clock.advance(Duration::from_secs(3600));
            runtime.block_on(sessions.run_pending_tasks());
            let left = sessions.stats();
            if (left.sessions, left.bytes) != (0, 0) {
                return Err(format!("{} sessions and {} bytes remain", left.sessions, left.bytes).into());
            }
            let resident = machine::resident_bytes("self")?;
            section.row([generation as u64, full >> 20, resident >> 20].map(|number| number.to_string()));
            empty.push(resident as f64);
        }
        let growth = empty.last().zip(empty.first()).map_or(f64::NAN, |(last, first)| last / first);
        section.figure("generations/empty/growth", "×", Spread::once(growth));
        Ok(section)
    })
}
