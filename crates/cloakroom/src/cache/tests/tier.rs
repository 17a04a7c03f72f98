use proptest::prelude::*;

use super::builders::{at, bulk, logged_in, session, shapes, tag, text};
use super::stage::{EMPTY, add, audit, commit, end_of, fill, pass, tier, write};
use crate::cache::EndReason;
use crate::cache::cell::State;
use crate::cache::change::Edit;
use crate::cache::entry::Key;
use crate::cache::limits::TooLarge;
use crate::cache::snapshot::Snapshot;
use crate::cache::tier::{Holding, Refused};
use crate::cache::values::Values;
use crate::sync::Arc;

const ROOM: u64 = 1 << 20;

fn snapshot(cell: &crate::cache::Cell) -> Snapshot {
    cell.state().snapshot().cloned().expect("it lives")
}

#[test]
fn a_tag_that_is_taken_costs_the_newcomer_nothing() {
    let (tier, _) = tier(Holding::Only, ROOM);
    add(&tier, tag(1), session([]));
    assert!(matches!(tier.insert(tag(1), session([bulk(500)]), at(0)), Ok(None)));
    assert_eq!((tier.len(), tier.bytes()), (1, EMPTY));
    audit(&tier);
}

#[test]
fn a_session_within_its_limits_is_let_in_and_one_beyond_is_not() {
    let (tier, _) = tier(Holding::Only, ROOM);
    let value = |key, size| text(key, 1, &"x".repeat(size));
    for (entries, verdict) in [
        (vec![value("a", 1000), value("b", 1000)], None),
        (vec![value("a", 1001)], Some(TooLarge::Value)),
        (vec![value("a", 1000), value("b", 1000), value("c", 1)], Some(TooLarge::Session)),
        (vec![value("a", 1), value("b", 1), value("c", 1)], None),
        (vec![value("a", 1), value("b", 1), value("c", 1), value("d", 1)], Some(TooLarge::Count)),
    ] {
        assert_eq!(tier.check(&session(entries)).err(), verdict.map(Refused::TooLarge));
    }
    let refused = tier.insert(tag(1), session([bulk(1001)]), at(0));
    assert_eq!(refused.err(), Some(Refused::TooLarge(TooLarge::Value)));
    assert_eq!((tier.len(), tier.bytes()), (0, 0));
}

#[test]
fn a_value_that_was_removed_does_not_count() {
    let (tier, _) = tier(Holding::Only, ROOM);
    let cell = add(&tier, tag(1), session(["a", "b", "c"].map(|key| text(key, 1, "x"))));
    assert_eq!(write(&tier, &cell, "d", 1), Err(Refused::TooLarge(TooLarge::Count)));
    commit(&tier, &cell, &[Edit::remove(Key::Static("a"), None)]).expect("it gets smaller");
    write(&tier, &cell, "d", 1).expect("there is a place for it now");
    audit(&tier);
}

#[test]
fn a_session_beyond_its_limits_may_shrink_but_not_grow() {
    let (tier, _) = tier(Holding::Copy, ROOM);
    let cell = fill(&tier, tag(1), [text("a", 1, &"x".repeat(5000)), text("b", 1, "y")]);
    assert_eq!(write(&tier, &cell, "b", 2), Err(Refused::TooLarge(TooLarge::Value)));
    write(&tier, &cell, "a", 4000).expect("smaller, if not small");
    commit(&tier, &cell, &[Edit::remove(Key::Static("b"), None)]).expect("smaller, if not small");
    audit(&tier);
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let (tier, _) = tier(Holding::Only, EMPTY + 96 + 100);
    let cell = add(&tier, tag(1), logged_in([]));
    let before = Arc::clone(&cell.state());
    assert_eq!(write(&tier, &cell, "a", 1001), Err(Refused::TooLarge(TooLarge::Value)));
    assert_eq!(write(&tier, &cell, "a", 1000), Err(Refused::Full));
    let impossible = Edit::remove(Key::Static("a"), Some(7));
    assert_eq!(commit(&tier, &cell, &[impossible]), Err(Refused::Conflict));
    assert!(Arc::ptr_eq(&before, &cell.state()));
    audit(&tier);
}

#[test]
fn a_session_ends_once_and_for_good() {
    let (tier, log) = tier(Holding::Only, ROOM);
    let cell = add(&tier, tag(1), session([bulk(100)]));
    let before = Arc::clone(&cell.state());
    assert!(tier.end(&cell, EndReason::Logout));
    assert!(!tier.end(&cell, EndReason::Revoked));
    assert_eq!(log.take_ended(), [(tag(1), EndReason::Logout)]);
    tier.vacate(&cell);
    tier.forget(&cell);
    tier.unpack(&cell);
    assert!(matches!(tier.replace(&cell, &before, session([])), Ok(None)));
    assert_eq!(write(&tier, &cell, "a", 1), Err(Refused::Ended(EndReason::Logout)));
    assert_eq!(end_of(&cell), Some(EndReason::Logout));
    assert!(tier.get(&tag(1)).is_none());
    assert_eq!((tier.len(), tier.bytes()), (0, 0));
}

#[test]
fn a_session_that_was_prolonged_is_not_ended_for_being_overdue() {
    let (tier, log) = tier(Holding::Only, ROOM);
    let cell = add(&tier, tag(1), session([]));
    cell.see(at(1));
    assert!(!tier.end_overdue(&cell, at(600)));
    assert!(tier.end_overdue(&cell, at(601)));
    assert_eq!(log.take_ended(), [(tag(1), EndReason::Idle)]);
}

#[test]
fn a_fill_that_was_overtaken_stays_out_of_the_cell() {
    let (tier, _) = tier(Holding::Copy, ROOM);
    let overtaken_by: [fn(&crate::cache::Tier, &Arc<crate::cache::Cell>); 3] = [
        |tier, cell| tier.vacate(cell),
        |tier, cell| tier.forget(cell),
        |tier, cell| assert!(tier.end(cell, EndReason::Gone)),
    ];
    for overtake in overtaken_by {
        let cell = tier.get_or_vacant(&tag(1), at(0));
        let reserved = Arc::clone(&cell.state());
        overtake(&tier, &cell);
        assert!(matches!(tier.replace(&cell, &reserved, session([bulk(100)])), Ok(None)));
        assert!(cell.state().snapshot().is_none());
        tier.forget(&cell);
        assert_eq!((tier.len(), tier.bytes()), (0, 0));
    }
}

#[test]
fn a_copy_that_is_in_doubt_cannot_be_changed_and_is_remembered_until_it_is_forgotten() {
    let (tier, _) = tier(Holding::Copy, ROOM);
    let cell = fill(&tier, tag(1), [bulk(100)]);
    tier.vacate(&cell);
    tier.vacate(&cell);
    assert_eq!(write(&tier, &cell, "a", 1), Err(Refused::Vacant));
    assert!(cell.state().last_known().is_some());
    audit(&tier);
    tier.forget_unfilled(&cell);
    assert!(tier.holds(&cell), "it was filled once");
    tier.forget(&cell);
    assert!(cell.state().last_known().is_none());
    assert_eq!((tier.len(), tier.bytes()), (0, 0));
}

#[test]
fn a_question_that_nobody_answered_leaves_no_cell_behind() {
    let (tier, _) = tier(Holding::Copy, ROOM);
    let cell = tier.get_or_vacant(&tag(1), at(0));
    tier.forget_unfilled(&cell);
    assert_eq!(tier.len(), 0);
}

#[test]
fn a_copy_in_another_cell_goes_and_ones_own_stays() {
    let (tier, _) = tier(Holding::Copy, ROOM);
    let mine = fill(&tier, tag(1), [bulk(100)]);
    tier.vacate_other(&mine);
    assert!(mine.state().snapshot().is_some());
    tier.forget(&mine);
    let other = fill(&tier, tag(1), [bulk(200)]);
    tier.vacate_other(&mine);
    assert!(other.state().snapshot().is_none());
    audit(&tier);
}

#[test]
fn values_that_were_packed_come_back_even_when_memory_is_full() {
    let (tier, _) = tier(Holding::Only, EMPTY + 96 + 100);
    let cell = add(&tier, tag(1), session([bulk(100)]));
    let (full, former) = (tier.bytes(), shapes(snapshot(&cell).values.entries().expect("not packed yet")));
    pass(&tier, at(100));
    assert!(matches!(snapshot(&cell).values, Values::Packed(_)));
    audit(&tier);
    let gained = full - tier.bytes();
    assert!(tier.budget.reserve(gained), "somebody else takes what packing gained");
    tier.unpack(&cell);
    assert_eq!(shapes(snapshot(&cell).values.entries().expect("unpacked")), former);
    tier.budget.release(gained);
    audit(&tier);
}

#[derive(Clone, Debug)]
enum Act {
    Insert(bool, usize),
    Fill(usize),
    Write(&'static str, usize),
    Remove(&'static str),
    End,
    Vacate,
    Forget,
    Unpack,
    Pass(u64),
    See,
}

fn act() -> impl Strategy<Value = Act> {
    let key = prop_oneof![Just("a"), Just("b"), Just("c"), Just("d")];
    prop_oneof![
        3 => (any::<bool>(), 0_usize..1200).prop_map(|(logged_in, size)| Act::Insert(logged_in, size)),
        2 => (0_usize..1200).prop_map(Act::Fill),
        4 => (key.clone(), 0_usize..1200).prop_map(|(key, size)| Act::Write(key, size)),
        2 => key.prop_map(Act::Remove),
        1 => Just(Act::End),
        1 => Just(Act::Vacate),
        1 => Just(Act::Forget),
        2 => Just(Act::Unpack),
        2 => (1_u64..700).prop_map(Act::Pass),
        1 => Just(Act::See),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order, what is booked is what is there.
    #[test]
    fn the_books_are_always_right(
        only in any::<bool>(),
        acts in prop::collection::vec((0_u64..6, act()), 1..80),
    ) {
        let (tier, _) = tier(if only { Holding::Only } else { Holding::Copy }, 4096);
        let mut now = 0;
        for (number, act) in acts {
            let cell = tier.get(&tag(number));
            match (act, cell) {
                (Act::Insert(false, size), _) => drop(tier.insert(tag(number), session([bulk(size)]), at(now))),
                (Act::Insert(true, size), _) => drop(tier.insert(tag(number), logged_in([bulk(size)]), at(now))),
                (Act::Fill(size), _) if !only => drop(fill(&tier, tag(number), [bulk(size)])),
                (Act::Write(key, size), Some(cell)) => drop(write(&tier, &cell, key, size)),
                (Act::Remove(key), Some(cell)) => drop(commit(&tier, &cell, &[Edit::remove(Key::Static(key), None)])),
                (Act::End, Some(cell)) => assert!(tier.end(&cell, EndReason::Logout)),
                (Act::Vacate, Some(cell)) if !only => tier.vacate(&cell),
                (Act::Forget, Some(cell)) if !only => tier.forget(&cell),
                (Act::Unpack, Some(cell)) => tier.unpack(&cell),
                (Act::See, Some(cell)) => cell.see(at(now)),
                (Act::Pass(span), _) => {
                    now += span;
                    pass(&tier, at(now));
                }
                _ => {}
            }
            audit(&tier);
            if only {
                tier.for_each(|cell| assert!(matches!(**cell.state(), State::Live(_))));
            }
        }
    }
}
