//! A session-level cache for axum and tower.
//!
//! Cloakroom keeps the data of one visitor (cart, preferences, roles, watch history) in the memory
//! of the process that serves them, for as long as their session lives. A request reads it in
//! nanoseconds, and it stays correct: no update is lost, a client reads its own writes, a session
//! that ended stays ended, and no data leaks from one session into another.
//!
//! ```
//! use axum::{Router, extract::Path, routing::{get, post}};
//! use cloakroom::{Session, SessionError, SessionLayer, SessionValue, Sessions};
//! use serde::{Deserialize, Serialize};
//! use std::collections::BTreeMap;
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
//! let app: Router = Router::new()
//!     .route("/cart", get(show))
//!     .route("/cart/add/{item}", post(add))
//!     .layer(SessionLayer::new(Sessions::in_memory()));
//! ```
//!
//! Start with [`Sessions`], [`SessionLayer`], [`Session`] and [`SessionValue`]. The guide in
//! `docs/guide` leads from the first route to a store of your own.
//!
//! Do not use it for data that all users share (use an application-level cache), for data that only
//! one request needs (use a variable), or for data that must be current to the millisecond on
//! all nodes.
//!
//! # Features
//!
//! - `axum` (default): extractors and responses, through `axum-core`.
//! - `derive` (default): `#[derive(SessionValue)]`.
//! - `keys`: tokens with a MAC and encrypted records, under keys of the application: [`KeyRing`],
//!   [`SealPolicy`].
//! - `public-suffix` (default): refuses `co.uk` and `github.io` as the domain of a cookie. The list
//!   of such domains adds 0.9 MiB to a program.
//! - `metrics`: counters, gauges and histograms through the crate `metrics`.
//! - `uuid`: a `Uuid` as a principal.
//! - `test-client`: for `cloakroom-testkit`, which turns it on in tests. Applications do not need it.
//!
//! Other crates add users, guards and messages (`cloakroom-auth`), signed JWTs as tokens and
//! verified access tokens (`cloakroom-jwt`), the shared tier on Redis (`cloakroom-redis`) and in SQL
//! (`cloakroom-sqlx`), a page for staff (`cloakroom-admin`), a way over from `tower-sessions`, `axum-login` and `axum_session`
//! (`cloakroom-tower-sessions`), and test tools (`cloakroom-testkit`).

// docs.rs labels each item with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]
// Tests may unwrap; library code must not.
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[macro_use]
mod plain_debug;

mod application;
mod cache;
pub mod codec;
mod config;
mod config_error;
mod crypto;
mod engine;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod http;
mod lifetimes;
mod random;
mod session;
pub mod store;
mod striped;
mod sync;
mod telemetry;
mod time;
mod token;
mod writers;

pub use application::{PrincipalSessions, SessionInfo, Sessions, SessionsBuilder};
pub use cache::EndReason;
#[cfg(feature = "derive")]
pub use cloakroom_derive::SessionValue;
pub use config::{OnInvalidToken, OnStoreError, ReusePolicy, RollbackPolicy, SessionLimits};
pub use config_error::ConfigError;
#[cfg(feature = "keys")]
pub use crypto::{Key, KeyRing, SealPolicy};
pub use error::{SessionError, SessionErrorKind};
pub use http::{
    AmbiguityPolicy, CookieConfig, CookieConfigBuilder, SameSite, SessionFuture, SessionLayer, SessionService,
    TokenHeader, Transport,
};
#[cfg(feature = "axum")]
pub use http::{CrossOrigin, CsrfHeader, RecentLogin, RecentLoginRejection, SameOrigin};
pub use random::{OsRandom, RandomError, RandomSource};
pub use session::{
    CachePolicy, CsrfToken, Derived, DetachedSession, KeepActive, LoadResult, Login, Session, SessionSource,
    SessionValue, SessionsWatch, Watch,
};
#[doc(hidden)]
pub use session::{DefaultValue, Successor};
pub use store::{Cursor, LimitPolicy, Page, PageRequest, transfer};
pub use telemetry::{Event, EventKind, Events, LogId, Stats};
pub use time::{Clock, Sleep, SystemClock, Timestamp};
pub use token::{InvalidPublicId, Principal, PrincipalMismatch, PublicId};

/// For the code that `#[derive(SessionValue)]` writes, and for `cloakroom-testkit`.
#[doc(hidden)]
pub mod __private {
    #[cfg(all(feature = "derive", debug_assertions))]
    pub use inventory;
    pub use serde::{Serialize, de::DeserializeOwned};

    #[cfg(all(feature = "derive", debug_assertions))]
    pub use crate::application::DeclaredValue;
    #[cfg(feature = "test-client")]
    pub use crate::http::BeforeHandler;
    pub use crate::session::assert_valid_key;
}

/// Adds a type to the declared values.
#[cfg(all(feature = "derive", debug_assertions))]
#[doc(hidden)]
#[macro_export]
macro_rules! __declare_value {
    ($type:ident, $key:expr) => {
        $crate::__private::inventory::submit! {
            $crate::__private::DeclaredValue {
                key: $key,
                name: ::core::stringify!($type),
                type_name: ::core::any::type_name::<$type>,
                place: (::core::file!(), ::core::line!(), ::core::column!()),
                module: ::core::module_path!(),
                package: ::core::option_env!("CARGO_CRATE_NAME"),
            }
        }
    };
}

/// Adds nothing: release builds have no declared values.
#[cfg(not(all(feature = "derive", debug_assertions)))]
#[doc(hidden)]
#[macro_export]
macro_rules! __declare_value {
    ($type:ident, $key:expr) => {};
}

#[cfg(any(doc, doctest))]
pub mod guide {
    //! The guide.
    //!
    //! The pages are Markdown files in `docs/guide` of the repository. Links between them work only
    //! there; here, use this list. The examples are compiled and run as tests.
    //!
    //! | page | subject |
    //! |---|---|
    //! | [`first_steps`] | add the layer, read and update a value |
    //! | [`values`] | state and cached values, policies, types that change between releases |
    //! | [`login`] | log in and out, rotate tokens, list devices, sign out everywhere |
    //! | [`lifetimes_and_memory`] | idle and absolute timeouts, the memory limit |
    //! | [`http`] | cookies, errors, CSRF, WebSockets, services without axum |
    //! | [`events_stats_logs`] | audit events, counters, metrics, traces, logs |
    //! | [`testing_your_app`] | a client that is signed in, a manual clock, several nodes, injected store faults |
    //! | [`writing_a_store`] | the store contract and its conformance suite |
    //! | [`when_not_to_use_it`] | limits and alternatives |
    //! | [`many_nodes`] | sessions on many nodes over Redis: setup, access rules, encryption, failures, alarms |
    //! | [`tokens_and_keys`] | bearer tokens, keys, signed JWTs, access tokens of an identity provider |
    //! | [`live_values`] | follow a value or a list of devices; sessions outside of a request |
    //! | [`which_store`] | memory, SQLite, PostgreSQL or Redis: what each keeps, needs and takes |
    //! | [`openid_connect`] | sign in at a provider: state, nonce and PKCE, used once; providers that post back |
    //! | [`admin_page`] | a page for staff: find a user's sessions, follow events, end sessions |
    //! | [`operations`] | a dashboard for Grafana, alerts for Prometheus, and what faults look like |
    //! | [`troubleshooting`] | from a symptom to its cause and remedy: logged out, 500, 503, refused forms |
    //! | [`coming_from_other_libraries`] | from tower-sessions, axum-login, axum-messages and axum_session, without logging anyone out |

    #[doc = include_str!("../guide/01-first-steps.md")]
    pub mod first_steps {}
    #[doc = include_str!("../guide/02-values.md")]
    pub mod values {}
    #[doc = include_str!("../guide/03-login.md")]
    pub mod login {}
    #[doc = include_str!("../guide/04-lifetimes-and-memory.md")]
    pub mod lifetimes_and_memory {}
    #[doc = include_str!("../guide/05-http.md")]
    pub mod http {}
    #[doc = include_str!("../guide/06-events-stats-logs.md")]
    pub mod events_stats_logs {}
    #[doc = include_str!("../guide/07-testing-your-app.md")]
    pub mod testing_your_app {}
    #[doc = include_str!("../guide/08-writing-a-store.md")]
    pub mod writing_a_store {}
    #[doc = include_str!("../guide/09-when-not-to-use-it.md")]
    pub mod when_not_to_use_it {}
    // Its examples need `cloakroom-redis`, which compiles them.
    #[cfg(not(doctest))]
    #[doc = include_str!("../guide/10-many-nodes.md")]
    pub mod many_nodes {}
    #[doc = include_str!("../guide/11-tokens-and-keys.md")]
    pub mod tokens_and_keys {}
    #[doc = include_str!("../guide/15-live-values.md")]
    pub mod live_values {}
    #[doc = include_str!("../guide/17-operations.md")]
    pub mod operations {}
    #[doc = include_str!("../guide/18-troubleshooting.md")]
    pub mod troubleshooting {}
    // Its examples need `cloakroom-sqlx`, which compiles them.
    #[cfg(not(doctest))]
    #[doc = include_str!("../guide/12-which-store.md")]
    pub mod which_store {}
    // Its examples need `openidconnect`; the example program compiles them.
    #[cfg(not(doctest))]
    #[doc = include_str!("../guide/13-openid-connect.md")]
    pub mod openid_connect {}
    // Its examples need `cloakroom-tower-sessions`, which compiles them.
    #[cfg(not(doctest))]
    #[doc = include_str!("../guide/14-coming-from-other-libraries.md")]
    pub mod coming_from_other_libraries {}
    // Its examples need `cloakroom-admin`, which compiles them.
    #[cfg(not(doctest))]
    #[doc = include_str!("../guide/16-admin-page.md")]
    pub mod admin_page {}
    #[cfg(doctest)]
    #[doc = include_str!("../README.md")]
    mod readme {}
}
