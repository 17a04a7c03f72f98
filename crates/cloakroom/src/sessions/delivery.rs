//! Tokens that were made and have not reached their client yet.

use crate::cache::{Cell, EndReason, Refused, Rotation};
use crate::identity::PreviousState;
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Weak};

use super::bearer::Bearer;
use super::commit::{CommitError, Proposal};
use super::engine::Engine;
use super::resolve::Access;

/// How many lost tokens wait for a shared tier that does not answer.
const MOST: usize = 10_000;

/// A new token, from before it is made until a response carries it.
///
/// If it is dropped before, because a handler panicked or its request was cancelled, nobody has the token and nobody ever
/// will. What was done is then undone as far as that is safe.
#[derive(Debug)]
pub(crate) struct Delivery {
    engine: Weak<Engine>,
    token: Undelivered,
    /// `None` once a response carries the token, or it was not made.
    undo: Mutex<Option<Undo>>,
    /// Outlives this, for whoever might join the request that made the token.
    is_done: Arc<AtomicBool>,
}

/// What becomes of a session whose new token was never delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Undo {
    /// The client holds no token that may be good: the session ends.
    End,
    /// The client still holds the token before, which a renewal replaced: that becomes the present one again.
    Restore(Bearer),
}

/// A token that nobody has.
#[derive(Clone, Debug)]
struct Undelivered {
    bearer: Bearer,
    cell: Option<Arc<Cell>>,
}

impl Delivery {
    /// A response carries the token, or there is none.
    pub(crate) fn done(&self) {
        *self.undo.lock() = None;
        self.is_done.store(true, Ordering::Release);
    }

    /// Whether a response carries the token; to be asked when this is gone.
    pub(super) fn is_done(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_done)
    }

    /// The client does not even hold the token before this one.
    pub(crate) fn ends_if_lost(&self) {
        if let Some(undo) = &mut *self.undo.lock() {
            *undo = Undo::End;
        }
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(undo) = self.undo.lock().take() else { return };
        let Some(engine) = self.engine.upgrade() else { return };
        engine.undeliver(self.token.clone(), undo);
    }
}

/// Undeliverable tokens that wait for the shared tier.
#[derive(Debug, Default)]
pub(super) struct Lost(Mutex<Vec<(Undelivered, Undo)>>);

impl Lost {
    /// One more, unless there are too many already: then its session stays until its timeout.
    fn push(&self, token: Undelivered, undo: Undo) {
        let mut lost = self.0.lock();
        if lost.len() < MOST {
            lost.push((token, undo));
        }
    }
}

impl Engine {
    /// To be kept until the bearer's token is delivered.
    pub(super) fn deliver(&self, bearer: &Bearer, cell: Option<&Arc<Cell>>, undo: Undo) -> Arc<Delivery> {
        let token = Undelivered { bearer: *bearer, cell: cell.cloned() };
        let (undo, is_done) = (Mutex::new(Some(undo)), Arc::default());
        Arc::new(Delivery { engine: Weak::clone(&self.myself), token, undo, is_done })
    }

    fn undeliver(&self, token: Undelivered, undo: Undo) {
        if self.store.is_some() {
            self.lost.push(token, undo);
            self.keep_house();
            self.housekeeper.call();
            return;
        }
        let Some(cell) = &token.cell else { return };
        let writer = self.unrotated(&token.bearer);
        match undo {
            Undo::End => {
                self.tier.end_guarded(cell, writer.local(), self.now(), EndReason::Undelivered);
            }
            Undo::Restore(bearer) => {
                let rotation = self.back_to(&bearer);
                // Refused if somebody has replaced the secret since, which settles it as well.
                drop(self.commit_alone(cell, &writer, Proposal { rotation: Some(&rotation), ..Proposal::default() }));
            }
        }
    }

    fn back_to(&self, bearer: &Bearer) -> Rotation {
        Rotation {
            verifier: self.verifiers.of(&bearer.tag, &bearer.secret),
            fingerprint: bearer.fingerprint,
            previous: PreviousState::Replaced { at: self.now() },
            login: None,
        }
    }

    /// Undoes what was done for tokens that were lost. What the shared tier does not answer is tried again at the next round.
    pub(super) async fn undo_lost(&self) {
        let lost = std::mem::take(&mut *self.lost.0.lock());
        for (token, undo) in lost {
            if self.undo(&token, undo).await.is_err() {
                self.lost.push(token, undo);
            }
        }
    }

    async fn undo(&self, token: &Undelivered, undo: Undo) -> Result<(), ()> {
        match undo {
            // Under the lost secret only: whoever has replaced it since has a session that is used.
            Undo::End => {
                let writer = self.unrotated(&token.bearer);
                let end = self.end_as(&writer, &token.bearer.tag, token.cell.clone(), EndReason::Undelivered);
                end.await.map(drop).map_err(drop)
            }
            Undo::Restore(bearer) => self.restore(token, &bearer).await,
        }
    }

    /// Makes the token before the present one again, unless somebody has replaced the lost one since.
    async fn restore(&self, token: &Undelivered, before: &Bearer) -> Result<(), ()> {
        let access = self.open(&token.bearer, token.cell.as_ref()).await.map_err(drop)?;
        let (Access::Open((cell, _)) | Access::Fetched((cell, _))) = access else { return Ok(()) };
        let rotation = self.back_to(before);
        let proposal = Proposal { rotation: Some(&rotation), ..Proposal::default() };
        match self.commit(&cell, &self.unrotated(&token.bearer), proposal).await {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(Refused::Vacant | Refused::Conflict) | CommitError::Fault(_)) => Err(()),
            Err(CommitError::Refused(_)) => Ok(()),
        }
    }
}
