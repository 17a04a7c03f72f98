use std::cell::Cell;
use std::collections::BTreeSet;

use proptest::prelude::*;

use crate::cache::resizing_lines::ResizingLines;
use crate::random::SplitMix;

/// How the hashes of the values are distributed.
#[derive(Clone, Copy, Debug)]
enum Hashes {
    Even,
    /// All values have one of four hashes.
    FourValues,
    /// All values have the first line as their home, and different marks.
    FirstLine,
    /// All values have the last line as their home, so that they continue in the first one.
    LastLine,
    /// All values have the same hash.
    Equal,
    /// All values have the mark that a free place would have.
    ZeroMark,
}

impl Hashes {
    const fn of(self, value: u32) -> u64 {
        let even = SplitMix::mixed(value as u64);
        match self {
            Self::Even => even,
            Self::FourValues => SplitMix::mixed(value as u64 % 4),
            Self::FirstLine => even & !0xffff_ffff,
            Self::LastLine => even | 0xffff_ffff,
            Self::Equal => 7,
            Self::ZeroMark => even & 0x00ff_ffff_ffff_ffff,
        }
    }
}

/// A set under test, and one that is right.
struct Pair {
    hashes: Hashes,
    tested: ResizingLines<u32>,
    expected: BTreeSet<u32>,
}

impl Pair {
    fn new(hashes: Hashes) -> Self {
        Self { hashes, tested: ResizingLines::default(), expected: BTreeSet::new() }
    }

    fn contains(&self, value: u32) -> bool {
        self.tested.find(self.hashes.of(value), |other| *other == value) == Some(&value)
    }

    fn insert(&mut self, value: u32) {
        if self.expected.insert(value) {
            self.tested.insert(self.hashes.of(value), value, |other| self.hashes.of(*other));
        }
    }

    fn remove(&mut self, value: u32) {
        let is_sought = |other: &u32| *other == value;
        let removed = self.tested.remove(self.hashes.of(value), is_sought, |other| self.hashes.of(*other));
        assert_eq!(removed.is_some(), self.expected.remove(&value));
    }

    /// Compares content, number and iteration.
    fn check(&mut self, values: u32) {
        assert_eq!(self.tested.len(), self.expected.len());
        let mut found: Vec<u32> = self.tested.iter().copied().collect();
        found.sort_unstable();
        assert!(found.iter().eq(&self.expected), "{found:?}");
        for value in &self.expected {
            let found = self.tested.find_mut(self.hashes.of(*value), |other| other == value);
            assert_eq!(found.copied(), Some(*value));
        }
        for value in 0..values {
            assert_eq!(self.contains(value), self.expected.contains(&value), "{value}");
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u32),
    Remove(u32),
    /// Inserts this many values from the first one on, so that the set grows.
    Fill(u32, u32),
    /// Removes as many, so that it shrinks.
    Empty(u32, u32),
}

const VALUES: u32 = 700;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let value = 0..VALUES;
    let step = prop_oneof![
        4 => value.clone().prop_map(Step::Insert),
        4 => value.clone().prop_map(Step::Remove),
        1 => (value.clone(), 0..VALUES).prop_map(|(first, count)| Step::Fill(first, count)),
        1 => (value, 0..VALUES).prop_map(|(first, count)| Step::Empty(first, count)),
    ];
    proptest::collection::vec(step, 1..40)
}

fn hashes() -> impl Strategy<Value = Hashes> {
    use Hashes::{Equal, Even, FirstLine, FourValues, LastLine, ZeroMark};
    proptest::sample::select(vec![Even, FourValues, FirstLine, LastLine, Equal, ZeroMark])
}

proptest! {
    #[test]
    fn lines_have_what_a_plain_set_has_whatever_the_hashes(hashes in hashes(), steps in steps()) {
        let mut pair = Pair::new(hashes);
        for step in steps {
            match step {
                Step::Insert(value) => pair.insert(value),
                Step::Remove(value) => pair.remove(value),
                Step::Fill(first, count) => (first..VALUES.min(first + count)).for_each(|value| pair.insert(value)),
                Step::Empty(first, count) => (first..VALUES.min(first + count)).for_each(|value| pair.remove(value)),
            }
            pair.check(VALUES);
        }
    }
}

/// A line counts up to 255 values that passed it, and afterwards no longer exactly.
#[test]
fn more_collisions_than_a_line_counts_are_still_found_and_removed() {
    for hashes in [Hashes::Equal, Hashes::LastLine] {
        let mut pair = Pair::new(hashes);
        (0..VALUES).for_each(|value| pair.insert(value));
        pair.check(VALUES);
        (0..VALUES).filter(|value| value % 7 > 0).for_each(|value| pair.remove(value));
        pair.check(VALUES);
        (0..VALUES).for_each(|value| pair.insert(value));
        (0..VALUES).for_each(|value| pair.remove(value));
        pair.check(VALUES);
    }
}

/// What one request may have to do for the growth of a shard.
#[test]
fn no_change_of_a_large_set_moves_all_of_them_at_once() {
    const COUNT: u32 = 100_000;
    let (hashes, hashed, mut most) = (Hashes::Even, Cell::new(0), 0);
    let hash_of = |value: &u32| {
        hashed.set(hashed.get() + 1);
        hashes.of(*value)
    };
    let mut lines = ResizingLines::default();
    for value in 0..COUNT {
        hashed.set(0);
        lines.insert(hashes.of(value), value, hash_of);
        most = most.max(hashed.get());
    }
    for value in 0..COUNT {
        hashed.set(0);
        assert_eq!(lines.remove(hashes.of(value), |other| *other == value, hash_of), Some(value));
        most = most.max(hashed.get());
    }
    // About fifty, and the values of the full lines behind them.
    println!("one change hashes at most {most} values");
    assert!((8..=400).contains(&most), "{most} values were hashed by one change");
}

#[test]
fn a_set_gives_back_its_lines_when_it_empties() {
    let mut pair = Pair::new(Hashes::Even);
    (0..20_000).for_each(|value| pair.insert(value));
    let full = pair.tested.bytes();
    (100..20_000).for_each(|value| pair.remove(value));
    assert!(pair.tested.bytes() < full / 50, "{} of {full} bytes", pair.tested.bytes());
    pair.check(20_000);
}

#[test]
fn a_pointer_takes_eleven_to_fifteen_bytes() {
    let mut pair = Pair::new(Hashes::Even);
    for value in 0..50_000 {
        pair.insert(value);
        if value > 1000 && !pair.tested.is_moving() {
            let each = pair.tested.bytes() as f64 / pair.tested.len() as f64;
            assert!((11.0..15.0).contains(&each), "{each} bytes with {value} values");
        }
    }
}
