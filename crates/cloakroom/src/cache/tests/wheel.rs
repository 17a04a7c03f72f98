use proptest::prelude::*;

use super::builders::at;
use crate::cache::wheel::Wheel;
use crate::sync::Arc;
use crate::time::Timestamp;

/// More seconds than a turn of the wheel takes.
const TURN: u64 = 1100;

/// An item whose value is its due time.
type Item = Arc<Timestamp>;

fn schedule(wheel: &Wheel<Timestamp>, due: Timestamp) -> Item {
    let item = Arc::new(due);
    wheel.schedule(&item, due);
    item
}

/// Visits everything that the wheel considers due. Returns the items that are due indeed and
/// reschedules the rest.
fn visited(wheel: &Wheel<Timestamp>, now: Timestamp) -> Vec<Timestamp> {
    let mut over = Vec::new();
    let mut visit = |item: &Item| {
        if **item <= now {
            over.push(**item);
            return None;
        }
        Some(**item)
    };
    while wheel.advance(now, &mut visit) {}
    over.sort_unstable();
    over
}

fn millis_after(seconds: u64, millis: u64) -> Timestamp {
    Timestamp::from_millis(at(seconds).as_millis() + millis)
}

#[test]
fn an_item_is_visited_once_when_its_second_is_over() {
    let wheel = Wheel::new(at(0));
    let _item = schedule(&wheel, millis_after(5, 1));
    assert_eq!(visited(&wheel, millis_after(5, 999)), []);
    assert_eq!(visited(&wheel, at(6)), [millis_after(5, 1)]);
    assert_eq!(visited(&wheel, at(2 * TURN)), []);
}

#[test]
fn what_is_overdue_already_is_visited_at_the_next_tick() {
    let wheel = Wheel::new(at(100));
    let _item = schedule(&wheel, at(3));
    assert_eq!(visited(&wheel, at(101)), [at(3)]);
}

#[test]
fn what_is_due_after_many_turns_is_visited_in_time_and_seldom_before() {
    let wheel = Wheel::new(at(0));
    let due = 10 * TURN;
    let _item = schedule(&wheel, at(due));
    let mut visits = 0;
    for second in 1..=due {
        wheel.advance(at(second), |item| {
            visits += 1;
            Some(**item)
        });
    }
    assert!(visits <= 11, "{visits} visits before it was due");
    assert_eq!(visited(&wheel, at(due + 1)), [at(due)]);
}

#[test]
fn an_item_that_is_gone_is_not_visited_and_not_kept_alive() {
    let wheel = Wheel::new(at(0));
    let item = schedule(&wheel, at(5));
    let weak = Arc::downgrade(&item);
    drop(item);
    assert!(weak.upgrade().is_none());
    assert_eq!(visited(&wheel, at(6)), []);
}

#[test]
fn a_crowd_is_visited_in_batches_and_everybody_once() {
    let wheel = Wheel::new(at(0));
    let items: Vec<_> = (0..1000).map(|_| schedule(&wheel, at(5))).collect();
    let mut batches = Vec::new();
    loop {
        let mut batch = 0;
        let more = wheel.advance(at(6), |_| {
            batch += 1;
            None
        });
        batches.push(batch);
        if !more {
            break;
        }
    }
    assert_eq!(batches.iter().sum::<usize>(), items.len());
    assert!(batches.iter().all(|batch| *batch <= 64), "{batches:?}");
}

#[test]
fn who_wants_to_be_seen_again_at_once_waits_for_the_next_tick() {
    let wheel = Wheel::new(at(0));
    let _items: Vec<_> = (0..600).map(|_| schedule(&wheel, at(1))).collect();
    for second in 2..5 {
        let mut visits = 0;
        let mut visit = |_: &Item| {
            visits += 1;
            Some(at(second))
        };
        while wheel.advance(at(second), &mut visit) {}
        assert_eq!(visits, 600, "at second {second}");
    }
}

#[test]
fn a_clock_that_shows_the_end_of_time_for_a_moment_does_not_stop_the_wheel() {
    let wheel = Wheel::new(at(0));
    let early = schedule(&wheel, at(5));
    assert_eq!(visited(&wheel, Timestamp::MAX), [at(5)]);
    let _meanwhile = schedule(&wheel, Timestamp::MAX);
    let _back = schedule(&wheel, at(20));
    // The first tick after the jump notices it. What was scheduled before is at most one turn late.
    assert_eq!(visited(&wheel, at(10)), []);
    let _after = schedule(&wheel, at(15));
    assert_eq!(visited(&wheel, at(16)), [at(15)]);
    let mut seen = Vec::new();
    for second in 17..20 + TURN {
        seen.extend(visited(&wheel, at(second)));
    }
    assert_eq!(seen, [at(20)]);
    drop(early);
}

#[test]
fn a_clock_that_goes_back_a_little_delays_by_no_more_than_that() {
    let wheel = Wheel::new(at(0));
    assert_eq!(visited(&wheel, at(500)), []);
    let _item = schedule(&wheel, at(450));
    assert_eq!(visited(&wheel, at(440)), []);
    assert_eq!(visited(&wheel, at(501)), [at(450)]);
}

#[derive(Clone, Debug)]
enum Step {
    Schedule(u64),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let far = prop_oneof![0_u64..10_000, 0_u64..3_000_000, Just(u64::MAX / 2)];
    let pass = prop_oneof![0_u64..3000, 0_u64..3_000_000];
    prop_oneof![far.prop_map(Step::Schedule), pass.prop_map(Step::Pass)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Unless the clock goes back, an item is visited never early, and no later than the next
    /// second.
    #[test]
    fn every_item_is_visited_within_a_second_of_its_time(steps in prop::collection::vec(step(), 1..60)) {
        let wheel = Wheel::new(at(0));
        let mut now = at(0).as_millis();
        let mut waiting: Vec<Item> = Vec::new();
        for step in steps {
            match step {
                Step::Schedule(after) => waiting.push(schedule(&wheel, Timestamp::from_millis(now.saturating_add(after)))),
                Step::Pass(span) => now += span,
            }
            let instant = Timestamp::from_millis(now);
            for due in visited(&wheel, instant) {
                let place = waiting.iter().position(|item| **item == due).expect("the item waits and was not visited before");
                waiting.swap_remove(place);
            }
            for item in &waiting {
                prop_assert!(item.as_millis() / 1000 >= now / 1000, "{item:?} is late at {now}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Many items of one second, some of which are dropped while others are scheduled: each insertion
    /// checks a few for being dropped, and puts others in their place.
    #[test]
    fn all_live_items_of_one_second_are_visited_once(alive in prop::collection::vec(any::<bool>(), 1..2000), seconds in 1..4_u64) {
        let wheel = Wheel::new(at(0));
        let mut living = Vec::new();
        for (number, is_kept) in (0..).zip(alive) {
            let item = Arc::new(number);
            wheel.schedule(&item, at(1 + number % seconds));
            if is_kept {
                living.push(item);
            }
        }
        let mut seen = Vec::new();
        while wheel.advance(at(100), |item| {
            seen.push(**item);
            None
        }) {}
        seen.sort_unstable();
        prop_assert!(living.iter().map(|item| **item).eq(seen));
        prop_assert_eq!(wheel.len(), 0);
    }
}

/// Otherwise any client that creates sessions and ends them, or has them evicted, would fill the
/// memory with their remains.
#[test]
fn r32_what_went_long_before_its_time_does_not_wait_in_the_wheel() {
    let wheel = Wheel::new(at(0));
    let living: Vec<_> = (0..1000_u64).map(Arc::new).collect();
    let due = |number: u64| at(100 + number);
    living.iter().for_each(|item| wheel.schedule(item, due(**item)));
    for number in 0..100_000 {
        wheel.schedule(&Arc::new(number), due(number % 1000));
    }
    assert!(wheel.len() < 3000, "{} slots for 1000 live items", wheel.len());
    let mut seen = 0;
    while wheel.advance(at(10_000), |_| {
        seen += 1;
        None
    }) {}
    assert_eq!(seen, 1000, "all live items are visited");
}
