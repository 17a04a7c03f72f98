//! A session-level cache for axum and tower.

mod cache;
mod http;
mod identity;
mod random;
mod session;
mod sessions;
pub mod store;
mod sync;
#[cfg(feature = "testkit")]
pub mod testkit;
mod time;

pub use cache::EndReason;
pub use http::{CookieConfig, CookieConfigError, SameSite, SessionFuture, SessionLayer, SessionService};
pub use identity::{InvalidHandle, Principal, SessionHandle};
pub use random::{OsRandom, RandomError, RandomSource};
pub use session::{CachePolicy, Login, Session, SessionValue};
pub use sessions::{
    ConfigError, Event, EventKind, Events, LogId, PrincipalSessions, ReusePolicy, SessionError, SessionErrorKind,
    SessionInfo, Sessions, SessionsBuilder, Stats,
};
pub use time::{Clock, Sleep, SystemClock, Timestamp};
