//! The admin page of [`cloakroom`]: finds a user's sessions, shows events as they happen, and ends
//! sessions.
//!
//! **It does not decide who may see it.** Everyone who can open it sees every user id and can end every
//! session, so [`AdminPage::router`] takes a guard: a layer that lets only members of staff pass.
//!
//! ```
//! # use axum::{Router, routing::get};
//! # use cloakroom::{Principal, SessionLayer, SessionValue, Sessions};
//! # use cloakroom_auth::{AuthLayer, Guard, UserRecord, UserSource};
//! # use serde::{Deserialize, Serialize};
//! use cloakroom_admin::AdminPage;
//!
//! # #[derive(Clone, Serialize, Deserialize, SessionValue)]
//! # #[session(ttl = "1m")]
//! # struct Account { is_staff: bool }
//! # #[derive(Clone)]
//! # struct Db;
//! # impl UserSource for Db {
//! #     type User = Account;
//! #     type Error = std::io::Error;
//! #     async fn load(&self, _: &Principal) -> Result<Option<UserRecord<Account>>, std::io::Error> {
//! #         Ok(None)
//! #     }
//! # }
//! let sessions = Sessions::in_memory();
//! let staff_only = Guard::requires(|account: &Account| account.is_staff);
//! let app: Router = Router::new()
//!     .route("/", get(|| async { "hello" }))
//!     .nest("/staff/sessions", AdminPage::new(&sessions).router(staff_only))
//!     .layer(AuthLayer::new(Db))
//!     .layer(SessionLayer::new(sessions));
//! # drop(app);
//! ```
//!
//! The pages work without scripts; with them, events appear as they happen. They never show a token
//! or a value of a session. They set their own `Content-Security-Policy`, which allows nothing
//! inline and no frames. A form is accepted only with the CSRF token of the session of the member
//! of staff, and only from a page of the same origin.
//!
//! Do not use it to show visitors their own devices, which is [`Sessions::of`](cloakroom::Sessions::of),
//! or for sessions of an application that has no web server: `cloakroom-cli` opens their store.

// docs.rs labels each item with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests may unwrap; library code must not.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

mod admin_page;
mod assets;
mod counts;
mod csrf;
mod events_page;
mod frame;
mod instant;
mod links;
mod listing;
mod overview_page;
mod problem;
mod recent_events;
mod revocation;
mod session_page;
mod statistics_page;
mod text;
mod user_page;
mod visit;
mod wrapping;

pub use admin_page::AdminPage;
pub use revocation::Revocation;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

/// The guide's page on the admin page, compiled as a test.
#[cfg(doctest)]
#[doc = include_str!("../guide/16-admin-page.md")]
mod guide {}
