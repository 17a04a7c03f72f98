use std::time::Duration;

use cloakroom_testbed::{Direction, Postgres, Proxy};
use tempfile::TempDir;

use crate::Result;
use crate::args::{Options, Part};
use crate::load::{LoadConfig, LoadProcess};
use crate::process::ServerProcess;

use super::database::Database;
use super::shop::ShopConfig;

/// The milliseconds that are added to every answer of a database.
pub(super) const DELAYS: [u64; 4] = [0, 5, 50, 100];

/// More than the default of a pool, in favour of the shop without a cache.
const CONNECTIONS: u32 = 32;
/// Enough that a server with a slow database is still busy.
const CLIENTS: usize = 128;
const SESSIONS: usize = 100;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DatabaseKind {
    Postgres,
    Sqlite,
}

impl DatabaseKind {
    pub(super) const ALL: [Self; 2] = [Self::Postgres, Self::Sqlite];

    /// Its name in figure keys and for `--only`.
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }

    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

/// Both databases with their rows, and a delaying proxy in front of PostgreSQL for every delay.
pub(super) struct Databases {
    postgres: Postgres,
    proxies: Vec<(u64, Proxy)>,
    folder: TempDir,
}

impl Databases {
    pub(super) async fn start() -> Result<Self> {
        let postgres = Postgres::start().await?;
        let mut proxies = Vec::new();
        for delay in DELAYS.into_iter().filter(|delay| *delay > 0) {
            let proxy = Proxy::start(postgres.address()).await?;
            proxy.delay(Direction::ToClient, Duration::from_millis(delay));
            proxies.push((delay, proxy));
        }
        let databases = Self { postgres, proxies, folder: TempDir::with_prefix("cloakroom-bench-")? };
        for kind in DatabaseKind::ALL {
            Database::connect(&databases.url(kind, 0), Duration::ZERO, 1)?.create_tables().await?;
        }
        Ok(databases)
    }

    fn shop_config(&self, kind: DatabaseKind, delay: u64, cached: bool) -> ShopConfig {
        // SQLite has no connection that a proxy could delay, so its callers wait instead.
        let query_delay = Duration::from_millis(if kind == DatabaseKind::Sqlite { delay } else { 0 });
        ShopConfig { url: self.url(kind, delay), query_delay, connections: CONNECTIONS, cached }
    }

    fn url(&self, kind: DatabaseKind, delay: u64) -> String {
        let proxy = self.proxies.iter().find(|(of, _)| *of == delay).map(|(_, proxy)| proxy.port());
        match kind {
            DatabaseKind::Postgres => {
                self.postgres.url_through(proxy.unwrap_or_else(|| self.postgres.address().port()))
            }
            DatabaseKind::Sqlite => format!("sqlite://{}?mode=rwc", self.folder.path().join("shop.db").display()),
        }
    }
}

/// The shop without the cache and with it, on one database.
pub(super) struct Setup {
    database: DatabaseKind,
    pub(super) delay: u64,
    /// Without the cache, then with it.
    pub(super) variants: [Variant; 2],
}

/// A shop and its load generator.
pub(super) struct Variant {
    pub(super) load: LoadProcess,
    _server: ServerProcess,
}

impl Setup {
    pub(super) fn start(databases: &Databases, database: DatabaseKind, delay: u64, options: &Options) -> Result<Self> {
        let start = |cached| -> Result<Variant> {
            let server = ServerProcess::of_part(&Part::ShopServer, &databases.shop_config(database, delay, cached))?;
            let (nodes, seed) = (vec![server.address], options.seed);
            let load = LoadProcess::start(&LoadConfig { nodes, sessions: SESSIONS, clients: CLIENTS, seed })?;
            Ok(Variant { load, _server: server })
        };
        Ok(Self { database, delay, variants: [start(false)?, start(true)?] })
    }

    pub(super) fn describe(&self) -> String {
        format!("{}, {} ms", self.database.label(), self.delay)
    }
}

impl Variant {
    /// Returns the number of queries that the shop has sent so far.
    pub(super) fn queries(&mut self) -> Result<u64> {
        self.load.read_number("GET /queries")
    }
}
