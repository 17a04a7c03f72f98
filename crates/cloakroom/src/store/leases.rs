use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::Lease;

/// A lease's number holds the slot in its upper bits and a sequence number in its lower ones.
const SEQUENCE_BITS: u32 = 48;

/// The valid leases of a store and their deadlines, for stores with connections that may miss
/// invalidations.
///
/// Each connection has a slot, in which at most one lease is valid. A lease is proved by a probe
/// whose answer comes after everything that the server reported before it. It lasts for a time from
/// the instant at which the probe was sent, not from the answer: a change that came after the probe
/// was sent is at most that old.
///
/// Reads take no lock, because every request checks a lease.
#[derive(Debug)]
pub struct Leases {
    epoch: Instant,
    counter: AtomicU64,
    slots: Box<[LeaseSlot]>,
}

#[derive(Debug, Default)]
struct LeaseSlot {
    /// The number of the lease that is valid in this slot; 0 for none.
    number: AtomicU64,
    /// The end of the lease, in milliseconds since the epoch.
    until: AtomicU64,
}

impl Leases {
    /// Leases for this many connections, at most 65 536, none of them valid.
    #[must_use]
    pub fn with_slots(slots: usize) -> Self {
        let slots = (0..slots).map(|_| LeaseSlot::default()).collect();
        Self { epoch: Instant::now(), counter: AtomicU64::new(0), slots }
    }

    /// Returns `true` if this lease is valid now.
    #[must_use]
    pub fn is_valid(&self, lease: Lease) -> bool {
        let number = lease.number();
        let Some(slot) = self.slots.get((number >> SEQUENCE_BITS) as usize) else { return false };
        // The order matters: `until` belongs to the number that was read or to a later one, which
        // the second read of the number detects.
        let present = slot.number.load(Ordering::Acquire) == number && number != 0;
        let until = slot.until.load(Ordering::Acquire);
        present && self.millis(Instant::now()) < until && slot.number.load(Ordering::Acquire) == number
    }

    /// Returns `true` if some lease is valid in this slot.
    #[must_use]
    pub fn is_held(&self, slot: usize) -> bool {
        self.slots.get(slot).is_some_and(|slot| self.is_valid(Lease::new(slot.number.load(Ordering::Acquire))))
    }

    /// The end of this lease if nothing prolongs it. `None` if the lease is not valid now.
    #[must_use]
    pub fn until(&self, lease: Lease) -> Option<Instant> {
        let slot = self.slot_of(lease).filter(|_| self.is_valid(lease))?;
        Some(self.epoch + Duration::from_millis(slot.until.load(Ordering::Acquire)))
    }

    /// A lease with a new number. It is not valid until `begin`.
    #[must_use]
    pub fn fresh(&self, slot: usize) -> Lease {
        let counted = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        Lease::new(((slot as u64) << SEQUENCE_BITS) | (counted & ((1 << SEQUENCE_BITS) - 1)))
    }

    /// Makes this lease the only valid one in its slot, until `until`.
    pub fn begin(&self, lease: Lease, until: Instant) {
        let Some(slot) = self.slot_of(lease).filter(|_| lease != Lease::NONE) else { return };
        // In this order no reader sees the new number with the deadline of the old one.
        slot.number.store(0, Ordering::Release);
        slot.until.store(self.millis(until), Ordering::Release);
        slot.number.store(lease.number(), Ordering::Release);
    }

    /// Extends the lease if it is still valid.
    pub fn prolong(&self, lease: Lease, until: Instant) {
        // A connection pair has no lease until it is taken into use, and `Lease::NONE` would refer
        // to the first slot, which belongs to another connection.
        let Some(slot) = self.slot_of(lease).filter(|_| lease != Lease::NONE) else { return };
        if slot.number.load(Ordering::Acquire) == lease.number() {
            slot.until.fetch_max(self.millis(until), Ordering::AcqRel);
        }
    }

    /// Replaces `old` with `new`, with the same deadline.
    pub fn succeed(&self, old: Lease, new: Lease) {
        let Some(slot) = self.slot_of(old) else { return };
        let _ = slot.number.compare_exchange(old.number(), new.number(), Ordering::AcqRel, Ordering::Acquire);
    }

    /// Ends the lease.
    pub fn end(&self, lease: Lease) {
        let Some(slot) = self.slot_of(lease) else { return };
        let _ = slot.number.compare_exchange(lease.number(), 0, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Ends whatever lease is valid in this slot.
    pub fn release(&self, slot: usize) {
        if let Some(slot) = self.slots.get(slot) {
            slot.number.store(0, Ordering::Release);
        }
    }

    fn slot_of(&self, lease: Lease) -> Option<&LeaseSlot> {
        self.slots.get((lease.number() >> SEQUENCE_BITS) as usize)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_lease_holds_from_its_beginning_to_its_end() {
        let leases = Leases::with_slots(4);
        let lease = leases.fresh(3);
        assert!(!leases.is_valid(lease));
        leases.begin(lease, Instant::now() + LONG);
        assert!(leases.is_valid(lease));
        assert!(leases.is_held(3) && !leases.is_held(0) && !leases.is_held(4));
        leases.end(lease);
        assert!(!leases.is_valid(lease) && !leases.is_held(3));
        leases.prolong(lease, Instant::now() + LONG);
        assert!(!leases.is_valid(lease), "an ended lease is not prolonged");
        assert!(!leases.is_valid(Lease::NONE));
    }

    #[test]
    fn a_new_lease_in_a_slot_is_the_end_of_the_old_one() {
        let leases = Leases::with_slots(4);
        let (old, new, other) = (leases.fresh(0), leases.fresh(0), leases.fresh(1));
        for lease in [old, other, new] {
            leases.begin(lease, Instant::now() + LONG);
        }
        assert!(!leases.is_valid(old) && leases.is_valid(new) && leases.is_valid(other));
        leases.end(old);
        assert!(leases.is_valid(new), "the old lease ended late");
    }

    #[test]
    fn no_lease_disturbs_nobody() {
        let leases = Leases::with_slots(4);
        let lease = leases.fresh(0);
        leases.begin(lease, Instant::now() + LONG);
        leases.begin(Lease::NONE, Instant::now() + LONG);
        leases.prolong(Lease::NONE, Instant::now() + LONG * 2);
        leases.end(Lease::NONE);
        assert!(leases.is_valid(lease) && !leases.is_valid(Lease::NONE));
        assert!(leases.until(lease).is_some_and(|until| until <= Instant::now() + LONG));
        assert_eq!(leases.until(Lease::NONE), None);
    }

    #[test]
    fn a_lease_that_is_not_prolonged_lapses() {
        let leases = Leases::with_slots(4);
        let lease = leases.fresh(0);
        leases.begin(lease, Instant::now());
        assert!(!leases.is_valid(lease));
        leases.prolong(lease, Instant::now() + LONG);
        assert!(leases.is_valid(lease), "a late reply still prolongs");
        leases.prolong(lease, Instant::now());
        assert!(leases.is_valid(lease), "replies out of order do not shorten the lease");
    }
}
