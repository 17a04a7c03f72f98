use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use cloakroom::store::{Invalidate, Lease, LeasedRecord, Selector, Store};

use cloakroom_testkit::{MemoryStore, conformance};

use crate::backend::MemoryBackend;

use super::{Defect, Inner, StoreResult, assert_fails};

/// Reports valid leases, and never subscribes to invalidations.
#[derive(Default)]
struct NeverSubscribes;

impl Defect for NeverSubscribes {
    fn subscribe(&self, _: &Inner, _: Arc<dyn Invalidate>) {}
}

#[test]
fn a_store_that_never_subscribes_is_noticed() {
    assert_fails::<NeverSubscribes>(&[
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

/// Tracks only records that it has loaded, like server-assisted tracking that is not armed again
/// after own writes.
#[derive(Default)]
struct OnlyLoadedRecordsTracked(Arc<Mutex<HashSet<Selector>>>);

struct TrackedRecords {
    tracked: Arc<Mutex<HashSet<Selector>>>,
    copies: Arc<dyn Invalidate>,
}

impl Invalidate for TrackedRecords {
    fn invalidate(&self, selector: Selector) {
        if self.tracked.lock().unwrap().contains(&selector) {
            self.copies.invalidate(selector);
        }
    }

    fn invalidate_all(&self) {
        self.copies.invalidate_all();
    }
}

impl Defect for OnlyLoadedRecordsTracked {
    async fn load(&self, inner: &Inner, selector: Selector) -> StoreResult<Option<LeasedRecord>> {
        self.0.lock().unwrap().insert(selector);
        inner.load(selector).await
    }

    fn subscribe(&self, inner: &Inner, copies: Arc<dyn Invalidate>) {
        inner.subscribe(Arc::new(TrackedRecords { tracked: Arc::clone(&self.0), copies }));
    }
}

#[test]
fn a_store_that_tracks_only_loaded_records_is_noticed() {
    assert_fails::<OnlyLoadedRecordsTracked>(&[
        "coherence/a_copy_from_a_create_is_told_too",
        "coherence/a_copy_from_a_commit_is_told_too",
        "coherence/a_copy_from_a_refusal_is_told_too",
    ]);
}

/// Invalidates only the tier that subscribed first.
#[derive(Default)]
struct OnlyFirstTierInvalidated(Mutex<bool>);

impl Defect for OnlyFirstTierInvalidated {
    fn subscribe(&self, inner: &Inner, copies: Arc<dyn Invalidate>) {
        if !std::mem::replace(&mut *self.0.lock().unwrap(), true) {
            inner.subscribe(copies);
        }
    }
}

#[test]
fn a_store_that_invalidates_only_one_tier_is_noticed() {
    assert_fails::<OnlyFirstTierInvalidated>(&["coherence/every_attached_tier_is_told"]);
}

/// Reports every lease as valid, even after the connection is lost.
#[derive(Default)]
struct LeasesNeverLost;

impl Defect for LeasesNeverLost {
    fn is_lease_valid(&self, _: &Inner, lease: Lease) -> bool {
        lease != Lease::NONE
    }
}

#[test]
fn a_lease_that_outlives_the_connection_is_noticed() {
    assert_fails::<LeasesNeverLost>(&["coherence/who_is_cut_off_stops_vouching"]);
}

/// Reports `Lease::NONE` as valid, although its copies must not be cached.
#[derive(Default)]
struct NoneLeaseIsValid;

impl Defect for NoneLeaseIsValid {
    fn is_lease_valid(&self, inner: &Inner, lease: Lease) -> bool {
        lease == Lease::NONE || inner.is_lease_valid(lease)
    }
}

#[test]
fn a_valid_lease_for_uncacheable_copies_is_noticed() {
    assert_fails::<NoneLeaseIsValid>(&["coherence/nobody_vouches_for_no_lease"]);
}

/// Never reports a valid lease, although it claims the capability.
#[derive(Default)]
struct LeasesNeverValid;

impl Defect for LeasesNeverValid {
    fn is_lease_valid(&self, _: &Inner, _: Lease) -> bool {
        false
    }
}

#[test]
fn leases_that_are_claimed_and_never_valid_are_noticed() {
    assert_fails::<LeasesNeverValid>(&[
        "coherence/it_vouches_exactly_if_it_claims_to",
        "coherence/who_is_cut_off_stops_vouching",
    ]);
}

/// Each node has records of its own.
#[test]
fn nodes_that_share_nothing_are_noticed() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let separate =
        MemoryBackend::new(|clock| MemoryStore::with_clock(clock.clone()), |store| store, |_| MemoryStore::new());
    let report = runtime.block_on(conformance(separate));
    assert!(report.failed().any(|name| name == "coherence/nodes_share_their_records"), "{report}");
    assert!(report.failed().all(|name| name.starts_with("coherence/")), "{report}");
}
