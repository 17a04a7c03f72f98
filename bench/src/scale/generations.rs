//! Whether memory stays what it is when sessions come and go.

use std::time::Duration;

use cloakroom::Sessions;

use crate::args::Options;
use crate::measure::{Spread, with_idle_runtime};
use crate::report::{Section, expect, progress};
use crate::world::{Ask, HandClock, Population, Seeded};
use crate::{Failure, machine};

const NOTE: &str = "One million sessions are created and expire, ten times over, in one process. Resident bytes are \
    read while all sessions live, and after the last one is gone.";

const ROUNDS: usize = 10;

pub(super) fn section(options: &Options) -> Result<Section, Failure> {
    let mut section = Section::new("Memory over generations", NOTE, ["round", "full MiB", "empty MiB"]);
    let count = options.size(1_000_000, 2000);
    let clock = HandClock::new();
    let random = Seeded::new(options.seed);
    let sessions = Sessions::builder().clock(clock.clone()).random(random).max_bytes(16 << 30).build()?;
    let rounds = options.size(ROUNDS, 2);
    expect(rounds);
    with_idle_runtime(|runtime| {
        let mut empty = Vec::new();
        for round in 1..=rounds {
            progress(&format!("generation {round}"));
            drop(Population::of(sessions.clone(), count, Ask::post("/cart/new"))?);
            let full = machine::resident_bytes().unwrap_or(0);
            clock.advance(Duration::from_secs(3600));
            runtime.block_on(sessions.run_pending_tasks());
            let left = sessions.stats();
            if (left.sessions, left.bytes) != (0, 0) {
                return Err(format!("{} sessions and {} bytes are left of nothing", left.sessions, left.bytes).into());
            }
            empty.push(machine::resident_bytes().unwrap_or(0));
            let mib = |bytes: u64| (bytes >> 20).to_string();
            section.row([round.to_string(), mib(full), mib(*empty.last().unwrap_or(&0))]);
        }
        let growth = empty.last().copied().unwrap_or(0) as f64 / empty.first().copied().unwrap_or(1) as f64;
        section.figure("generations/empty/growth", "×", Spread::once(growth));
        Ok(section)
    })
}
