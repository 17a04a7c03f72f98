//! The demo shop: what Cloakroom, the session-level cache, does for a real application.
//!
//! Three levels stand side by side, and a panel on every page says which of them answered:
//!
//! | level | here | holds |
//! |---|---|---|
//! | request | `visit` | what one request asked for, once |
//! | session | Cloakroom | the cart (state); preferences, roles, account, history, recommendations (cached values) |
//! | application | `catalogue`, with moka | the products, the same for everybody |
//!
//! Behind them is the database, in `db`. It is a program with a library inside, so that the
//! end-to-end tests can open the shop without a process; nothing here is published.

mod accept;
mod accounts;
mod args;
mod cart;
mod catalogue;
mod db;
mod devices;
mod error;
mod headers;
mod history;
mod language;
mod live;
mod origin;
mod pages;
mod preferences;
mod product;
mod product_list;
mod request_context;
mod roles;
mod routes;
mod server;
pub mod sessions;
mod shop;
mod staff;
mod trace;
mod trace_panel;

pub use args::Args;
pub use db::{Db, DbError};
pub use routes::app;
pub use server::{StartError, run};
pub use shop::Shop;
