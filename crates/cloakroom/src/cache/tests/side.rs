use tokio::sync::watch;

use super::builders::{at, fingerprint, session, tag};
use crate::cache::EndReason;
use crate::cache::cell::{Cell, State};
use crate::cache::side::{Base, Flight, Landing};

fn cell() -> Cell {
    Cell::new(tag(1), State::Live(session([])), at(0))
}

fn base(version: u64) -> Base {
    Base { version, fingerprint: fingerprint(1), input: 0 }
}

/// A flight, and the task that would land it.
fn flight(base: Base) -> (Flight, watch::Sender<Option<Landing>>) {
    let (task, landing) = watch::channel(None);
    (Flight { base, landing }, task)
}

/// Whether whoever comes from `base` joins the flight that is in the air.
fn joins(cell: &Cell, key: &'static str, base: Base) -> bool {
    let (flight, _task) = flight(base);
    !cell.join_or_register(key, base, || flight).1
}

#[test]
fn a_flight_is_joined_by_those_who_would_start_from_the_same_place() {
    let cell = cell();
    let (first, _task) = flight(base(3));
    assert!(cell.join_or_register("roles", base(3), || first).1);
    assert!(joins(&cell, "roles", base(3)));
    assert!(!joins(&cell, "name", base(3)));
}

#[test]
fn nobody_waits_for_a_load_that_began_before_what_he_knows_of() {
    let newer = Base { fingerprint: fingerprint(2), ..base(3) };
    for newer in [base(4), newer] {
        let cell = cell();
        let (first, _task) = flight(base(3));
        cell.join_or_register("roles", base(3), || first);
        assert!(!joins(&cell, "roles", newer), "{newer:?}");
    }
}

#[test]
fn a_flight_whose_task_is_gone_is_replaced() {
    let cell = cell();
    let (first, task) = flight(base(3));
    cell.join_or_register("roles", base(3), || first);
    drop(task);
    let (second, _task) = flight(base(3));
    assert!(cell.join_or_register("roles", base(3), || second).1);
    assert!(joins(&cell, "roles", base(3)));
}

#[test]
fn a_flight_that_was_replaced_does_not_take_its_successor_along() {
    let cell = cell();
    let (old, _old_task) = flight(base(3));
    let (new, _new_task) = flight(base(4));
    cell.join_or_register("roles", base(3), || old);
    cell.join_or_register("roles", base(4), || new);
    cell.deregister("roles", base(3));
    assert!(joins(&cell, "roles", base(4)));
    cell.deregister("roles", base(4));
    assert!(cell.side.lock().is_none(), "nobody waits for anything any more");
}

#[test]
fn who_listens_hears_the_end_whenever_he_began() {
    let cell = cell();
    let early = cell.watch_end();
    assert!(cell.is_watched());
    assert_eq!(*early.borrow(), None);
    cell.transition(|_| Some(State::Ended(EndReason::Revoked)));
    let between = cell.watch_end();
    cell.announce_end(EndReason::Revoked);
    let late = cell.watch_end();
    for heard in [early, between, late] {
        assert_eq!(*heard.borrow(), Some(EndReason::Revoked));
    }
}

#[test]
fn a_cell_that_nobody_listens_to_any_more_is_not_watched_and_pays_nothing() {
    let cell = cell();
    let listener = cell.watch_end();
    cell.tidy();
    assert!(cell.is_watched());
    drop(listener);
    assert!(!cell.is_watched());
    cell.tidy();
    assert!(cell.side.lock().is_none());
}

#[test]
fn all_who_wait_for_their_turn_stand_in_one_line() {
    let cell = cell();
    let first = cell.turn();
    cell.tidy();
    let second = cell.turn();
    let held = first.try_lock().expect("nobody was there");
    assert!(second.try_lock().is_err());
    drop(held);
    drop((first, second));
    cell.tidy();
    assert!(cell.side.lock().is_none());
}
