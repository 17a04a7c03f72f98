//! What the tier does when time passes.

use std::time::Duration;

use super::builders::{ABSOLUTE, IDLE, at, bulk, logged_in, session, tag, text};
use super::stage::{QUIET, add, audit, end_of, fill, pass, tier, tier_that_looks, write};
use crate::cache::EndReason;
use crate::cache::cell::Cell;
use crate::cache::snapshot::Snapshot;
use crate::cache::tier::{Holding, Tier};
use crate::cache::values::Values;
use crate::sync::Arc;
use crate::time::Timestamp;

const ROOM: u64 = 1 << 20;

fn is_packed(cell: &Cell) -> bool {
    cell.state().snapshot().is_some_and(|snapshot| matches!(snapshot.values, Values::Packed(_)))
}

/// Lets the timer go round every second, as the housekeeper does.
fn live_through(tier: &Tier, seconds: std::ops::Range<u64>) {
    seconds.for_each(|second| pass(tier, at(second)));
}

#[test]
fn a_session_that_nobody_uses_leaves_by_itself() {
    let (tier, log) = tier(Holding::Only, ROOM);
    let cell = add(&tier, tag(1), session([bulk(100)]));
    live_through(&tier, 1..IDLE + 1);
    assert_eq!(end_of(&cell), None);
    live_through(&tier, IDLE + 1..IDLE + 2);
    assert_eq!(log.take_ended(), [(tag(1), EndReason::Idle)]);
    assert_eq!((tier.len(), tier.bytes()), (0, 0));
}

#[test]
fn a_session_in_use_stays_until_its_absolute_end() {
    let (tier, log) = tier(Holding::Only, ROOM);
    let cell = add(&tier, tag(1), session([bulk(100)]));
    for second in (0..=ABSOLUTE).step_by(300) {
        cell.see(at(second));
        pass(&tier, at(second));
    }
    assert_eq!(log.take_ended(), [(tag(1), EndReason::Absolute)]);
}

#[test]
fn a_quiet_session_is_packed_and_a_busy_one_is_not() {
    let (tier, _) = tier(Holding::Only, ROOM);
    let [quiet, busy] = [1, 2].map(|number| add(&tier, tag(number), session([bulk(100)])));
    let before = tier.bytes();
    for second in 1..2 * QUIET {
        busy.see(at(second));
        pass(&tier, at(second));
    }
    assert!(is_packed(&quiet));
    assert!(!is_packed(&busy));
    assert!(tier.bytes() < before);
    audit(&tier);
    live_through(&tier, 2 * QUIET..3 * QUIET + 2);
    assert!(is_packed(&busy), "it is looked at again when it may have become quiet");
}

#[test]
fn what_would_not_get_smaller_is_not_packed() {
    let (tier, _) = tier(Holding::Only, ROOM);
    let cheap = crate::cache::Entry { size: 1, ..text("a", 1, &"x".repeat(500)) };
    let cell = add(&tier, tag(1), session([cheap]));
    live_through(&tier, 1..3 * QUIET);
    assert!(!is_packed(&cell));
    audit(&tier);
}

#[test]
fn a_session_that_was_unpacked_is_still_ended_in_time() {
    let (tier, log) = tier(Holding::Only, ROOM);
    let cell = add(&tier, tag(1), session([bulk(100)]));
    live_through(&tier, 1..2 * QUIET);
    cell.see(at(2 * QUIET));
    tier.unpack(&cell);
    write(&tier, &cell, "a", 10).expect("there is room");
    live_through(&tier, 2 * QUIET..2 * QUIET + IDLE + 1);
    assert_eq!(log.take_ended(), []);
    live_through(&tier, 2 * QUIET + IDLE + 1..2 * QUIET + IDLE + 3);
    assert_eq!(log.take_ended(), [(tag(1), EndReason::Idle)]);
}

#[test]
fn a_copy_whose_time_is_over_is_forgotten_and_ends_nothing() {
    let (tier, log) = tier(Holding::Copy, ROOM);
    let cell = fill(&tier, tag(1), [bulk(100)]);
    let inserted = add(&tier, tag(2), logged_in([bulk(100)]));
    live_through(&tier, 1..IDLE + 120);
    assert_eq!((tier.len(), tier.bytes()), (0, 0));
    assert_eq!((end_of(&cell), end_of(&inserted)), (None, None));
    assert_eq!(log.take_ended(), []);
}

#[test]
fn a_copy_with_a_short_timeout_is_forgotten_when_that_is_over() {
    for (look_every, is_vacated) in
        [None, Some(Duration::from_millis(250))].into_iter().flat_map(|every| [(every, false), (every, true)])
    {
        let (tier, _) = tier_that_looks(Holding::Copy, ROOM, look_every);
        let cell = tier.get_or_vacant(&tag(1), at(0));
        let before = Arc::clone(&cell.state());
        let brief = Snapshot { idle: 2000, ..session([bulk(100)]) };
        tier.replace(&cell, &before, brief).expect("there is room").expect("nobody interferes");
        if is_vacated {
            tier.vacate(&cell);
        }
        live_through(&tier, 1..2);
        assert_eq!(tier.len(), 1, "{look_every:?}, {is_vacated}");
        live_through(&tier, 2..4);
        assert_eq!((tier.len(), tier.bytes()), (0, 0), "{look_every:?}, {is_vacated}");
    }
}

#[test]
fn a_cell_that_was_never_filled_is_forgotten_after_a_minute() {
    let (tier, _) = tier(Holding::Copy, ROOM);
    tier.get_or_vacant(&tag(1), at(0));
    live_through(&tier, 1..61);
    assert_eq!(tier.len(), 1);
    live_through(&tier, 61..62);
    assert_eq!(tier.len(), 0);
}

#[test]
fn a_copy_that_somebody_listens_through_is_asked_about_and_kept() {
    let (tier, log) = tier(Holding::Copy, ROOM);
    let cell = fill(&tier, tag(1), []);
    let listener = cell.watch_end();
    live_through(&tier, 1..IDLE + 120);
    assert!(tier.holds(&cell));
    let asked = log.take_doubted();
    assert!(!asked.is_empty() && asked.len() <= 3, "asked {} times", asked.len());
    drop(listener);
    live_through(&tier, IDLE + 120..IDLE + 240);
    assert!(!tier.holds(&cell));
}

#[test]
fn a_clock_at_the_end_of_time_ends_everything_and_nothing_breaks_when_it_comes_back() {
    let (tier, log) = tier(Holding::Only, ROOM);
    add(&tier, tag(1), session([bulk(100)]));
    pass(&tier, Timestamp::MAX);
    assert_eq!(log.take_ended(), [(tag(1), EndReason::Absolute)]);
    pass(&tier, at(10));
    add(&tier, tag(2), session([bulk(100)]));
    live_through(&tier, 11..IDLE + 12);
    assert_eq!(log.take_ended(), [(tag(2), EndReason::Idle)]);
    assert_eq!((tier.len(), tier.bytes()), (0, 0));
}
