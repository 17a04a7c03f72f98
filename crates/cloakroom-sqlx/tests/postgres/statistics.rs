//! The server's counters of statements (`pg_stat_statements`), by the node that ran them.

use std::collections::BTreeMap;

use cloakroom_testbed::Postgres;
use sqlx::Row;

use crate::database::Database;

/// Calls by the kind of the statement.
pub(crate) type Calls = BTreeMap<String, i64>;

/// A text that only this kind of statement contains, and the name of the kind.
const KINDS: [(&str, &str); 16] = [
    ("is_standby", "poll"),
    ("pg_notify", "notify"),
    ("pg_try_advisory_xact_lock", "may clean"),
    ("WITH examined", "clean"),
    ("WITH feed AS (UPDATE", "remove changes"),
    ("WITH session AS (UPDATE", "commit"),
    ("WITH session AS (INSERT", "create"),
    ("LATERAL", "load"),
    ("SELECT m.admission, m.selector", "list members"),
    ("WITH touched", "touch"),
    ("WITH present", "destroy many"),
    ("FOR UPDATE", "lock"),
    ("WITH session AS (DELETE", "remove"),
    ("BEGIN", "begin"),
    ("SET LOCAL statement_timeout", "limit"),
    ("COMMIT", "end"),
];

impl Database {
    /// A server that counts the calls of statements.
    pub(crate) async fn start_counting() -> Self {
        let database = Self::start_as(Postgres::builder().statement_statistics()).await;
        database.execute("CREATE EXTENSION pg_stat_statements").await;
        database
    }

    /// The address for a new role, by which the statements of a node are told from those of others.
    pub(crate) async fn url_of(&self, role: &str) -> String {
        self.execute(&format!("CREATE ROLE {role} SUPERUSER LOGIN")).await;
        self.server.url().replace("postgres@", &format!("{role}@"))
    }

    /// The calls of a role since the last reset. A statement of no known kind is its own text.
    pub(crate) async fn calls(&self, role: &str) -> Calls {
        let query = "SELECT query, calls FROM pg_stat_statements WHERE userid = $1::TEXT::REGROLE";
        let rows = sqlx::query(query).bind(role).fetch_all(&self.pool).await.expect("the superuser may read it");
        let mut calls = Calls::new();
        for row in rows {
            let (text, count): (String, i64) = (row.get(0), row.get(1));
            let kind = KINDS.iter().find(|(part, _)| text.contains(part)).map_or(&*text, |(_, kind)| kind);
            *calls.entry(kind.to_owned()).or_default() += count;
        }
        calls
    }

    pub(crate) async fn reset_calls(&self) {
        self.execute("SELECT pg_stat_statements_reset()").await;
    }
}
