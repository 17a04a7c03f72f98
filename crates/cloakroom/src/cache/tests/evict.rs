use super::builders::{at, bulk, in_shard, logged_in, session};
use super::stage::{EMPTY, add, audit, end_of, fill, tier, write};
use crate::cache::EndReason;
use crate::cache::tier::{Holding, Refused};

/// What an anonymous session with a bulk of 100 bytes weighs.
const EACH: u64 = EMPTY + 96 + 100;

#[test]
fn who_was_idle_longest_goes_first() {
    let (tier, log) = tier(Holding::Only, 20 * EACH);
    let cells: Vec<_> = (0..20).map(|number| add(&tier, in_shard(0, number), session([bulk(100)]))).collect();
    for (age, cell) in cells.iter().rev().enumerate() {
        cell.see(at(1 + age as u64));
    }
    add(&tier, in_shard(1, 0), session([bulk(100)]));
    let gone = log.take_ended();
    let oldest = [19, 18].map(|number| (in_shard(0, number), EndReason::Evicted));
    assert_eq!(gone, oldest);
    audit(&tier);
}

#[test]
fn nobody_is_logged_out_for_a_crowd_of_strangers() {
    let (tier, log) = tier(Holding::Only, 10 * (EACH + 156));
    let mine: Vec<_> = (0..10).map(|number| add(&tier, in_shard(number, number), logged_in([bulk(100)]))).collect();
    for number in 100..200 {
        let stranger = tier.insert(in_shard(number, number), session([bulk(100)]), at(0));
        assert_eq!(stranger.err(), Some(Refused::Full));
    }
    assert_eq!(log.take_ended(), []);
    assert!(mine.iter().all(|cell| end_of(cell).is_none()));
    audit(&tier);
}

#[test]
fn strangers_give_way_to_who_is_logged_in() {
    let (tier, log) = tier(Holding::Only, 10 * EACH);
    for number in 0..10 {
        add(&tier, in_shard(number, number), session([bulk(100)]));
    }
    add(&tier, in_shard(100, 100), logged_in([bulk(100)]));
    assert_eq!(log.take_ended().len(), 2);
    audit(&tier);
}

#[test]
fn one_stranger_is_found_among_many_who_have_been_logged_in_for_longer() {
    let (tier, log) = tier(Holding::Only, 20 * (EACH + 156));
    for number in 0..19 {
        add(&tier, in_shard(0, number), logged_in([bulk(100)]));
    }
    let stranger = add(&tier, in_shard(0, 19), session([bulk(200)]));
    stranger.see(at(500));
    add(&tier, in_shard(1, 0), logged_in([bulk(100)]));
    assert_eq!(log.take_ended(), [(stranger.tag, EndReason::Evicted)]);
}

#[test]
fn who_has_just_logged_in_is_not_taken_for_a_stranger() {
    let (tier, log) = tier(Holding::Only, 10 * EACH);
    let cell = add(&tier, in_shard(0, 0), session([]));
    let before = crate::sync::Arc::clone(&cell.state());
    tier.replace(&cell, &before, logged_in([])).expect("there is room").expect("nobody interferes");
    assert!(!tier.end_anonymous(&cell));
    assert_eq!(log.take_ended(), []);
    assert!(tier.holds(&cell));
}

#[test]
fn nobody_makes_room_for_himself_by_his_own_end() {
    let (tier, _) = tier(Holding::Only, EACH + 200);
    let cell = add(&tier, in_shard(0, 0), session([bulk(100)]));
    assert_eq!(write(&tier, &cell, "a", 150), Err(Refused::Full));
    assert_eq!(end_of(&cell), None);
    audit(&tier);
}

#[test]
fn nobody_goes_for_what_would_not_fit_anyway() {
    let (tier, log) = tier(Holding::Only, EACH);
    add(&tier, in_shard(0, 0), session([bulk(100)]));
    assert_eq!(tier.insert(in_shard(1, 1), session([bulk(101)]), at(0)).err(), Some(Refused::Full));
    assert_eq!(log.take_ended(), []);
}

#[test]
fn a_copy_goes_without_the_end_of_its_session() {
    let (tier, log) = tier(Holding::Copy, 2 * EACH);
    let cells = [0, 1, 2].map(|number| fill(&tier, in_shard(number, number), [bulk(100)]));
    assert_eq!(cells.iter().filter(|cell| tier.holds(cell)).count(), 2);
    assert!(tier.holds(&cells[2]));
    assert!(cells.iter().all(|cell| end_of(cell).is_none()));
    assert_eq!(log.take_ended(), []);
    audit(&tier);
}

#[test]
fn a_copy_that_somebody_listens_through_stays_even_beyond_the_budget() {
    let (tier, _) = tier(Holding::Copy, 2 * EACH);
    let cells = [0, 1, 2, 3].map(|number| {
        let cell = fill(&tier, in_shard(number, number), [bulk(100)]);
        let listener = cell.watch_end();
        (cell, listener)
    });
    assert!(cells.iter().all(|(cell, _)| tier.holds(cell)));
    assert_eq!(tier.bytes(), 4 * EACH);
    for (cell, _) in &cells {
        tier.forget(cell);
    }
    assert_eq!(tier.bytes(), 0);
}
