//! Real servers with real faults, for the tests and benchmarks of this workspace.
//!
//! - [`Server`]: one `redis-server` process that can be frozen, killed and started again.
//! - [`Cluster`]: masters and replicas that fail over and hand slots to each other.
//! - [`Sentinels`]: a master, its replicas and the sentinels that replace it.
//! - [`Postgres`]: a `postgres` process with an empty database.
//! - [`Proxy`]: a wire in front of any of them that cuts, swallows, holds, delays and counts.
//! - [`FakeServer`]: a proxy in front of any of them that answers wrongly on purpose.
//!
//! ```no_run
//! # async fn example() -> Result<(), cloakroom_testbed::Error> {
//! use cloakroom_testbed::{Direction, Proxy, Server};
//!
//! let server = Server::start().await?;
//! let proxy = Proxy::start(server.address()).await?;
//! // ... connect the code under test to `proxy.url()` ...
//! proxy.swallow(Direction::ToClient);
//! // ... it now talks to a peer that never answers, over a connection that stays open ...
//! # Ok(())
//! # }
//! ```
//!
//! Every wait ends: by success, or by an [`Error`] that says what was waited for. Every process
//! ends with the value that started it, and on Linux with the process that started it, even one
//! that is killed. What a killed process leaves behind are temporary directories of a few KiB.
//!
//! The program of Redis is `redis-server` on the `PATH`, or what the environment variable
//! `CLOAKROOM_TESTBED_SERVER` names (such as `valkey-server`); version 7 or later. [`brought`] finds others.
//!
//! Not for production: the servers listen on loopback only, and their administrator's password is
//! the same everywhere.

mod admin;
mod cluster;
mod counts;
mod error;
mod fake_server;
mod port;
mod postgres;
mod process;
mod program;
mod proxy;
mod sentinels;
mod server;
mod spawner;
mod wait;

pub use cluster::{Cluster, ClusterBuilder, Handover, SlotMove};
pub use counts::CommandCounts;
pub use error::Error;
pub use fake_server::FakeServer;
pub use postgres::Postgres;
pub use program::brought;
pub use proxy::{Bytes, Direction, Proxy, Traffic};
pub use sentinels::{Sentinels, SentinelsBuilder};
pub use server::{Server, ServerBuilder, Tls};
pub use wait::until;
