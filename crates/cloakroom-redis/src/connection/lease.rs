use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom::store::Lease;

/// Maximum number of connections with a valid lease at the same time: one per master of a cluster.
const SLOTS: usize = 1024;
/// A lease's number holds the slot in its upper bits and a sequence number in its lower ones.
const SEQUENCE_BITS: u32 = 48;

/// The valid leases and their deadlines. Reads take no lock, because every request checks a lease.
#[derive(Debug)]
pub(crate) struct Leases {
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
    pub(crate) fn new() -> Arc<Self> {
        let slots = (0..SLOTS).map(|_| LeaseSlot::default()).collect();
        Arc::new(Self { epoch: Instant::now(), counter: AtomicU64::new(0), slots })
    }

    /// Returns `true` if this lease is valid now.
    pub(crate) fn hold(&self, lease: Lease) -> bool {
        let number = lease.number();
        let Some(slot) = self.slots.get((number >> SEQUENCE_BITS) as usize) else { return false };
        // The order matters: `until` belongs to the number that was read or to a later one, which
        // the second read of the number detects.
        let present = slot.number.load(Ordering::Acquire) == number && number != 0;
        let until = slot.until.load(Ordering::Acquire);
        present && self.millis(Instant::now()) < until && slot.number.load(Ordering::Acquire) == number
    }

    /// The end of this lease if nothing prolongs it. `None` if the lease is not valid now.
    pub(crate) fn until(&self, lease: Lease) -> Option<Instant> {
        let slot = self.slot_of(lease).filter(|_| self.hold(lease))?;
        Some(self.epoch + Duration::from_millis(slot.until.load(Ordering::Acquire)))
    }

    /// A lease with a new number. It is not valid until `begin`.
    pub(crate) fn fresh(&self, slot: usize) -> Lease {
        let counted = self.counter.fetch_add(1, Ordering::Relaxed) + 1;
        Lease::new(((slot as u64) << SEQUENCE_BITS) | (counted & ((1 << SEQUENCE_BITS) - 1)))
    }

    /// Makes this lease the only valid one in its slot, until `until`.
    pub(crate) fn begin(&self, lease: Lease, until: Instant) {
        let Some(slot) = self.slot_of(lease).filter(|_| lease != Lease::NONE) else { return };
        // In this order no reader sees the new number with the deadline of the old one.
        slot.number.store(0, Ordering::Release);
        slot.until.store(self.millis(until), Ordering::Release);
        slot.number.store(lease.number(), Ordering::Release);
    }

    /// Extends the lease if it is still valid.
    pub(crate) fn prolong(&self, lease: Lease, until: Instant) {
        // A connection pair has no lease until it is taken into use, and `Lease::NONE` would refer
        // to the first slot, which belongs to another connection.
        let Some(slot) = self.slot_of(lease).filter(|_| lease != Lease::NONE) else { return };
        if slot.number.load(Ordering::Acquire) == lease.number() {
            slot.until.fetch_max(self.millis(until), Ordering::AcqRel);
        }
    }

    /// Replaces `old` with `new`, with the same deadline.
    pub(crate) fn succeed(&self, old: Lease, new: Lease) {
        let Some(slot) = self.slot_of(old) else { return };
        let _ = slot.number.compare_exchange(old.number(), new.number(), Ordering::AcqRel, Ordering::Acquire);
    }

    /// Ends the lease.
    pub(crate) fn end(&self, lease: Lease) {
        let Some(slot) = self.slot_of(lease) else { return };
        let _ = slot.number.compare_exchange(lease.number(), 0, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Ends whatever lease is valid in this slot.
    pub(crate) fn release(&self, slot: usize) {
        if let Some(slot) = self.slots.get(slot) {
            slot.number.store(0, Ordering::Release);
        }
    }

    pub(crate) const fn capacity() -> usize {
        SLOTS
    }

    fn slot_of(&self, lease: Lease) -> Option<&LeaseSlot> {
        self.slots.get((lease.number() >> SEQUENCE_BITS) as usize)
    }

    fn millis(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.epoch).as_millis()).unwrap_or(u64::MAX)
    }
}

/// The end of a lease that a probe sent at `sent` has proved.
///
/// Counted from the sending of the probe, not from the reply: whatever the server pushed before its
/// reply has been handled before the reply, and a change that came after the probe was sent is at
/// most this old.
pub(crate) fn after(sent: Instant, lease: Duration) -> Instant {
    sent + lease
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_lease_holds_from_its_beginning_to_its_end() {
        let leases = Leases::new();
        let lease = leases.fresh(3);
        assert!(!leases.hold(lease));
        leases.begin(lease, Instant::now() + LONG);
        assert!(leases.hold(lease));
        leases.end(lease);
        assert!(!leases.hold(lease));
        leases.prolong(lease, Instant::now() + LONG);
        assert!(!leases.hold(lease), "an ended lease is not prolonged");
        assert!(!leases.hold(Lease::NONE));
    }

    #[test]
    fn a_new_lease_in_a_slot_is_the_end_of_the_old_one() {
        let leases = Leases::new();
        let (old, new, other) = (leases.fresh(0), leases.fresh(0), leases.fresh(1));
        for lease in [old, other, new] {
            leases.begin(lease, Instant::now() + LONG);
        }
        assert!(!leases.hold(old) && leases.hold(new) && leases.hold(other));
        leases.end(old);
        assert!(leases.hold(new), "the old lease ended late");
    }

    #[test]
    fn no_lease_disturbs_nobody() {
        let leases = Leases::new();
        let lease = leases.fresh(0);
        leases.begin(lease, Instant::now() + LONG);
        leases.begin(Lease::NONE, Instant::now() + LONG);
        leases.prolong(Lease::NONE, Instant::now() + LONG * 2);
        leases.end(Lease::NONE);
        assert!(leases.hold(lease) && !leases.hold(Lease::NONE));
        assert!(leases.until(lease).is_some_and(|until| until <= Instant::now() + LONG));
        assert_eq!(leases.until(Lease::NONE), None);
    }

    #[test]
    fn a_lease_that_is_not_prolonged_lapses() {
        let leases = Leases::new();
        let lease = leases.fresh(0);
        leases.begin(lease, Instant::now());
        assert!(!leases.hold(lease));
        leases.prolong(lease, Instant::now() + LONG);
        assert!(leases.hold(lease), "a late reply still prolongs");
        leases.prolong(lease, Instant::now());
        assert!(leases.hold(lease), "replies out of order do not shorten the lease");
    }
}
