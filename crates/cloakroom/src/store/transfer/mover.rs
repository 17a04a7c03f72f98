//! Moves one session, whatever other processes do meanwhile.
//!
//! A move is a sequence of atomic steps, each in one of the stores:
//!
//! 1. *Fence*, in the old store: a commit gives the record a verifier that belongs to no secret,
//!    and keeps what it replaces beside the session's values. From here on nobody else can change
//!    the record there, and every copy of it is out of date.
//! 2. *Copy*, to the new store: the record is created there as it was before its last write, again
//!    under a verifier that belongs to no secret.
//! 3. *Decide*, in the old store: a commit that holds only if the fence is still that of step 1
//!    names the copy. At this instant the session moves.
//! 4. *Complete*, in the new store: the session's last write is made once more, and gives the copy
//!    the real secrets and the login. The record is then as it was.
//! 5. *Remove*, from the old store.
//!
//! Whoever meets a decided move completes it. Whoever meets an undecided one that makes no progress
//! fences the record again, under another verifier, and continues from there: the first process can
//! then no longer decide. So a process may stop or fall asleep between any two steps:
//!
//! - At most one copy is ever decided, because a decision ends the fence that it requires.
//! - A decided copy exists when it is decided, and only a completed copy can be ended or expire
//!   before its session: a decided move without its copy is that of a session that has ended.
//! - A copy that is created too late is never decided. It opens for nobody, and is removed by its
//!   creator, or expires.

use std::time::Duration;

use super::move_state::{MoveState, Replaced, incomplete, is_incomplete};
use super::wait::{MovesOfOthers, Wait};
use crate::random::{RandomError, RandomSource, SplitMix};
use crate::store::{
    Commit, Committed, Created, Guard, Invalidate, LeasedRecord, Lifetimes, Record, Rotation, Selector, Store,
    StoreError, StoreErrorKind, Verifier,
};
use crate::sync::{Arc, AtomicBool, Ordering, RwLock};
use crate::writers::{VERSION_STEP, version_step};

/// The two stores, and what a move needs.
pub(super) struct Stores<Old, New> {
    pub(super) old: Old,
    pub(super) new: New,
    /// Whether this node moves sessions, or only follows the moves of others.
    pub(super) moves: bool,
    numbers: SplitMix,
    /// Identifies the writes of this process's moves, as the lower half of their nonces. The sessions
    /// of the process have another one, so that neither hides the other from
    /// [`Writers`](crate::store::Writers).
    process: u32,
    moves_of_others: MovesOfOthers,
    /// Whether the new store has stored what it was given last. No session is fenced before.
    is_new_writable: AtomicBool,
    copies: RwLock<Vec<Arc<dyn Invalidate>>>,
}

/// The result of settling a session.
#[derive(Debug)]
pub(super) enum Settled {
    /// It stays in the old store, because this node does not move sessions, or because the new store
    /// cannot store it at present.
    Stays(Box<LeasedRecord>, Option<StoreError>),
    /// It was in the old store, and is no more.
    Moved,
    /// It was not in the old store.
    Absent,
}

impl<Old, New> Stores<Old, New> {
    pub(super) fn new(old: Old, new: New, moves: bool, random: &dyn RandomSource) -> Result<Self, RandomError> {
        let mut seed = [0; 8];
        random.fill(&mut seed)?;
        let numbers = SplitMix::new(u64::from_ne_bytes(seed));
        Ok(Self {
            old,
            new,
            moves,
            process: numbers.next() as u32,
            numbers,
            moves_of_others: MovesOfOthers::default(),
            is_new_writable: AtomicBool::new(false),
            copies: RwLock::default(),
        })
    }

    pub(super) fn add_copies(&self, copies: Arc<dyn Invalidate>) {
        self.copies.write().push(copies);
    }

    /// A store reports the writes of others only, and those of a move are not the caller's.
    fn invalidate(&self, selector: Selector) {
        self.copies.read().iter().for_each(|copies| copies.invalidate(selector));
    }

    /// A verifier that belongs to no secret: nobody can compute a secret for a given verifier. It
    /// only has to differ from others.
    fn verifier(&self) -> Verifier {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.numbers.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.numbers.next().to_be_bytes());
        Verifier::from_bytes(bytes)
    }
}

impl<Old: Store, New: Store> Stores<Old, New> {
    /// Ends every move of this session, and begins one if this node moves sessions.
    pub(super) async fn settle(&self, selector: Selector) -> Result<Settled, StoreError> {
        let mut wait = Wait::new();
        // The verifier of this call's own fence.
        let mut own = None;
        let mut was_there = false;
        loop {
            let Some(found) = self.old.load(selector).await? else {
                return Ok(if was_there { Settled::Moved } else { Settled::Absent });
            };
            was_there = true;
            let record = &found.record;
            match MoveState::of(record)? {
                // Left behind by a move in the other direction.
                None if is_incomplete(record) => return Ok(Settled::Absent),
                None if !self.moves => return Ok(Settled::Stays(Box::new(found), None)),
                None => {
                    if let Err(error) = self.try_new_store(record).await {
                        return Ok(Settled::Stays(Box::new(found), Some(error)));
                    }
                    own = self.fence(selector, record, Replaced::of(record)).await?;
                }
                Some(MoveState { replaced, decided: Some(copy) }) => {
                    self.complete(selector, record, replaced, copy).await?;
                    self.moves_of_others.forget(selector);
                    return Ok(Settled::Moved);
                }
                Some(MoveState { replaced, decided: None }) if own == Some(record.verifier) => {
                    let copied = self.copy(selector, record, replaced).await;
                    self.is_new_writable.store(copied.is_ok(), Ordering::Relaxed);
                    copied?;
                    continue;
                }
                Some(MoveState { replaced, decided: None }) => {
                    let random = self.numbers.next();
                    if wait.for_move(&self.moves_of_others, selector, record.verifier, random).await? {
                        continue;
                    }
                    own = self.fence(selector, record, replaced).await?;
                }
            }
            if own.is_none() {
                wait.pause().await?;
            }
        }
    }

    /// Stores a record in the new store to find out whether it accepts any, unless the last move has
    /// shown that. A session that is fenced while it does not is unavailable until it does.
    async fn try_new_store(&self, record: &Record) -> Result<(), StoreError> {
        if self.is_new_writable.load(Ordering::Relaxed) {
            return Ok(());
        }
        // Neither belongs to a client, and the record expires by itself.
        let (selector, verifier) = (Selector::from_bytes(*self.verifier().as_bytes()), self.verifier());
        let lifetimes = Lifetimes::new(record.last_seen, Duration::from_secs(60), record.lifetimes.absolute_deadline());
        self.new.create(selector, Record::new(verifier, lifetimes, self.numbers.next())).await?;
        self.new.destroy(selector, Guard::Current(verifier)).await?;
        self.is_new_writable.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Step 1. Returns the verifier of the fence, or `None` if others have changed the record.
    async fn fence(
        &self,
        selector: Selector,
        record: &Record,
        replaced: Replaced,
    ) -> Result<Option<Verifier>, StoreError> {
        let fenced = self.write_state(selector, record, &MoveState::fenced(replaced)).await?;
        // From here on, copies must not be served for longer than a lease.
        self.invalidate(selector);
        Ok(fenced)
    }

    /// Steps 2 and 3. The next look at the old store finds what they led to.
    async fn copy(&self, selector: Selector, fenced: &Record, replaced: Replaced) -> Result<(), StoreError> {
        let copy = self.verifier();
        let record = incomplete(fenced, replaced, copy, self.numbers.next() & !VERSION_STEP);
        while self.new.create(selector, record.clone()).await? == Created::Exists {
            match self.new.load(selector).await? {
                None => {}
                Some(found) if is_incomplete(&found.record) => {
                    // A copy that was there before this look at the fence belongs to an earlier
                    // fence, so it can no longer be decided.
                    if !self.is_fenced(selector, fenced.verifier).await? {
                        return Ok(());
                    }
                    self.new.destroy(selector, Guard::Current(found.record.verifier)).await?;
                }
                Some(found) if MoveState::of(&found.record)?.is_some() => return Err(both_directions()),
                // The session is in the new store already. The record in the old one comes from a
                // creation that was repeated after the move.
                Some(_) => {
                    self.old.destroy(selector, Guard::Current(fenced.verifier)).await?;
                    return Ok(());
                }
            }
        }
        let state = MoveState { replaced, decided: Some(copy) };
        if self.write_state(selector, fenced, &state).await?.is_none() {
            self.new.destroy(selector, Guard::Current(copy)).await?;
        }
        Ok(())
    }

    /// Returns `true` if the record of the old store has this fence.
    async fn is_fenced(&self, selector: Selector, verifier: Verifier) -> Result<bool, StoreError> {
        Ok(self.old.load(selector).await?.is_some_and(|found| found.record.verifier == verifier))
    }

    /// Steps 4 and 5. May be repeated, also after the session has ended in the new store.
    async fn complete(
        &self,
        selector: Selector,
        decided: &Record,
        replaced: Replaced,
        copy: Verifier,
    ) -> Result<(), StoreError> {
        let login = decided.authentication.as_ref();
        if let Some(login) = login {
            let until = decided.lifetimes.absolute_deadline();
            self.new.add_member(&login.principal, selector, until, None).await?;
        }
        let before = replaced.version.saturating_sub(1);
        let mut commit = Commit::new(before, replaced.nonce, Guard::Current(copy), decided.last_seen);
        commit.exact_base = true;
        let rotation = Rotation::new(replaced.verifier, replaced.previous);
        commit.rotation = Some(Rotation { authentication: login.cloned(), ..rotation });
        if !matches!(self.new.commit(selector, commit).await?, Committed::Done(_)) {
            // Another process has completed the move before.
            let found = self.new.load(selector).await?;
            if found.is_some_and(|found| found.record.verifier == copy) {
                let problem = "the new store does not complete the copy of a session";
                return Err(StoreError::new(StoreErrorKind::Refused, problem));
            }
        }
        self.old.destroy(selector, Guard::Current(decided.verifier)).await?;
        if let Some(login) = login {
            // Best effort: the next login removes a member without a record.
            drop(self.old.remove_members(&login.principal, vec![selector]).await);
        }
        self.invalidate(selector);
        Ok(())
    }

    /// Writes the state of the move into the record of the old store, under a new verifier, which
    /// it returns. Returns `None` if others have changed the record.
    async fn write_state(
        &self,
        selector: Selector,
        record: &Record,
        state: &MoveState,
    ) -> Result<Option<Verifier>, StoreError> {
        let verifier = self.verifier();
        let nonce = self.numbers.next() << 32 | u64::from(self.process);
        // The time of the last request, because a move is no activity of the session.
        let mut commit = Commit::new(record.version, nonce, Guard::Current(record.verifier), record.last_seen);
        commit.exact_base = true;
        commit.step = version_step(nonce);
        commit.rotation = Some(Rotation::new(verifier, None));
        commit.edits = vec![state.edit()?];
        Ok(match self.old.commit(selector, commit).await? {
            Committed::Done(_) => Some(verifier),
            Committed::Conflict(_) | Committed::Superseded(_) | Committed::Gone | Committed::Unknown => None,
        })
    }
}

/// The error for a session that another transfer is moving out of the new store.
pub(super) fn both_directions() -> StoreError {
    let problem = "the session is being moved out of the new store by a transfer in the other direction; complete that \
                   one first";
    StoreError::new(StoreErrorKind::Unavailable, problem)
}
