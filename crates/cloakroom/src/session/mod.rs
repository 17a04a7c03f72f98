//! The session as a handler sees it: typed values, changes that are committed when they return, and
//! loads that run once for all waiting requests. Independent of HTTP.

mod cache_policy;
mod client_token;
mod csrf;
mod derived;
mod detached;
mod digest;
mod edit;
mod ended;
mod extracted;
mod info;
mod json;
mod json_values;
mod keep_active;
mod layer_context;
mod lifecycle;
mod load;
mod load_chain;
mod load_result;
mod login;
mod memory_size;
mod methods;
mod presented_token;
mod request;
mod single_flight;
mod successor;
mod typed_value;
mod unreadable;
mod value;
mod value_target;
mod watch;

pub use cache_policy::CachePolicy;
pub use client_token::SessionSource;
pub use csrf::CsrfToken;
pub use derived::Derived;
pub use detached::DetachedSession;
pub use keep_active::KeepActive;
pub use load_result::LoadResult;
pub use login::Login;
#[doc(hidden)]
pub use successor::Successor;
#[cfg(any(test, fuzzing))]
pub use value::fuzzing::stored_value;
pub use value::{DefaultValue, SessionValue, assert_valid_key};
pub use watch::{SessionsWatch, Watch};

pub(crate) use layer_context::{LayerContexts, LayerOptions};
pub(crate) use presented_token::{CarrierKind, PresentedToken, TokenRefusal};
pub(crate) use request::{InProgress, RequestSession, TokenUpdate};
use std::fmt;

#[cfg(feature = "axum")]
use crate::application::Sessions;
use crate::sync::Arc;

/// A client's session, or one value of it.
///
/// `Session` is the whole session: nothing is read until a value is requested, and nothing is
/// created until a value is written. `Session<T>` is one value of the session, read when the
/// handler starts: reading it is field access.
///
/// ```
/// use axum::Json;
/// use axum::extract::Path;
/// use cloakroom::{Session, SessionError, SessionValue};
/// # use serde::{Deserialize, Serialize};
/// # use std::collections::BTreeMap;
///
/// # #[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
/// # struct Cart { items: BTreeMap<String, u32> }
/// async fn show(cart: Session<Cart>) -> Json<Cart> {
///     Json(Cart::clone(&cart))
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
/// `Session<T>` derefs to a read-only snapshot. To change the value, call
/// [`update`](Session::update), whose closure gets the current value.
///
/// Clones share the session and may outlive the request. Writes from a stream or a WebSocket work
/// like writes from a handler, except that a new token cannot reach the client once the headers are
/// sent. Operations that need one then fail with
/// [`ResponseBegun`](crate::error::SessionErrorKind::ResponseBegun). So make the first write, log
/// in and renew in the handler; do the rest anywhere.
///
/// For caches, a response counts as dependent on the session if a clone is still alive when it
/// starts.
pub struct Session<T = ()> {
    request: RequestSession,
    /// `None` exactly when `T` is `()`.
    value: Option<Arc<T>>,
}

impl Session {
    pub(crate) const fn new(request: RequestSession) -> Self {
        Self { request, value: None }
    }

    /// The application's sessions, of which this is one.
    #[cfg(feature = "axum")]
    pub(crate) fn sessions(&self) -> Sessions {
        Sessions::from_engine(Arc::clone(self.request.engine()))
    }

    pub(crate) const fn request(&self) -> &RequestSession {
        &self.request
    }
}

impl<T> Clone for Session<T> {
    fn clone(&self) -> Self {
        Self { request: self.request.clone(), value: self.value.clone() }
    }
}

impl<T> fmt::Debug for Session<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}
