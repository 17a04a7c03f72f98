//! A hash set whose buckets are cache lines, of a fixed size.

use std::fmt;
use std::mem::take;
use std::ops::Range;

/// Number of values in a line: with their marks they fill 64 bytes, if a value is a pointer.
pub(super) const PER_LINE: usize = 7;
/// Position of the overflow count behind the marks.
const OVERFLOW: usize = PER_LINE;
/// An overflow count of this much is no longer exact, and stays as it is.
const MANY: u8 = u8::MAX;

/// One byte of each of the eight of a word.
const LOW_BITS: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// A hash set of values that the caller compares and whose hashes it knows.
///
/// A value is stored in its home line, which its hash determines, or if that is full, in the next
/// one with room. A lookup therefore usually reads one cache line beside the value itself: marks
/// and pointers share it. With the marks and the pointers apart, as in `hashbrown`, it would read
/// two, and the place of the second depends on the content of the first.
///
/// There may be any number of lines, so that the set can grow in small steps.
pub(super) struct Lines<T> {
    lines: Box<[Line<T>]>,
}

/// One bucket. Its marks are read as one word.
#[repr(C, align(64))]
struct Line<T> {
    /// A part of the hash of each value, never 0; 0 for a free place. The last byte counts the
    /// values that passed this line because it was full, so that a lookup knows where to stop.
    marks: [u8; PER_LINE + 1],
    values: [Option<T>; PER_LINE],
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { marks: [0; PER_LINE + 1], values: [const { None }; PER_LINE] }
    }
}

impl<T> Line<T> {
    /// Returns the first place with a value of this mark for which `is_sought` is true.
    fn find(&self, mark: u8, is_sought: impl Fn(&T) -> bool) -> Option<usize> {
        let differences = u64::from_le_bytes(self.marks) ^ (LOW_BITS * u64::from(mark));
        // The high bit of every byte that is 0, and of some others, which `is_sought` rejects.
        let mut candidates = differences.wrapping_sub(LOW_BITS) & !differences & HIGH_BITS;
        while candidates != 0 {
            let place = (candidates.trailing_zeros() / 8) as usize;
            if self.values.get(place)?.as_ref().is_some_and(&is_sought) {
                return Some(place);
            }
            candidates &= candidates - 1;
        }
        None
    }

    /// Stores the value, or returns it if the line is full.
    fn put(&mut self, mark: u8, value: T) -> Result<(), T> {
        match self.values.iter().position(Option::is_none) {
            None => Err(value),
            Some(place) => {
                self.marks[place] = mark;
                self.values[place] = Some(value);
                Ok(())
            }
        }
    }

    fn clear(&mut self, place: usize) -> Option<T> {
        self.marks[place] = 0;
        take(&mut self.values[place])
    }

    const fn is_passed(&self) -> bool {
        self.marks[OVERFLOW] > 0
    }

    const fn count_passing(&mut self) {
        self.marks[OVERFLOW] = self.marks[OVERFLOW].saturating_add(1);
    }

    const fn uncount_passing(&mut self) {
        if self.marks[OVERFLOW] < MANY {
            self.marks[OVERFLOW] = self.marks[OVERFLOW].saturating_sub(1);
        }
    }
}

/// Returns the mark of a hash, from bits that do not determine the line.
const fn mark(hash: u64) -> u8 {
    let mark = (hash >> 56) as u8;
    if mark == 0 { 1 } else { mark }
}

impl<T> Lines<T> {
    pub(super) fn new(count: usize) -> Self {
        Self { lines: (0..count).map(|_| Line::default()).collect() }
    }

    /// Number of lines.
    pub(super) const fn count(&self) -> usize {
        self.lines.len()
    }

    /// Returns the home line of a hash. Greater hashes have the same or a later one, whatever the
    /// number of lines.
    pub(super) const fn home(&self, hash: u64) -> usize {
        ((hash as u32 as u64 * self.lines.len() as u64) >> 32) as usize
    }

    pub(super) fn find(&self, hash: u64, is_sought: impl Fn(&T) -> bool) -> Option<&T> {
        let (line, place) = self.position(hash, is_sought)?;
        self.lines[line].values[place].as_ref()
    }

    /// Like [`find`](Self::find). What the value is compared by must not change.
    pub(super) fn find_mut(&mut self, hash: u64, is_sought: impl Fn(&T) -> bool) -> Option<&mut T> {
        let (line, place) = self.position(hash, is_sought)?;
        self.lines[line].values[place].as_mut()
    }

    /// Adds a value, which must not be there yet. There must be room, in any line.
    pub(super) fn insert(&mut self, hash: u64, mut value: T) {
        let mut line = self.home(hash);
        loop {
            match self.lines[line].put(mark(hash), value) {
                Ok(()) => return,
                Err(returned) => value = returned,
            }
            self.lines[line].count_passing();
            line = self.next(line);
        }
    }

    /// Removes and returns a value.
    pub(super) fn remove(&mut self, hash: u64, is_sought: impl Fn(&T) -> bool) -> Option<T> {
        let (line, place) = self.position(hash, is_sought)?;
        self.take(self.home(hash), line, place)
    }

    /// Moves every value whose home line is in `homes` to other lines.
    ///
    /// The values of earlier home lines must have moved before, or each of them is hashed again.
    pub(super) fn move_homes(&mut self, homes: Range<usize>, to: &mut Self, hash_of: impl Fn(&T) -> u64) {
        let mut line = homes.start;
        for visited in 1..=self.lines.len() {
            // Read before values leave: the ones that passed this line are in the next ones.
            let is_passed = self.lines[line].is_passed();
            for place in 0..PER_LINE {
                let Some(hash) = self.lines[line].values[place].as_ref().map(&hash_of) else { continue };
                let home = self.home(hash);
                if homes.contains(&home)
                    && let Some(value) = self.take(home, line, place)
                {
                    to.insert(hash, value);
                }
            }
            if visited >= homes.len() && !is_passed {
                return;
            }
            line = self.next(line);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.lines.iter().flat_map(|line| line.values.iter().flatten())
    }

    fn position(&self, hash: u64, is_sought: impl Fn(&T) -> bool) -> Option<(usize, usize)> {
        let mut line = self.home(hash);
        for _ in 0..self.lines.len() {
            if let Some(place) = self.lines[line].find(mark(hash), &is_sought) {
                return Some((line, place));
            }
            if !self.lines[line].is_passed() {
                return None;
            }
            line = self.next(line);
        }
        None
    }

    fn take(&mut self, home: usize, line: usize, place: usize) -> Option<T> {
        let mut passed = home;
        while passed != line {
            self.lines[passed].uncount_passing();
            passed = self.next(passed);
        }
        self.lines[line].clear(place)
    }

    const fn next(&self, line: usize) -> usize {
        if line + 1 < self.lines.len() { line + 1 } else { 0 }
    }
}

impl<T> fmt::Debug for Lines<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lines({})", self.lines.len())
    }
}

/// Checked here, because a lookup would read two cache lines otherwise.
const _: () = assert!(size_of::<Line<std::sync::Arc<()>>>() == 64);
