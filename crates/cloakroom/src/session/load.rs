//! Cached values: a fresh one is used, another is loaded once for all waiting requests.

use std::future::Future;

use crate::cache::{CodecError, InFlight, LoadBase, LoadFailure};
use crate::engine::{Engine, OpenSession};
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::cache_policy::Freshness;
use super::request::RequestSession;
use super::single_flight::{LoadContext, run};
use super::typed_value::{TypedValue, ValueContent, decoded, read};
use super::value::{SessionValue, key, must_be_cached};

/// The result available without waiting.
enum Cached<T> {
    /// Use it.
    Use(Option<Arc<T>>),
    /// Use it, but start a load.
    UseAndRefresh(Option<Arc<T>>),
    /// Wait for a load; this may be used if the load fails.
    Wait(Option<Arc<T>>),
}

/// Which cached results a reader accepts.
pub(super) struct Accept<M> {
    /// Whether "there is no such value" is accepted.
    pub(super) absence: bool,
    /// Whether a value is accepted by this reader.
    pub(super) matches: M,
    /// Identifies the loads that readers may share: only those with an equal `input`. 0 if the
    /// value does not depend on an input.
    pub(super) input: u128,
}

/// Returns the value of type `T`, from the session or through the loader.
pub(super) async fn load<T, M, L, F>(
    request: &RequestSession,
    accept: Accept<M>,
    loader: L,
) -> Result<Option<Arc<T>>, SessionError>
where
    T: SessionValue,
    M: Fn(&T) -> bool,
    L: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
{
    const { must_be_cached::<T>() };
    let present = request.try_read(|snapshot, _| Some(decoded::<T>(key::<T>(), snapshot)));
    let has_opened = present.is_some();
    if let Some(value) = present.flatten().and_then(|present| hit(request.engine(), present, &accept)) {
        return Ok(Some(value));
    }
    // Boxed, so that the futures of handlers have no room for what a hit does not do.
    Box::pin(open_and_load(request, accept, loader, has_opened)).await
}

/// Returns a value that is in memory if it is fresh.
fn hit<T: SessionValue>(
    engine: &Engine,
    (value, fresh_until): (Arc<T>, Timestamp),
    accept: &Accept<impl Fn(&T) -> bool>,
) -> Option<Arc<T>> {
    let now = engine.now();
    let fresh_until = T::CACHE.bound(fresh_until, now)?;
    let is_hit = T::CACHE.freshness(fresh_until, now) == Freshness::Fresh
        && value.expires_at().is_none_or(|end| now < end)
        && (accept.matches)(&value);
    is_hit.then(|| {
        engine.counters().value_hits.count();
        value
    })
}

/// `has_opened` is `true` if this very call was given the session before.
async fn open_and_load<T, M, L, F>(
    request: &RequestSession,
    accept: Accept<M>,
    loader: L,
    mut has_opened: bool,
) -> Result<Option<Arc<T>>, SessionError>
where
    T: SessionValue,
    M: Fn(&T) -> bool,
    L: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
{
    let engine = request.engine();
    let mut loader = Some(loader);
    loop {
        let Some(open) = open(request, &mut has_opened).await? else { break };
        let found = read::<T>(engine, &open, key::<T>())?;
        let version = found.version;
        match cached(engine, found, &accept) {
            Cached::Use(value) => return Ok(value),
            Cached::UseAndRefresh(value) => {
                if let Some(context) = load_context(engine, &open, version, accept.input) {
                    // If the load cannot be started, the next reader tries again.
                    drop(context.join_or_start::<T, _, _>(&mut loader));
                }
                return Ok(value);
            }
            Cached::Wait(spare) => {
                let Some(context) = load_context(engine, &open, version, accept.input) else { break };
                let Some(loaded) = join(&context, &mut loader).await else { continue };
                return loaded_or_spare(engine, loaded, spare);
            }
        }
    }
    match loader {
        Some(loader) => load_without_session(engine, loader).await,
        // Only starting a load takes the loader, and a started load is waited for.
        None => Ok(None),
    }
}

/// Opens the session of a loading read. `None` if there is none, or if it ended between two reads of
/// this very call: then the loaded value is good for its result.
async fn open(request: &RequestSession, has_opened: &mut bool) -> Result<Option<OpenSession>, SessionError> {
    match request.open_to_read().await {
        Err(error) if *has_opened && error.kind() == SessionErrorKind::Ended => Ok(None),
        answer => {
            *has_opened = true;
            answer
        }
    }
}

/// Waits for the load of the value, which this reader starts if nobody has. `None` if the session has
/// changed since the reader looked.
async fn join<T, L, F>(context: &LoadContext, loader: &mut Option<L>) -> Option<Result<Option<Arc<T>>, SessionError>>
where
    T: SessionValue,
    L: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
{
    match context.join_or_start::<T, _, _>(loader) {
        Ok(Some(in_flight)) => Some(wait(context, in_flight).await),
        Ok(None) => None,
        Err(failure) => Some(Err(Arc::new(failure).into())),
    }
}

/// Returns what was loaded, or the cached value to use if the load failed.
fn loaded_or_spare<T>(
    engine: &Engine,
    loaded: Result<Option<Arc<T>>, SessionError>,
    spare: Option<Arc<T>>,
) -> Result<Option<Arc<T>>, SessionError> {
    match (loaded, spare) {
        (Err(_), Some(spare)) => {
            engine.counters().stale_served.count();
            Ok(Some(spare))
        }
        (outcome, _) => outcome,
    }
}

fn cached<T: SessionValue>(engine: &Engine, found: TypedValue<T>, accept: &Accept<impl Fn(&T) -> bool>) -> Cached<T> {
    let counters = &engine.counters();
    let now = engine.now();
    let (value, fresh_until) = match found.content {
        ValueContent::Value(value) if (accept.matches)(&value) => (Some(value), T::CACHE.bound(found.fresh_until, now)),
        ValueContent::Absent if accept.absence => (None, T::CACHE.bound_absence(found.fresh_until, now)),
        ValueContent::Value(_) | ValueContent::Absent | ValueContent::Unreadable | ValueContent::Missing => {
            return Cached::Wait(None);
        }
    };
    let Some(fresh_until) = fresh_until else { return Cached::Wait(None) };
    if value.as_ref().and_then(|value| value.expires_at()).is_some_and(|end| now >= end) {
        return Cached::Wait(None);
    }
    let freshness = T::CACHE.freshness(fresh_until, now);
    match freshness {
        Freshness::Fresh | Freshness::Refresh => counters.value_hits.count(),
        Freshness::Stale if value.is_some() => counters.stale_served.count(),
        Freshness::Stale | Freshness::Emergency | Freshness::Expired => {}
    }
    match freshness {
        Freshness::Fresh => Cached::Use(value),
        Freshness::Refresh => Cached::UseAndRefresh(value),
        Freshness::Stale if value.is_some() => Cached::UseAndRefresh(value),
        Freshness::Stale | Freshness::Emergency => Cached::Wait(value),
        Freshness::Expired => Cached::Wait(None),
    }
}

fn load_context(
    engine: &Arc<Engine>,
    OpenSession { entry, state }: &OpenSession,
    version: u64,
    input: u128,
) -> Option<LoadContext> {
    let snapshot = state.snapshot()?;
    Some(LoadContext {
        engine: Arc::clone(engine),
        entry: Arc::clone(entry),
        base: LoadBase { version, fingerprint: snapshot.fingerprint, input },
        verifier: snapshot.verifier,
    })
}

/// Waits for a load to finish. Dropping this future does not affect the load, unless nobody else
/// waits for it and its result cannot be stored.
async fn wait<T: SessionValue>(context: &LoadContext, in_flight: InFlight) -> Result<Option<Arc<T>>, SessionError> {
    let mut waiting = WaitingReader { context, in_flight };
    // The sender is dropped without a result when its runtime shuts down.
    let closed =
        |_| SessionError::from(Arc::new(LoadFailure::Failed("the loader's task ended without a result".into())));
    let result = waiting.in_flight.result.wait_for(Option::is_some).await.map_err(closed)?.clone();
    match result {
        Some(Ok(value)) => Ok(value.and_then(|value| value.downcast())),
        Some(Err(failure)) => Err(failure.into()),
        None => Ok(None),
    }
}

/// A reader that waits for a load.
struct WaitingReader<'a> {
    context: &'a LoadContext,
    in_flight: InFlight,
}

impl Drop for WaitingReader<'_> {
    fn drop(&mut self) {
        if self.in_flight.result.borrow().is_none() {
            self.context.entry.drop_superseded_loads();
        }
    }
}

/// Runs the loader without a session: there is none to store the value in, and a load is no reason
/// to create one.
async fn load_without_session<T, L, F>(engine: &Arc<Engine>, loader: L) -> Result<Option<Arc<T>>, SessionError>
where
    T: SessionValue,
    L: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
{
    engine.counters().loads.count();
    let outcome = run::<T, L, F>(engine, None, loader).await;
    outcome.map(|value| value.map(Arc::new)).map_err(|failure| {
        engine.telemetry().load_failed(key::<T>(), &failure);
        Arc::new(failure).into()
    })
}
