//! A loader at work: detached from the request that started it, at most one per value.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;
use tracing::{Instrument, Span};

use crate::cache::{Base, Boarding, Cell, CodecError, Edit, Flight, Landing, LoadFailure, Refused, Slot};
use crate::identity::Verifier;
use crate::sessions::{CommitError, Engine, Proposal, SessionError, Writer};
use crate::sync::{Arc, spawn};

use super::lineage;
use super::value::{SessionValue, erase, fresh_until, key, own_key, put};

/// A session, and what its value looked like when a load is about to begin.
#[derive(Clone, Debug)]
pub(super) struct Runway {
    pub(super) engine: Arc<Engine>,
    pub(super) cell: Arc<Cell>,
    pub(super) base: Base,
    pub(super) verifier: Verifier,
}

impl Runway {
    /// Joins the load that is under way from here, or starts one with the loader. Answers where its outcome can be awaited;
    /// `None` if the session has changed since the reader looked.
    pub(super) fn board<T, L, F>(&self, loader: &mut Option<L>) -> Result<Option<Flight>, LoadFailure>
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
    {
        let (sender, landing) = watch::channel(None);
        let flight = Flight { base: self.base, landing };
        let launch = |running| self.engine.loads.admit(running).then_some(flight);
        let counters = &self.engine.ledger.counters;
        match self.cell.join_or_register(key::<T>(), self.base, launch) {
            Boarding::Registered(flight) => {
                counters.loads.count();
                if let Some(loader) = loader.take() {
                    self.launch::<T, L, F>(loader, sender);
                }
                Ok(Some(flight))
            }
            // Whoever waits for itself waits for ever.
            Boarding::Joined(_) if lineage::is_within(&self.cell, key::<T>(), self.base) => {
                Err(LoadFailure::Cycle(key::<T>()))
            }
            Boarding::Joined(flight) => {
                counters.loads_joined.count();
                Ok(Some(flight))
            }
            Boarding::Declined => {
                counters.loads_refused.count();
                Err(LoadFailure::TooMany)
            }
            Boarding::Overtaken => Ok(None),
        }
    }

    fn launch<T, L, F>(&self, loader: L, sender: watch::Sender<Option<Landing>>)
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
    {
        let registered = Registered { runway: self.clone(), key: key::<T>() };
        let lineage = lineage::with(&self.cell, key::<T>(), self.base);
        let span = Span::current();
        spawn(async move {
            let runway = &registered.runway;
            let load = lineage::within(lineage, run::<T, _, _>(&runway.engine, loader).instrument(span));
            let Some(outcome) = unless(sender.closed(), load).await else {
                runway.engine.ledger.counters.loads_cancelled.count();
                return;
            };
            let landing = runway.land(outcome).await;
            drop(registered);
            sender.send_replace(Some(landing));
        });
    }

    /// Installs what was loaded, unless something overtook the load, and hands it to the waiters.
    async fn land<T: SessionValue>(&self, outcome: Result<Option<T>, LoadFailure>) -> Landing {
        // The value's own code counts its size, and may panic like the loader.
        let prepare = |value: Option<T>| {
            let value = value.map(Arc::new);
            // What the waiters get is not what is kept, so that nobody asks what it takes.
            let for_waiters = |value| erase(value, 0);
            catch_unwind(AssertUnwindSafe(|| (value.clone().map(for_waiters), self.edit(value))))
                .map_err(|_| LoadFailure::Panicked)
        };
        match outcome.and_then(prepare) {
            Ok((landing, edit)) => {
                match edit {
                    Ok(Some(edit)) => self.install::<T>(edit).await,
                    Ok(None) => {}
                    Err(why) => self.engine.ledger.load_not_kept(key::<T>(), &why),
                }
                Ok(landing)
            }
            Err(failure) => {
                self.engine.ledger.load_failed(key::<T>(), &failure);
                Err(Arc::new(failure))
            }
        }
    }

    /// What to put in place; `None` if the answer is not to be kept.
    fn edit<T: SessionValue>(&self, loaded: Option<Arc<T>>) -> Result<Option<Edit>, SessionError> {
        let now = self.engine.now();
        let expect = Some(self.base.version);
        Ok(match loaded {
            Some(value) => {
                let random = self.engine.random_number();
                let fresh_until = fresh_until(&*value, now, random);
                Some(Edit { fresh_until, ..put(own_key::<T>(), value, expect, now)? })
            }
            None if T::CACHE.keeps_absence() => Some(Edit {
                key: own_key::<T>(),
                expect,
                slot: Slot::Absent,
                fresh_until: T::CACHE.absent_until(now),
                size: 0,
                encoded: None,
            }),
            None => None,
        })
    }

    /// A cached value that cannot be kept is still good for those who wait for it.
    async fn install<T: SessionValue>(&self, edit: Edit) {
        let writer = Writer::Unrotated(self.base.fingerprint, self.verifier);
        let proposal = Proposal { edits: &[edit], ..Proposal::default() };
        match self.engine.commit_by_tag(&self.cell.tag, &writer, proposal).await {
            Ok(()) => {}
            Err(CommitError::Refused(Refused::Conflict | Refused::Superseded | Refused::Ended(_))) => {
                self.engine.ledger.counters.loads_overtaken.count();
            }
            Err(error) => self.engine.ledger.load_not_kept(key::<T>(), &error.into()),
        }
    }
}

/// A load that counts, and that readers can find. However its task ends, later readers must not wait for it.
struct Registered {
    runway: Runway,
    key: &'static str,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.runway.cell.deregister(self.key, self.runway.base);
        self.runway.engine.loads.done();
    }
}

/// What `work` comes to, unless `end` comes first.
async fn unless<T>(end: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    let (mut end, mut work) = (pin!(end), pin!(work));
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
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
