//! What all requests share.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use cloakroom::Sessions;
use tokio::sync::watch;

use crate::accounts::{Passwords, Throttle};
use crate::catalogue::{Catalogue, Catalogues};
use crate::db::{Db, DbError, Meter};
use crate::language::Language;
use crate::trace_panel::Panels;

/// The running shop: its database, caches and sessions. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Shop(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    sources: Sources,
    sessions: Sessions,
    session_cache: bool,
    passwords: Passwords,
    throttle: Throttle,
    panels: Panels,
    saved: AtomicU64,
    closing: watch::Sender<bool>,
    /// What the page calls this process, where there are several.
    node: OnceLock<String>,
}

impl Shop {
    /// A shop over `db` and `sessions`. Without `session_cache`, cached values are asked from the
    /// database on every request; state, such as the cart, stays in the session either way.
    #[must_use]
    pub fn new(db: Db, sessions: Sessions, session_cache: bool) -> Self {
        Self(Arc::new(Parts {
            sources: Sources { db, catalogues: Catalogues::new(), meter: Meter::default() },
            sessions,
            session_cache,
            passwords: Passwords::new(),
            throttle: Throttle::new(),
            panels: Panels::new(),
            saved: AtomicU64::new(0),
            closing: watch::Sender::new(false),
            node: OnceLock::new(),
        }))
    }

    /// Names this process on its pages, for a shop of several. The first name stays.
    #[must_use]
    pub fn called(self, node: &str) -> Self {
        self.0.node.get_or_init(|| node.to_owned());
        self
    }

    pub(crate) fn node(&self) -> Option<&str> {
        self.0.node.get().map(String::as_str)
    }

    /// Ends the streams that would otherwise keep the server from shutting down.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
    }

    /// Resolves when [`Shop::close`] is called.
    pub(crate) async fn closed(&self) {
        // An error means that the shop is gone, which is closed enough.
        let _ = self.0.closing.subscribe().wait_for(|closing| *closing).await;
    }

    /// The shop's sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The shop's database.
    #[must_use]
    pub fn db(&self) -> &Db {
        &self.0.sources.db
    }

    /// Where values come from when no session has them; what is asked there counts into `meter`.
    pub(crate) fn sources(&self, meter: &Meter) -> Sources {
        let Sources { db, catalogues, .. } = &self.0.sources;
        Sources { db: db.metered(meter.clone()), catalogues: catalogues.clone(), meter: meter.clone() }
    }

    pub(crate) fn session_cache(&self) -> bool {
        self.0.session_cache
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn panels(&self) -> &Panels {
        &self.0.panels
    }

    /// Queries that the caches have spared the database since the start.
    pub(crate) fn saved(&self) -> u64 {
        self.0.saved.load(Ordering::Relaxed)
    }

    pub(crate) fn add_saved(&self, queries: u64) {
        self.0.saved.fetch_add(queries, Ordering::Relaxed);
    }
}

/// The two levels behind the session: the application's cache and the database.
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
