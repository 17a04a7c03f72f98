use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use cloakroom::store::{Invalidate, Lease, LeasedRecord, Selector, Store};

use cloakroom_testkit::{MemoryStore, conformance};

use crate::backend::Over;

use super::{Answer, Defect, Sound, fails};

/// Vouches for copies, and never listens.
#[derive(Default)]
struct Deaf;

impl Defect for Deaf {
    fn attach(&self, _: &Sound, _: Arc<dyn Invalidate>) {}
}

#[test]
fn a_store_that_does_not_listen_is_noticed() {
    fails::<Deaf>(&[
        "coherence/a_foreign_commit_reaches_a_loaded_copy",
        "coherence/a_foreign_rotation_reaches_a_loaded_copy",
        "coherence/a_foreign_destroy_reaches_a_loaded_copy",
        "coherence/a_copy_from_a_create_is_told_too",
        "coherence/a_copy_from_a_commit_is_told_too",
        "coherence/a_copy_from_a_refusal_is_told_too",
        "coherence/every_change_is_told_after_a_load",
        "coherence/every_attached_tier_is_told",
        "coherence/who_is_cut_off_stops_vouching",
    ]);
}

/// Hears of a record once per load, as server-assisted tracking does, and does not arm it again
/// after its own writes.
#[derive(Default)]
struct HearsOncePerLoad(Arc<Mutex<HashSet<Selector>>>);

struct OncePerLoad {
    armed: Arc<Mutex<HashSet<Selector>>>,
    copies: Arc<dyn Invalidate>,
}

impl Invalidate for OncePerLoad {
    fn invalidate(&self, selector: Selector) {
        if self.armed.lock().unwrap().contains(&selector) {
            self.copies.invalidate(selector);
        }
    }

    fn invalidate_all(&self) {
        self.copies.invalidate_all();
    }
}

impl Defect for HearsOncePerLoad {
    async fn load(&self, sound: &Sound, selector: Selector) -> Answer<Option<LeasedRecord>> {
        self.0.lock().unwrap().insert(selector);
        sound.load(selector).await
    }

    fn attach(&self, sound: &Sound, copies: Arc<dyn Invalidate>) {
        sound.subscribe(Arc::new(OncePerLoad { armed: Arc::clone(&self.0), copies }));
    }
}

#[test]
fn a_store_that_is_blind_after_its_own_writes_is_noticed() {
    fails::<HearsOncePerLoad>(&[
        "coherence/a_copy_from_a_create_is_told_too",
        "coherence/a_copy_from_a_commit_is_told_too",
        "coherence/a_copy_from_a_refusal_is_told_too",
    ]);
}

/// Tells only the tier that came first.
#[derive(Default)]
struct TellsTheFirst(Mutex<bool>);

impl Defect for TellsTheFirst {
    fn attach(&self, sound: &Sound, copies: Arc<dyn Invalidate>) {
        if !std::mem::replace(&mut *self.0.lock().unwrap(), true) {
            sound.subscribe(copies);
        }
    }
}

#[test]
fn a_store_that_tells_one_tier_only_is_noticed() {
    fails::<TellsTheFirst>(&["coherence/every_attached_tier_is_told"]);
}

/// Vouches whatever became of its line.
#[derive(Default)]
struct VouchesForever;

impl Defect for VouchesForever {
    fn vouches(&self, _: &Sound, lease: Lease) -> bool {
        lease != Lease::NONE
    }
}

#[test]
fn a_store_that_vouches_when_cut_off_is_noticed() {
    fails::<VouchesForever>(&["coherence/who_is_cut_off_stops_vouching"]);
}

/// Vouches for copies that were never to be kept.
#[derive(Default)]
struct VouchesForNoLease;

impl Defect for VouchesForNoLease {
    fn vouches(&self, sound: &Sound, lease: Lease) -> bool {
        lease == Lease::NONE || sound.is_lease_valid(lease)
    }
}

#[test]
fn a_store_that_vouches_for_no_lease_is_noticed() {
    fails::<VouchesForNoLease>(&["coherence/nobody_vouches_for_no_lease"]);
}

/// Never reports a valid lease, although it claims the capability.
#[derive(Default)]
struct NeverVouches;

impl Defect for NeverVouches {
    fn vouches(&self, _: &Sound, _: Lease) -> bool {
        false
    }
}

#[test]
fn a_store_that_does_not_vouch_as_claimed_is_noticed() {
    fails::<NeverVouches>(&["coherence/it_vouches_exactly_if_it_claims_to", "coherence/who_is_cut_off_stops_vouching"]);
}

/// Every process keeps its records to itself.
#[test]
fn nodes_that_share_nothing_are_noticed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let alone = Over::new(|clock| MemoryStore::with_clock(clock.clone()), |store| store, |_| MemoryStore::new());
    let report = runtime.block_on(conformance(alone));
    assert!(report.failed().any(|name| name == "coherence/nodes_share_their_records"), "{report}");
    assert!(report.failed().all(|name| name.starts_with("coherence/")), "{report}");
}
