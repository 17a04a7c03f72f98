//! The panel: what the last requests of a session asked for, and who answered.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use cloakroom::SessionValue;
use moka::future::Cache;
use serde::{Deserialize, Serialize};

use crate::error::ShopError;
use crate::request_context::RequestContext;
use crate::trace::Entry;

/// Requests that are remembered per session.
const REQUESTS: usize = 6;

/// Sessions whose requests are remembered; a diagnosis may be forgotten.
const SESSIONS: u64 = 10_000;

/// Names a session's panel. It is no secret and opens nothing: it is never sent anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct PanelKey(u64);

impl SessionValue for PanelKey {
    const KEY: &'static str = "panel-key";
}

/// A finished request.
#[derive(Clone, Debug)]
pub(crate) struct Finished {
    pub(crate) line: String,
    pub(crate) status: u16,
    pub(crate) took: Duration,
    pub(crate) entries: Vec<Entry>,
}

/// What one session's requests asked so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Past {
    /// The newest first.
    pub(crate) requests: VecDeque<Finished>,
    pub(crate) queries: u64,
    pub(crate) saved: u64,
}

impl Past {
    fn push(&mut self, request: Finished) {
        self.queries += sum(&request.entries, |entry| entry.queries);
        self.saved += sum(&request.entries, |entry| entry.saved);
        self.requests.push_front(request);
        self.requests.truncate(REQUESTS);
    }
}

pub(crate) fn sum(entries: &[Entry], count: fn(&Entry) -> u32) -> u64 {
    entries.iter().map(|entry| u64::from(count(entry))).sum()
}

/// The panels of all sessions of this process. They are kept beside the sessions and not in them,
/// so that watching the requests adds no write to what is being watched.
#[derive(Clone, Debug)]
pub(crate) struct Panels {
    cache: Cache<PanelKey, Arc<Mutex<Past>>>,
}

impl Panels {
    pub(crate) fn new() -> Self {
        let idle = Duration::from_secs(30 * 60);
        Self { cache: Cache::builder().max_capacity(SESSIONS).time_to_idle(idle).build() }
    }

    async fn of(&self, key: PanelKey) -> Arc<Mutex<Past>> {
        self.cache.get_with(key, async { Arc::default() }).await
    }
}

impl RequestContext {
    /// What this session asked before this request.
    pub(crate) async fn past(&self) -> Result<Past, ShopError> {
        let Some(key) = self.session().get::<PanelKey>().await? else { return Ok(Past::default()) };
        let past = self.shop().panels().of(*key).await;
        let past = past.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(past)
    }
}

/// Remembers the request that just ended, if it belongs to a session.
pub(crate) async fn record(visit: &RequestContext, status: StatusCode) {
    let entries = visit.trace().entries();
    visit.shop().add_saved(sum(&entries, |entry| entry.saved));
    // The panel is a diagnosis: when the session cannot be asked, the answer goes out without it.
    let Ok(Some(key)) = key(visit).await else { return };
    let request =
        Finished { line: visit.line().to_owned(), status: status.as_u16(), took: visit.began().elapsed(), entries };
    let past = visit.shop().panels().of(key).await;
    past.lock().unwrap_or_else(PoisonError::into_inner).push(request);
}

/// The session's key, made at its first request. Where there is no session none is created.
async fn key(visit: &RequestContext) -> Result<Option<PanelKey>, ShopError> {
    if visit.trace().entries().is_empty() || !visit.has_session().await? {
        return Ok(None);
    }
    if let Some(key) = visit.session().get::<PanelKey>().await? {
        return Ok(Some(*key));
    }
    let mut bytes = [0; 8];
    if getrandom::fill(&mut bytes).is_err() {
        return Ok(None);
    }
    let fresh = PanelKey(u64::from_le_bytes(bytes));
    let keep = |key: &mut PanelKey| {
        if *key == PanelKey::default() {
            *key = fresh;
        }
        *key
    };
    Ok(Some(visit.session().update(keep).await?))
}
