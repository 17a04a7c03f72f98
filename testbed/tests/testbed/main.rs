//! The testbed does what it says: proved on the wire, against real servers.

mod cluster;
mod endings;
mod postgres;
mod proxy;
mod sentinels;
mod server;
mod wire;
