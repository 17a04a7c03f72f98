//! Cached values: what is fresh is used, what is not is loaded once for all who want it.

use std::future::Future;

use crate::cache::{Base, CodecError, Flight, LoadFailure};
use crate::sessions::{Engine, Open, SessionError, SessionErrorKind};
use crate::sync::Arc;

use super::cache_policy::Freshness;
use super::flight::{Runway, run};
use super::handle::Handle;
use super::read::{Content, Found, read};
use super::value::{SessionValue, key, must_be_cached};

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
    const { must_be_cached::<T>() };
    let engine = hold.engine();
    let mut loader = Some(loader);
    let mut has_opened = false;
    loop {
        let open = match hold.open_to_read().await {
            Ok(Some(open)) => open,
            Ok(None) => break,
            // It ended between two looks of this very call: what is loaded is good for its answer.
            Err(error) if has_opened && error.kind() == SessionErrorKind::Ended => break,
            Err(error) => return Err(error),
        };
        has_opened = true;
        let found = read::<T>(engine, &open, key::<T>())?;
        let version = found.version;
        match cached(engine, found, &taking) {
            Cached::Use(value) => return Ok(value),
            Cached::UseAndRenew(value) => {
                if let Some(runway) = runway(engine, &open, version, taking.input) {
                    // If it may not be started, the next reader tries again.
                    drop(runway.board::<T, _, _>(&mut loader));
                }
                return Ok(value);
            }
            Cached::Wait(spare) => {
                let Some(runway) = runway(engine, &open, version, taking.input) else { break };
                let landed = match runway.board::<T, _, _>(&mut loader) {
                    Ok(Some(flight)) => wait(&runway, flight).await,
                    Ok(None) => continue,
                    Err(failure) => Err(Arc::new(failure).into()),
                };
                return match (landed, spare) {
                    (Err(_), Some(spare)) => {
                        engine.ledger.counters.stale_served.count();
                        Ok(Some(spare))
                    }
                    (outcome, _) => outcome,
                };
            }
        }
    }
    match loader {
        Some(loader) => load_without_session(engine, loader).await,
        // Only a load that was started takes the loader, and that is waited for.
        None => Ok(None),
    }
}

fn cached<T: SessionValue>(engine: &Engine, found: Found<T>, taking: &Taking<impl Fn(&T) -> bool>) -> Cached<T> {
    let counters = &engine.ledger.counters;
    let now = engine.now();
    let (value, fresh_until) = match found.content {
        Content::Value(value) if (taking.matches)(&value) => (Some(value), T::CACHE.bound(found.fresh_until, now)),
        Content::Absent if taking.absence => (None, T::CACHE.bound_absence(found.fresh_until, now)),
        Content::Value(_) | Content::Absent | Content::Unreadable | Content::Nothing => return Cached::Wait(None),
    };
    let Some(fresh_until) = fresh_until else { return Cached::Wait(None) };
    if value.as_ref().and_then(|value| value.expires_at()).is_some_and(|end| now >= end) {
        return Cached::Wait(None);
    }
    let freshness = T::CACHE.freshness(fresh_until, now);
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

/// Waits for a load to land. Dropping this leaves the load alone, unless nobody else waits for it and it cannot be kept.
async fn wait<T: SessionValue>(runway: &Runway, flight: Flight) -> Result<Option<Arc<T>>, SessionError> {
    let mut waiting = Waiting { runway, flight };
    // The sender is dropped without a landing when its runtime shuts down.
    let closed =
        |_| SessionError::from(Arc::new(LoadFailure::Failed("the task of the loader ended without an outcome".into())));
    let landing = waiting.flight.landing.wait_for(Option::is_some).await.map_err(closed)?.clone();
    match landing {
        Some(Ok(value)) => Ok(value.and_then(|value| value.downcast())),
        Some(Err(failure)) => Err(failure.into()),
        None => Ok(None),
    }
}

/// Somebody who waits for a load.
struct Waiting<'a> {
    runway: &'a Runway,
    flight: Flight,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if self.flight.landing.borrow().is_none() {
            self.runway.cell.drop_overtaken_flights();
        }
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
        engine.ledger.load_failed(key::<T>(), &failure);
        Arc::new(failure).into()
    })
}
