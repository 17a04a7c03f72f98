//! The shared tier of [Cloakroom](cloakroom) on Redis and Valkey.
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use cloakroom::Sessions;
//! use cloakroom_redis::RedisStore;
//!
//! let store = RedisStore::connect("redis://localhost:6379/?namespace=shop").await?;
//! let sessions = Sessions::builder().store(store).build()?;
//! # Ok(())
//! # }
//! ```
//!
//! Every node keeps the sessions that it serves in its own memory, and the server notifies it of
//! changes made by other nodes. A request whose session is in memory sends nothing to the server;
//! any other access takes one round trip. Handlers stay as they are.
//!
//! When not to use it: on one machine, [`Sessions::in_memory`](cloakroom::Sessions::in_memory) is
//! faster and needs no server.
//!
//! The guide's page on running many nodes covers topologies, sizing, the minimal access rights of
//! the server's user, the symptoms of each failure, and the known limits.

// docs.rs labels each item with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

mod address;
mod builder;
mod connection;
mod error;
mod fault;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod index;
mod keyspace;
mod list;
mod record_format;
mod scripts;
mod startup;
mod stats;
mod store;
mod tls;
mod topology;
mod warning;
mod wire;

pub use builder::RedisStoreBuilder;
pub use error::{ConnectError, Problem};
pub use record_format::RecordFormat;
pub use stats::RedisStats;
pub use store::RedisStore;
pub use warning::Warning;

/// The guide's page on many nodes, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../guide/10-many-nodes.md")]
mod guide {}

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
