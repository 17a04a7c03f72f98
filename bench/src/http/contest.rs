//! Who is faster: all servers stand ready, and are asked in turn, run by run.

use std::time::Duration;

use cloakroom_testbed::Server;
use tokio::runtime::Runtime;

use crate::Failure;
use crate::args::Options;
use crate::load::Books;
use crate::report::{expect, progress};

use super::entrant::Entrant;
use super::trial::{TRIALS, Trial};

pub(super) fn hold(
    runtime: &Runtime,
    server: &Server,
    options: &Options,
    entrants: &mut [Entrant],
) -> Result<(), Failure> {
    expect((options.runs() as usize + 1) * TRIALS.len());
    // The first run warms up, and is forgotten.
    for run in 0..=options.runs() {
        for (index, trial) in TRIALS.iter().enumerate() {
            let pace = if trial.saturates() { "at saturation" } else { "at a fixed rate" };
            progress(&format!("run {run}: {} {pace}", trial.what));
            runtime.block_on(round(run, index, trial, entrants, server, options))?;
        }
    }
    for entrant in entrants.iter_mut().filter(|entrant| entrant.arm.has_sessions()) {
        entrant.books = entrant.load.count()?;
        check(entrant)?;
    }
    Ok(())
}

/// Everybody once.
async fn round(
    run: u32,
    index: usize,
    trial: &Trial,
    entrants: &mut [Entrant],
    server: &Server,
    options: &Options,
) -> Result<(), Failure> {
    let time = Duration::from_millis(options.size(1000, 50) as u64);
    let mut order: Vec<usize> = (0..entrants.len()).collect();
    // Who comes after whom is another every time.
    if run % 2 == 1 {
        order.reverse();
    }
    for turn in order {
        let entrant = &mut entrants[turn];
        let before = server.command_counts().await?;
        let driven = entrant.load.drive(&trial.ask(), trial.pace, time)?;
        let commands = server.commands_since(&before, entrant.arm.commands()).await?.total();
        if driven.failed > 0 && (entrant.arm.is_ours() || !entrant.arm.has_sessions()) {
            return Err(format!("{}: {} requests failed", entrant.arm.what(), driven.failed).into());
        }
        if run > 0 {
            entrant.driven[index].push(driven);
            entrant.commands[index].push(commands as f64 / driven.requests.max(1) as f64);
        }
    }
    Ok(())
}

/// What is promised of ours is checked in every run.
fn check(entrant: &Entrant) -> Result<(), Failure> {
    let Books { acknowledged, lost, unasked, .. } = entrant.books;
    if entrant.arm.is_ours() && (lost > 0 || unasked > 0 || acknowledged == 0) {
        let what = entrant.arm.what();
        return Err(format!("{what}: of {acknowledged} updates {lost} were lost, {unasked} nobody asked for").into());
    }
    Ok(())
}
