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

pub use builder::PostgresStoreBuilder;
pub use store::PostgresStore;

use crate::node::random_number;
