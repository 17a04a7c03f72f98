//! Where a session is, and the calls that depend on it.

use super::lease::Half;
use super::move_state::{MoveState, is_incomplete};
use super::mover::{Settled, Stores};
use super::wait::Wait;
use crate::store::{
    Commit, CommitReceipt, Committed, Destroyed, Guard, LeasedRecord, Record, Selector, Store, StoreError,
    StoreErrorKind,
};

/// The store that has a session, with its record.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) half: Half,
    found: LeasedRecord,
}

impl Place {
    const fn new(half: Half, found: LeasedRecord) -> Self {
        Self { half, found }
    }

    pub(super) fn into_leased(self) -> LeasedRecord {
        LeasedRecord { lease: self.half.tag(self.found.lease), ..self.found }
    }

    /// The guard for a call that `guard` guards. An application's call must not reach a record that
    /// is being moved, which only its verifier tells.
    const fn guard(&self, guard: Guard) -> Guard {
        match guard {
            Guard::Anyone => Guard::Current(self.found.record.verifier),
            guard => guard,
        }
    }
}

impl<Old: Store, New: Store> Stores<Old, New> {
    /// Finds a session. A node that moves sessions moves it if it is in the old store.
    pub(super) async fn find(&self, selector: Selector) -> Result<Option<Place>, StoreError> {
        if let Some(found) = self.load_new(selector).await? {
            return Ok(Some(Place::new(Half::New, found)));
        }
        match self.settle(selector).await? {
            Settled::Stays(found) => Ok(Some(Place::new(Half::Old, found))),
            // It may have moved after the new store was asked.
            Settled::Moved | Settled::Absent => {
                Ok(self.load_new(selector).await?.map(|found| Place::new(Half::New, found)))
            }
        }
    }

    /// Returns `true` if the session is in the new store.
    pub(super) async fn is_in_new(&self, selector: Selector) -> Result<bool, StoreError> {
        Ok(self.load_new(selector).await?.is_some())
    }

    async fn load_new(&self, selector: Selector) -> Result<Option<LeasedRecord>, StoreError> {
        Ok(self.new.load(selector).await?.filter(|found| !is_incomplete(&found.record)))
    }

    pub(super) async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        let mut wait = Wait::new();
        loop {
            let Some(place) = self.find(selector).await? else { return Ok(Committed::Gone) };
            let guarded = Commit { guard: place.guard(commit.guard), ..commit.clone() };
            let committed = match place.half {
                Half::New => {
                    self.admit_to_new(selector, &commit, &place.found.record).await?;
                    self.new.commit(selector, guarded).await?
                }
                Half::Old => self.old.commit(selector, guarded).await?,
            };
            let is_overtaken = match &committed {
                // The application may write whatever the secret is.
                Committed::Superseded(_) if commit.guard == Guard::Anyone => true,
                Committed::Gone => place.half == Half::Old,
                committed => record_of(committed).is_some_and(|record| place.half == Half::Old && is_moving(record)),
            };
            if !is_overtaken {
                return Ok(tagged(place.half, committed));
            }
            wait.pause().await?;
        }
    }

    /// A login must be in the index of the store that gets its commit, and the session may have
    /// moved since the caller added it to the other one's.
    async fn admit_to_new(&self, selector: Selector, commit: &Commit, record: &Record) -> Result<(), StoreError> {
        let Some(login) = commit.rotation.as_ref().and_then(|rotation| rotation.authentication.as_ref()) else {
            return Ok(());
        };
        let until = commit.lifetimes.unwrap_or(record.lifetimes).absolute_deadline();
        self.new.add_member(&login.principal, selector, until, None).await.map(drop)
    }

    pub(super) async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let mut wait = Wait::new();
        loop {
            let place = match self.find(selector).await {
                Ok(Some(place)) => place,
                Ok(None) => return Ok(Destroyed::Gone),
                Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                    return self.destroy_unreadable(selector, guard).await;
                }
                Err(error) => return Err(error),
            };
            let destroyed = match place.half {
                Half::New => self.new.destroy(selector, place.guard(guard)).await?,
                Half::Old => self.old.destroy(selector, place.guard(guard)).await?,
            };
            match destroyed {
                Destroyed::Superseded if guard == Guard::Anyone => {}
                // Either the secret was replaced, or the session is being moved.
                Destroyed::Superseded if place.half == Half::Old && self.is_moving(selector).await? => {}
                Destroyed::Gone if place.half == Half::Old => {}
                destroyed => return Ok(destroyed),
            }
            wait.pause().await?;
        }
    }

    /// A record that cannot be decoded is never moved, so it can be removed where it is.
    async fn destroy_unreadable(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let from_old = self.old.destroy(selector, guard).await?;
        let from_new = self.new.destroy(selector, guard).await?;
        Ok(if from_new == Destroyed::Gone { from_old } else { from_new })
    }

    /// Returns `true` if the session is no longer simply in the old store.
    async fn is_moving(&self, selector: Selector) -> Result<bool, StoreError> {
        Ok(self.old.load(selector).await?.is_none_or(|found| is_moving(&found.record)))
    }
}

/// Returns `true` if this record of the old store is that of a session that is being moved.
fn is_moving(record: &Record) -> bool {
    !matches!(MoveState::of(record), Ok(None))
}

fn record_of(committed: &Committed) -> Option<&Record> {
    match committed {
        Committed::Done(CommitReceipt { record, .. }) => record.as_deref(),
        Committed::Conflict(found) | Committed::Superseded(found) => Some(&found.record),
        Committed::Gone | Committed::Unknown => None,
    }
}

fn tagged(half: Half, committed: Committed) -> Committed {
    let tag = |found: LeasedRecord| LeasedRecord { lease: half.tag(found.lease), ..found };
    match committed {
        Committed::Done(receipt) => Committed::Done(CommitReceipt { lease: half.tag(receipt.lease), ..receipt }),
        Committed::Conflict(found) => Committed::Conflict(tag(found)),
        Committed::Superseded(found) => Committed::Superseded(tag(found)),
        Committed::Gone | Committed::Unknown => committed,
    }
}
