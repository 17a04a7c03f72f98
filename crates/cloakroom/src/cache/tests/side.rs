use tokio::sync::watch;

use super::builders::{at, fingerprint, session, tag};
use super::stage::{add, tier, write};
use crate::cache::EndReason;
use crate::cache::cell::{Cell, State};
use crate::cache::side::{Base, Boarding, Flight, Landing};
use crate::cache::tier::Holding;

fn cell() -> Cell {
    Cell::new(tag(1), State::Live(session([])), at(0))
}

/// A cell that says nothing of the version of its values.
fn vacant() -> Cell {
    Cell::new(tag(1), State::unread(), at(0))
}

fn base(version: u64) -> Base {
    Base { version, fingerprint: fingerprint(1), input: 0 }
}

/// A flight, and the task that would land it.
fn flight(base: Base) -> (Flight, watch::Sender<Option<Landing>>) {
    let (task, landing) = watch::channel(None);
    (Flight { base, landing }, task)
}

/// Whether the flight is registered, and no other one joined.
fn registers(cell: &Cell, key: &'static str, base: Base, flight: Flight) -> bool {
    matches!(cell.join_or_register(key, base, |_| Some(flight)), Boarding::Registered(_))
}

/// Whether whoever comes from `base` joins the flight that is in the air.
fn joins(cell: &Cell, key: &'static str, base: Base) -> bool {
    let (flight, _task) = flight(base);
    !registers(cell, key, base, flight)
}

#[test]
fn a_flight_is_joined_by_those_who_would_start_from_the_same_place() {
    let cell = vacant();
    let (first, _task) = flight(base(3));
    assert!(registers(&cell, "roles", base(3), first));
    assert!(joins(&cell, "roles", base(3)));
    assert!(!joins(&cell, "name", base(3)));
}

#[test]
fn nobody_waits_for_a_load_that_began_before_what_he_knows_of() {
    let newer = Base { fingerprint: fingerprint(2), ..base(3) };
    for newer in [base(4), newer] {
        let cell = vacant();
        let (first, _task) = flight(base(3));
        registers(&cell, "roles", base(3), first);
        assert!(!joins(&cell, "roles", newer), "{newer:?}");
    }
}

#[test]
fn a_flight_whose_task_is_gone_is_replaced() {
    let cell = vacant();
    let (first, task) = flight(base(3));
    registers(&cell, "roles", base(3), first);
    drop(task);
    let (second, _task) = flight(base(3));
    assert!(registers(&cell, "roles", base(3), second));
    assert!(joins(&cell, "roles", base(3)));
}

#[test]
fn a_flight_that_was_replaced_does_not_take_its_successor_along() {
    let cell = cell();
    let (old, _old_task) = flight(base(3));
    let (new, _new_task) = flight(base(4));
    registers(&cell, "roles", base(3), old);
    registers(&cell, "roles", base(4), new);
    cell.deregister("roles", base(3));
    assert!(joins(&cell, "roles", base(4)));
    cell.deregister("roles", base(4));
    assert!(cell.side.lock().is_none(), "nobody waits for anything any more");
}

#[test]
fn nobody_but_its_waiters_keeps_a_flight_in_the_air_that_was_overtaken() {
    let cell = cell();
    let (kept, kept_task) = flight(base(0));
    registers(&cell, "roles", base(0), kept);
    cell.drop_overtaken_flights();
    assert!(!kept_task.is_closed(), "it began from what is there");
    let (overtaken, task) = flight(base(3));
    registers(&cell, "name", base(3), overtaken.clone());
    cell.drop_overtaken_flights();
    assert!(!task.is_closed(), "somebody waits for it");
    drop(overtaken);
    assert!(task.is_closed());
    cell.transition(|_| Some(State::Ended(EndReason::Revoked)));
    cell.announce_end(EndReason::Revoked);
    assert!(kept_task.is_closed(), "the session is over");
}

/// Two readers see that there is no value; one loads it, and the other comes when that has landed.
#[test]
fn a_reader_who_comes_after_the_landing_is_sent_to_look_again() {
    let (tier, _) = tier(Holding::Only, 1 << 20);
    let cell = add(&tier, tag(1), session([]));
    let seen = Base { version: 0, fingerprint: cell.state().snapshot().expect("it lives").fingerprint, input: 0 };
    let (first, _task) = flight(seen);
    assert!(registers(&cell, "roles", seen, first));
    write(&tier, &cell, "roles", 10).expect("there is room");
    cell.deregister("roles", seen);
    let launched = cell.join_or_register("roles", seen, |_| panic!("it would be loaded once more"));
    assert!(matches!(launched, Boarding::Overtaken));
}

#[test]
fn who_launches_is_told_how_many_are_in_the_air_and_may_decline() {
    let cell = vacant();
    for number in 0..3 {
        let (new, task) = flight(base(number));
        // Of another input each time, so that each takes the place of the one before.
        let registered = cell.join_or_register("roles", base(number), |running| {
            assert_eq!(running as u64, number);
            Some(new)
        });
        assert!(matches!(registered, Boarding::Registered(_)));
        drop(task);
    }
    assert!(matches!(cell.join_or_register("roles", base(9), |_| None), Boarding::Declined));
    (0..3).for_each(|number| cell.deregister("roles", base(number)));
    assert!(cell.side.lock().is_none());
}

#[test]
fn who_listens_hears_the_end_whenever_he_began() {
    let cell = vacant();
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
