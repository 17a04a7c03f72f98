//! The login kit of [`cloakroom`]: the user of a session as an argument of handlers, guards around
//! routes, and messages for the next page.
//!
//! ```
//! # use axum::{Router, routing::get};
//! # use cloakroom::{Principal, SessionLayer, SessionValue, Sessions};
//! # use cloakroom_auth::{AuthLayer, Guard, User, UserRecord, UserSource};
//! # use serde::{Deserialize, Serialize};
//! /// Loaded once per session and minute, however many requests ask.
//! #[derive(Clone, Serialize, Deserialize, SessionValue)]
//! #[session(ttl = "1m")]
//! struct Account {
//!     name: String,
//!     is_staff: bool,
//! }
//!
//! #[derive(Clone)]
//! struct Db; // your connection pool
//!
//! impl UserSource for Db {
//!     type User = Account;
//!     type Error = std::io::Error;
//!
//!     async fn load(&self, principal: &Principal) -> Result<Option<UserRecord<Account>>, std::io::Error> {
//!         # let _ = principal;
//!         let account = Account { name: "Ada".to_owned(), is_staff: true }; // a query by the principal
//!         Ok(Some(UserRecord::new(account)))
//!     }
//! }
//!
//! async fn profile(account: User<Account>) -> String {
//!     account.name.clone()
//! }
//!
//! # fn main() -> Result<(), cloakroom::ConfigError> {
//! let staff = Router::new()
//!     .route("/staff", get(|| async { "for staff" }))
//!     .route_layer(Guard::requires(|account: &Account| account.is_staff));
//! let app: Router = Router::new()
//!     .route("/profile", get(profile))
//!     .merge(staff)
//!     .layer(AuthLayer::new(Db).login_page("/login")?)
//!     .layer(SessionLayer::new(Sessions::in_memory()));
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! | you want | use |
//! |---|---|
//! | the signed-in user in a handler | [`User<U>`](User), `Option<User<U>>` |
//! | routes for users, or for users with a role | [`Guard`] |
//! | a changed password to end all other sessions, wherever it was changed | [`AuthHash`], [`log_in`] |
//! | to send visitors back to the page they came from | [`Next`] |
//! | messages for the next page, each shown once | [`flash::Flash`] |
//!
//! Do not use it to check passwords, which needs a crate such as `argon2`, or for access tokens of
//! other issuers (`cloakroom-jwt`).

// docs.rs labels each item with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests may unwrap; library code must not.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod auth_hash;
mod auth_layer;
mod client;
mod current_user;
pub mod flash;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod log_in;
mod next;
mod rejection;
mod user;
mod user_source;

pub use auth_hash::AuthHash;
pub use auth_layer::{AuthLayer, AuthService};
pub use guard::{Guard, GuardFuture, GuardService};
pub use log_in::log_in;
pub use next::Next;
pub use rejection::{AuthRejection, NoAuthLayer, SignInRequired};
pub use user::User;
pub use user_source::{UserRecord, UserSource};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
