use super::builders::{at, in_shard, selector, session};
use crate::cache::entry::{Entry, EntryState};
use crate::cache::table::Table;
use crate::sync::Arc;

fn entry(number: u64) -> Arc<Entry> {
    Arc::new(Entry::new(selector(number), EntryState::Live(session([])), at(0)))
}

#[test]
fn a_tag_is_taken_once() {
    let table = Table::new();
    let (first, second) = (entry(1), entry(1));
    assert!(table.insert(&first));
    assert!(!table.insert(&second));
    assert!(table.contains(&first));
    assert!(!table.contains(&second));
    assert_eq!(table.len(), 1);
}

#[test]
fn who_asks_for_a_cell_gets_the_one_that_is_there() {
    let table = Table::new();
    let (made, new) = table.get_or_insert(&selector(1), || Entry::new(selector(1), EntryState::unread(), at(0)));
    assert!(new);
    let (found, new) = table.get_or_insert(&selector(1), || panic!("the entry exists"));
    assert!(!new && Arc::ptr_eq(&made, &found));
    assert!(table.get(&selector(2)).is_none());
}

#[test]
fn removing_a_cell_does_not_touch_the_next_one_of_its_tag() {
    let table = Table::new();
    let (old, new) = (entry(1), entry(1));
    assert!(table.insert(&old));
    table.remove(&old);
    assert!(table.insert(&new));
    table.remove(&old);
    assert!(table.contains(&new));
}

#[test]
fn tags_of_one_shard_and_one_bucket_are_told_apart() {
    let table = Table::new();
    let selectors: Vec<_> = (0..2000).map(|number| in_shard(3, number)).collect();
    for selector in &selectors {
        assert!(table.insert(&Arc::new(Entry::new(*selector, EntryState::unread(), at(0)))));
    }
    for selector in &selectors {
        assert_eq!(table.get(selector).expect("the entry is present").selector, *selector);
    }
    assert_eq!(table.len(), selectors.len());
}

/// Holds even when a shard gives memory back.
#[test]
fn a_shard_that_empties_loses_nobody_who_stays() {
    let table = Table::new();
    let entries: Vec<_> =
        (0..1000).map(|n| Arc::new(Entry::new(in_shard(3, n), EntryState::unread(), at(0)))).collect();
    entries.iter().for_each(|entry| assert!(table.insert(entry)));
    let (leaving, staying) = entries.split_at(995);
    leaving.iter().for_each(|entry| table.remove(entry));
    assert!(staying.iter().all(|entry| table.contains(entry)));
    assert!(leaving.iter().all(|entry| !table.contains(entry)));
    assert_eq!(table.len(), staying.len());
}

#[test]
fn a_shard_knows_whether_it_has_anonymous_sessions() {
    let table = Table::new();
    let here = selector(1);
    let any = || table.shards().iter().filter(|shard| shard.has_anonymous()).count();
    table.count_anonymous(&here, 1);
    table.count_anonymous(&here, 1);
    assert_eq!(any(), 1);
    table.count_anonymous(&here, -1);
    assert_eq!(any(), 1);
    table.count_anonymous(&here, -1);
    assert_eq!(any(), 0);
}

#[test]
fn a_sample_has_as_many_entries_as_it_may_wherever_it_begins() {
    let table = Table::new();
    let entries: Vec<_> = (0..10)
        .map(|number| Arc::new(Entry::new(in_shard(0, number), EntryState::unread(), at(0))))
        .inspect(|entry| assert!(table.insert(entry)))
        .collect();
    let shard = table.shards().iter().find(|shard| shard.len() > 0).expect("one shard has all entries");
    for position in [0, 1, 9, 10, 25, usize::MAX] {
        for count in [1, 4, 10, 20] {
            let mut sample = shard.some_entries(position, count);
            sample.sort_unstable_by_key(|entry| entry.selector);
            sample.dedup_by_key(|entry| entry.selector);
            assert_eq!(sample.len(), count.min(entries.len()), "{count} at {position}");
        }
    }
    let empty = table.shards().iter().find(|shard| shard.len() == 0).expect("the others are empty");
    assert!(empty.some_entries(3, 4).is_empty());
}
