//! Tests of the testbed against real servers, by the bytes on the wire.

mod cluster;
mod endings;
mod postgres;
mod proxy;
mod sentinels;
mod server;
mod wire;
