//! The values that one client has seen, and the values that it must see next.

use std::collections::HashSet;
use std::time::Instant;

use super::{SessionLedger, WriteOutcome};
use crate::report::Finding;
use crate::state::ScenarioState;
use crate::view::{Count, Items, Note, View, item_of, owner_of};

/// The values of a session that one client has seen, and when it requested them.
#[derive(Debug)]
pub(crate) struct ClientHistory {
    device: usize,
    owner: u64,
    list: Vec<u64>,
    count: Option<(u64, Instant)>,
    /// The last reply had no newer token.
    without_token: bool,
}

impl ClientHistory {
    pub(crate) const fn new(device: usize, owner: u64) -> Self {
        Self { device, owner, list: Vec::new(), count: None, without_token: false }
    }

    /// Compares a reply to a request sent at `asked` with the writes and earlier reads of this
    /// client.
    ///
    /// If `complete`, the reply contains all values, so that a missing one does not exist.
    pub(crate) fn check_view(
        &mut self,
        scenario: &ScenarioState,
        ledger: &mut SessionLedger,
        view: &View,
        asked: Instant,
        complete: bool,
    ) {
        if view.principal.as_ref().is_some_and(|principal| *principal != self.owner.to_string()) {
            scenario.tally.find(Finding::Leaked, || format!("{} sees the principal {:?}", self.owner, view.principal));
        }
        let (no_items, no_count, no_note) = <(Items, Count, Note)>::default();
        if let Some(items) = view.items.as_ref().or(complete.then_some(&no_items)) {
            self.items(scenario, ledger, items, asked);
        }
        if let Some(count) = view.count.as_ref().or(complete.then_some(&no_count)) {
            self.count(scenario, ledger, count, asked);
        }
        if let Some(note) = view.note.as_ref().or(complete.then_some(&no_note)) {
            self.note(scenario, ledger, note);
        }
    }

    /// Records whether a reply had a newer token, to explain later findings.
    pub(crate) fn record_token(&mut self, got_token: bool) {
        self.without_token = !got_token;
    }

    /// Reports that this client sees less than it must.
    fn report_missing(&self, scenario: &ScenarioState, finding: Finding, what: impl FnOnce() -> String) {
        let without_token = if self.without_token { ", whose last reply had no newer token" } else { "" };
        scenario.tally.find(finding, || format!("{}{without_token}", what()));
    }

    fn items(&mut self, scenario: &ScenarioState, ledger: &mut SessionLedger, items: &Items, asked: Instant) {
        let present = self.check_items(scenario, ledger, items, asked);
        let missing = |item: &u64| !present.contains(item);
        let is_excused = |ledger: &SessionLedger, item: u64| {
            let number = usize::try_from(item % 1_000_000).unwrap_or(usize::MAX);
            ledger.items.get(number).is_some_and(|entry| ledger.excuses(scenario, entry))
        };
        let lost: Vec<u64> = self.list.iter().copied().filter(missing).collect();
        for item in &lost {
            if !is_excused(ledger, *item) {
                self.report_missing(scenario, Finding::Monotonic, || {
                    format!("{item} has disappeared for client {}", self.device)
                });
            }
        }
        if lost.iter().any(|item| is_excused(ledger, *item)) {
            scenario.tally.witnessed();
        }
        if lost.is_empty() && !items.list.starts_with(&self.list) {
            scenario.tally.find(Finding::Monotonic, || format!("the items of {} changed order", self.owner));
        }
        let mut lost_items = Vec::new();
        for (number, entry) in ledger.items.iter().enumerate() {
            let item = item_of(self.owner, number);
            if present.contains(&item) {
                continue;
            }
            if ledger.excuses(scenario, entry) {
                if entry.is_acked() && scenario.is_lost_for_good(entry.operation(ledger.slot), asked) {
                    lost_items.push(item);
                }
                continue;
            }
            if entry.device == self.device && entry.acked_before(asked) {
                self.report_missing(scenario, Finding::OwnWrite, || {
                    format!("client {} does not see its own item {item}", self.device)
                });
            } else if entry.acked_before(asked) && ScenarioState::is_stale(entry, asked) {
                scenario.tally.find(Finding::Stale, || format!("client {} does not see item {item} yet", self.device));
            }
        }
        let now = Instant::now();
        for item in lost_items {
            ledger.lost_items.entry(item).or_insert(now);
        }
        self.list.clone_from(&items.list);
    }

    /// Checks for items that no client may see: foreign, duplicate, refused, or already lost by
    /// Redis.
    fn check_items(
        &self,
        scenario: &ScenarioState,
        ledger: &mut SessionLedger,
        items: &Items,
        asked: Instant,
    ) -> HashSet<u64> {
        let foreign = |item: &&u64| owner_of(**item) != self.owner;
        if items.list.iter().any(|item| foreign(&item)) || (items.owner != self.owner && !items.list.is_empty()) {
            scenario.tally.find(Finding::Leaked, || format!("{} sees items of {}", self.owner, items.owner));
        }
        let mut present = HashSet::with_capacity(items.list.len());
        for item in &items.list {
            if !present.insert(*item) && ledger.reported.insert(*item) {
                scenario.tally.find(Finding::Duplicated, || format!("{item} is there twice"));
            }
            let number = usize::try_from(item % 1_000_000).unwrap_or(usize::MAX);
            let refused = ledger.items.get(number).is_some_and(|entry| entry.outcome == WriteOutcome::Refused);
            if refused && ledger.reported.insert(*item) {
                scenario.tally.find(Finding::Phantom, || format!("{item} is there, although its write was refused"));
            }
            if ledger.lost_items.get(item).is_some_and(|since| asked > *since) && ledger.reported.insert(*item) {
                scenario
                    .tally
                    .find(Finding::Resurrected, || format!("{item} is there again, although Redis had lost it"));
            }
        }
        present
    }

    fn count(&mut self, scenario: &ScenarioState, ledger: &SessionLedger, count: &Count, asked: Instant) {
        let writes = &ledger.count;
        if count.n > 0 && count.owner != self.owner {
            scenario.tally.find(Finding::Leaked, || format!("{} sees the count of {}", self.owner, count.owner));
        }
        let least =
            |of: &dyn Fn(&super::Entry) -> bool| writes.count(|entry| of(entry) && !ledger.excuses(scenario, entry));
        let own = least(&|entry| entry.device == self.device && entry.acked_before(asked));
        if count.n < own as u64 {
            self.report_missing(scenario, Finding::OwnWrite, || {
                format!("client {} made {own} increments, sees {}", self.device, count.n)
            });
        }
        let known = least(&|entry| entry.acked_before(asked) && ScenarioState::is_stale(entry, asked));
        if count.n >= own as u64 && count.n < known as u64 {
            scenario
                .tally
                .find(Finding::Stale, || format!("client {} sees {} of {known} increments", self.device, count.n));
        }
        if let Some((before, then)) = self.count
            && count.n < before
            && !scenario.excuses_read(ledger.slot, then)
        {
            self.report_missing(scenario, Finding::Monotonic, || {
                format!("the count went from {before} to {} for client {}", count.n, self.device)
            });
        }
        if count.n > writes.at_most() as u64 {
            scenario
                .tally
                .find(Finding::Duplicated, || format!("{} sees {} of {}", self.owner, count.n, writes.at_most()));
        }
        self.count = Some((count.n, asked));
    }

    fn note(&self, scenario: &ScenarioState, ledger: &SessionLedger, note: &Note) {
        let writes = &ledger.note;
        if note.owner != 0 && note.owner != self.owner {
            scenario.tally.find(Finding::Leaked, || format!("{} sees the note of {}", self.owner, note.owner));
            return;
        }
        let number = (note.owner != 0).then(|| usize::try_from(note.text).unwrap_or(usize::MAX));
        if number.is_some_and(|number| writes.get(number).is_none_or(|entry| entry.outcome == WriteOutcome::Refused)) {
            scenario
                .tally
                .find(Finding::Phantom, || format!("{} sees note {number:?}, which no client wrote", self.owner));
        }
        if self.is_outdated(scenario, ledger, number) {
            self.report_missing(scenario, Finding::OwnWrite, || {
                format!("{} sees note {number:?}, although it wrote a later one", self.owner)
            });
        }
    }

    /// Returns `true` if this client is the only writer and a note later than the visible one was
    /// acknowledged. A write of unknown outcome may still take effect at any time.
    fn is_outdated(&self, scenario: &ScenarioState, ledger: &SessionLedger, number: Option<usize>) -> bool {
        let writes = &ledger.note;
        if writes.iter().any(|entry| entry.device != self.device) {
            return false;
        }
        let Some(last) = writes.iter().enumerate().filter(|(_, entry)| entry.is_acked()).last() else { return false };
        let known = number.and_then(|number| writes.get(number));
        let legal = match (number, known) {
            (Some(number), Some(entry)) => number >= last.0 || !entry.is_acked(),
            _ => false,
        };
        !legal && !ledger.excuses(scenario, last.1)
    }
}
