//! The login kit over HTTP, in memory and over two nodes.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod application;
mod auth_hashes;
mod bearer;
#[path = "../corpus/mod.rs"]
mod corpus;
#[path = "../../../cloakroom/tests/support/figures.rs"]
mod figures;
mod flash;
mod futures_are_send;
mod guards;
mod pages;
#[allow(dead_code, unused_imports, reason = "the other tests over HTTP use the rest")]
#[path = "../../../cloakroom/tests/http/support/mod.rs"]
mod support;
mod users;
