use proptest::prelude::*;

use super::builders::{at, bulk, logged_in, selector, session, shapes, text};
use super::fixture::{EMPTY, add, audit, cache, commit, end_of, fill, pass, write};
use crate::cache::ChangeError;
use crate::cache::EndReason;
use crate::cache::change::ValueEdit;
use crate::cache::entry::EntryState;
use crate::cache::limits::TooLarge;
use crate::cache::local_cache::Role;
use crate::cache::snapshot::Snapshot;
use crate::cache::value::ValueKey;
use crate::cache::values::Values;
use crate::sync::Arc;

const ROOM: u64 = 1 << 20;

fn snapshot(entry: &crate::cache::Entry) -> Snapshot {
    entry.state().snapshot().cloned().expect("the session is live")
}

#[test]
fn a_tag_that_is_taken_costs_the_newcomer_nothing() {
    let (cache, _) = cache(Role::Primary, ROOM);
    add(&cache, selector(1), session([]));
    assert!(matches!(cache.insert(selector(1), session([bulk(500)]), at(0)), Ok(None)));
    assert_eq!((cache.len(), cache.bytes()), (1, EMPTY));
    audit(&cache);
}

#[test]
fn a_session_within_its_limits_is_let_in_and_one_beyond_is_not() {
    let (cache, _) = cache(Role::Primary, ROOM);
    let value = |key, size| text(key, 1, &"x".repeat(size));
    for (entries, verdict) in [
        (vec![value("a", 1000), value("b", 1000)], None),
        (vec![value("a", 1001)], Some(TooLarge::Value)),
        (vec![value("a", 1000), value("b", 1000), value("c", 1)], Some(TooLarge::Session)),
        (vec![value("a", 1), value("b", 1), value("c", 1)], None),
        (vec![value("a", 1), value("b", 1), value("c", 1), value("d", 1)], Some(TooLarge::Count)),
    ] {
        assert_eq!(cache.check(&session(entries)).err(), verdict.map(ChangeError::TooLarge));
    }
    let refused = cache.insert(selector(1), session([bulk(1001)]), at(0));
    assert_eq!(refused.err(), Some(ChangeError::TooLarge(TooLarge::Value)));
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn a_value_that_was_removed_does_not_count() {
    let (cache, _) = cache(Role::Primary, ROOM);
    let entry = add(&cache, selector(1), session(["a", "b", "c"].map(|key| text(key, 1, "x"))));
    assert_eq!(write(&cache, &entry, "d", 1), Err(ChangeError::TooLarge(TooLarge::Count)));
    commit(&cache, &entry, &[ValueEdit::remove(ValueKey::Static("a"), None)]).expect("the session shrinks");
    write(&cache, &entry, "d", 1).expect("there is room for one value again");
    audit(&cache);
}

#[test]
fn a_session_beyond_its_limits_may_shrink_but_not_grow() {
    let (cache, _) = cache(Role::Replica, ROOM);
    let entry = fill(&cache, selector(1), [text("a", 1, &"x".repeat(5000)), text("b", 1, "y")]);
    assert_eq!(write(&cache, &entry, "b", 2), Err(ChangeError::TooLarge(TooLarge::Value)));
    write(&cache, &entry, "a", 4000).expect("smaller, even if still too large");
    commit(&cache, &entry, &[ValueEdit::remove(ValueKey::Static("b"), None)])
        .expect("smaller, even if still too large");
    audit(&cache);
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let (cache, _) = cache(Role::Primary, EMPTY + 96 + 100);
    let entry = add(&cache, selector(1), logged_in([]));
    let before = entry.state();
    assert_eq!(write(&cache, &entry, "a", 1001), Err(ChangeError::TooLarge(TooLarge::Value)));
    assert_eq!(write(&cache, &entry, "a", 1000), Err(ChangeError::Full));
    let impossible = ValueEdit::remove(ValueKey::Static("a"), Some(7));
    assert_eq!(commit(&cache, &entry, &[impossible]), Err(ChangeError::Conflict));
    assert!(before.stamp == entry.stamp());
    audit(&cache);
}

#[test]
fn a_session_ends_once_and_for_good() {
    let (cache, log) = cache(Role::Primary, ROOM);
    let entry = add(&cache, selector(1), session([bulk(100)]));
    let before = entry.state();
    assert!(cache.end(&entry, EndReason::Logout));
    assert!(!cache.end(&entry, EndReason::Revoked));
    assert_eq!(log.take_ended(), [(selector(1), EndReason::Logout)]);
    cache.invalidate(&entry);
    cache.remove(&entry);
    cache.unpack(&entry);
    assert!(matches!(cache.replace(&entry, &before, session([])), Ok(None)));
    assert_eq!(write(&cache, &entry, "a", 1), Err(ChangeError::Ended(EndReason::Logout)));
    assert_eq!(end_of(&entry), Some(EndReason::Logout));
    assert!(cache.get(&selector(1)).is_none());
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn a_session_that_was_prolonged_is_not_ended_for_being_overdue() {
    let (cache, log) = cache(Role::Primary, ROOM);
    let entry = add(&cache, selector(1), session([]));
    entry.touch(at(1));
    assert!(!cache.end_expired(&entry, at(600)));
    assert!(cache.end_expired(&entry, at(601)));
    assert_eq!(log.take_ended(), [(selector(1), EndReason::Idle)]);
}

#[test]
fn a_fill_that_was_overtaken_stays_out_of_the_cell() {
    let (cache, _) = cache(Role::Replica, ROOM);
    let overtaken_by: [fn(&crate::cache::LocalCache, &Arc<crate::cache::Entry>); 3] = [
        |cache, entry| cache.invalidate(entry),
        |cache, entry| cache.remove(entry),
        |cache, entry| assert!(cache.end(entry, EndReason::Gone)),
    ];
    for overtake in overtaken_by {
        let entry = cache.get_or_insert_unread(&selector(1), at(0));
        let reserved = entry.state();
        overtake(&cache, &entry);
        assert!(matches!(cache.replace(&entry, &reserved, session([bulk(100)])), Ok(None)));
        assert!(entry.state().snapshot().is_none());
        cache.remove(&entry);
        assert_eq!((cache.len(), cache.bytes()), (0, 0));
    }
}

#[test]
fn a_copy_that_is_in_doubt_cannot_be_changed_and_is_remembered_until_it_is_forgotten() {
    let (cache, _) = cache(Role::Replica, ROOM);
    let entry = fill(&cache, selector(1), [bulk(100)]);
    cache.invalidate(&entry);
    cache.invalidate(&entry);
    assert_eq!(write(&cache, &entry, "a", 1), Err(ChangeError::Invalidated));
    assert!(entry.state().last_known().is_some());
    audit(&cache);
    cache.remove_if_unfilled(&entry);
    assert!(cache.contains(&entry), "it was filled once");
    cache.remove(&entry);
    assert!(entry.state().last_known().is_none());
    assert_eq!((cache.len(), cache.bytes()), (0, 0));
}

#[test]
fn a_question_that_nobody_answered_leaves_no_cell_behind() {
    let (cache, _) = cache(Role::Replica, ROOM);
    let entry = cache.get_or_insert_unread(&selector(1), at(0));
    cache.remove_if_unfilled(&entry);
    assert_eq!(cache.len(), 0);
}

#[test]
fn a_copy_in_another_cell_goes_and_ones_own_stays() {
    let (cache, _) = cache(Role::Replica, ROOM);
    let mine = fill(&cache, selector(1), [bulk(100)]);
    cache.invalidate_successor(&mine);
    assert!(mine.state().snapshot().is_some());
    cache.remove(&mine);
    let other = fill(&cache, selector(1), [bulk(200)]);
    cache.invalidate_successor(&mine);
    assert!(other.state().snapshot().is_none());
    audit(&cache);
}

#[test]
fn values_that_were_packed_come_back_even_when_memory_is_full() {
    let (cache, _) = cache(Role::Primary, EMPTY + 96 + 100);
    let entry = add(&cache, selector(1), session([bulk(100)]));
    let (full, former) = (cache.bytes(), shapes(snapshot(&entry).values.entries().expect("not packed yet")));
    pass(&cache, at(100));
    assert!(matches!(snapshot(&entry).values, Values::Packed(_)));
    audit(&cache);
    let gained = full - cache.bytes();
    assert!(cache.budget.reserve(gained), "another reservation takes what packing freed");
    cache.unpack(&entry);
    assert_eq!(shapes(snapshot(&entry).values.entries().expect("unpacked")), former);
    cache.budget.release(gained);
    audit(&cache);
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

    /// In any order of operations, the accounted bytes are those in the table.
    #[test]
    fn the_books_are_always_right(
        only in any::<bool>(),
        acts in prop::collection::vec((0_u64..6, act()), 1..80),
    ) {
        let (cache, _) = cache(if only { Role::Primary } else { Role::Replica }, 4096);
        let mut now = 0;
        for (number, act) in acts {
            let entry = cache.get(&selector(number));
            match (act, entry) {
                (Act::Insert(false, size), _) => drop(cache.insert(selector(number), session([bulk(size)]), at(now))),
                (Act::Insert(true, size), _) => drop(cache.insert(selector(number), logged_in([bulk(size)]), at(now))),
                (Act::Fill(size), _) if !only => drop(fill(&cache, selector(number), [bulk(size)])),
                (Act::Write(key, size), Some(entry)) => drop(write(&cache, &entry, key, size)),
                (Act::Remove(key), Some(entry)) => drop(commit(&cache, &entry, &[ValueEdit::remove(ValueKey::Static(key), None)])),
                (Act::End, Some(entry)) => assert!(cache.end(&entry, EndReason::Logout)),
                (Act::Vacate, Some(entry)) if !only => cache.invalidate(&entry),
                (Act::Forget, Some(entry)) if !only => cache.remove(&entry),
                (Act::Unpack, Some(entry)) => cache.unpack(&entry),
                (Act::See, Some(entry)) => entry.touch(at(now)),
                (Act::Pass(span), _) => {
                    now += span;
                    pass(&cache, at(now));
                }
                _ => {}
            }
            audit(&cache);
            if only {
                cache.for_each(|entry| assert!(matches!(*entry.state(), EntryState::Live(_))));
            }
        }
    }
}
