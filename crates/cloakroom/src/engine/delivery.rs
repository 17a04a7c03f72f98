//! Tokens that were made and have not reached their client yet.

use crate::cache::{ChangeError, EndReason, Entry, SecretRotation};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Weak};
use crate::token::PreviousSecretState;

use super::authenticate::Lookup;
use super::commit::{CommitError, ProposedChange};
use super::credential::Credential;
use crate::engine::Engine;

/// How many lost tokens wait for a shared tier that does not answer.
const MAX_UNDELIVERED: usize = 10_000;

/// A new token, from before it is made until a response carries it.
///
/// If it is dropped before, because a handler panicked or its request was cancelled, nobody has the token and nobody ever
/// will. What was done is then undone as far as that is safe.
#[derive(Debug)]
pub(crate) struct PendingDelivery {
    engine: Weak<Engine>,
    token: UndeliveredToken,
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
    Restore(Credential),
}

/// A token that nobody has.
#[derive(Clone, Debug)]
struct UndeliveredToken {
    credential: Credential,
    entry: Option<Arc<Entry>>,
}

impl PendingDelivery {
    /// A response carries the token, or there is none.
    pub(crate) fn disarm(&self) {
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

impl Drop for PendingDelivery {
    fn drop(&mut self) {
        let Some(undo) = self.undo.lock().take() else { return };
        let Some(engine) = self.engine.upgrade() else { return };
        engine.undeliver(self.token.clone(), undo);
    }
}

/// Undeliverable tokens that wait for the shared tier.
#[derive(Debug, Default)]
pub(super) struct UndeliveredTokens(Mutex<Vec<(UndeliveredToken, Undo)>>);

impl UndeliveredTokens {
    /// One more, unless there are too many already: then its session stays until its timeout.
    fn push(&self, token: UndeliveredToken, undo: Undo) {
        let mut lost = self.0.lock();
        if lost.len() < MAX_UNDELIVERED {
            lost.push((token, undo));
        }
    }
}

impl Engine {
    /// To be kept until the bearer's token is delivered.
    pub(super) fn deliver(
        &self,
        credential: &Credential,
        entry: Option<&Arc<Entry>>,
        undo: Undo,
    ) -> Arc<PendingDelivery> {
        let token = UndeliveredToken { credential: *credential, entry: entry.cloned() };
        let (undo, is_done) = (Mutex::new(Some(undo)), Arc::default());
        Arc::new(PendingDelivery { engine: Weak::clone(&self.weak_self), token, undo, is_done })
    }

    fn undeliver(&self, token: UndeliveredToken, undo: Undo) {
        if self.store.is_some() {
            self.undelivered_tokens.push(token, undo);
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
                let rotation = self.back_to(&credential);
                // Refused if somebody has replaced the secret since, which settles it as well.
                drop(self.commit_local(
                    entry,
                    &writer,
                    ProposedChange { rotation: Some(&rotation), ..ProposedChange::default() },
                ));
            }
        }
    }

    fn back_to(&self, credential: &Credential) -> SecretRotation {
        SecretRotation {
            verifier: self.verifier_hasher.hash(&credential.selector, &credential.secret),
            fingerprint: credential.fingerprint,
            previous: PreviousSecretState::Replaced { at: self.now() },
            login: None,
        }
    }

    /// Undoes what was done for tokens that were lost. What the shared tier does not answer is tried again at the next round.
    pub(super) async fn undo_undelivered(&self) {
        let lost = std::mem::take(&mut *self.undelivered_tokens.0.lock());
        for (token, undo) in lost {
            if self.undo(&token, undo).await.is_err() {
                self.undelivered_tokens.push(token, undo);
            }
        }
    }

    async fn undo(&self, token: &UndeliveredToken, undo: Undo) -> Result<(), ()> {
        match undo {
            // Under the lost secret only: whoever has replaced it since has a session that is used.
            Undo::End => {
                let writer = self.current_secret_of(&token.credential);
                let end = self.end_as(&writer, &token.credential.selector, token.entry.clone(), EndReason::Undelivered);
                end.await.map(drop).map_err(drop)
            }
            Undo::Restore(credential) => self.restore(token, &credential).await,
        }
    }

    /// Makes the token before the present one again, unless somebody has replaced the lost one since.
    async fn restore(&self, token: &UndeliveredToken, before: &Credential) -> Result<(), ()> {
        let access = self.open(&token.credential, token.entry.as_ref()).await.map_err(drop)?;
        let (Lookup::Open((entry, _)) | Lookup::Fetched((entry, _))) = access else { return Ok(()) };
        let rotation = self.back_to(before);
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
