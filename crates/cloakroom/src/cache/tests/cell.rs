use super::builders::{ABSOLUTE, IDLE, at, bulk, session, tag};
use crate::cache::EndReason;
use crate::cache::cell::{Cell, State, Vacancy};
use crate::cache::snapshot::Snapshot;
use crate::sync::Arc;
use crate::time::Timestamp;

fn live() -> Cell {
    Cell::new(tag(1), State::Live(session([])), at(0))
}

#[test]
fn who_was_seen_later_stays_seen_later() {
    let cell = live();
    cell.see(at(10));
    cell.see(at(5));
    assert_eq!(cell.last_seen(), at(10));
}

#[test]
fn of_all_who_see_that_a_report_is_due_one_makes_it() {
    let cell = live();
    cell.see(at(59));
    assert!(!cell.claim_report(60_000));
    cell.see(at(60));
    assert!(cell.claim_report(60_000));
    assert!(!cell.claim_report(60_000));
    cell.see(at(119));
    assert!(!cell.claim_report(60_000));
    cell.see(at(120));
    assert!(cell.claim_report(60_000));
}

#[test]
fn what_the_store_knows_already_is_not_reported() {
    let cell = live();
    cell.mark_reported(at(50));
    cell.mark_reported(at(40));
    cell.see(at(100));
    assert!(!cell.claim_report(60_000));
    assert!(cell.claim_report(50_000));
}

#[test]
fn a_session_is_overdue_at_its_deadline_and_not_before() {
    let cell = live();
    let snapshot = session([]);
    cell.see(at(100));
    let idle = |now| cell.overdue(&snapshot, now);
    let just_before = |seconds| Timestamp::from_millis(at(seconds).as_millis() - 1);
    assert_eq!(idle(just_before(100 + IDLE)), None);
    assert_eq!(idle(at(100 + IDLE)), Some(EndReason::Idle));
    cell.see(at(ABSOLUTE - 1));
    assert_eq!(idle(just_before(ABSOLUTE)), None);
    assert_eq!(idle(at(ABSOLUTE)), Some(EndReason::Absolute));
    assert_eq!(idle(Timestamp::MAX), Some(EndReason::Absolute));
}

#[test]
fn extreme_timeouts_end_nothing_and_overflow_nothing() {
    let cell = live();
    let eternal = Snapshot { idle: u64::MAX, absolute: Timestamp::MAX, ..session([]) };
    let late = Timestamp::from_millis(u64::MAX - 1);
    assert_eq!(cell.overdue(&eternal, late), None);
    assert_eq!(eternal.deadline(late), Timestamp::MAX);
}

#[test]
fn a_state_that_is_not_there_any_more_is_not_replaced() {
    let cell = live();
    let seen = Arc::clone(&cell.state());
    assert!(cell.replace(&seen, State::Live(session([bulk(1)]))).is_some());
    assert!(cell.replace(&seen, State::Live(session([]))).is_none());
    assert_eq!(cell.state().weight(), session([bulk(1)]).weight());
}

/// A vacancy looks the same each time and must not be taken for the one before.
#[test]
fn an_equal_state_is_still_another_one() {
    let cell = Cell::new(tag(1), State::unread(), at(0));
    let seen = Arc::clone(&cell.state());
    assert!(cell.transition(|_| Some(State::unread())).is_some());
    assert!(cell.replace(&seen, State::Live(session([]))).is_none());
}

#[test]
fn a_transition_that_is_declined_changes_nothing() {
    let cell = live();
    let seen = Arc::clone(&cell.state());
    assert!(cell.transition(|_| None).is_none());
    assert!(Arc::ptr_eq(&seen, &cell.state()));
}

#[test]
fn a_vacancy_weighs_what_it_remembers() {
    let snapshot = session([bulk(100)]);
    let weight = snapshot.weight();
    let former = Arc::new(State::Live(snapshot));
    let vacant = State::Vacant(Vacancy { former: Some(Arc::clone(&former)), doubted_at: None });
    assert_eq!(vacant.weight(), weight);
    assert!(vacant.snapshot().is_none());
    assert!(vacant.last_known().is_some());
    assert!(!vacant.is_anonymous());
    assert_eq!(State::Ended(EndReason::Logout).weight(), 0);
    assert_eq!(State::unread().weight(), 0);
}

#[test]
fn a_transition_knows_by_how_much_the_session_grew() {
    let cell = live();
    let grown = cell.transition(|_| Some(State::Live(session([bulk(100)])))).expect("nobody interferes");
    assert_eq!(grown.growth(), 96 + 100);
    let ended = cell.transition(|_| Some(State::Ended(EndReason::Logout))).expect("nobody interferes");
    assert_eq!(ended.growth(), -(256 + 96 + 100));
}
