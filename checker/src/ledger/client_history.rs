//! What one client has seen, and what it must see next.

use std::collections::HashSet;
use std::time::Instant;

use super::{Ledger, WriteOutcome};
use crate::report::Finding;
use crate::state::ScenarioState;
use crate::view::{Count, Items, Note, View, item_of, owner_of};

/// What one client has seen of a session, and when it asked.
#[derive(Debug)]
pub(crate) struct ClientHistory {
    device: usize,
    owner: u64,
    list: Vec<u64>,
    count: Option<(u64, Instant)>,
    /// The last answer had no newer token.
    untold: bool,
}

impl ClientHistory {
    pub(crate) const fn new(device: usize, owner: u64) -> Self {
        Self { device, owner, list: Vec::new(), count: None, untold: false }
    }

    /// Compares an answer to a question sent at `asked` with what this client has written and seen.
    /// `complete` says that the answer shows all values, so that one that is missing is missing.
    pub(crate) fn take_in(
        &mut self,
        world: &ScenarioState,
        books: &mut Ledger,
        view: &View,
        asked: Instant,
        complete: bool,
    ) {
        if view.principal.as_ref().is_some_and(|principal| *principal != self.owner.to_string()) {
            world.tally.find(Finding::Leaked, || format!("{} is told to be {:?}", self.owner, view.principal));
        }
        let (no_items, no_count, no_note) = <(Items, Count, Note)>::default();
        if let Some(items) = view.items.as_ref().or(complete.then_some(&no_items)) {
            self.items(world, books, items, asked);
        }
        if let Some(count) = view.count.as_ref().or(complete.then_some(&no_count)) {
            self.count(world, books, count, asked);
        }
        if let Some(note) = view.note.as_ref().or(complete.then_some(&no_note)) {
            self.note(world, books, note);
        }
    }

    /// Remembers whether an answer brought a newer token, for what is seen after it.
    pub(crate) fn was_told(&mut self, told: bool) {
        self.untold = !told;
    }

    /// This client is shown less than it must be.
    fn is_shown_less(&self, world: &ScenarioState, finding: Finding, what: impl FnOnce() -> String) {
        let untold = if self.untold { ", whose last answer had no newer token" } else { "" };
        world.tally.find(finding, || format!("{}{untold}", what()));
    }

    fn items(&mut self, world: &ScenarioState, books: &mut Ledger, items: &Items, asked: Instant) {
        let present = self.sound(world, books, items, asked);
        let missing = |item: &u64| !present.contains(item);
        let is_excused = |books: &Ledger, item: u64| {
            let number = usize::try_from(item % 1_000_000).unwrap_or(usize::MAX);
            books.items.get(number).is_some_and(|entry| books.excuses(world, entry))
        };
        let lost: Vec<u64> = self.list.iter().copied().filter(missing).collect();
        for item in &lost {
            if !is_excused(books, *item) {
                self.is_shown_less(world, Finding::Monotonic, || {
                    format!("{item} is gone again for client {}", self.device)
                });
            }
        }
        if lost.iter().any(|item| is_excused(books, *item)) {
            world.tally.witnessed();
        }
        if lost.is_empty() && !items.list.starts_with(&self.list) {
            world.tally.find(Finding::Monotonic, || format!("the items of {} changed their order", self.owner));
        }
        let mut gone = Vec::new();
        for (number, entry) in books.items.iter().enumerate() {
            let item = item_of(self.owner, number);
            if present.contains(&item) {
                continue;
            }
            if books.excuses(world, entry) {
                if entry.is_acked() && world.is_lost_for_good(entry.operation(books.slot), asked) {
                    gone.push(item);
                }
                continue;
            }
            if entry.device == self.device && entry.acked_before(asked) {
                self.is_shown_less(world, Finding::OwnWrite, || {
                    format!("client {} does not see its {item}", self.device)
                });
            } else if entry.acked_before(asked) && ScenarioState::is_stale(entry, asked) {
                world.tally.find(Finding::Stale, || format!("client {} does not see {item} yet", self.device));
            }
        }
        let now = Instant::now();
        for item in gone {
            books.gone.entry(item).or_insert(now);
        }
        self.list.clone_from(&items.list);
    }

    /// What nobody may ever see: foreign items, items twice, items that were refused, items that Redis has lost.
    fn sound(&self, world: &ScenarioState, books: &mut Ledger, items: &Items, asked: Instant) -> HashSet<u64> {
        let foreign = |item: &&u64| owner_of(**item) != self.owner;
        if items.list.iter().any(|item| foreign(&item)) || (items.owner != self.owner && !items.list.is_empty()) {
            world.tally.find(Finding::Leaked, || format!("{} sees items of {}", self.owner, items.owner));
        }
        let mut present = HashSet::with_capacity(items.list.len());
        for item in &items.list {
            if !present.insert(*item) && books.reported.insert(*item) {
                world.tally.find(Finding::Duplicated, || format!("{item} is there twice"));
            }
            let number = usize::try_from(item % 1_000_000).unwrap_or(usize::MAX);
            let refused = books.items.get(number).is_some_and(|entry| entry.fate == WriteOutcome::Refused);
            if refused && books.reported.insert(*item) {
                world.tally.find(Finding::Phantom, || format!("{item} is there, and was said not to be"));
            }
            if books.gone.get(item).is_some_and(|since| asked > *since) && books.reported.insert(*item) {
                world.tally.find(Finding::Resurrected, || format!("{item} is there again, which Redis had lost"));
            }
        }
        present
    }

    fn count(&mut self, world: &ScenarioState, books: &Ledger, count: &Count, asked: Instant) {
        let book = &books.count;
        if count.n > 0 && count.owner != self.owner {
            world.tally.find(Finding::Leaked, || format!("{} sees the count of {}", self.owner, count.owner));
        }
        let least = |of: &dyn Fn(&super::Entry) -> bool| book.count(|entry| of(entry) && !books.excuses(world, entry));
        let own = least(&|entry| entry.device == self.device && entry.acked_before(asked));
        if count.n < own as u64 {
            self.is_shown_less(world, Finding::OwnWrite, || {
                format!("client {} counted {own}, sees {}", self.device, count.n)
            });
        }
        let known = least(&|entry| entry.acked_before(asked) && ScenarioState::is_stale(entry, asked));
        if count.n >= own as u64 && count.n < known as u64 {
            world.tally.find(Finding::Stale, || format!("client {} sees {} of {known}", self.device, count.n));
        }
        if let Some((before, then)) = self.count
            && count.n < before
            && !world.excuses_sight(books.slot, then)
        {
            self.is_shown_less(world, Finding::Monotonic, || {
                format!("{before}, then {} at client {}", count.n, self.device)
            });
        }
        if count.n > book.at_most() as u64 {
            world.tally.find(Finding::Duplicated, || format!("{} sees {} of {}", self.owner, count.n, book.at_most()));
        }
        self.count = Some((count.n, asked));
    }

    fn note(&self, world: &ScenarioState, books: &Ledger, note: &Note) {
        let book = &books.note;
        if note.owner != 0 && note.owner != self.owner {
            world.tally.find(Finding::Leaked, || format!("{} sees the note of {}", self.owner, note.owner));
            return;
        }
        let number = (note.owner != 0).then(|| usize::try_from(note.text).unwrap_or(usize::MAX));
        if number.is_some_and(|number| book.get(number).is_none_or(|entry| entry.fate == WriteOutcome::Refused)) {
            world.tally.find(Finding::Phantom, || format!("{} sees note {number:?} that nobody wrote", self.owner));
        }
        if self.is_outdated(world, books, number) {
            self.is_shown_less(world, Finding::OwnWrite, || {
                format!("{} sees note {number:?}, wrote a later one", self.owner)
            });
        }
    }

    /// Whether this client is the only writer and has had a later note acknowledged than the one
    /// it sees. A write of unknown outcome may still come at any time.
    fn is_outdated(&self, world: &ScenarioState, books: &Ledger, number: Option<usize>) -> bool {
        let book = &books.note;
        if book.iter().any(|entry| entry.device != self.device) {
            return false;
        }
        let Some(last) = book.iter().enumerate().filter(|(_, entry)| entry.is_acked()).last() else { return false };
        let known = number.and_then(|number| book.get(number));
        let legal = match (number, known) {
            (Some(number), Some(entry)) => number >= last.0 || !entry.is_acked(),
            _ => false,
        };
        !legal && !books.excuses(world, last.1)
    }
}
