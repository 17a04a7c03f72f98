//! The demo shop: a small application that stores its sessions in Cloakroom.
//!
//! It caches on three levels, and a panel on every page shows which of them answered each lookup:
//!
//! | level | implementation | contents |
//! |---|---|---|
//! | request | `request_context` | the values that one request has read |
//! | session | Cloakroom | the cart (state); preferences, roles, history and more (cached values) |
//! | application | `catalogue`, with moka | the products, which are the same for all visitors |
//!
//! Behind them is the database, in `db`. The shop is a library with a small `main`, so that the
//! end-to-end tests can start it without a process. It is never published.

mod accounts;
mod args;
mod cart;
mod catalogue;
mod db;
mod devices;
mod error;
mod history;
mod language;
mod live;
mod metrics;
mod pages;
mod preferences;
mod request_context;
mod routes;
mod sample;
mod server;
mod session_cache;
pub mod sessions;
mod shop;
mod staff;
mod trace;

pub use args::Args;
pub use db::{Db, DbError};
pub use routes::app;
pub use server::{StartError, run};
pub use shop::Shop;
