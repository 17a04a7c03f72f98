use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use crate::connection::{Connection, Coverage, LEASE_SLOTS, ProbeTarget};
use crate::topology::slots::{SLOTS, slot_of_selector};

pub(super) type Address = (String, u16);

/// A server that owns slots, and the connection to it.
#[derive(Debug)]
pub(crate) struct Master {
    pub(crate) connection: Connection,
    pub(super) probe_target: Arc<ProbeTarget>,
    pub(super) address: Address,
    /// The lease slot of its connection.
    place: usize,
}

impl Master {
    pub(super) const fn new(
        address: Address,
        connection: Connection,
        probe_target: Arc<ProbeTarget>,
        place: usize,
    ) -> Self {
        Self { connection, probe_target, address, place }
    }
}

/// The master of each slot.
#[derive(Debug, Default)]
pub(super) struct SlotMap {
    masters: HashMap<Address, Arc<Master>>,
    /// The master of each slot, once the map was read.
    slots: Vec<Option<Arc<Master>>>,
    last_place: usize,
}

impl SlotMap {
    pub(super) fn master_of(&self, slot: u16) -> Option<Arc<Master>> {
        self.slots.get(usize::from(slot))?.clone()
    }

    pub(super) fn masters(&self) -> Vec<Arc<Master>> {
        self.masters.values().cloned().collect()
    }

    /// The masters that own slots, by address, and a number that identifies them and their slots.
    ///
    /// No master if one of the slots has none: the others do not have all keys.
    pub(super) fn layout(&self) -> (Vec<Arc<Master>>, u64) {
        // The same in every process, as a list may be continued by another one.
        let mut layout = DefaultHasher::new();
        let mut owners = BTreeMap::new();
        for master in &self.slots {
            master.as_ref().map(|master| &master.address).hash(&mut layout);
            owners.extend(master.as_ref().map(|master| (&master.address, master)));
        }
        let is_complete = !self.slots.is_empty() && self.slots.iter().all(Option::is_some);
        let masters = if is_complete { owners.into_values().cloned().collect() } else { Vec::new() };
        (masters, layout.finish())
    }

    /// The master at an address. For a new one, `connect` receives the lease slot of its
    /// connection.
    pub(super) fn master_at(&mut self, address: Address, connect: impl FnOnce(usize) -> Master) -> Arc<Master> {
        if let Some(master) = self.masters.get(&address) {
            return Arc::clone(master);
        }
        self.last_place = self.free_lease_slot();
        let master = Arc::new(connect(self.last_place));
        self.masters.insert(address, Arc::clone(&master));
        master
    }

    /// A lease slot that no master uses. With more masters than lease slots, two would share one,
    /// and only one of them could cache. A slot is reused as late as possible, because the
    /// connection that had it may not have noticed yet that its master is gone.
    fn free_lease_slot(&self) -> usize {
        let taken: HashSet<_> = self.masters.values().map(|master| master.place).collect();
        let all = LEASE_SLOTS;
        (1..=all).map(|n| (self.last_place + n) % all).find(|place| !taken.contains(place)).unwrap_or_default()
    }

    /// Assigns a slot to another master. Returns `true` if that is a change.
    pub(super) fn reassign(&mut self, slot: u16, to: Arc<Master>) -> bool {
        let Some(place) = self.slots.get_mut(usize::from(slot)) else { return false };
        let moved = place.as_ref().is_none_or(|owner| owner.address != to.address);
        if moved {
            let before = to.probe_target.coverage();
            to.probe_target
                .set_coverage(Coverage::of(move |selector| before.has(selector) || slot_of_selector(selector) == slot));
            *place = Some(to);
        }
        moved
    }

    /// Replaces the whole map. Returns the coverage of the slots that have moved, and the masters
    /// that no longer own any.
    pub(super) fn replace(&mut self, slots: Vec<Option<Arc<Master>>>) -> (Option<Coverage>, Vec<Arc<Master>>) {
        let owners: Arc<[Option<usize>]> = slots.iter().map(|master| Some(master.as_ref()?.place)).collect();
        let before = std::mem::replace(&mut self.slots, slots);
        let (staying, gone) = std::mem::take(&mut self.masters)
            .into_iter()
            .partition::<HashMap<_, _>, _>(|(_, master)| owners.contains(&Some(master.place)));
        self.masters = staying;
        for master in self.masters.values() {
            let (owners, place) = (Arc::clone(&owners), master.place);
            master.probe_target.set_coverage(Coverage::of(move |selector| {
                owners[usize::from(slot_of_selector(selector))] == Some(place)
            }));
        }
        (self.moved_since(&before), gone.into_values().collect())
    }

    fn moved_since(&self, before: &[Option<Arc<Master>>]) -> Option<Coverage> {
        let address = |master: &Option<Arc<Master>>| master.as_ref().map(|master| master.address.clone());
        let moved: Vec<_> = before.iter().zip(&self.slots).map(|(old, new)| address(old) != address(new)).collect();
        moved.contains(&true).then(|| Coverage::of(move |selector| moved[usize::from(slot_of_selector(selector))]))
    }

    /// A slot map in which no master owns a slot.
    pub(super) fn blank() -> Vec<Option<Arc<Master>>> {
        vec![None; usize::from(SLOTS)]
    }
}
