//! Sessions in SQLite.

mod builder;
mod fault;
mod file;
mod file_system;
mod load;
mod members;
mod migrations;
mod node;
mod owner;
mod pool;
mod rows;
mod session;
mod statements;
mod store;
mod writer;

pub use builder::{Durability, SqliteStoreBuilder};
pub use store::SqliteStore;
