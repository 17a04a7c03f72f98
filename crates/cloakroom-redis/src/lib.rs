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
//! Every node keeps the sessions that it serves in its own memory, and the server tells it of
//! changes that others make; a request whose session is in memory sends nothing. Everything that is
//! not is one round trip. No handler changes.
//!
//! When not to use it: on one machine, [`Sessions::in_memory`](cloakroom::Sessions::in_memory) is
//! faster and needs no server.
//!
//! # Access rules
//!
//! A user of the server with these rights and no others is enough; the crate's tests run as exactly
//! this one. `shop` after the tilde is the namespace.
//!
//! ```text
//! ACL SETUSER shop on >PASSWORD resetchannels resetkeys ~shop:* -@all +client|tracking +role +exists +time +info +config|get +script|load +evalsha +eval +hgetall +hmget +hget +hset +hdel +del +pexpire +zscore +zcard +zrange +zadd +zrem +cluster|slots +asking
//! ```
//!
//! `info` and `config|get` are for the warnings at start-up only, `cluster|slots` and `asking` for clusters only.

mod builder;
mod error;
mod fault;
mod index;
mod link;
mod namespace;
mod preflight;
mod route;
mod scripts;
mod store;
#[cfg(feature = "tls")]
mod tls;
mod wire;

pub use builder::RedisStoreBuilder;
pub use error::{ConnectError, Problem};
pub use namespace::{InvalidNamespace, Namespace};
pub use preflight::Warning;
pub use store::RedisStore;

/// The guide's page on many nodes, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/10-many-nodes.md")]
mod guide {}
