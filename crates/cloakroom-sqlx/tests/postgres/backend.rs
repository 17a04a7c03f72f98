//! The ways to reach the database on which the contract is checked.

use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom_sqlx::PostgresStore;
use cloakroom_testbed::PgBouncer;
use cloakroom_testkit::{Backend, Capability};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::database::Database;

/// How the stores reach the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// As a role that owns nothing, and has only the rights that the guide lists.
    LeastPrivilege,
    /// In a pool of the application.
    Pool,
    /// Through a pooler that gives each transaction another connection.
    TransactionPooler,
}

/// Each store has a schema of its own; its nodes are stores over the same one.
pub(crate) struct PostgresBackend {
    database: Database,
    access: Access,
    pooler: Option<PgBouncer>,
}

/// What the guide lists, with `$schema` for the schema.
const GRANTS: &str = "GRANT USAGE ON SCHEMA $schema TO app; \
     GRANT SELECT, INSERT, UPDATE, DELETE ON $schema.cloakroom_sessions, $schema.cloakroom_values TO app; \
     GRANT SELECT, INSERT, UPDATE, DELETE ON $schema.cloakroom_members TO app; \
     GRANT SELECT, INSERT, DELETE ON $schema.cloakroom_changes TO app; \
     GRANT SELECT, INSERT, UPDATE ON $schema.cloakroom_feed TO app; \
     GRANT SELECT ON $schema.cloakroom_migrations, public.test_clock TO app";

impl PostgresBackend {
    pub(crate) async fn new(access: Access) -> Self {
        let database = Database::start().await;
        database.execute("CREATE ROLE app LOGIN").await;
        let pooler = match access {
            Access::TransactionPooler => Some(PgBouncer::start(&database.server, &[]).await.expect("it is installed")),
            Access::LeastPrivilege | Access::Pool => None,
        };
        Self { database, access, pooler }
    }

    async fn open(&self, schema: &str) -> PostgresStore {
        let builder = self.database.builder(schema).namespace(schema);
        let url = self.database.server.url();
        let opened = match self.access {
            Access::LeastPrivilege => builder.without_migrations().connect(&url.replace("postgres@", "app@")).await,
            Access::TransactionPooler => {
                let pooler = self.pooler.as_ref().expect("it was started");
                builder.transaction_pooling().connect(&self.database.server.url_through(pooler.port())).await
            }
            Access::Pool => {
                let options: PgConnectOptions = url.parse().expect("the address of the server");
                builder.in_pool(PgPoolOptions::new().max_connections(6).connect_lazy_with(options)).await
            }
        };
        opened.expect("the server runs")
    }
}

impl Backend for PostgresBackend {
    type Store = PostgresStore;

    async fn store(&self) -> PostgresStore {
        let schema = self.database.schema().await;
        for grant in GRANTS.replace("$schema", &schema).split(';') {
            self.database.execute(grant).await;
        }
        self.open(&schema).await
    }

    async fn node(&self, store: &PostgresStore) -> Option<PostgresStore> {
        // Each schema has one namespace, of the same name.
        let namespace = cloakroom::store::Store::namespace(store).to_owned();
        Some(self.open(&namespace).await)
    }

    fn now(&self) -> Timestamp {
        self.database.now()
    }

    async fn advance(&self, duration: Duration) {
        self.database.advance(duration).await;
    }

    fn tick(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn capabilities(&self) -> &[Capability] {
        &[Capability::Nodes, Capability::Leases]
    }
}
