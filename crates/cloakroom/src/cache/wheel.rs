//! The timer wheel that visits entries when they are due.

use crate::sync::{Arc, Mutex, Weak};
use crate::time::Timestamp;

/// Number of slots, one per second: a turn takes a little over seventeen minutes. Items due later
/// wait in the furthest slot and are scheduled again from there.
const SLOTS: u64 = 1024;
const TICK_MILLIS: u64 = 1000;
/// Number of items visited before other tasks may run. To pack a session takes some four
/// microseconds, for which requests of this worker wait.
const BATCH: usize = 16;
/// Capacity of a batch, larger than a batch because of glibc: it sets small freed chunks aside and
/// merges them all at the next request for more than 1 KiB. With one such request in every batch
/// this takes some microseconds each time; without, a million sessions that expire together are
/// merged at once, for more than 100 ms.
const BATCH_CAPACITY: usize = 256;
/// Number of items in a chunk of a slot.
const CHUNK: usize = 64;
/// Number of items that each insertion checks for being dropped. It keeps the dropped items that
/// still wait in the wheel to at most about a third of the live ones.
const SWEEPS_PER_INSERT: usize = 4;

/// A timer wheel: visits items when they are due, at a cost that does not depend on how many wait.
///
/// Items are never rescheduled from outside. An item whose deadline moved is visited at its old
/// slot, and the visitor then returns its new deadline, so a touch costs the wheel nothing.
#[derive(Debug)]
pub(crate) struct Wheel<T>(Mutex<Slots<T>>);

/// The slots of a wheel, and the positions that move through them.
#[derive(Debug)]
struct Slots<T> {
    slots: Box<[Slot<T>]>,
    /// The next tick to process.
    cursor: u64,
    /// The slot, and the item in it, that is checked next.
    sweep_position: (usize, usize),
}

/// The items of one second, in chunks of which all but the last are full. In one vector a million of
/// them would be copied while requests wait.
#[derive(Debug)]
struct Slot<T> {
    chunks: Vec<Vec<Weak<T>>>,
}

impl<T> Wheel<T> {
    pub(crate) fn new(now: Timestamp) -> Self {
        let slots = (0..SLOTS).map(|_| Slot::default()).collect();
        Self(Mutex::new(Slots { slots, cursor: tick(now), sweep_position: (0, 0) }))
    }

    /// Schedules a visit of `item` at `due`, or up to a second later.
    pub(crate) fn schedule(&self, item: &Arc<T>, due: Timestamp) {
        let mut slots = self.0.lock();
        slots.push(Arc::downgrade(item), due);
        (0..SWEEPS_PER_INSERT).for_each(|_| slots.sweep());
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.lock().slots.iter().map(Slot::len).sum()
    }

    /// Takes up to a batch of due items out of the wheel and visits them. `visit` returns when to
    /// visit the item again. Returns `true` if more are due.
    pub(crate) fn advance(&self, now: Timestamp, mut visit: impl FnMut(&Arc<T>) -> Option<Timestamp>) -> bool {
        let (batch, more) = self.0.lock().take_due(now);
        for item in batch {
            if let Some(item) = item.upgrade()
                && let Some(due) = visit(&item)
            {
                self.0.lock().push(Arc::downgrade(&item), due);
            }
        }
        more
    }
}

impl<T> Slots<T> {
    fn take_due(&mut self, now: Timestamp) -> (Vec<Weak<T>>, bool) {
        let present = tick(now);
        // A clock that was far ahead for a moment must not leave the cursor there.
        if present.saturating_add(SLOTS) < self.cursor {
            self.cursor = present;
        }
        // After a long sleep every slot is due once; a second turn would find nothing new.
        self.cursor = self.cursor.max(present.saturating_sub(SLOTS));
        let mut batch = Vec::with_capacity(BATCH_CAPACITY);
        // A tick is processed once it is over, so an item is never visited before it is due.
        while self.cursor < present {
            let slot = &mut self.slots[(self.cursor % SLOTS) as usize];
            while batch.len() < BATCH
                && let Some(item) = slot.pop()
            {
                batch.push(item);
            }
            if !slot.is_empty() {
                return (batch, true);
            }
            *slot = Slot::default();
            self.cursor += 1;
        }
        (batch, false)
    }

    fn push(&mut self, item: Weak<T>, due: Timestamp) {
        let slot = tick(due).clamp(self.cursor, self.cursor + SLOTS - 1);
        self.slots[(slot % SLOTS) as usize].push(item);
    }

    /// Checks one item, and removes it if it was dropped elsewhere.
    ///
    /// The weak reference in the wheel keeps the memory of a dropped item allocated. In a flood,
    /// where all items are dropped long before their deadline, that would exceed the memory of all
    /// live items.
    fn sweep(&mut self) {
        let (slot, place) = self.sweep_position;
        let items = &mut self.slots[slot];
        match items.get(place) {
            Some(item) if item.strong_count() == 0 => items.swap_remove(place),
            Some(_) => self.sweep_position.1 += 1,
            None => {
                items.shrink();
                self.sweep_position = ((slot + 1) % self.slots.len(), 0);
            }
        }
    }
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<T> Slot<T> {
    const fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.chunks.iter().map(Vec::len).sum()
    }

    fn get(&self, place: usize) -> Option<&Weak<T>> {
        self.chunks.get(place / CHUNK)?.get(place % CHUNK)
    }

    fn push(&mut self, item: Weak<T>) {
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(item),
            // Most slots have few items, so the first chunk grows.
            None => self.chunks.push(vec![item]),
            Some(_) => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(item);
                self.chunks.push(chunk);
            }
        }
    }

    fn pop(&mut self) -> Option<Weak<T>> {
        let chunk = self.chunks.last_mut()?;
        let item = chunk.pop();
        if chunk.is_empty() {
            self.chunks.pop();
        }
        item
    }

    /// Removes an item, and puts the last one in its place.
    fn swap_remove(&mut self, place: usize) {
        let Some(last) = self.pop() else { return };
        // Absent if the item was the last one itself.
        if let Some(item) = self.chunks.get_mut(place / CHUNK).and_then(|chunk| chunk.get_mut(place % CHUNK)) {
            *item = last;
        }
    }

    /// Releases the room of many chunks that are gone.
    fn shrink(&mut self) {
        if self.chunks.capacity() > 4 * self.chunks.len() + CHUNK {
            self.chunks.shrink_to(2 * self.chunks.len());
        }
    }
}

const fn tick(at: Timestamp) -> u64 {
    at.as_millis() / TICK_MILLIS
}
