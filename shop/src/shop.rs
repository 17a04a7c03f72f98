//! The state that all requests share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use cloakroom::Sessions;
use tokio::sync::watch;

use crate::accounts::{Passwords, Throttle};
use crate::catalogue::{Catalogue, Catalogues};
use crate::db::{Db, DbError};
use crate::language::Language;
use crate::sample::{self, Sample};
use crate::trace::{Meter, SessionTraces};

/// The running shop: its database, caches and sessions. Clones share everything.
#[derive(Clone, Debug)]
pub struct Shop {
    db: Db,
    sessions: Sessions,
    catalogues: Catalogues,
    pub(crate) session_cache: bool,
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
    pub(crate) session_traces: SessionTraces,
    saved: Arc<AtomicU64>,
    closing: watch::Sender<bool>,
    node: Arc<OnceLock<String>>,
    sample: Arc<OnceLock<Sample>>,
}

impl Shop {
    /// Creates a shop over `db` and `sessions`.
    ///
    /// Without `session_cache`, every request reads the visitor's values from the database, unless
    /// the visitor switches the session cache on.
    #[must_use]
    pub fn new(db: Db, sessions: Sessions, session_cache: bool) -> Self {
        Self {
            db,
            sessions,
            catalogues: Catalogues::new(),
            session_cache,
            passwords: Passwords::new(),
            throttle: Throttle::new(),
            session_traces: SessionTraces::new(),
            saved: Arc::default(),
            closing: watch::Sender::new(false),
            node: Arc::default(),
            sample: Arc::default(),
        }
    }

    /// Sets the name of this process that the panel shows. Only the first call has an effect.
    #[must_use]
    pub fn with_node_name(self, node: &str) -> Self {
        self.node.get_or_init(|| node.to_owned());
        self
    }

    pub(crate) fn node(&self) -> Option<&str> {
        self.node.get().map(String::as_str)
    }

    /// Measures what a page costs with and without the session cache, for the first screen. A shop
    /// that was not measured shows less there.
    pub async fn measure(&self) {
        if let Some(sample) = sample::measure(self).await {
            self.sample.get_or_init(|| sample);
        }
    }

    pub(crate) fn sample(&self) -> Option<&Sample> {
        self.sample.get()
    }

    /// Ends the event streams, which would otherwise delay the shutdown of the server.
    pub fn close(&self) {
        self.closing.send_replace(true);
    }

    /// Resolves when [`Shop::close`] is called.
    pub(crate) async fn closed(&self) {
        // An error means that the shop was dropped, which also closes it.
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// Returns the shop's sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Returns the shop's database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// Returns the levels behind the session cache. Their use is counted in `meter`.
    pub(crate) fn sources(&self, meter: &Meter) -> Sources {
        Sources { db: self.db.metered(meter.clone()), catalogues: self.catalogues.clone(), meter: meter.clone() }
    }

    /// Returns the number of queries that the session cache has saved since the start.
    pub(crate) fn saved(&self) -> u64 {
        self.saved.load(Ordering::Relaxed)
    }

    pub(crate) fn add_saved(&self, queries: u64) {
        self.saved.fetch_add(queries, Ordering::Relaxed);
    }
}

/// The levels behind the session cache: the application cache and the database.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    pub(crate) db: Db,
    catalogues: Catalogues,
    meter: Meter,
}

impl Sources {
    pub(crate) async fn catalogue(&self, language: Language) -> Result<Arc<Catalogue>, Arc<DbError>> {
        self.catalogues.get(&self.db, &self.meter, language).await
    }
}
