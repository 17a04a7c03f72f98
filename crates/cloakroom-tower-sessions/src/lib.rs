//! Code written for [`tower-sessions`], such as [`axum-login`] and [`axum-messages`], on sessions of
//! [`cloakroom`].
//!
//! [`TowerSessionsLayer`] gives each request a `tower_sessions::Session` whose data is in the
//! request's [`cloakroom::Session`]. Handlers, extractors and middleware that use it do not change.
//!
//! ```
//! use axum::{Router, routing::get};
//! use cloakroom::{SessionLayer, Sessions};
//! use cloakroom_tower_sessions::TowerSessionsLayer;
//! use tower_sessions::{Session, session};
//!
//! async fn visits(session: Session) -> Result<String, session::Error> {
//!     let visits = session.get::<u32>("visits").await?.unwrap_or(0) + 1;
//!     session.insert("visits", visits).await?;
//!     Ok(format!("{visits} visits"))
//! }
//!
//! # async fn page(session: Session) -> String { visits(session).await.unwrap_or_default() }
//! let app: Router = Router::new()
//!     .route("/", get(page))
//!     .layer(TowerSessionsLayer::new())
//!     .layer(SessionLayer::new(Sessions::in_memory()));
//! ```
//!
//! Each key of such a session is a value of its own in Cloakroom. At the end of a request, only the
//! keys that it changed are written, in one commit, so that concurrent requests that change
//! different keys do not overwrite each other. [`value_key`] says under which name a key is stored:
//! a handler that was ported to `cloakroom::Session<T>` reads what others write through
//! `tower_sessions::Session`.
//!
//! [`TakeOverLayer`] continues the sessions that visitors have when the application moves to
//! Cloakroom, so that nobody is logged out by it.
//!
//! Do not use it for new code: `cloakroom::Session` has typed values, atomic updates and no string
//! keys. The guide's page "Coming from other libraries" shows both side by side, and lists what
//! behaves differently.
//!
//! The `Session` is that of `tower-sessions` 0.14, the version that `axum-login` 0.18 and
//! `axum-messages` 0.8 use. To the compiler, another version's is another type.
//!
//! # Features
//!
//! - `axum-session`: [`TakeOverLayer`] reads the sessions of `axum_session`.
//! - `signed`, `private`: [`TakeOverLayer`] reads the cookies that `tower-sessions` writes with its
//!   features of the same names.
//!
//! [`tower-sessions`]: https://docs.rs/tower-sessions/0.14
//! [`axum-login`]: https://docs.rs/axum-login/0.18
//! [`axum-messages`]: https://docs.rs/axum-messages/0.8

// docs.rs labels each item with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests may unwrap; library code must not.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod changes;
mod failure;
mod layer;
mod lifetime;
mod login_state;
mod request_store;
mod service;
mod take_over;
mod value_key;

pub use layer::TowerSessionsLayer;
pub use service::TowerSessionsService;
#[cfg(feature = "axum-session")]
pub use take_over::AxumSessionStore;
pub use take_over::{
    NewSession, OldCookie, OldSession, OldStore, TakeOverKey, TakeOverLayer, TakeOverService, WeakKey,
};
pub use value_key::value_key;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(all(doctest, feature = "axum-session"))]
#[doc = include_str!("../guide/14-coming-from-other-libraries.md")]
mod guide {}

/// The data of a `tower_sessions::Session`: JSON by key.
pub type Data = std::collections::HashMap<String, serde_json::Value>;
