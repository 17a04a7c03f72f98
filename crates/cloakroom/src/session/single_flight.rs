//! A running loader: detached from the request that started it, at most one per value.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;
use tracing::{Instrument, Span};

use crate::cache::{
    AnyValue, ChangeError, CodecError, Entry, InFlight, JoinOutcome, LoadBase, LoadFailure, LoadResult, ValueEdit,
    ValueState,
};
use crate::engine::{ChangeAuthor, CommitError, Engine, ProposedChange};
use crate::error::SessionError;
use crate::sync::{Arc, spawn};
use crate::telemetry::{Timer, fail};
use crate::token::{Selector, Verifier};

use super::load_chain;
use super::value::{SessionValue, edit_for, fresh_until, key, own_key};

/// A session and the version of its value just before a load begins.
#[derive(Clone, Debug)]
pub(super) struct LoadContext {
    pub(super) engine: Arc<Engine>,
    pub(super) entry: Arc<Entry>,
    pub(super) base: LoadBase,
    pub(super) verifier: Verifier,
}

impl LoadContext {
    /// Joins the load in progress, or starts one with the loader. Returns the load to wait for, or
    /// `None` if the session has changed since the reader looked.
    pub(super) fn join_or_start<T, L, F>(&self, loader: &mut Option<L>) -> Result<Option<InFlight>, LoadFailure>
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
    {
        let (sender, result) = watch::channel(None);
        let in_flight = InFlight { base: self.base, result };
        let launch = |running| self.engine.loads().admit(running).then_some(in_flight);
        let counters = &self.engine.counters();
        match self.entry.join_or_register(key::<T>(), self.base, launch) {
            JoinOutcome::Registered(in_flight) => {
                counters.loads.count();
                if let Some(loader) = loader.take() {
                    self.spawn::<T, L, F>(loader, sender);
                }
                Ok(Some(in_flight))
            }
            // A load that waited for itself would wait forever.
            JoinOutcome::Joined(_) if load_chain::is_within(&self.entry, key::<T>(), self.base) => {
                Err(LoadFailure::Cycle(key::<T>()))
            }
            JoinOutcome::Joined(in_flight) => {
                counters.loads_joined.count();
                Ok(Some(in_flight))
            }
            JoinOutcome::Refused => {
                counters.loads_refused.count();
                Err(LoadFailure::TooMany)
            }
            JoinOutcome::Superseded => Ok(None),
        }
    }

    fn spawn<T, L, F>(&self, loader: L, sender: watch::Sender<Option<LoadResult>>)
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
    {
        let registered = Deregister { context: self.clone(), key: key::<T>() };
        let lineage = load_chain::extend(&self.entry, key::<T>(), self.base);
        let span = Span::current();
        spawn(async move {
            let context = &registered.context;
            let load = run::<T, _, _>(&context.engine, Some(&context.entry.selector), loader);
            let load = load_chain::scope(lineage, load.instrument(span));
            let Some(outcome) = unless_cancelled(sender.closed(), load).await else {
                context.engine.counters().loads_cancelled.count();
                return;
            };
            let result = context.finish(outcome).await;
            drop(registered);
            sender.send_replace(Some(result));
        });
    }

    /// Stores the loaded value, unless something overtook the load, and returns it for the waiting
    /// readers.
    async fn finish<T: SessionValue>(&self, outcome: Result<Option<T>, LoadFailure>) -> LoadResult {
        // The value's own code computes its size, and may panic like the loader.
        let prepare = |value: Option<T>| {
            let value = value.map(Arc::new);
            let for_waiters = value.clone().map(|value| value as Arc<dyn AnyValue>);
            catch_unwind(AssertUnwindSafe(|| (for_waiters, self.edit(value)))).map_err(|_| LoadFailure::Panicked)
        };
        match outcome.and_then(prepare) {
            Ok((result, edit)) => {
                match edit {
                    Ok(Some(edit)) => self.install::<T>(edit).await,
                    Ok(None) => {}
                    Err(why) => self.engine.telemetry().load_not_kept(key::<T>(), &why),
                }
                Ok(result)
            }
            Err(failure) => {
                self.engine.telemetry().load_failed(key::<T>(), &failure);
                Err(Arc::new(failure))
            }
        }
    }

    /// Returns the edit that stores the result; `None` if the result is not to be stored.
    fn edit<T: SessionValue>(&self, loaded: Option<Arc<T>>) -> Result<Option<ValueEdit>, SessionError> {
        let now = self.engine.now();
        let expect = Some(self.base.version);
        Ok(match loaded {
            Some(value) => {
                let random = self.engine.random_number();
                let fresh_until = fresh_until(&*value, now, random);
                Some(ValueEdit { fresh_until, ..edit_for(&self.engine, own_key::<T>(), value, expect, now)? })
            }
            None if T::CACHE.keeps_absence() => Some(ValueEdit {
                key: own_key::<T>(),
                expect,
                state: ValueState::Absent,
                fresh_until: T::CACHE.absent_until(now),
                size: 0,
                encoded: None,
            }),
            None => None,
        })
    }

    /// Stores the result. A cached value that cannot be stored is still good for its waiters.
    async fn install<T: SessionValue>(&self, edit: ValueEdit) {
        let writer = ChangeAuthor::CurrentSecret(self.base.fingerprint, self.verifier);
        let proposal = ProposedChange { edits: &[edit], ..ProposedChange::default() };
        match self.engine.commit_by_selector(&self.entry.selector, &writer, proposal).await {
            Ok(()) => {}
            Err(CommitError::Refused(ChangeError::Conflict | ChangeError::Superseded | ChangeError::Ended(_))) => {
                self.engine.counters().loads_overtaken.count();
            }
            Err(error) => self.engine.telemetry().load_not_kept(key::<T>(), &error.into()),
        }
    }
}

/// Deregisters a counted, registered load when its task ends, however it ends: later readers must
/// not wait for it.
struct Deregister {
    context: LoadContext,
    key: &'static str,
}

impl Drop for Deregister {
    fn drop(&mut self) {
        self.context.entry.deregister(self.key, self.context.base);
        self.context.engine.loads().done();
    }
}

/// Returns the result of `work`, or `None` if `end` comes first.
async fn unless_cancelled<T>(end: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    let (mut end, mut work) = (pin!(end), pin!(work));
    poll_fn(move |context| match work.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Runs a loader, measured and traced, until it returns, panics or times out.
pub(super) async fn run<T, L, F>(
    engine: &Engine,
    selector: Option<&Selector>,
    loader: L,
) -> Result<Option<T>, LoadFailure>
where
    T: SessionValue,
    L: FnOnce() -> F,
    F: Future<Output = Result<Option<T>, CodecError>>,
{
    let (span, timer) = (engine.telemetry().load_span(selector, key::<T>()), Timer::start());
    let outcome = run_until_timeout(engine, loader).instrument(span.clone()).await;
    timer.load(match &outcome {
        Ok(Some(_)) => "ok",
        Ok(None) => "absent",
        Err(failure) => failure.name(),
    });
    if let Err(failure) = &outcome {
        fail(&span, failure.name());
    }
    outcome
}

async fn run_until_timeout<T, L, F>(engine: &Engine, loader: L) -> Result<Option<T>, LoadFailure>
where
    T: SessionValue,
    L: FnOnce() -> F,
    F: Future<Output = Result<Option<T>, CodecError>>,
{
    let mut timeout = engine.sleep(T::CACHE.timeout());
    let mut load = pin!(async move { loader().await });
    poll_fn(move |context| {
        // A loader that panicked is not polled again, so its broken state is never observed.
        match catch_unwind(AssertUnwindSafe(|| load.as_mut().poll(context))) {
            Ok(Poll::Ready(outcome)) => return Poll::Ready(outcome.map_err(LoadFailure::Failed)),
            Err(_) => return Poll::Ready(Err(LoadFailure::Panicked)),
            Ok(Poll::Pending) => {}
        }
        timeout.as_mut().poll(context).map(|()| Err(LoadFailure::TimedOut))
    })
    .await
}
