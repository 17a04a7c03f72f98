use std::collections::BTreeSet;

use super::builders::{at, bulk, in_shard, logged_in, session};
use super::fixture::{EMPTY, add, audit, cache, end_of, fill, write};
use crate::cache::ChangeError;
use crate::cache::EndReason;
use crate::cache::evict::SAMPLE;
use crate::cache::local_cache::Role;

/// Weight of an anonymous session with a bulk of 100 bytes.
const EACH: u64 = EMPTY + 96 + 100;

#[test]
fn who_was_idle_longest_goes_first() {
    let (cache, log) = cache(Role::Primary, 20 * EACH);
    let entries: Vec<_> = (0..20).map(|number| add(&cache, in_shard(0, number), session([bulk(100)]))).collect();
    for (age, entry) in entries.iter().rev().enumerate() {
        entry.touch(at(1 + age as u64));
    }
    add(&cache, in_shard(1, 0), session([bulk(100)]));
    let gone = log.take_ended();
    let oldest = [19, 18].map(|number| (in_shard(0, number), EndReason::Evicted));
    assert_eq!(gone, oldest);
    audit(&cache);
}

/// A request that makes room must not wait for a scan of all sessions.
#[test]
fn making_room_looks_at_a_sample_however_many_sessions_there_are() {
    const COUNT: u64 = 20 * SAMPLE as u64;
    let (cache, log) = cache(Role::Primary, COUNT * EACH);
    for number in 0..COUNT {
        add(&cache, in_shard(0, number), session([bulk(100)])).touch(at(1 + number));
    }
    add(&cache, in_shard(1, 0), session([bulk(100)]));
    let gone = log.take_ended();
    assert_eq!(gone.len(), SAMPLE.div_ceil(10), "a tenth of the sample");
    audit(&cache);
}

/// The samples move on, so that old sessions do not stay because of where they are.
#[test]
fn in_time_every_old_session_makes_room() {
    const COUNT: u64 = 8 * SAMPLE as u64;
    let (cache, log) = cache(Role::Primary, COUNT * EACH);
    for number in 0..COUNT {
        add(&cache, in_shard(0, number), session([bulk(100)]));
    }
    // All new sessions are younger. They are in the same shard, among the old ones.
    let mut gone = BTreeSet::new();
    for number in 0..2 * COUNT {
        add(&cache, in_shard(0, COUNT + number), session([bulk(100)])).touch(at(1000 + number));
        gone.extend(log.take_ended().into_iter().map(|(selector, _)| selector));
    }
    let left = (0..COUNT).filter(|number| !gone.contains(&in_shard(0, *number))).count();
    assert!(left <= COUNT as usize / 20, "{left} of {COUNT} old sessions are left");
    audit(&cache);
}

#[test]
fn nobody_is_logged_out_for_a_crowd_of_strangers() {
    let (cache, log) = cache(Role::Primary, 10 * (EACH + 156));
    let mine: Vec<_> = (0..10).map(|number| add(&cache, in_shard(number, number), logged_in([bulk(100)]))).collect();
    for number in 100..200 {
        let stranger = cache.insert(in_shard(number, number), session([bulk(100)]), at(0));
        assert_eq!(stranger.err(), Some(ChangeError::Full));
    }
    assert_eq!(log.take_ended(), []);
    assert!(mine.iter().all(|entry| end_of(entry).is_none()));
    audit(&cache);
}

#[test]
fn strangers_give_way_to_who_is_logged_in() {
    let (cache, log) = cache(Role::Primary, 10 * EACH);
    for number in 0..10 {
        add(&cache, in_shard(number, number), session([bulk(100)]));
    }
    add(&cache, in_shard(100, 100), logged_in([bulk(100)]));
    assert_eq!(log.take_ended().len(), 2);
    audit(&cache);
}

#[test]
fn one_stranger_is_found_among_many_who_have_been_logged_in_for_longer() {
    const COUNT: u64 = 4 * SAMPLE as u64;
    let (cache, log) = cache(Role::Primary, COUNT * (EACH + 156));
    for number in 0..COUNT - 1 {
        add(&cache, in_shard(0, number), logged_in([bulk(100)]));
    }
    let stranger = add(&cache, in_shard(0, COUNT), session([bulk(200)]));
    stranger.touch(at(500));
    add(&cache, in_shard(1, 0), logged_in([bulk(100)]));
    assert_eq!(log.take_ended(), [(stranger.selector, EndReason::Evicted)]);
}

#[test]
fn who_has_just_logged_in_is_not_taken_for_a_stranger() {
    let (cache, log) = cache(Role::Primary, 10 * EACH);
    let entry = add(&cache, in_shard(0, 0), session([]));
    let before = entry.state();
    cache.replace(&entry, &before, logged_in([])).expect("there is room").expect("no concurrent transition");
    assert!(!cache.end_anonymous(&entry));
    assert_eq!(log.take_ended(), []);
    assert!(cache.contains(&entry));
}

#[test]
fn nobody_makes_room_for_himself_by_his_own_end() {
    let (cache, _) = cache(Role::Primary, EACH + 200);
    let entry = add(&cache, in_shard(0, 0), session([bulk(100)]));
    assert_eq!(write(&cache, &entry, "a", 150), Err(ChangeError::Full));
    assert_eq!(end_of(&entry), None);
    audit(&cache);
}

#[test]
fn nobody_goes_for_what_would_not_fit_anyway() {
    let (cache, log) = cache(Role::Primary, EACH);
    add(&cache, in_shard(0, 0), session([bulk(100)]));
    assert_eq!(cache.insert(in_shard(1, 1), session([bulk(101)]), at(0)).err(), Some(ChangeError::Full));
    assert_eq!(log.take_ended(), []);
}

#[test]
fn a_copy_goes_without_the_end_of_its_session() {
    let (cache, log) = cache(Role::Replica, 2 * EACH);
    let entries = [0, 1, 2].map(|number| fill(&cache, in_shard(number, number), [bulk(100)]));
    assert_eq!(entries.iter().filter(|entry| cache.contains(entry)).count(), 2);
    assert!(cache.contains(&entries[2]));
    assert!(entries.iter().all(|entry| end_of(entry).is_none()));
    assert_eq!(log.take_ended(), []);
    audit(&cache);
}

#[test]
fn a_copy_that_somebody_listens_through_stays_even_beyond_the_budget() {
    let (cache, _) = cache(Role::Replica, 2 * EACH);
    let entries = [0, 1, 2, 3].map(|number| {
        let entry = fill(&cache, in_shard(number, number), [bulk(100)]);
        let listener = entry.watch_end();
        (entry, listener)
    });
    assert!(entries.iter().all(|(entry, _)| cache.contains(entry)));
    assert_eq!(cache.bytes(), 4 * EACH);
    for (entry, _) in &entries {
        cache.remove(entry);
    }
    assert_eq!(cache.bytes(), 0);
}
