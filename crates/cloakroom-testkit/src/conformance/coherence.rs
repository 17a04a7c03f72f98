//! Several instances over the same data, and the invalidations that each receives.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use cloakroom::store::Selector;
use cloakroom::store::{
    Admission, Committed, Created, Destroyed, DynStore, Guard, Invalidate, Lease, LimitPolicy, Rotation,
};

use super::backend::Capability;
use super::checks;
use super::failure::{Failure, Outcome, ensure, ensure_eq};
use super::fixture::{Fixture, UNTIL, listed};
use super::helpers::{at, done, put, same, with};
use super::limits::limit;

const NODES: &[Capability] = &[Capability::Nodes];
const NEWS: &[Capability] = &[Capability::Nodes, Capability::Leases];
const CUT: &[Capability] = &[Capability::Nodes, Capability::Leases, Capability::CutOff];

checks! { "coherence":
    nobody_vouches_for_no_lease,
    it_vouches_exactly_if_it_claims_to;
    NODES =>
    nodes_share_their_records,
    nodes_name_the_same_namespace,
    nodes_share_one_limit;
    NEWS =>
    a_foreign_commit_reaches_a_loaded_copy,
    a_foreign_rotation_reaches_a_loaded_copy,
    a_foreign_destroy_reaches_a_loaded_copy,
    a_copy_from_a_create_is_told_too,
    a_copy_from_a_commit_is_told_too,
    a_copy_from_a_refusal_is_told_too,
    every_change_is_told_after_a_load,
    every_attached_tier_is_told;
    CUT =>
    who_is_cut_off_stops_vouching,
}

/// A local tier that only records its invalidations.
#[derive(Default)]
struct RecordingInvalidate(Mutex<(HashSet<Selector>, bool)>);

impl Invalidate for RecordingInvalidate {
    fn invalidate(&self, selector: Selector) {
        self.0.lock().0.insert(selector);
    }

    fn invalidate_all(&self) {
        self.0.lock().1 = true;
    }
}

impl RecordingInvalidate {
    fn attach(store: &dyn DynStore) -> Arc<Self> {
        let ears = Arc::new(Self::default());
        store.subscribe(Arc::<Self>::clone(&ears));
        ears
    }

    fn heard_of(&self, selector: Selector) -> bool {
        let heard = self.0.lock();
        heard.1 || heard.0.contains(&selector)
    }

    fn forget(&self) {
        *self.0.lock() = (HashSet::new(), false);
    }
}

/// Waits for something that arrives over the network: up to a quarter of the check's patience.
async fn eventually(fixture: &Fixture, holds: impl Fn() -> bool, what: &str) -> Outcome {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let patience = fixture.patience() / 4;
    tokio::time::timeout(patience, wait).await.map_err(|_| Failure::new(format!("{what}, even after {patience:?}")))
}

async fn is_told(fixture: &Fixture, ears: &RecordingInvalidate, selector: Selector, of: &str) -> Outcome {
    eventually(fixture, || ears.heard_of(selector), &format!("the other node was not notified of {of}")).await
}

async fn lease(store: &dyn DynStore, selector: Selector) -> Outcome<Lease> {
    let loaded = store.load(selector).await?;
    loaded.map(|loaded| loaded.lease).ok_or_else(|| Failure::new("load returned None for a live session"))
}

async fn change(fixture: &Fixture, selector: Selector) -> Outcome {
    done(fixture.store.commit(selector, with(fixture.commit(0), [put("cart", "foreign")])).await?).map(drop)
}

async fn nobody_vouches_for_no_lease(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&["cart"]).await?;
    let _ears = RecordingInvalidate::attach(&*fixture.store);
    lease(&*fixture.store, selector).await?;
    ensure!(!fixture.store.is_lease_valid(Lease::NONE), "is_lease_valid returned true for Lease::NONE");
    Ok(())
}

async fn it_vouches_exactly_if_it_claims_to(fixture: &Fixture) -> Outcome {
    let claims = fixture.capabilities().contains(&Capability::Leases);
    let _ears = RecordingInvalidate::attach(&*fixture.store);
    let (selector, record) = (fixture.selector(), fixture.record());
    let Created::Done(created) = fixture.store.create(selector, record).await? else {
        return Err(Failure::new("create under a free selector returned Exists"));
    };
    let committed = done(fixture.store.commit(selector, fixture.commit(1)).await?)?.lease;
    for (lease, verb) in [(created, "create"), (committed, "commit"), (lease(&*fixture.store, selector).await?, "load")]
    {
        let vouches = fixture.store.is_lease_valid(lease);
        ensure!(vouches == claims, "the backend claims Leases: {claims}; the lease is valid after {verb}: {vouches}");
    }
    Ok(())
}

async fn nodes_name_the_same_namespace(fixture: &Fixture) -> Outcome {
    let (selector, _) = fixture.session(&[]).await?;
    let node = fixture.node().await?;
    ensure!(node.load(selector).await?.is_some(), "load through another node returned no session");
    ensure_eq!(node.namespace(), fixture.store.namespace(), "the namespace on another node");
    Ok(())
}

async fn nodes_share_one_limit(fixture: &Fixture) -> Outcome {
    let other = fixture.node().await?;
    let principal = fixture.principal();
    let mut selectors = Vec::new();
    for _ in 0..50 {
        selectors.push(fixture.insert(&fixture.record_of(&principal)).await?);
    }
    let answers = fixture
        .together(50, |place, store| {
            let (selector, principal) = (selectors[place as usize], principal.clone());
            let store = if place % 2 == 0 { store } else { Arc::clone(&other) };
            async move { Ok(store.add_member(&principal, selector, UNTIL, limit(10, LimitPolicy::Reject)).await?) }
        })
        .await?;
    let admitted = answers.iter().filter(|answer| **answer != Admission::Refused).count();
    ensure_eq!(admitted, 10, "admissions of 50 sessions through two nodes within a limit of 10");
    for store in [&fixture.store, &other] {
        ensure_eq!(listed(store, &principal).await?.len(), 10, "the number of members");
    }
    Ok(())
}

async fn nodes_share_their_records(fixture: &Fixture) -> Outcome {
    let (node, principal) = (fixture.node().await?, fixture.principal());
    let record = fixture.record_of(&principal);
    let selector = fixture.insert(&record).await?;
    fixture.store.add_member(&principal, selector, UNTIL, None).await?;
    let there = node.load(selector).await?.map(|loaded| loaded.record);
    let there = there.ok_or_else(|| Failure::new("a record created through one node is missing through another"))?;
    same(&there, &record, "load through another node")?;
    ensure!(
        listed(&node, &principal).await?.len() == 1,
        "a member admitted through one node is missing through another"
    );
    done(node.commit(selector, with(fixture.commit(1), [put("cart", "theirs")])).await?)?;
    ensure!(fixture.load(selector).await?.version == 2, "a commit through one node is missing through another");
    let answer = node.destroy(selector, Guard::Anyone).await?;
    ensure_eq!(answer, Destroyed::Done, "destroy through a node that did not create the record");
    ensure!(!fixture.is_live(selector).await?, "a session destroyed through one node was live through another");
    Ok(())
}

async fn a_foreign_commit_reaches_a_loaded_copy(fixture: &Fixture) -> Outcome {
    let (node, (selector, _)) = (fixture.node().await?, fixture.session(&["cart"]).await?);
    let ears = RecordingInvalidate::attach(&*node);
    lease(&*node, selector).await?;
    change(fixture, selector).await?;
    is_told(fixture, &ears, selector, "a commit").await
}

async fn a_foreign_rotation_reaches_a_loaded_copy(fixture: &Fixture) -> Outcome {
    let (node, (selector, _)) = (fixture.node().await?, fixture.session(&["cart"]).await?);
    let ears = RecordingInvalidate::attach(&*node);
    lease(&*node, selector).await?;
    let mut commit = fixture.commit(1);
    commit.rotation = Some(Rotation::new(fixture.verifier(), None));
    done(fixture.store.commit(selector, commit).await?)?;
    is_told(fixture, &ears, selector, "a rotation").await
}

async fn a_foreign_destroy_reaches_a_loaded_copy(fixture: &Fixture) -> Outcome {
    let (node, (selector, _)) = (fixture.node().await?, fixture.session(&["cart"]).await?);
    let ears = RecordingInvalidate::attach(&*node);
    lease(&*node, selector).await?;
    fixture.destroy(selector).await?;
    is_told(fixture, &ears, selector, "a destroy").await
}

async fn a_copy_from_a_create_is_told_too(fixture: &Fixture) -> Outcome {
    let (node, selector) = (fixture.node().await?, fixture.selector());
    let ears = RecordingInvalidate::attach(&*node);
    node.create(selector, fixture.record_with(&["cart"])).await?;
    change(fixture, selector).await?;
    is_told(fixture, &ears, selector, "a commit to a session that the node created").await
}

async fn a_copy_from_a_commit_is_told_too(fixture: &Fixture) -> Outcome {
    let (node, (selector, _)) = (fixture.node().await?, fixture.session(&["cart"]).await?);
    let ears = RecordingInvalidate::attach(&*node);
    done(node.commit(selector, with(fixture.commit(1), [put("theme", "own")])).await?)?;
    ears.forget();
    change(fixture, selector).await?;
    is_told(fixture, &ears, selector, "a commit after its own commit").await
}

async fn a_copy_from_a_refusal_is_told_too(fixture: &Fixture) -> Outcome {
    let node = fixture.node().await?;
    let ears = RecordingInvalidate::attach(&*node);
    let conflicting = with(fixture.commit(1), [at(9, put("theme", "own"))]);
    let mut strange = fixture.commit(1);
    strange.guard = Guard::Holder(fixture.verifier());
    for refused in [conflicting, strange] {
        let (selector, _) = fixture.session(&["cart"]).await?;
        let answer = node.commit(selector, refused).await?;
        let (Committed::Conflict(loaded) | Committed::Superseded(loaded)) = answer else {
            return Err(Failure::new("a commit that must be refused was accepted"));
        };
        // A store may return the record without a valid lease; then no copy is kept.
        if node.is_lease_valid(loaded.lease) {
            change(fixture, selector).await?;
            is_told(fixture, &ears, selector, "a commit to a record that came with a refusal").await?;
        }
    }
    Ok(())
}

async fn every_change_is_told_after_a_load(fixture: &Fixture) -> Outcome {
    let (node, (selector, _)) = (fixture.node().await?, fixture.session(&["cart"]).await?);
    let ears = RecordingInvalidate::attach(&*node);
    for round in 1..=3 {
        lease(&*node, selector).await?;
        ears.forget();
        change(fixture, selector).await?;
        is_told(fixture, &ears, selector, &format!("commit {round} of 3, each after a load")).await?;
    }
    Ok(())
}

async fn every_attached_tier_is_told(fixture: &Fixture) -> Outcome {
    let (node, (selector, _)) = (fixture.node().await?, fixture.session(&["cart"]).await?);
    let both = [RecordingInvalidate::attach(&*node), RecordingInvalidate::attach(&*node)];
    lease(&*node, selector).await?;
    change(fixture, selector).await?;
    for ears in both {
        is_told(fixture, &ears, selector, "a commit (one of two tiers)").await?;
    }
    Ok(())
}

async fn who_is_cut_off_stops_vouching(fixture: &Fixture) -> Outcome {
    let (node, (selector, _)) = (fixture.node().await?, fixture.session(&["cart"]).await?);
    let ears = RecordingInvalidate::attach(&*node);
    let lease = lease(&*node, selector).await?;
    ensure!(node.is_lease_valid(lease), "the lease of a record that was just loaded is not valid");
    let done = fixture.cut_off().await;
    ensure!(done, "the backend claims Capability::CutOff, but Backend::cut_off returned false");
    eventually(fixture, || !node.is_lease_valid(lease), "the leases of a node that is cut off are still valid").await?;
    is_told(fixture, &ears, selector, "its own disconnection").await?;
    ensure!(!node.is_lease_valid(lease), "a lease from before the node was cut off became valid again");
    Ok(())
}
