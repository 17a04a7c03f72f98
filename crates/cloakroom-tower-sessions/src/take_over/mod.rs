//! Continues the sessions of another library under tokens of Cloakroom.

#[cfg(feature = "axum-session")]
mod axum_session_store;
mod identity;
mod layer;
mod new_session;
mod old_cookie;
mod old_store;
mod service;
mod steps;

#[cfg(feature = "axum-session")]
pub use axum_session_store::AxumSessionStore;
pub use identity::{TakeOverKey, WeakKey};
pub use layer::TakeOverLayer;
pub use new_session::NewSession;
pub use old_cookie::OldCookie;
pub use old_store::{OldSession, OldStore};
pub use service::TakeOverService;
