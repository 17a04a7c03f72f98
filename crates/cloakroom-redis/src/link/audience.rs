use std::sync::{Arc, PoisonError, RwLock};

use cloakroom::store::{Copies, Tag};
use tokio::sync::oneshot;

use super::home::Territory;

/// The local tiers of this process that keep copies.
#[derive(Default)]
pub(crate) struct Audience(RwLock<Vec<Arc<dyn Copies>>>);

impl Audience {
    pub(crate) fn add(&self, copies: Arc<dyn Copies>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).push(copies);
    }

    /// One record was changed.
    pub(crate) fn forget(&self, tag: Tag) {
        for copies in self.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
            copies.invalidate(tag);
        }
    }

    /// Any record of this territory may have been changed. The answer resolves when all its copies are gone.
    ///
    /// Away from the caller, because a tier may hold millions of copies. Who has lost a line has ended its
    /// lease before, so that none is served meanwhile; where only slots have moved, the servers
    /// themselves have told of the keys that they gave away.
    pub(crate) fn forget_all(self: &Arc<Self>, territory: Territory) -> oneshot::Receiver<()> {
        let (done, answer) = oneshot::channel();
        let myself = Arc::clone(self);
        let forget = move || {
            for copies in myself.0.read().unwrap_or_else(PoisonError::into_inner).iter() {
                copies.invalidate_those(&|tag| territory.has(tag));
            }
            // Most callers do not wait.
            let _ = done.send(());
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(forget)),
            Err(_) => forget(),
        }
        answer
    }
}

impl std::fmt::Debug for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audience").finish_non_exhaustive()
    }
}
