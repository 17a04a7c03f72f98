//! The session as a handler sees it: typed values, changes that are committed when they return,
//! loads that never go twice. Knows nothing of HTTP.

mod cache_policy;
mod change;
mod csrf;
mod derived;
mod desk;
mod detached;
mod digest;
mod ended;
mod flight;
mod handle;
mod held;
mod json;
mod keep_active;
mod lifecycle;
mod lineage;
mod load;
mod login;
mod memory_size;
mod one_value;
mod questions;
mod read;
mod shown;
mod target;
mod unreadable;
mod value;
mod verbs;
#[cfg(feature = "jwt")]
mod verified;

pub use cache_policy::CachePolicy;
pub use csrf::CsrfToken;
pub use derived::Derived;
pub use detached::DetachedSession;
pub use held::AnsweredBy;
pub use keep_active::KeepActive;
pub use login::Login;
#[cfg(any(test, fuzzing))]
pub use value::fuzzing::stored_value;
pub use value::{DefaultValue, SessionValue};
#[cfg(feature = "jwt")]
pub use verified::AccessError;

pub(crate) use desk::{Desks, LayerOptions};
pub(crate) use handle::{Handle, InProgress, Reply};
pub(crate) use shown::{Refusal, Shown, Way};
use std::fmt;

#[cfg(feature = "axum")]
use crate::sessions::Sessions;
use crate::sync::Arc;

/// A client's session, or one value of it.
///
/// `Session` is the session: nothing is read until a value is asked for, and nothing is created
/// until a value is written. `Session<T>` is one value of it, read when the handler starts:
/// reading it is field access.
///
/// ```
/// use axum::Json;
/// use axum::extract::Path;
/// use cloakroom::{Session, SessionError, SessionValue};
/// # use serde::{Deserialize, Serialize};
/// # use std::collections::BTreeMap;
///
/// # #[derive(Clone, Default, Serialize, Deserialize)]
/// # struct Cart { items: BTreeMap<String, u32> }
/// # impl SessionValue for Cart { const KEY: &'static str = "cart"; }
/// async fn show(cart: Session<Cart>) -> Json<Cart> {
///     Json(cart.clone_value())
/// }
///
/// async fn add(cart: Session<Cart>, Path(item): Path<String>) -> Result<String, SessionError> {
///     let quantity = cart
///         .update(|cart| {
///             let quantity = cart.items.entry(item.clone()).or_default();
///             *quantity += 1;
///             *quantity
///         })
///         .await?;
///     Ok(quantity.to_string()) // committed, on every tier, when this line runs
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(show)).route("/{item}", axum::routing::post(add));
/// ```
///
/// What it derefs to is a snapshot: reading it is all that can be done with it. To change the value, call
/// [`update`](Session::update), whose closure gets the present one.
///
/// Clones are the same session. They may outlive the request: writes from a stream or a WebSocket
/// work like writes from a handler, except that a new token cannot reach the client any more once the headers
/// are out. What needs one is refused then, with [`ResponseBegun`](crate::SessionErrorKind::ResponseBegun). So let
/// the handler make the first write, log in and renew; do the rest anywhere. A response during which a clone is still
/// alive counts as one that depends on the session, for caches.
pub struct Session<T = ()> {
    hold: Handle,
    /// `None` exactly when `T` is `()`.
    value: Option<Arc<T>>,
}

impl Session {
    pub(crate) const fn new(hold: Handle) -> Self {
        Self { hold, value: None }
    }

    /// Those that it is one of.
    #[cfg(feature = "axum")]
    pub(crate) fn sessions(&self) -> Sessions {
        Sessions::from_engine(Arc::clone(self.hold.engine()))
    }

    pub(crate) const fn hold(&self) -> &Handle {
        &self.hold
    }
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self { hold: self.hold.clone(), value: self.value.clone() }
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
