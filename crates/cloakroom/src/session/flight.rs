//! A loader at work: detached from the request that started it, at most one per value.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;

use crate::cache::{Base, Cell, CodecError, Edit, Flight, Key, Landing, LoadFailure, Refused, Slot};
use crate::identity::Verifier;
use crate::sessions::{CommitError, Engine, Proposal, Writer};
use crate::sync::{Arc, spawn};

use super::value::{SessionValue, erase, fresh_until, key, put};

/// A session, and what its value looked like when a load is about to begin.
#[derive(Clone, Debug)]
pub(super) struct Runway {
    pub(super) engine: Arc<Engine>,
    pub(super) cell: Arc<Cell>,
    pub(super) base: Base,
    pub(super) verifier: Verifier,
}

impl Runway {
    /// Starts a load and answers where its outcome can be awaited.
    pub(super) fn launch<T, L, F>(&self, loader: L) -> Flight
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
    {
        let (sender, landing) = watch::channel(None);
        let runway = self.clone();
        runway.engine.ledger.counters.loads.count();
        spawn(async move {
            let registered = Registered { runway: &runway, key: key::<T>() };
            let outcome = run::<T, _, _>(&runway.engine, loader).await;
            let landing = runway.land(outcome).await;
            drop(registered);
            sender.send_replace(Some(landing));
        });
        Flight { base: self.base, landing }
    }

    /// Installs what was loaded, unless something overtook the load, and hands it to the waiters.
    async fn land<T: SessionValue>(&self, outcome: Result<Option<T>, LoadFailure>) -> Landing {
        // The value's own code counts its size, and may panic like the loader.
        let prepare = |value: Option<T>| {
            let value = value.map(Arc::new);
            catch_unwind(AssertUnwindSafe(|| (value.clone().map(erase), self.edit(value))))
                .map_err(|_| LoadFailure::Panicked)
        };
        match outcome.and_then(prepare) {
            Ok((landing, edit)) => {
                if let Some(edit) = edit {
                    self.install(edit).await;
                }
                Ok(landing)
            }
            Err(failure) => {
                self.engine.ledger.counters.loads_failed.count();
                Err(Arc::new(failure))
            }
        }
    }

    /// What to put in place; `None` if the answer is not to be kept.
    fn edit<T: SessionValue>(&self, loaded: Option<Arc<T>>) -> Option<Edit> {
        let now = self.engine.now();
        let expect = Some(self.base.version);
        match loaded {
            Some(value) => {
                let random = self.engine.random_number();
                let fresh_until = fresh_until(&*value, now, random);
                Some(Edit { fresh_until, ..put(value, expect, now).ok()? })
            }
            None if T::CACHE.keeps_absence() => Some(Edit {
                key: Key::Static(key::<T>()),
                expect,
                slot: Slot::Absent,
                fresh_until: T::CACHE.absent_until(now),
                size: 0,
            }),
            None => None,
        }
    }

    /// A cached value that cannot be kept is still good for those who wait for it.
    async fn install(&self, edit: Edit) {
        let writer = Writer::Unrotated(self.base.fingerprint, self.verifier);
        let proposal = Proposal { edits: &[edit], ..Proposal::default() };
        let overtaken = |error: &CommitError| {
            matches!(error, CommitError::Refused(Refused::Conflict | Refused::Superseded | Refused::Ended(_)))
        };
        if self.engine.commit_by_tag(&self.cell.tag, &writer, proposal).await.is_err_and(|error| overtaken(&error)) {
            self.engine.ledger.counters.loads_overtaken.count();
        }
    }
}

/// A flight that readers can find. However its task ends, later readers must not wait for it.
struct Registered<'a> {
    runway: &'a Runway,
    key: &'static str,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.runway.cell.deregister(self.key, self.runway.base);
    }
}

/// Runs a loader to its end, its panic or its timeout.
pub(super) async fn run<T, L, F>(engine: &Engine, loader: L) -> Result<Option<T>, LoadFailure>
where
    T: SessionValue,
    L: FnOnce() -> F,
    F: Future<Output = Result<Option<T>, CodecError>>,
{
    let mut timeout = engine.clock.sleep(T::CACHE.timeout());
    let mut load = pin!(async move { loader().await });
    poll_fn(move |context| {
        // A loader that panicked is not polled again, so its broken state is seen by nobody.
        match catch_unwind(AssertUnwindSafe(|| load.as_mut().poll(context))) {
            Ok(Poll::Ready(outcome)) => return Poll::Ready(outcome.map_err(LoadFailure::Failed)),
            Err(_) => return Poll::Ready(Err(LoadFailure::Panicked)),
            Ok(Poll::Pending) => {}
        }
        timeout.as_mut().poll(context).map(|()| Err(LoadFailure::TimedOut))
    })
    .await
}
