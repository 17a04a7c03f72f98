//! The audit at the end of a session, when no client writes any more.

use super::{Entry, SessionLedger};
use crate::report::Finding;
use crate::state::ScenarioState;
use crate::view::{View, item_of};

/// Returns `true` if every acknowledged write is there, so that no further read is needed.
pub(crate) fn is_complete(ledger: &SessionLedger, view: &View, owner: u64) -> bool {
    missing_items(ledger, view, owner).next().is_none()
        && ledger.count.count(Entry::is_acked) as u64 <= view.count.as_ref().map_or(0, |count| count.n)
}

/// Counts acknowledged writes that are missing.
pub(crate) fn audit(scenario: &ScenarioState, ledger: &SessionLedger, view: &View, owner: u64) {
    for (item, entry) in missing_items(ledger, view, owner) {
        if ledger.excuses(scenario, entry) {
            scenario.tally.find_excused(1);
        } else {
            scenario.tally.find(Finding::Lost, || format!("{item} of client {} is lost", entry.device));
        }
    }
    audit_count(scenario, ledger, view.count.as_ref().map_or(0, |count| count.n), owner);
    scenario.tally.verify(ledger);
}

fn audit_count(scenario: &ScenarioState, ledger: &SessionLedger, n: u64, owner: u64) {
    let writes = &ledger.count;
    let sure = writes.count(|entry| entry.is_acked() && !ledger.excuses(scenario, entry)) as u64;
    let acked = writes.count(Entry::is_acked) as u64;
    for _ in n..sure {
        scenario.tally.find(Finding::Lost, || format!("{owner} has {n} of {sure} acknowledged increments"));
    }
    scenario.tally.find_excused(acked.saturating_sub(n.max(sure)));
}

fn missing_items<'a>(ledger: &'a SessionLedger, view: &View, owner: u64) -> impl Iterator<Item = (u64, &'a Entry)> {
    let present: std::collections::HashSet<u64> =
        view.items.iter().flat_map(|items| items.list.iter().copied()).collect();
    let numbered = ledger.items.iter().enumerate().map(move |(number, entry)| (item_of(owner, number), entry));
    numbered.filter(move |(item, entry)| entry.is_acked() && !present.contains(item))
}
