//! A hash set that grows and shrinks a few lines at a time.

use super::lines::{Lines, PER_LINE};

/// Number of lines whose values are moved by one insertion or removal while the set is resized.
/// They have about fifty values.
const STEP: usize = 8;
/// With no more lines than this, the set does not shrink.
const FEW_LINES: usize = 8;

/// A hash set of values that the caller compares and whose hashes it knows.
///
/// It grows by a quarter when four fifths of its places are taken, and shrinks when a fifth is. The
/// values move to the new lines home line by home line, in the order of their hashes, some of them
/// with each change. So no change waits for all of them to move, and a value is in only one of two
/// places, which its hash determines: a lookup never searches both.
#[derive(Debug)]
pub(crate) struct ResizingLines<T> {
    lines: Lines<T>,
    /// The former lines, while values move from them.
    moving: Option<Box<Moving<T>>>,
    len: usize,
}

#[derive(Debug)]
struct Moving<T> {
    former: Lines<T>,
    /// Number of home lines of `former` whose values have moved.
    moved: usize,
}

impl<T> Default for ResizingLines<T> {
    fn default() -> Self {
        Self { lines: Lines::new(0), moving: None, len: 0 }
    }
}

impl<T> ResizingLines<T> {
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn find(&self, hash: u64, is_sought: impl Fn(&T) -> bool) -> Option<&T> {
        match &self.moving {
            Some(moving) if !moving.has_moved(hash) => moving.former.find(hash, is_sought),
            _ => self.lines.find(hash, is_sought),
        }
    }

    /// Like [`find`](Self::find). What the value is compared by must not change.
    pub(crate) fn find_mut(&mut self, hash: u64, is_sought: impl Fn(&T) -> bool) -> Option<&mut T> {
        self.lines_of(hash).find_mut(hash, is_sought)
    }

    /// Adds a value, which must not be there yet.
    pub(crate) fn insert(&mut self, hash: u64, value: T, hash_of: impl Fn(&T) -> u64) {
        let count = self.lines.count();
        if self.moving.is_none() && (self.len + 1) * 5 > count * PER_LINE * 4 {
            self.resize(count + count / 4 + 1);
        }
        self.move_some(hash_of);
        self.len += 1;
        self.lines_of(hash).insert(hash, value);
    }

    /// Removes and returns a value.
    pub(crate) fn remove(
        &mut self,
        hash: u64,
        is_sought: impl Fn(&T) -> bool,
        hash_of: impl Fn(&T) -> u64,
    ) -> Option<T> {
        let removed = self.lines_of(hash).remove(hash, is_sought)?;
        self.len -= 1;
        let count = self.lines.count();
        if self.moving.is_none() && count > FEW_LINES && self.len * 5 < count * PER_LINE {
            // Half full, so that growing and shrinking do not alternate.
            self.resize(self.len * 2 / PER_LINE + 1);
        }
        self.move_some(hash_of);
        Some(removed)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        let moving = self.moving.iter().flat_map(|moving| moving.former.iter());
        self.lines.iter().chain(moving)
    }

    /// Bytes of all lines, if values are pointers.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let former = self.moving.as_ref().map_or(0, |moving| moving.former.count());
        (self.lines.count() + former) * 64
    }

    #[cfg(test)]
    pub(super) const fn is_moving(&self) -> bool {
        self.moving.is_some()
    }

    /// Returns the lines in which a value with this hash is, or belongs.
    fn lines_of(&mut self, hash: u64) -> &mut Lines<T> {
        match &mut self.moving {
            Some(moving) if !moving.has_moved(hash) => &mut moving.former,
            _ => &mut self.lines,
        }
    }

    /// Begins to move all values to `count` new lines.
    fn resize(&mut self, count: usize) {
        let former = std::mem::replace(&mut self.lines, Lines::new(count));
        self.moving = Some(Box::new(Moving { former, moved: 0 }));
    }

    /// Moves the values of the next few lines, if there are any to move.
    fn move_some(&mut self, hash_of: impl Fn(&T) -> u64) {
        let Some(moving) = &mut self.moving else { return };
        let end = moving.former.count().min(moving.moved + STEP);
        moving.former.move_homes(moving.moved..end, &mut self.lines, hash_of);
        moving.moved = end;
        if end == moving.former.count() {
            self.moving = None;
        }
    }
}

impl<T> Moving<T> {
    const fn has_moved(&self, hash: u64) -> bool {
        self.former.home(hash) < self.moved
    }
}
