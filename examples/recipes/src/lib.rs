//! Small complete applications to copy from; the README lists them.

pub mod accounts;
pub mod api;
pub mod cart;
pub mod live;
pub mod notes;
pub mod roles;
pub mod two_nodes;
