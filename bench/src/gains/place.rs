use std::time::Duration;

use cloakroom_testbed::{Direction, Postgres, Proxy};
use tempfile::TempDir;

use crate::Failure;

use super::shop::{Database, Plan};

/// Milliseconds that are added to every answer of a database.
pub(super) const DELAYS: [u64; 4] = [0, 5, 50, 100];

/// More than a pool has by default, in favour of those who ask for everything.
const CONNECTIONS: u32 = 32;

/// What answers the queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Postgres,
    Sqlite,
}

impl Kind {
    pub(super) const ALL: [Self; 2] = [Self::Postgres, Self::Sqlite];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }

    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }
}

/// Both databases, filled, and the ways to them.
pub(super) struct Place {
    postgres: Postgres,
    /// One for every delay that is none.
    proxies: Vec<(u64, Proxy)>,
    folder: TempDir,
}

impl Place {
    pub(super) async fn make() -> Result<Self, Failure> {
        let postgres = Postgres::start().await?;
        let mut proxies = Vec::new();
        for delay in DELAYS.into_iter().filter(|delay| *delay > 0) {
            let proxy = Proxy::start(postgres.address()).await?;
            proxy.delay(Direction::ToClient, Duration::from_millis(delay));
            proxies.push((delay, proxy));
        }
        let place = Self { postgres, proxies, folder: TempDir::with_prefix("cloakroom-bench-")? };
        for kind in Kind::ALL {
            Database::connect(&place.url(kind, 0), Duration::ZERO, 1).await?.fill().await?;
        }
        Ok(place)
    }

    pub(super) fn plan(&self, kind: Kind, delay: u64, cached: bool) -> Plan {
        // A wire can be made slow; a file cannot, so whoever asks it waits.
        let waits = if kind == Kind::Sqlite { delay } else { 0 };
        let delayed = Duration::from_millis(waits);
        Plan { url: self.url(kind, delay), delay: delayed, connections: CONNECTIONS, cached }
    }

    fn url(&self, kind: Kind, delay: u64) -> String {
        let proxy = self.proxies.iter().find(|(of, _)| *of == delay).map(|(_, proxy)| proxy.port());
        match kind {
            Kind::Postgres => self.postgres.url_through(proxy.unwrap_or_else(|| self.postgres.address().port())),
            Kind::Sqlite => format!("sqlite://{}?mode=rwc", self.folder.path().join("shop.db").display()),
        }
    }
}
