use std::time::Duration;

use serde::Serialize;

use super::{Finding, Tally};
use crate::fault::Fault;

/// 99 percent of refusals after a logout come within this time, even on a busy machine.
const QUICK_MS: f64 = 250.0;

/// The result of one fault.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) fault: String,
    /// How often the fault was injected.
    pub(crate) times: u64,
    /// Requests that clients sent.
    pub(crate) operations: u64,
    /// Acknowledged writes, each of which was verified afterwards.
    pub(crate) acked: u64,
    pub(crate) unknown: u64,
    pub(crate) refused: u64,
    pub(crate) lost: u64,
    pub(crate) duplicated: u64,
    pub(crate) phantom: u64,
    pub(crate) read_your_writes: u64,
    pub(crate) monotonic: u64,
    pub(crate) stale: u64,
    pub(crate) logouts: usize,
    pub(crate) logout_p50_ms: f64,
    pub(crate) logout_p99_ms: f64,
    pub(crate) logout_max_ms: f64,
    pub(crate) late: u64,
    pub(crate) resurrected: u64,
    pub(crate) leaked: u64,
    pub(crate) odd: u64,
    /// Acknowledged operations that Redis lost, because it was killed before its replica, or any
    /// server, had them.
    pub(crate) lost_by_redis: u64,
    /// How often a node detected that Redis had lost data that a client had seen.
    pub(crate) rollbacks: u64,
    /// How often a client noticed the loss of data that it had seen.
    pub(crate) witnesses: u64,
    /// Acknowledged writes of sessions whose new token never reached the client.
    pub(crate) abandoned: u64,
    pub(crate) held: bool,
    pub(crate) examples: Vec<String>,
    /// Examples of slow refusals: when, and when the node last opened the token.
    pub(crate) slow_refusals: Vec<String>,
}

impl Row {
    pub(crate) fn new(fault: Fault, times: u64, tally: &Tally) -> Self {
        let logouts = tally.logouts();
        let mut row = Self {
            fault: fault.to_string(),
            times,
            operations: tally.requests(),
            acked: tally.acked(),
            unknown: tally.unknown(),
            refused: tally.refused(),
            lost: tally.found(Finding::Lost),
            duplicated: tally.found(Finding::Duplicated),
            phantom: tally.found(Finding::Phantom),
            read_your_writes: tally.found(Finding::OwnWrite),
            monotonic: tally.found(Finding::Monotonic),
            stale: tally.found(Finding::Stale),
            logouts: logouts.len(),
            logout_p50_ms: quantile(&logouts, 0.5),
            logout_p99_ms: quantile(&logouts, 0.99),
            logout_max_ms: quantile(&logouts, 1.0),
            late: tally.found(Finding::Late),
            resurrected: tally.found(Finding::Resurrected),
            leaked: tally.found(Finding::Leaked),
            odd: tally.found(Finding::Odd),
            lost_by_redis: tally.excused(),
            rollbacks: tally.rollbacks(),
            witnesses: tally.witnesses(),
            abandoned: tally.abandoned(),
            held: false,
            examples: tally.examples(),
            slow_refusals: tally.slow(),
        };
        let doubts = row.doubts(fault, tally);
        row.held = doubts.is_empty() && Finding::ALL.iter().all(|finding| tally.found(*finding) == 0);
        row.examples.extend(doubts);
        row
    }

    /// Why the absence of findings would mean nothing.
    fn doubts(&self, fault: Fault, tally: &Tally) -> Vec<String> {
        let mut doubts = Vec::new();
        if fault != Fault::None && self.times == 0 {
            doubts.push("the fault was never injected".to_owned());
        }
        if !tally.proves_something() {
            let (acked, logouts) = (self.acked, self.logouts);
            doubts.push(format!("too little happened: {acked} acknowledged writes, {logouts} logouts"));
        }
        // A token opened after the lease is a finding of its own. Where every node receives the
        // invalidation, it must refuse the token much sooner.
        if !fault.cuts_off() && self.logout_p99_ms > QUICK_MS {
            doubts.push(format!("refused after {} ms, although every node received it", self.logout_p99_ms));
        }
        // A client's version hint carries what it has seen. The lag of the replica proves that
        // Redis lost writes.
        if fault.loses_writes() && self.witnesses > 0 && self.rollbacks == 0 {
            doubts.push("clients noticed a loss of writes, and no node did".to_owned());
        }
        doubts
    }
}

/// The quantile in milliseconds, rounded to hundredths.
fn quantile(sorted: &[Duration], share: f64) -> f64 {
    let index = (sorted.len() as f64 * share).ceil() as usize;
    let time = sorted.get(index.saturating_sub(1)).copied().unwrap_or_default();
    (time.as_secs_f64() * 100_000.0).round() / 100.0
}

/// The result of a whole run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) seed: u64,
    pub(crate) clients: u16,
    /// The name and version that the server reports.
    pub(crate) server: String,
    pub(crate) seconds: u64,
    pub(crate) held: bool,
    pub(crate) rows: Vec<Row>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_in_which_too_little_happened_is_no_proof_and_says_so() {
        let row = Row::new(Fault::None, 0, &Tally::default());
        assert!(!row.held);
        assert_eq!(row.examples, ["too little happened: 0 acknowledged writes, 0 logouts"]);
    }

    #[test]
    fn a_fault_that_was_never_injected_proves_nothing() {
        let row = Row::new(Fault::Freeze, 0, &Tally::default());
        assert!(!row.held && row.examples.iter().any(|doubt| doubt.contains("never injected")), "{:?}", row.examples);
    }
}
