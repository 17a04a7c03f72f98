//! Sessions in SQLite.

use cloakroom::store::Lease;

mod all_sessions;
mod builder;
mod fault;
mod file;
mod file_id;
mod file_system;
mod inspection;
mod list;
mod load;
mod members;
mod migrations;
mod owner;
mod pool;
mod rows;
mod session;
mod statements;
mod store;
mod writer;

pub use builder::{Durability, SqliteStoreBuilder};
pub use store::SqliteStore;

/// The lease of every copy. It ends only with the store, which is the only writer of its records and
/// invalidates the copies of each clone that others change.
const LEASE: Lease = Lease::new(1);
