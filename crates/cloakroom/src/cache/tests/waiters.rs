use tokio::sync::watch;

use super::builders::{at, change_state, fingerprint, selector, session};
use super::fixture::{add, cache, write};
use crate::cache::EndReason;
use crate::cache::entry::{Entry, EntryState};
use crate::cache::local_cache::Role;
use crate::cache::waiters::{InFlight, JoinOutcome, LoadBase, LoadResult};

fn entry() -> Entry {
    Entry::new(selector(1), EntryState::Live(session([])), at(0))
}

/// An entry without a snapshot, which restricts no load by its version.
fn vacant() -> Entry {
    Entry::new(selector(1), EntryState::unread(), at(0))
}

fn base(version: u64) -> LoadBase {
    LoadBase { version, fingerprint: fingerprint(1), input: 0 }
}

/// A load, and the sender of its result.
fn in_flight(base: LoadBase) -> (InFlight, watch::Sender<Option<LoadResult>>) {
    let (task, result) = watch::channel(None);
    (InFlight { base, result }, task)
}

/// Returns `true` if the load is registered, and no other one joined.
fn registers(entry: &Entry, key: &'static str, base: LoadBase, in_flight: InFlight) -> bool {
    matches!(entry.join_or_register(key, base, |_| Some(in_flight)), JoinOutcome::Registered(_))
}

/// Returns `true` if a reader with this base joins a load in flight.
fn joins(entry: &Entry, key: &'static str, base: LoadBase) -> bool {
    let (in_flight, _task) = in_flight(base);
    !registers(entry, key, base, in_flight)
}

#[test]
fn a_flight_is_joined_by_those_who_would_start_from_the_same_place() {
    let entry = vacant();
    let (first, _task) = in_flight(base(3));
    assert!(registers(&entry, "roles", base(3), first));
    assert!(joins(&entry, "roles", base(3)));
    assert!(!joins(&entry, "name", base(3)));
}

#[test]
fn nobody_waits_for_a_load_that_began_before_what_he_knows_of() {
    let newer = LoadBase { fingerprint: fingerprint(2), ..base(3) };
    for newer in [base(4), newer] {
        let entry = vacant();
        let (first, _task) = in_flight(base(3));
        registers(&entry, "roles", base(3), first);
        assert!(!joins(&entry, "roles", newer), "{newer:?}");
    }
}

#[test]
fn a_flight_whose_task_is_gone_is_replaced() {
    let entry = vacant();
    let (first, task) = in_flight(base(3));
    registers(&entry, "roles", base(3), first);
    drop(task);
    let (second, _task) = in_flight(base(3));
    assert!(registers(&entry, "roles", base(3), second));
    assert!(joins(&entry, "roles", base(3)));
}

#[test]
fn a_flight_that_was_replaced_does_not_take_its_successor_along() {
    let entry = entry();
    let (old, _old_task) = in_flight(base(3));
    let (new, _new_task) = in_flight(base(4));
    registers(&entry, "roles", base(3), old);
    registers(&entry, "roles", base(4), new);
    entry.deregister("roles", base(3));
    assert!(joins(&entry, "roles", base(4)));
    entry.deregister("roles", base(4));
    assert!(entry.waiters.lock().is_none(), "nothing is in use any more");
}

#[test]
fn nobody_but_its_waiters_keeps_a_flight_in_the_air_that_was_overtaken() {
    let entry = entry();
    let (kept, kept_task) = in_flight(base(0));
    registers(&entry, "roles", base(0), kept);
    entry.drop_superseded_loads();
    assert!(!kept_task.is_closed(), "its base is still current");
    let (overtaken, task) = in_flight(base(3));
    registers(&entry, "name", base(3), overtaken.clone());
    entry.drop_superseded_loads();
    assert!(!task.is_closed(), "a reader waits for it");
    drop(overtaken);
    assert!(task.is_closed());
    change_state(&entry, |_| Some(EntryState::Ended(EndReason::Revoked)));
    entry.notify_end(EndReason::Revoked);
    assert!(kept_task.is_closed(), "the session has ended");
}

/// Two readers find no value. One loads it; the other arrives after the load has finished.
#[test]
fn a_reader_who_comes_after_the_landing_is_sent_to_look_again() {
    let (cache, _) = cache(Role::Primary, 1 << 20);
    let entry = add(&cache, selector(1), session([]));
    let seen =
        LoadBase { version: 0, fingerprint: entry.state().snapshot().expect("it is live").fingerprint, input: 0 };
    let (first, _task) = in_flight(seen);
    assert!(registers(&entry, "roles", seen, first));
    write(&cache, &entry, "roles", 10).expect("there is room");
    entry.deregister("roles", seen);
    let launched = entry.join_or_register("roles", seen, |_| panic!("the value would be loaded twice"));
    assert!(matches!(launched, JoinOutcome::Superseded));
}

#[test]
fn who_launches_is_told_how_many_are_in_the_air_and_may_decline() {
    let entry = vacant();
    for number in 0..3 {
        let (new, task) = in_flight(base(number));
        // Each has another base, so each replaces the one before.
        let registered = entry.join_or_register("roles", base(number), |running| {
            assert_eq!(running as u64, number);
            Some(new)
        });
        assert!(matches!(registered, JoinOutcome::Registered(_)));
        drop(task);
    }
    assert!(matches!(entry.join_or_register("roles", base(9), |_| None), JoinOutcome::Refused));
    (0..3).for_each(|number| entry.deregister("roles", base(number)));
    assert!(entry.waiters.lock().is_none());
}

#[test]
fn who_listens_hears_the_end_whenever_he_began() {
    let entry = vacant();
    let early = entry.watch_end();
    assert!(entry.is_watched());
    assert_eq!(*early.borrow(), None);
    change_state(&entry, |_| Some(EntryState::Ended(EndReason::Revoked)));
    let between = entry.watch_end();
    entry.notify_end(EndReason::Revoked);
    let late = entry.watch_end();
    for heard in [early, between, late] {
        assert_eq!(*heard.borrow(), Some(EndReason::Revoked));
    }
}

#[test]
fn a_cell_that_nobody_listens_to_any_more_is_not_watched_and_pays_nothing() {
    let entry = entry();
    let listener = entry.watch_end();
    entry.drop_unused();
    assert!(entry.is_watched());
    drop(listener);
    assert!(!entry.is_watched());
    entry.drop_unused();
    assert!(entry.waiters.lock().is_none());
}

#[test]
fn all_who_wait_for_their_turn_stand_in_one_line() {
    let entry = entry();
    let first = entry.commit_lock();
    entry.drop_unused();
    let second = entry.commit_lock();
    let client_token = first.try_lock().expect("the lock is free");
    assert!(second.try_lock().is_err());
    drop(client_token);
    drop((first, second));
    entry.drop_unused();
    assert!(entry.waiters.lock().is_none());
}
