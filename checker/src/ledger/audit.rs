//! The reckoning at the end of a session, when nobody writes any more.

use super::{Entry, Ledger};
use crate::report::Finding;
use crate::state::ScenarioState;
use crate::view::{View, item_of};

/// Whether everything acknowledged is there; then there is no need to look again.
pub(crate) fn is_complete(books: &Ledger, view: &View, owner: u64) -> bool {
    missing_items(books, view, owner).next().is_none()
        && books.count.count(Entry::is_acked) as u64 <= view.count.as_ref().map_or(0, |count| count.n)
}

/// Counts what was acknowledged and is not there.
pub(crate) fn audit(world: &ScenarioState, books: &Ledger, view: &View, owner: u64) {
    for (item, entry) in missing_items(books, view, owner) {
        if books.excuses(world, entry) {
            world.tally.find_excused(1);
        } else {
            world.tally.find(Finding::Lost, || format!("{item} of client {} is lost", entry.device));
        }
    }
    audit_count(world, books, view.count.as_ref().map_or(0, |count| count.n), owner);
    world.tally.verify(books);
}

fn audit_count(world: &ScenarioState, books: &Ledger, n: u64, owner: u64) {
    let book = &books.count;
    let sure = book.count(|entry| entry.is_acked() && !books.excuses(world, entry)) as u64;
    let acked = book.count(Entry::is_acked) as u64;
    for _ in n..sure {
        world.tally.find(Finding::Lost, || format!("{owner} has {n} of {sure} acknowledged increments"));
    }
    world.tally.find_excused(acked.saturating_sub(n.max(sure)));
}

fn missing_items<'a>(books: &'a Ledger, view: &View, owner: u64) -> impl Iterator<Item = (u64, &'a Entry)> {
    let present: std::collections::HashSet<u64> =
        view.items.iter().flat_map(|items| items.list.iter().copied()).collect();
    let numbered = books.items.iter().enumerate().map(move |(number, entry)| (item_of(owner, number), entry));
    numbered.filter(move |(item, entry)| entry.is_acked() && !present.contains(item))
}
