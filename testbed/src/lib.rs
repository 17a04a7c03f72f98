//! Real servers with real faults, for the tests and benchmarks of this workspace.
//!
//! - [`Server`]: one `redis-server` process that can be frozen, killed and restarted.
//! - [`Cluster`]: masters and replicas that fail over and move slots between each other.
//! - [`Sentinels`]: a master, its replicas and the sentinels that replace it.
//! - [`Postgres`]: a PostgreSQL server with an empty database that can be frozen, killed and
//!   restarted.
//! - [`PgBouncer`]: a connection pooler in front of it.
//! - [`Prometheus`]: scrapes the metrics of the programs under test, and evaluates alert rules.
//! - [`Proxy`]: a TCP proxy in front of any of them that cuts, swallows, holds, delays and counts.
//! - [`FakeServer`]: a proxy in front of a Redis server that sends wrong replies on purpose.
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
//! Every wait has a time limit, after which it fails with an [`Error`] that names the condition.
//! Every process ends when its value is dropped and, on Linux, when the process that started it
//! ends, even if that one is killed. A killed process leaves only temporary directories of a few
//! KiB behind.
//!
//! The Redis program is `redis-server` on the `PATH`, or the program that the environment variable
//! `CLOAKROOM_TESTBED_SERVER` names (such as `valkey-server`), in version 7 or later.
//! [`provided_program`] finds other versions.
//!
//! Not for production: the servers listen on loopback only, and their administrator's password is
//! always the same.

mod admin;
mod cluster;
mod counts;
mod error;
mod fake_server;
mod pgbouncer;
mod port;
mod postgres;
mod process;
mod program;
mod prometheus;
mod proxy;
mod sentinels;
mod server;
mod spawner;
mod wait;

pub use cluster::{Cluster, ClusterBuilder, Handover, SlotMove};
pub use counts::CommandCounts;
pub use error::Error;
pub use fake_server::FakeServer;
pub use pgbouncer::PgBouncer;
pub use postgres::{Postgres, PostgresBuilder};
pub use program::provided_program;
pub use prometheus::Prometheus;
pub use proxy::{Bytes, Direction, Proxy, Traffic};
pub use sentinels::{Sentinels, SentinelsBuilder};
pub use server::{Server, ServerBuilder, Tls};
pub use wait::until;
