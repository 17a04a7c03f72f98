//! Tables that the first migration made, which every later release opens.
//!
//! `first_tables.sql` was made by `pg_dump` of a server in which a store of that version had created
//! these sessions. It never changes.

use cloakroom_sqlx::PostgresStore;
use cloakroom_testbed::Postgres;
use sqlx::{Connection, Executor, PgConnection};

use crate::first_sessions;

const TABLES: &str = include_str!("first_tables.sql");

#[tokio::test(flavor = "multi_thread")]
async fn sessions_of_the_first_release_are_read_exactly_and_go_on() {
    let server = Postgres::start().await.expect("PostgreSQL is installed");
    let mut connection = PgConnection::connect(&server.url()).await.expect("the server runs");
    connection.execute(TABLES).await.expect("a new database");
    connection.close().await.expect("it is open");
    let store = PostgresStore::connect(&server.url()).await.expect("the tables can be used");
    first_sessions::check(&store).await;
}
