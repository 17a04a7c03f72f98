use std::pin::Pin;
use std::sync::Arc;

use tokio::task::{JoinError, JoinSet};

use super::backend::{Backend, Capability};
use super::dyn_backend::dyn_backend;
use super::failure::Outcome;
use super::fixture::Fixture;
use super::report::{Finding, Report, Verdict};

/// A promise of the contract, and the function that checks it.
pub(super) struct Check {
    name: &'static str,
    needs: &'static [Capability],
    run: Run,
}

type Run = for<'a> fn(&'a Fixture) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

impl Check {
    pub(super) const fn new(name: &'static str, needs: &'static [Capability], run: Run) -> Self {
        Self { name, needs, run }
    }

    async fn finding<B: Backend>(self, backend: Arc<B>) -> Finding {
        let missing = self.needs.iter().find(|needed| !backend.capabilities().contains(needed));
        let verdict = match missing {
            Some(missing) => Verdict::Skipped(format!("the backend does not claim Capability::{missing}")),
            None => self.verdict(backend).await,
        };
        Finding { name: self.name, verdict }
    }

    /// Runs in a task of its own, so that a panic ends the check and not the suite.
    async fn verdict<B: Backend>(&self, backend: Arc<B>) -> Verdict {
        let (name, run, patience) = (self.name, self.run, backend.patience());
        let mut task = JoinSet::new();
        task.spawn(async move { run(&Fixture::new(name, dyn_backend(backend).await)).await });
        match tokio::time::timeout(patience, task.join_next()).await {
            Err(_) => Verdict::Failed(format!("did not finish within {patience:?}")),
            Ok(Some(Err(error))) => Verdict::Failed(format!("panicked: {}", panic_message(error))),
            Ok(Some(Ok(Err(failure)))) => Verdict::Failed(failure.to_string()),
            Ok(Some(Ok(Ok(()))) | None) => Verdict::Passed,
        }
    }
}

fn panic_message(error: JoinError) -> String {
    let Ok(payload) = error.try_into_panic() else { return "the task was cancelled".to_owned() };
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref().cloned()).unwrap_or_else(|| "without a message".to_owned())
}

/// Runs the checks, as many at once as the backend allows, and reports them in the order of the
/// suite.
pub(super) async fn run<B: Backend>(backend: B, checks: Vec<Check>) -> Report {
    let backend = Arc::new(backend);
    let mut waiting = checks.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut findings = Vec::new();
    loop {
        while running.len() < backend.at_once().max(1)
            && let Some((place, check)) = waiting.next()
        {
            let backend = Arc::clone(&backend);
            running.spawn(async move { (place, check.finding(backend).await) });
        }
        // Panics of a check are caught inside, so only a cancelled runtime ends a task early.
        let Some(Ok(finding)) = running.join_next().await else { break };
        findings.push(finding);
    }
    findings.sort_by_key(|(place, _)| *place);
    Report::new(findings.into_iter().map(|(_, finding)| finding).collect())
}
