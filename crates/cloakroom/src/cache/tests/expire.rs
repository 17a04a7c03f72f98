//! Tests of expiry and packing.

use std::time::Duration;

use super::builders::{ABSOLUTE, IDLE, at, bulk, logged_in, selector, session, text};
use super::fixture::{QUIET, add, audit, cache, cache_with_check_interval, end_of, fill, pass, write};
use crate::cache::EndReason;
use crate::cache::entry::Entry;
use crate::cache::local_cache::{LocalCache, Role};
use crate::cache::snapshot::Snapshot;
use crate::cache::values::Values;
use crate::time::Timestamp;

const ROOM: u64 = 1 << 20;

fn is_packed(entry: &Entry) -> bool {
    entry.state().snapshot().is_some_and(|snapshot| matches!(snapshot.values, Values::Packed(_)))
}

/// Advances the timer every second, as the maintenance task does.
fn live_through(cache: &LocalCache, seconds: std::ops::Range<u64>) {
    seconds.for_each(|second| pass(cache, at(second)));
}

#[test]
fn a_session_that_nobody_uses_leaves_by_itself() {
    let (cache, log) = cache(Role::Primary, ROOM);
    let entry = add(&cache, selector(1), session([bulk(100)]));
    live_through(&cache, 1..IDLE + 1);
    assert_eq!(end_of(&entry), None);
    live_through(&cache, IDLE + 1..IDLE + 2);
    assert_eq!(log.take_ended(), [(selector(1), EndReason::Idle)]);
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn a_session_in_use_stays_until_its_absolute_end() {
    let (cache, log) = cache(Role::Primary, ROOM);
    let entry = add(&cache, selector(1), session([bulk(100)]));
    for second in (0..=ABSOLUTE).step_by(300) {
        entry.touch(at(second));
        pass(&cache, at(second));
    }
    assert_eq!(log.take_ended(), [(selector(1), EndReason::Absolute)]);
}

#[test]
fn a_quiet_session_is_packed_and_a_busy_one_is_not() {
    let (cache, _) = cache(Role::Primary, ROOM);
    let [quiet, busy] = [1, 2].map(|number| add(&cache, selector(number), session([bulk(100)])));
    let before = cache.bytes();
    for second in 1..2 * QUIET {
        busy.touch(at(second));
        pass(&cache, at(second));
    }
    assert!(is_packed(&quiet));
    assert!(!is_packed(&busy));
    assert!(cache.bytes() < before);
    audit(&cache);
    live_through(&cache, 2 * QUIET..3 * QUIET + 2);
    assert!(is_packed(&busy), "it is checked again once it may be quiet");
}

#[test]
fn what_would_not_get_smaller_is_not_packed() {
    let (cache, _) = cache(Role::Primary, ROOM);
    let mut cheap = text("a", 1, &"x".repeat(500));
    cheap.size = 1;
    let entry = add(&cache, selector(1), session([cheap]));
    live_through(&cache, 1..3 * QUIET);
    assert!(!is_packed(&entry));
    audit(&cache);
}

#[test]
fn a_session_that_was_unpacked_is_still_ended_in_time() {
    let (cache, log) = cache(Role::Primary, ROOM);
    let entry = add(&cache, selector(1), session([bulk(100)]));
    live_through(&cache, 1..2 * QUIET);
    entry.touch(at(2 * QUIET));
    cache.unpack(&entry);
    write(&cache, &entry, "a", 10).expect("there is room");
    live_through(&cache, 2 * QUIET..2 * QUIET + IDLE + 1);
    assert_eq!(log.take_ended(), []);
    live_through(&cache, 2 * QUIET + IDLE + 1..2 * QUIET + IDLE + 3);
    assert_eq!(log.take_ended(), [(selector(1), EndReason::Idle)]);
}

#[test]
fn a_copy_whose_time_is_over_is_forgotten_and_ends_nothing() {
    let (cache, log) = cache(Role::Replica, ROOM);
    let entry = fill(&cache, selector(1), [bulk(100)]);
    let inserted = add(&cache, selector(2), logged_in([bulk(100)]));
    live_through(&cache, 1..IDLE + 120);
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
    assert_eq!((end_of(&entry), end_of(&inserted)), (None, None));
    assert_eq!(log.take_ended(), []);
}

#[test]
fn a_copy_with_a_short_timeout_is_forgotten_when_that_is_over() {
    for (check_interval, is_vacated) in
        [None, Some(Duration::from_millis(250))].into_iter().flat_map(|every| [(every, false), (every, true)])
    {
        let (cache, _) = cache_with_check_interval(Role::Replica, ROOM, check_interval);
        let entry = cache.get_or_insert_unread(&selector(1), at(0));
        let before = entry.state();
        let brief = Snapshot {
            lifetimes: session([]).lifetimes.with_idle_timeout(Duration::from_secs(2)),
            ..session([bulk(100)])
        };
        cache.replace(&entry, &before, brief).expect("there is room").expect("no concurrent transition");
        if is_vacated {
            cache.invalidate(&entry);
        }
        live_through(&cache, 1..2);
        assert_eq!(cache.len(), 1, "{check_interval:?}, {is_vacated}");
        live_through(&cache, 2..4);
        assert_eq!((cache.len(), cache.bytes()), (0, 0), "{check_interval:?}, {is_vacated}");
    }
}

#[test]
fn a_cell_that_was_never_filled_is_forgotten_after_a_minute() {
    let (cache, _) = cache(Role::Replica, ROOM);
    cache.get_or_insert_unread(&selector(1), at(0));
    live_through(&cache, 1..61);
    assert_eq!(cache.len(), 1);
    live_through(&cache, 61..62);
    assert_eq!(cache.len(), 0);
}

#[test]
fn a_copy_that_somebody_listens_through_is_asked_about_and_kept() {
    let (cache, log) = cache(Role::Replica, ROOM);
    let entry = fill(&cache, selector(1), []);
    let listener = entry.watch_end();
    live_through(&cache, 1..IDLE + 120);
    assert!(cache.contains(&entry));
    let asked = log.take_doubted();
    assert!(!asked.is_empty() && asked.len() <= 3, "asked {} times", asked.len());
    drop(listener);
    live_through(&cache, IDLE + 120..IDLE + 240);
    assert!(!cache.contains(&entry));
}

#[test]
fn a_clock_at_the_end_of_time_ends_everything_and_nothing_breaks_when_it_comes_back() {
    let (cache, log) = cache(Role::Primary, ROOM);
    add(&cache, selector(1), session([bulk(100)]));
    pass(&cache, Timestamp::MAX);
    assert_eq!(log.take_ended(), [(selector(1), EndReason::Absolute)]);
    pass(&cache, at(10));
    add(&cache, selector(2), session([bulk(100)]));
    live_through(&cache, 11..IDLE + 12);
    assert_eq!(log.take_ended(), [(selector(2), EndReason::Idle)]);
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}
