//! Cached values: what is fresh is used, what is not is loaded once for all who want it.

use std::future::Future;

use crate::cache::{Base, CodecError, Flight, LoadFailure};
use crate::sessions::{Engine, Open, SessionError};
use crate::sync::Arc;

use super::cache_policy::Freshness;
use super::flight::{Runway, run};
use super::handle::Handle;
use super::read::{Content, Found, read};
use super::value::{SessionValue, key};

/// What there is without waiting.
enum Cached<T> {
    /// Use it.
    Use(Option<Arc<T>>),
    /// Use it, but start a load.
    UseAndRenew(Option<Arc<T>>),
    /// Wait for a load; this may be used if the load fails.
    Wait(Option<Arc<T>>),
}

/// Which answers a reader takes from the session.
pub(super) struct Taking<M> {
    /// Whether "there is no such value" is one.
    pub(super) absence: bool,
    /// Whether a value is one for this reader.
    pub(super) matches: M,
    /// The same for the loads that readers may share; 0 where all may.
    pub(super) input: u128,
}

/// The value of type `T`, from the session or through the loader.
pub(super) async fn load<T, M, L, F>(
    hold: &Handle,
    taking: Taking<M>,
    loader: L,
) -> Result<Option<Arc<T>>, SessionError>
where
    T: SessionValue,
    M: Fn(&T) -> bool,
    L: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
{
    let Some(open) = hold.open_to_read().await? else {
        return load_without_session(hold.engine(), loader).await;
    };
    let engine = hold.engine();
    let found = read::<T>(engine, &open)?;
    let version = found.version;
    match cached(engine, found, &taking) {
        Cached::Use(value) => Ok(value),
        Cached::UseAndRenew(value) => {
            if let Some(runway) = runway(engine, &open, version, taking.input) {
                join_or_launch::<T, _, _>(&runway, loader);
            }
            Ok(value)
        }
        Cached::Wait(spare) => {
            let Some(runway) = runway(engine, &open, version, taking.input) else {
                return load_without_session(engine, loader).await;
            };
            let flight = join_or_launch::<T, _, _>(&runway, loader);
            match (wait(flight).await, spare) {
                (Err(_), Some(spare)) => {
                    engine.ledger.counters.stale_served.count();
                    Ok(Some(spare))
                }
                (outcome, _) => outcome,
            }
        }
    }
}

fn cached<T: SessionValue>(engine: &Engine, found: Found<T>, taking: &Taking<impl Fn(&T) -> bool>) -> Cached<T> {
    let counters = &engine.ledger.counters;
    let value = match found.content {
        Content::Value(value) if (taking.matches)(&value) => Some(value),
        Content::Absent if taking.absence => None,
        Content::Value(_) | Content::Absent | Content::Nothing => return Cached::Wait(None),
    };
    let now = engine.now();
    if value.as_ref().and_then(|value| value.expires_at()).is_some_and(|end| now >= end) {
        return Cached::Wait(None);
    }
    let freshness = T::CACHE.freshness(found.fresh_until, now);
    match freshness {
        Freshness::Fresh | Freshness::Renew => counters.value_hits.count(),
        Freshness::Stale if value.is_some() => counters.stale_served.count(),
        Freshness::Stale | Freshness::Emergency | Freshness::Expired => {}
    }
    match freshness {
        Freshness::Fresh => Cached::Use(value),
        Freshness::Renew => Cached::UseAndRenew(value),
        Freshness::Stale if value.is_some() => Cached::UseAndRenew(value),
        Freshness::Stale | Freshness::Emergency => Cached::Wait(value),
        Freshness::Expired => Cached::Wait(None),
    }
}

fn runway(engine: &Arc<Engine>, (cell, state): &Open, version: u64, input: u128) -> Option<Runway> {
    let snapshot = state.snapshot()?;
    Some(Runway {
        engine: Arc::clone(engine),
        cell: Arc::clone(cell),
        base: Base { version, fingerprint: snapshot.fingerprint, input },
        verifier: snapshot.verifier,
    })
}

fn join_or_launch<T, L, F>(runway: &Runway, loader: L) -> Flight
where
    T: SessionValue,
    L: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
{
    let launch = || runway.launch::<T, L, F>(loader);
    let (flight, launched) = runway.cell.join_or_register(key::<T>(), runway.base, launch);
    if !launched {
        runway.engine.ledger.counters.loads_joined.count();
    }
    flight
}

/// Waits for a load to land. Dropping this leaves the load alone.
async fn wait<T: SessionValue>(mut flight: Flight) -> Result<Option<Arc<T>>, SessionError> {
    // The sender is dropped without a landing when its runtime shuts down.
    let closed =
        |_| SessionError::from(Arc::new(LoadFailure::Failed("the task of the loader ended without an outcome".into())));
    let landing = flight.landing.wait_for(Option::is_some).await.map_err(closed)?.clone();
    match landing {
        Some(Ok(value)) => Ok(value.and_then(|value| value.downcast())),
        Some(Err(failure)) => Err(failure.into()),
        None => Ok(None),
    }
}

/// There is no session to keep the value in, and a load is no reason to create one.
async fn load_without_session<T, L, F>(engine: &Arc<Engine>, loader: L) -> Result<Option<Arc<T>>, SessionError>
where
    T: SessionValue,
    L: FnOnce() -> F + Send + 'static,
    F: Future<Output = Result<Option<T>, CodecError>> + Send + 'static,
{
    engine.ledger.counters.loads.count();
    let outcome = run::<T, L, F>(engine, loader).await;
    outcome.map(|value| value.map(Arc::new)).map_err(|failure| {
        engine.ledger.counters.loads_failed.count();
        Arc::new(failure).into()
    })
}
