//! Sessions of [Cloakroom](cloakroom) in SQL: they survive a restart of the program.
//!
//! With the feature `sqlite` they are in one file, with nothing to install and no server to run:
//!
//! ```toml
//! cloakroom = "0.2"
//! cloakroom-sqlx = { version = "0.2", features = ["sqlite"] }
//! ```
//!
#![cfg_attr(feature = "sqlite", doc = "```no_run")]
#![cfg_attr(not(feature = "sqlite"), doc = "```ignore")]
//! use std::collections::BTreeMap;
//! use std::error::Error;
//!
//! use axum::extract::Path;
//! use axum::routing::{get, post};
//! use axum::Router;
//! use cloakroom::{Session, SessionError, SessionLayer, SessionValue, Sessions};
//! use cloakroom_sqlx::SqliteStore;
//! use serde::{Deserialize, Serialize};
//! use tokio::net::TcpListener;
//!
//! #[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
//! struct Cart { items: BTreeMap<String, u32> }
//!
//! async fn show(cart: Session<Cart>) -> String {
//!     format!("{:?}", cart.items)
//! }
//!
//! async fn add(cart: Session<Cart>, Path(item): Path<String>) -> Result<(), SessionError> {
//!     cart.update(|cart| *cart.items.entry(item.clone()).or_default() += 1).await
//! }
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn Error>> {
//!     let store = SqliteStore::open("sessions.db").await?;
//!     let sessions = Sessions::builder().store(store).build()?;
//!     let app = Router::new()
//!         .route("/cart", get(show))
//!         .route("/cart/add/{item}", post(add))
//!         .layer(SessionLayer::new(sessions));
//!     axum::serve(TcpListener::bind("127.0.0.1:3000").await?, app).await?;
//!     Ok(())
//! }
//! ```
//!
//! Handlers are the same as without a store. Reading a session that is in memory does not touch the
//! file. When memory is full, sessions are evicted from it and come back from the file.
//!
//! With the feature `postgres`, any number of processes share the sessions in a database:
//!
#![cfg_attr(feature = "postgres", doc = "```no_run")]
#![cfg_attr(not(feature = "postgres"), doc = "```ignore")]
//! # async fn open() -> Result<(), Box<dyn std::error::Error>> {
//! use cloakroom::Sessions;
//! use cloakroom_sqlx::PostgresStore;
//!
//! let store = PostgresStore::connect("postgres://shop:password@localhost/shop").await?;
//! let sessions = Sessions::builder().store(store).build()?;
//! # drop(sessions);
//! # Ok(())
//! # }
//! ```
//!
//! The guide's page "Which store?" compares the two with each other and with Redis.
//!
//! When not to use it: sessions that need not survive a restart need no store:
//! [`Sessions::in_memory`](cloakroom::Sessions::in_memory).
//!
//! # Deployments with SQLite
//!
//! One process owns the sessions in a file. A new process waits for the former one to end, for 30 s
//! by default, so a deployment may start the new one first. The operating system releases the file
//! however the former process ends.
//!
//! The lock is the file `sessions.db-owner-default`. If it is deleted or replaced while a process
//! owns the sessions, that process makes it again within 250 ms. If another process was faster, or if
//! the database itself was deleted or replaced, the former one accepts no more writes and closes the
//! store: its calls fail until the program is started again. Containers that share the folder exclude
//! each other too, although their process numbers may be the same. What is not detected:
//!
//! - two machines that share the folder, or a file system that does not keep locks. Network file
//!   systems are refused where they are recognised, and FUSE is not;
//! - a lock file that somebody replaces while its owner is suspended: when it wakes, its copies in
//!   memory are served for up to 250 ms more. It still writes nothing;
//! - on other systems than Unix, files that are deleted or replaced.
//!
//! # What survives what
//!
//! | | `Durability::ProcessCrash` (default) | `Durability::PowerLoss` |
//! |---|---|---|
//! | the process ends, panics or is killed | all acknowledged writes | all acknowledged writes |
//! | the machine loses its power | the last moments may be lost; the file stays intact | all acknowledged writes |
//! | the disk is full | writes fail with 503 until there is space; nothing is lost | the same |
//!
//! # The file
//!
//! Beside `sessions.db` there are `sessions.db-wal` and `sessions.db-shm`, which belong to SQLite
//! and to every copy of the file that is made while the program runs, and
//! `sessions.db-owner-default`, which is the lock. Make backups with `VACUUM INTO` or `.backup` of
//! `sqlite3`.
//!
//! Values are JSON, unless sessions are encrypted
//! ([`SessionsBuilder::seal`](cloakroom::SessionsBuilder::seal)):
//!
//! ```sql
//! SELECT principal, document ->> '$.cart.json.items' FROM cloakroom_sessions;
//! ```
//!
//! Read as you like, but change the tables only while no program uses them. The SQL that creates
//! them is in the folder `migrations` of this crate.
//!
//! # Features
//!
//! - `sqlite`: `SqliteStore`, with the SQLite that `sqlx` brings.
//! - `postgres`: `PostgresStore`.
//! - `tls`: encrypted connections to PostgreSQL.

// docs.rs labels each item with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod admission;
#[cfg(feature = "postgres")]
mod connect_error;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod cursor;
mod error;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod finding;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod node;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod record;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "postgres")]
pub use connect_error::ConnectError;
pub use error::OpenError;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use finding::{Finding, Severity};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresStore, PostgresStoreBuilder};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteStore, SqliteStoreBuilder};

#[cfg(all(doctest, feature = "postgres", feature = "sqlite"))]
#[doc = include_str!("../guide/12-which-store.md")]
mod guide_which_store {}

#[cfg(all(doctest, feature = "sqlite"))]
#[doc = include_str!("../README.md")]
mod readme {}
