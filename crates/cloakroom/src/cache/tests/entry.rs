use std::time::Duration;

use super::builders::{ABSOLUTE, IDLE, at, bulk, change_state, selector, session};
use crate::cache::EndReason;
use crate::cache::entry::{Entry, EntryState, Invalidated, Stamp, StampedState};
use crate::cache::erased_value::{AnyValue, CodecError, ErasedValue};
use crate::cache::snapshot::Snapshot;
use crate::cache::value::{ValueEntry, ValueKey, ValueState};
use crate::cache::values::Values;
use crate::lifetimes::Lifetimes;
use crate::sync::{Arc, Weak};
use crate::time::Timestamp;

fn replace(entry: &Entry, seen: &StampedState, next: Snapshot) -> Option<Stamp> {
    entry.replace(seen.stamp, EntryState::Live(next), |_, _| {})
}

fn live() -> Entry {
    Entry::new(selector(1), EntryState::Live(session([])), at(0))
}

#[test]
fn who_was_seen_later_stays_seen_later() {
    let entry = live();
    entry.touch(at(10));
    entry.touch(at(5));
    assert_eq!(entry.last_seen(), at(10));
}

#[test]
fn of_all_who_see_that_a_report_is_due_one_makes_it() {
    let entry = live();
    entry.touch(at(59));
    assert!(!entry.claim_touch_report(60_000));
    entry.touch(at(60));
    assert!(entry.claim_touch_report(60_000));
    assert!(!entry.claim_touch_report(60_000));
    entry.touch(at(119));
    assert!(!entry.claim_touch_report(60_000));
    entry.touch(at(120));
    assert!(entry.claim_touch_report(60_000));
}

#[test]
fn what_the_store_knows_already_is_not_reported() {
    let entry = live();
    entry.mark_touch_reported(at(50));
    entry.mark_touch_reported(at(40));
    entry.touch(at(100));
    assert!(!entry.claim_touch_report(60_000));
    assert!(entry.claim_touch_report(50_000));
}

#[test]
fn a_session_is_overdue_at_its_deadline_and_not_before() {
    let entry = live();
    let snapshot = session([]);
    entry.touch(at(100));
    let idle = |now| entry.expiry_reason(&snapshot, now);
    let just_before = |seconds| Timestamp::from_millis(at(seconds).as_millis() - 1);
    assert_eq!(idle(just_before(100 + IDLE)), None);
    assert_eq!(idle(at(100 + IDLE)), Some(EndReason::Idle));
    entry.touch(at(ABSOLUTE - 1));
    assert_eq!(idle(just_before(ABSOLUTE)), None);
    assert_eq!(idle(at(ABSOLUTE)), Some(EndReason::Absolute));
    assert_eq!(idle(Timestamp::MAX), Some(EndReason::Absolute));
}

#[test]
fn extreme_timeouts_end_nothing_and_overflow_nothing() {
    let entry = live();
    let eternal = Snapshot { lifetimes: Lifetimes::new(at(0), Duration::MAX, Timestamp::MAX), ..session([]) };
    assert_eq!(entry.expiry_reason(&eternal, Timestamp::from_millis(u64::MAX / 2)), None);
    let late = Timestamp::from_millis(u64::MAX - 1);
    assert_eq!(eternal.lifetimes.deadline(late), Timestamp::MAX);
}

#[test]
fn a_state_that_is_not_there_any_more_is_not_replaced() {
    let entry = live();
    let seen = entry.state();
    assert!(replace(&entry, &seen, session([bulk(1)])).is_some());
    assert!(replace(&entry, &seen, session([])).is_none());
    assert_eq!(entry.state().weight(), session([bulk(1)]).weight());
}

/// All unread states look the same, and must not be mistaken for each other.
#[test]
fn an_equal_state_is_still_another_one() {
    let entry = Entry::new(selector(1), EntryState::unread(), at(0));
    let seen = entry.state();
    assert!(change_state(&entry, |_| Some(EntryState::unread())).is_some());
    assert!(replace(&entry, &seen, session([])).is_none());
}

#[test]
fn a_transition_that_is_declined_changes_nothing() {
    let entry = live();
    let seen = entry.state();
    assert!(change_state(&entry, |_| None).is_none());
    assert!(seen.stamp == entry.stamp());
}

#[test]
fn a_vacancy_weighs_what_it_remembers() {
    let snapshot = session([bulk(100)]);
    let weight = snapshot.weight();
    let vacant = EntryState::Invalidated(Invalidated { last_copy: Some(Arc::new(snapshot)), suspect_since: None });
    assert_eq!(vacant.weight(), weight);
    assert!(vacant.snapshot().is_none());
    assert!(vacant.last_known().is_some());
    assert!(!vacant.is_anonymous());
    assert_eq!(EntryState::Ended(EndReason::Logout).weight(), 0);
    assert_eq!(EntryState::unread().weight(), 0);
}

#[test]
fn a_transition_is_settled_with_the_states_before_and_after() {
    let entry = live();
    let mut weights = Vec::new();
    for next in [EntryState::Live(session([bulk(100)])), EntryState::Ended(EndReason::Logout)] {
        let settle = |before: &EntryState, after: &EntryState| weights.push((before.weight(), after.weight()));
        entry.transition(|_| Some(next), settle).expect("the change is not declined");
    }
    assert_eq!(weights, [(256, 256 + 96 + 100), (256 + 96 + 100, 0)]);
}

/// A million sessions in memory take these bytes a million times.
#[test]
fn an_entry_takes_no_more_bytes_than_its_session_needs() {
    assert_eq!(size_of::<ValueEntry>(), 40, "versions, sizes and one pointer to the value with its type");
    assert_eq!(size_of::<Values>(), 48, "the only value is in place");
    assert_eq!(size_of::<Entry>(), 200, "with the two counts of its `Arc`, 216 bytes are allocated");
}

/// A value that looks at its entry when it is dropped, as code of the application may.
struct Looking(Weak<Entry>);

impl AnyValue for Looking {
    fn own_key(&self) -> &'static str {
        "looking"
    }

    fn type_name(&self) -> &'static str {
        "Looking"
    }

    fn encode(&self) -> Result<Vec<u8>, CodecError> {
        Ok(Vec::new())
    }

    fn round_trips(&self, _bytes: &[u8]) -> bool {
        true
    }
}

impl Drop for Looking {
    fn drop(&mut self) {
        if let Some(entry) = self.0.upgrade() {
            entry.stamp();
        }
    }
}

/// Otherwise the thread waits for itself, for ever.
#[test]
fn a_value_is_dropped_when_its_entry_is_not_locked_any_more() {
    let (done, is_done) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let entry = Arc::new(live());
        let looking = || {
            let value = ErasedValue { value: Arc::new(Looking(Arc::downgrade(&entry))), decoded_bytes: 0 };
            let state = ValueState::Decoded(value);
            session([ValueEntry::new(ValueKey::Static("looking"), 1, Timestamp::MAX, 0, state)])
        };
        for next in [looking(), looking(), session([])] {
            let stamp = entry.stamp();
            assert!(entry.replace(stamp, EntryState::Live(next), |_, _| {}).is_some());
            // Not the present stamp, so that what would be the next state is dropped.
            assert!(entry.replace(stamp, EntryState::Live(looking()), |_, _| {}).is_none());
        }
        change_state(&entry, |_| Some(EntryState::Live(looking())));
        change_state(&entry, |_| Some(EntryState::Ended(EndReason::Logout)));
        done.send(()).expect("the test waits");
    });
    assert_eq!(is_done.recv_timeout(Duration::from_secs(20)), Ok(()));
}
