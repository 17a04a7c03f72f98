//! Where a session is, and the calls that depend on it.

use super::lease::Half;
use super::move_state::{MoveState, is_incomplete};
use super::mover::{Settled, Stores, both_directions};
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
        match self.settle(selector).await.map_err(before_the_call)? {
            Settled::Stays(found, _) => Ok(Some(Place::new(Half::Old, *found))),
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
        let found = self.new.load(selector).await?.filter(|found| !is_incomplete(&found.record));
        match &found {
            Some(found) if is_moving(&found.record) => Err(both_directions()),
            _ => Ok(found),
        }
    }

    pub(super) async fn commit(&self, selector: Selector, commit: Commit) -> Result<Committed, StoreError> {
        let mut wait = Wait::new();
        let mut was_applied = false;
        loop {
            let found = self.find(selector).await;
            let found = found.map_err(|error| if was_applied { unknown(error) } else { error })?;
            let Some(place) = found else { return Ok(Committed::Gone) };
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
                committed => record_of(committed).is_some_and(|record| match place.half {
                    Half::Old => is_moving(record),
                    Half::New => is_incomplete(record),
                }),
            };
            if !is_overtaken {
                return Ok(tagged(place.half, committed));
            }
            was_applied |= matches!(committed, Committed::Done(_));
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

    /// Ends a session where it is, without moving it: that may fail, and a logout must not.
    pub(super) async fn destroy(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let mut wait = Wait::new();
        loop {
            let found = match self.old.load(selector).await {
                Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                    return self.old.destroy(selector, guard).await;
                }
                found => found?.filter(|found| !is_incomplete(&found.record)),
            };
            let Some(LeasedRecord { record, .. }) = found else { return self.destroy_in_new(selector, guard).await };
            let presented = match MoveState::of(&record)? {
                None if guard == Guard::Anyone => Guard::Current(record.verifier),
                None => guard,
                Some(MoveState { decided: Some(_), .. }) => {
                    self.settle(selector).await.map_err(before_the_call)?;
                    continue;
                }
                // Undecided, so the session is still here, and a mover can no longer decide.
                Some(MoveState { replaced, .. }) => {
                    let now = self.old.time().unwrap_or(record.last_seen);
                    if !record.before_move(replaced).admits(guard, now) {
                        return Ok(Destroyed::Superseded);
                    }
                    Guard::Current(record.verifier)
                }
            };
            match self.old.destroy(selector, presented).await? {
                Destroyed::Done => return Ok(Destroyed::Done),
                Destroyed::Superseded if presented == guard && !self.is_moving(selector).await? => {
                    return Ok(Destroyed::Superseded);
                }
                // The session has been changed, or has moved.
                _ => wait.pause().await?,
            }
        }
    }

    async fn destroy_in_new(&self, selector: Selector, guard: Guard) -> Result<Destroyed, StoreError> {
        let mut wait = Wait::new();
        loop {
            let found = match self.load_new(selector).await {
                Err(error) if error.kind() == StoreErrorKind::Corrupt => {
                    return self.new.destroy(selector, guard).await;
                }
                found => found?,
            };
            let Some(found) = found else { return Ok(Destroyed::Gone) };
            let place = Place::new(Half::New, found);
            match self.new.destroy(selector, place.guard(guard)).await? {
                Destroyed::Superseded if guard == Guard::Anyone => wait.pause().await?,
                destroyed => return Ok(destroyed),
            }
        }
    }

    /// Returns `true` if the session is no longer simply in the old store.
    async fn is_moving(&self, selector: Selector) -> Result<bool, StoreError> {
        Ok(self.old.load(selector).await?.is_none_or(|found| is_moving(&found.record)))
    }
}

/// The error of a call that was not made because a step of a move failed before it.
fn before_the_call(error: StoreError) -> StoreError {
    match error.kind() {
        StoreErrorKind::Unknown => StoreError::new(StoreErrorKind::Unavailable, error),
        _ => error,
    }
}

/// The error of a call that was made, and whose outcome cannot be shown.
fn unknown(error: StoreError) -> StoreError {
    StoreError::new(StoreErrorKind::Unknown, error)
}

/// Returns `true` if this record is that of a session that is being moved to another store.
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
