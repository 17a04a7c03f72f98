//! Delivery of new tokens, and the undoing of those that never reach their client.

use crate::cache::{ChangeError, EndReason, Entry, SecretRotation};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Weak};
use crate::token::PreviousSecretState;

use super::OpenSession;
use super::authenticate::Lookup;
use super::commit::{CommitError, ProposedChange};
use super::credential::Credential;
use super::join_all;
use super::maintenance::CALLS_AT_ONCE;
use crate::engine::Engine;

/// Maximum number of lost tokens that wait for a shared tier that does not answer.
const MAX_UNDELIVERED: usize = 10_000;

/// A new token, from before it is made until a response carries it.
///
/// If it is dropped before that, because a handler panicked or its request was cancelled, no client
/// will ever receive the token. Its effects are then undone as far as that is safe.
#[derive(Debug)]
pub(crate) struct PendingDelivery {
    engine: Weak<Engine>,
    token: UndeliveredToken,
    /// `None` once a response carries the token, or if the token was not made.
    undo: Mutex<Option<Undo>>,
    /// `true` once the delivery is settled. Outlives this guard, for requests that may join the one
    /// that made the token.
    is_done: Arc<AtomicBool>,
}

/// Way to undo a new token that was never delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Undo {
    /// End the session: the client has no valid token.
    End,
    /// Make the former token the current one again: the client still has it, because only a renewal
    /// replaced it.
    Restore(Credential),
}

/// A token that no client received.
#[derive(Clone, Debug)]
struct UndeliveredToken {
    credential: Credential,
    entry: Option<Arc<Entry>>,
}

impl PendingDelivery {
    /// Marks the token as delivered, or as not made.
    pub(crate) fn disarm(&self) {
        *self.undo.lock() = None;
        self.is_done.store(true, Ordering::Release);
    }

    /// Returns a flag that is set once the token is delivered. It can be read after this guard is
    /// dropped.
    pub(super) fn is_done(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_done)
    }

    /// Makes a loss of the token end the session, because the client does not have the former token
    /// either.
    pub(crate) fn ends_if_lost(&self) {
        if let Some(undo) = &mut *self.undo.lock() {
            *undo = Undo::End;
        }
    }
}

impl Drop for PendingDelivery {
    fn drop(&mut self) {
        let Some(undo) = self.undo.lock().take() else { return };
        let Some(engine) = self.engine.upgrade() else { return };
        engine.undeliver(self.token.clone(), undo);
    }
}

/// Undelivered tokens that wait for the shared tier.
#[derive(Debug, Default)]
pub(super) struct UndeliveredTokens(Mutex<Vec<(UndeliveredToken, Undo)>>);

impl UndeliveredTokens {
    /// Adds a token, unless there are too many: then its session stays until its timeout.
    fn push(&self, token: UndeliveredToken, undo: Undo) {
        let mut lost = self.0.lock();
        if lost.len() < MAX_UNDELIVERED {
            lost.push((token, undo));
        }
    }
}

impl Engine {
    /// Returns a guard to keep until the client's token is delivered. If it is lost, nothing
    /// happens without an `undo`.
    pub(super) fn deliver(
        &self,
        credential: &Credential,
        entry: Option<&Arc<Entry>>,
        undo: impl Into<Option<Undo>>,
    ) -> Arc<PendingDelivery> {
        let token = UndeliveredToken { credential: *credential, entry: entry.cloned() };
        let (undo, is_done) = (Mutex::new(undo.into()), Arc::default());
        Arc::new(PendingDelivery { engine: Weak::clone(&self.weak_self), token, undo, is_done })
    }

    fn undeliver(&self, token: UndeliveredToken, undo: Undo) {
        if self.store.is_some() {
            self.backlog.undelivered.push(token, undo);
            self.ensure_maintenance();
            self.maintenance.wake();
            return;
        }
        let Some(entry) = &token.entry else { return };
        let writer = self.current_secret_of(&token.credential);
        match undo {
            Undo::End => {
                self.cache.end_guarded(entry, writer.local(), self.now(), EndReason::Undelivered);
            }
            Undo::Restore(credential) => {
                let rotation = self.restoring_rotation(&credential);
                // Refused if another request has replaced the secret since, which settles the
                // matter as well.
                drop(self.commit_local(
                    entry,
                    &entry.state(),
                    &writer,
                    ProposedChange { rotation: Some(&rotation), ..ProposedChange::default() },
                ));
            }
        }
    }

    fn restoring_rotation(&self, credential: &Credential) -> SecretRotation {
        SecretRotation {
            verifier: self.verifier_hasher.hash(&credential.selector, &credential.secret),
            fingerprint: credential.fingerprint,
            previous: PreviousSecretState::Replaced { at: self.now() },
            login: None,
        }
    }

    /// Undoes the tokens that were lost. Those that the shared tier does not answer for are retried
    /// in the next round.
    pub(super) async fn undo_undelivered(&self) {
        let lost = std::mem::take(&mut *self.backlog.undelivered.0.lock());
        for batch in lost.chunks(CALLS_AT_ONCE) {
            let undone = join_all(batch.iter().map(|(token, undo)| self.undo(token, *undo))).await;
            for ((token, undo), undone) in batch.iter().zip(undone) {
                if undone.is_err() {
                    self.backlog.undelivered.push(token.clone(), *undo);
                }
            }
        }
    }

    async fn undo(&self, token: &UndeliveredToken, undo: Undo) -> Result<(), ()> {
        match undo {
            // Only under the lost secret: if another request has replaced it since, the session is
            // in use.
            Undo::End => {
                let writer = self.current_secret_of(&token.credential);
                let end = self.end_as(&writer, &token.credential.selector, token.entry.clone(), EndReason::Undelivered);
                end.await.map(drop).map_err(drop)
            }
            Undo::Restore(credential) => self.restore(token, &credential).await,
        }
    }

    /// Makes the former token the current one again, unless another request has replaced the lost
    /// one since.
    async fn restore(&self, token: &UndeliveredToken, before: &Credential) -> Result<(), ()> {
        let access = self.open(&token.credential, token.entry.as_ref()).await.map_err(drop)?;
        let (Lookup::Open(OpenSession { entry, .. }) | Lookup::Fetched(OpenSession { entry, .. })) = access else {
            return Ok(());
        };
        let rotation = self.restoring_rotation(before);
        let proposal = ProposedChange { rotation: Some(&rotation), ..ProposedChange::default() };
        match self.commit(&entry, &self.current_secret_of(&token.credential), proposal).await {
            Ok(_) => Ok(()),
            Err(CommitError::Refused(ChangeError::Invalidated | ChangeError::Conflict) | CommitError::Fault(_)) => {
                Err(())
            }
            Err(CommitError::Refused(_)) => Ok(()),
        }
    }
}
