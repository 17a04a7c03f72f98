//! Sessions in PostgreSQL.

mod all_sessions;
mod builder;
mod clean;
mod commit;
mod create;
mod database;
mod destroy;
mod encryption;
mod fault;
mod feed;
mod inspection;
mod list;
mod members;
mod migrations;
mod own_writes;
mod rows;
mod schema;
mod statements;
mod store;
mod tasks;
mod text;
mod touch;
mod wake_up;
mod watched_lists;

pub use builder::PostgresStoreBuilder;
pub use store::PostgresStore;

use crate::node::random_number;
