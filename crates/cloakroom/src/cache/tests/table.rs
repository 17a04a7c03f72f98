use super::builders::{at, in_shard, session, tag};
use crate::cache::cell::{Cell, State};
use crate::cache::table::Table;
use crate::sync::Arc;

fn cell(number: u64) -> Arc<Cell> {
    Arc::new(Cell::new(tag(number), State::Live(session([])), at(0)))
}

#[test]
fn a_tag_is_taken_once() {
    let table = Table::new();
    let (first, second) = (cell(1), cell(1));
    assert!(table.insert(&first));
    assert!(!table.insert(&second));
    assert!(table.holds(&first));
    assert!(!table.holds(&second));
    assert_eq!(table.len(), 1);
}

#[test]
fn who_asks_for_a_cell_gets_the_one_that_is_there() {
    let table = Table::new();
    let (made, new) = table.get_or_insert(&tag(1), || Cell::new(tag(1), State::unread(), at(0)));
    assert!(new);
    let (found, new) = table.get_or_insert(&tag(1), || panic!("there is one"));
    assert!(!new && Arc::ptr_eq(&made, &found));
    assert!(table.get(&tag(2)).is_none());
}

#[test]
fn removing_a_cell_does_not_touch_the_next_one_of_its_tag() {
    let table = Table::new();
    let (old, new) = (cell(1), cell(1));
    assert!(table.insert(&old));
    table.remove(&old);
    assert!(table.insert(&new));
    table.remove(&old);
    assert!(table.holds(&new));
}

#[test]
fn tags_of_one_shard_and_one_bucket_are_told_apart() {
    let table = Table::new();
    let tags: Vec<_> = (0..2000).map(|number| in_shard(3, number)).collect();
    for tag in &tags {
        assert!(table.insert(&Arc::new(Cell::new(*tag, State::unread(), at(0)))));
    }
    for tag in &tags {
        assert_eq!(table.get(tag).expect("it is there").tag, *tag);
    }
    assert_eq!(table.len(), tags.len());
}

/// Also across the point where a shard gives memory back.
#[test]
fn a_shard_that_empties_loses_nobody_who_stays() {
    let table = Table::new();
    let cells: Vec<_> = (0..1000).map(|n| Arc::new(Cell::new(in_shard(3, n), State::unread(), at(0)))).collect();
    cells.iter().for_each(|cell| assert!(table.insert(cell)));
    let (leaving, staying) = cells.split_at(995);
    leaving.iter().for_each(|cell| table.remove(cell));
    assert!(staying.iter().all(|cell| table.holds(cell)));
    assert!(leaving.iter().all(|cell| !table.holds(cell)));
    assert_eq!(table.len(), staying.len());
}

#[test]
fn a_shard_knows_whether_it_has_anonymous_sessions() {
    let table = Table::new();
    let here = tag(1);
    let any = || table.shards().iter().filter(|shard| shard.has_anonymous()).count();
    table.count_anonymous(&here, 1);
    table.count_anonymous(&here, 1);
    assert_eq!(any(), 1);
    table.count_anonymous(&here, -1);
    assert_eq!(any(), 1);
    table.count_anonymous(&here, -1);
    assert_eq!(any(), 0);
}
