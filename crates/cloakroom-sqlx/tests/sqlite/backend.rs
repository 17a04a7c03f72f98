//! The files and pools on which the stores under test run.

use std::path::PathBuf;
use std::time::Duration;

use cloakroom::{Clock, Timestamp};
use cloakroom_sqlx::{SqliteStore, SqliteStoreBuilder};
use cloakroom_testkit::{Backend, Capability, ManualClock};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use tempfile::TempDir;

/// A folder that is removed with everything in it, and the path of a file in it.
pub(crate) fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("the machine has a folder for temporary files");
    let file = folder.path().join("sessions.db");
    (folder, file)
}

/// A builder that does not wait for other owners.
pub(crate) fn impatient() -> SqliteStoreBuilder {
    SqliteStore::builder().take_over_timeout(Duration::ZERO)
}

/// The place of the stores of a [`SqliteBackend`].
#[derive(Clone, Copy)]
pub(crate) enum Place {
    File,
    Pool { connections: u32 },
}

/// Each store has a file of its own; its nodes are clones.
pub(crate) struct SqliteBackend {
    place: Place,
    clock: ManualClock,
    folder: TempDir,
    stores: std::sync::atomic::AtomicU32,
}

impl SqliteBackend {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, clock: ManualClock::new(), folder: folder().0, stores: 0.into() }
    }
}

impl Backend for SqliteBackend {
    type Store = SqliteStore;

    async fn store(&self) -> SqliteStore {
        let number = self.stores.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = self.folder.path().join(format!("{number}.db"));
        let builder = impatient().clock(self.clock.clone());
        match self.place {
            Place::File => builder.open(path).await.expect("the file can be created"),
            Place::Pool { connections } => {
                let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
                let options = options.journal_mode(SqliteJournalMode::Wal);
                let pool = SqlitePoolOptions::new().max_connections(connections).connect_with(options).await;
                builder.in_pool(pool.expect("the file can be created")).await.expect("the pool can be used")
            }
        }
    }

    async fn node(&self, store: &SqliteStore) -> Option<SqliteStore> {
        Some(store.clone())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn advance(&self, duration: Duration) {
        self.clock.advance(duration);
    }

    fn capabilities(&self) -> &[Capability] {
        &[Capability::Nodes, Capability::Leases]
    }
}
