//! Which level answered each lookup, per request and per session, for the panel.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use cloakroom::PublicId;
use moka::future::Cache;

use crate::error::ShopError;
use crate::request_context::RequestContext;

/// The number of requests remembered per session. The panel shows fewer, the strip looks for a page.
const MAX_REQUESTS: usize = 24;

/// The number of sessions whose requests are remembered.
const MAX_SESSIONS: u64 = 10_000;

/// How long the requests of an idle session are remembered.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Records which levels one lookup reaches. Shared with its loader, which may run on another task.
#[derive(Clone, Debug, Default)]
pub(crate) struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    queries: AtomicU32,
    application: AtomicBool,
    absent: AtomicBool,
}

impl Meter {
    pub(crate) fn count_query(&self) {
        self.0.queries.fetch_add(1, Ordering::Relaxed);
    }

    /// Records that the lookup reached the application cache.
    pub(crate) fn mark_application(&self) {
        self.0.application.store(true, Ordering::Relaxed);
    }

    /// Records that the value does not exist at any level.
    pub(crate) fn mark_absent(&self) {
        self.0.absent.store(true, Ordering::Relaxed);
    }

    pub(crate) fn queries(&self) -> u32 {
        self.0.queries.load(Ordering::Relaxed)
    }

    /// Returns the last level that the lookup reached.
    pub(crate) fn level(&self) -> Level {
        match (self.queries(), self.0.application.load(Ordering::Relaxed), self.0.absent.load(Ordering::Relaxed)) {
            (1.., ..) => Level::Database,
            (0, true, _) => Level::Application,
            (0, false, true) => Level::Absent,
            (0, false, false) => Level::Session,
        }
    }
}

/// The level that answered a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The same request had read the value before.
    Request,
    /// Cloakroom.
    Session,
    /// The cache of the process, which is the same for all visitors.
    Application,
    /// At least one query was made.
    Database,
    /// There is no value: the visitor has never chosen or stored one.
    Absent,
}

impl Level {
    /// Returns the name of the level's CSS class.
    pub(crate) const fn class(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Session => "session",
            Self::Application => "application",
            Self::Database => "database",
            Self::Absent => "absent",
        }
    }
}

/// The lookups of one value that one level answered in one request.
#[derive(Clone, Debug)]
pub(crate) struct Lookup {
    pub(crate) name: &'static str,
    pub(crate) level: Level,
    pub(crate) times: u32,
    pub(crate) took: Duration,
    pub(crate) queries: u32,
    /// Queries that were not made because the session cache answered.
    pub(crate) saved: u32,
}

/// The lookups of one request, in the order in which they were first made.
#[derive(Debug, Default)]
pub(crate) struct Trace(Mutex<Vec<Lookup>>);

impl Trace {
    pub(crate) fn add(&self, lookup: Lookup) {
        let mut lookups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lookups.iter_mut().find(|known| known.name == lookup.name && known.level == lookup.level) {
            Some(known) => {
                known.times += lookup.times;
                known.took += lookup.took;
                known.queries += lookup.queries;
                known.saved += lookup.saved;
            }
            None => lookups.push(lookup),
        }
    }

    pub(crate) fn lookups(&self) -> Vec<Lookup> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Queries that were made, and queries that the session cache saved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) queries: u64,
    pub(crate) saved: u64,
}

impl Totals {
    pub(crate) fn of(lookups: &[Lookup]) -> Self {
        let sum = |count: fn(&Lookup) -> u32| lookups.iter().map(|lookup| u64::from(count(lookup))).sum();
        Self { queries: sum(|lookup| lookup.queries), saved: sum(|lookup| lookup.saved) }
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self { queries: self.queries + other.queries, saved: self.saved + other.saved }
    }
}

/// A finished request.
#[derive(Clone, Debug)]
pub(crate) struct RequestTrace {
    pub(crate) request_line: String,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) totals: Totals,
    pub(crate) session_cache: bool,
}

/// The requests of one session.
#[derive(Clone, Debug, Default)]
pub(crate) struct SessionTrace {
    /// The last requests, newest first.
    pub(crate) requests: VecDeque<RequestTrace>,
    /// The sums over all requests.
    pub(crate) totals: Totals,
}

/// The requests of the sessions that this process serves.
///
/// They are stored outside the sessions, under their public ids, so that recording a request does
/// not change the session that it records.
#[derive(Clone, Debug)]
pub(crate) struct SessionTraces(Cache<PublicId, Arc<Mutex<SessionTrace>>>);

impl SessionTraces {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(MAX_SESSIONS).time_to_idle(IDLE).build())
    }

    async fn of(&self, session: PublicId) -> Arc<Mutex<SessionTrace>> {
        self.0.get_with(session, async { Arc::default() }).await
    }
}

impl RequestContext {
    /// Returns what this session requested before this request.
    pub(crate) async fn session_trace(&self) -> Result<SessionTrace, ShopError> {
        let Some(id) = self.session.public_id().await? else { return Ok(SessionTrace::default()) };
        let trace = self.shop.session_traces.of(id).await;
        let trace = trace.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(trace)
    }
}

/// Records a finished request, if it has a session.
pub(crate) async fn record(ctx: &RequestContext, status: StatusCode) {
    let lookups = ctx.trace.lookups();
    let totals = Totals::of(&lookups);
    ctx.shop.add_saved(totals.saved);
    if lookups.is_empty() {
        return;
    }
    // The panel is a diagnosis: if the session cannot be read, the response is sent without it.
    let Ok(Some(id)) = ctx.session.public_id().await else { return };
    let (request_line, took) = (ctx.request_line.clone(), ctx.started.elapsed());
    let session_cache = ctx.has_session_cache().await.unwrap_or(true);
    let request = RequestTrace { request_line, status: status.as_u16(), took, lookups, totals, session_cache };
    let trace = ctx.shop.session_traces.of(id).await;
    let mut trace = trace.lock().unwrap_or_else(PoisonError::into_inner);
    trace.totals = trace.totals.plus(totals);
    trace.requests.push_front(request);
    trace.requests.truncate(MAX_REQUESTS);
}
