//! Tables that the first migration made, which every later release opens.
//!
//! `first_tables.sql` was made by `.dump` of `sqlite3` from a file in which a store of that version
//! had created these sessions; principals are in hexadecimal, because `.dump` ends a text at the
//! character zero. It never changes.

use sqlx::{Connection, Executor};

use crate::backend::{folder, impatient};
use crate::first_sessions;
use crate::support::connect;

const TABLES: &str = include_str!("first_tables.sql");

#[tokio::test]
async fn sessions_of_the_first_release_are_read_exactly_and_go_on() {
    let (_folder, path) = folder();
    let mut connection = connect(&path).await;
    connection.execute(TABLES).await.expect("a new database");
    connection.close().await.expect("it is open");
    let store = impatient().open(&path).await.expect("the tables can be used");
    first_sessions::check(&store).await;
}
