//! In what session libraries differ, asked from outside over HTTP: the same requests to the same
//! endpoints, and what was answered.

mod answer;
mod browser;
mod checks;
mod ground;
mod site;
mod tables;
mod talk;

use futures_util::future::try_join_all;

use crate::Failure;
use crate::args::Options;
use crate::arms::Arm;
use crate::process::runtime;
use crate::report::{Section, expect, progress};

use checks::CHECKS;
use ground::Ground;
use talk::Talk;

/// What one library did at one check.
struct Verdict {
    /// `None` where the question makes no sense: a second node or a store that is not there.
    right: Option<bool>,
    /// In a few words.
    seen: String,
    transcript: Vec<String>,
}

/// All verdicts on one library, in the order of the checks.
struct Column {
    arm: Arm,
    verdicts: Vec<Verdict>,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    let arms = [&Arm::IN_MEMORY[..], &Arm::SHARED[..]].concat();
    let arms: Vec<_> = arms.into_iter().filter(|arm| options.wants(arm.name())).collect();
    expect(arms.len() * CHECKS.len());
    // All at the same time, because most of it is waiting; each has servers of its own.
    let columns = runtime()?.block_on(try_join_all(arms.into_iter().map(|arm| column(arm, options))))?;
    judge(&columns)?;
    Ok(vec![tables::section(&columns)])
}

async fn column(arm: Arm, options: &Options) -> Result<Column, Failure> {
    let ground = Ground::lay(arm, options).await?;
    let mut verdicts = Vec::with_capacity(CHECKS.len());
    for check in CHECKS {
        progress(&format!("{}: {}", arm.what(), check.what));
        let talk = Talk::default();
        let outcome = match ground.suits(check.needs) {
            true => Some((check.ask)(&ground, &talk).await?),
            false => None,
        };
        let (right, seen) = outcome.map_or((None, String::new()), |outcome| (Some(outcome.right), outcome.seen));
        verdicts.push(Verdict { right, seen, transcript: talk.lines() });
    }
    Ok(Column { arm, verdicts })
}

/// What is promised of ours is checked in every run.
fn judge(columns: &[Column]) -> Result<(), Failure> {
    for Column { arm, verdicts } in columns.iter().filter(|column| column.arm.is_ours()) {
        for (check, verdict) in CHECKS.iter().zip(verdicts) {
            if verdict.right == Some(false) && !check.traded {
                let lines = verdict.transcript.join("\n");
                return Err(format!("{}: {}: {}\n{lines}", arm.what(), check.what, verdict.seen).into());
            }
        }
    }
    Ok(())
}
