//! Each recipe, called as a client calls it.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod accounts;
mod api;
mod cart;
mod live;
mod notes;
mod roles;
mod two_nodes;
