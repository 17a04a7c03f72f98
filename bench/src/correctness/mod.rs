//! Black-box checks over HTTP of how session libraries behave: the same requests to the same
//! endpoints.

mod checks;
mod client;
mod setup;

use futures_util::future::try_join_all;

use crate::Result;
use crate::args::Options;
use crate::measure::Spread;
use crate::process::runtime;
use crate::report::{Section, Transcript, start_step};
use crate::targets::{self, Target};

use checks::CHECKS;
use setup::{Context, Setup};

const NOTE: &str = "The same requests over HTTP to the same endpoints, each library set up as in its documentation and with \
    its defaults, except for the idle timeout where a check is about it. Those over Redis or PostgreSQL run on two nodes \
    with a server of their own. ✓ expected, ✗ not, – not applicable. The transcript of every ✗ is in bench/results/correctness.md.";

/// The result of one check of one target.
struct CheckResult {
    /// `None` if the check does not apply.
    passed: Option<bool>,
    summary: String,
    transcript: Vec<String>,
}

/// The results of all checks of one target, in the order of [`CHECKS`].
struct TargetResults {
    target: Target,
    results: Vec<CheckResult>,
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>> {
    // Without WAL it would wait for the disk for minutes, and the checks are not about speed.
    let is_checked = |target: &Target| *target != Target::TowerSqlite && options.selects(target.key());
    let targets: Vec<_> = Target::with_sessions().into_iter().filter(is_checked).collect();
    targets::prepare(&targets, options)?;
    // All targets run at the same time, on servers of their own, because most of the time is
    // waiting.
    let checked = try_join_all(targets.into_iter().map(|target| check(target, options)));
    let all = runtime()?.block_on(checked)?;
    require_cloakroom_passes(&all)?;
    Ok(vec![section(&all)])
}

async fn check(target: Target, options: &Options) -> Result<TargetResults> {
    let setup = Setup::start(target, options).await?;
    let mut results = Vec::with_capacity(CHECKS.len());
    for check in CHECKS {
        start_step(&format!("{}: {}", target.label(), check.label));
        let context = Context::new(&setup);
        let (passed, summary) = match setup.supports(check.needs) {
            true => {
                let outcome = (check.run)(&context).await?;
                (Some(outcome.passed), outcome.summary)
            }
            false => (None, String::new()),
        };
        results.push(CheckResult { passed, summary, transcript: context.transcript() });
    }
    Ok(TargetResults { target, results })
}

/// Fails the run if Cloakroom fails a check that it does not fail by design.
fn require_cloakroom_passes(all: &[TargetResults]) -> Result<()> {
    for TargetResults { target, results } in all.iter().filter(|results| results.target.is_cloakroom()) {
        for (check, result) in CHECKS.iter().zip(results) {
            if result.passed == Some(false) && !check.fails_by_design {
                let transcript = result.transcript.join("\n");
                return Err(format!("{}: {}: {}\n{transcript}", target.label(), check.label, result.summary).into());
            }
        }
    }
    Ok(())
}

fn section(all: &[TargetResults]) -> Section {
    let note = format!("{NOTE} Versions: {}.", targets::versions());
    let mut section = Section::new("Behaviour", &note, ["expected behaviour"]).on_page();
    section.columns.extend(all.iter().map(|results| results.target.label().to_owned()));
    for (index, check) in CHECKS.iter().enumerate() {
        let marks = all.iter().map(|results| match results.results[index].passed {
            Some(true) => "✓".to_owned(),
            Some(false) => "✗".to_owned(),
            None => "–".to_owned(),
        });
        section.row([check.label.to_owned()].into_iter().chain(marks));
    }
    section.figure("correctness/checks", "", Spread::once(CHECKS.len() as f64));
    for TargetResults { target, results } in all {
        for (name, passed) in [("passed", true), ("failed", false)] {
            let count = results.iter().filter(|result| result.passed == Some(passed)).count();
            section.figure(format!("correctness/{}/{name}", target.key()), "", Spread::once(count as f64));
        }
        for (check, result) in CHECKS.iter().zip(results).filter(|(_, result)| result.passed == Some(false)) {
            let title = format!("✗ {}: {}: {}", target.label(), check.label, result.summary);
            section.transcripts.push(Transcript { title, lines: result.transcript.clone() });
        }
    }
    section
}
