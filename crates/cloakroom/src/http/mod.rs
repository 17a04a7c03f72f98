//! Sessions over HTTP: the layer, the carriers of tokens, the extractors. No other module knows
//! HTTP.

mod bearer;
#[cfg_attr(not(feature = "test-client"), path = "before_handler/without_test_client.rs")]
mod before_handler;
mod cache_control;
mod carriers;
mod cookie;
mod cookie_config;
#[cfg(test)]
#[path = "../../tests/corpus/mod.rs"]
pub(crate) mod corpus;
#[cfg(feature = "axum")]
mod csrf_header;
#[cfg(feature = "axum")]
mod error_response;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod layer;
mod nested;
#[cfg(feature = "axum")]
mod recent_login;
mod request;
mod response;
#[cfg(feature = "axum")]
mod same_origin;
mod service;
mod set_cookie;
mod status;
mod token_format;
mod token_header;
mod transport;

#[cfg(feature = "test-client")]
pub use before_handler::BeforeHandler;
pub use cookie_config::{CookieConfig, CookieConfigBuilder, SameSite};
#[cfg(feature = "axum")]
pub use csrf_header::CsrfHeader;
pub use future::SessionFuture;
pub use layer::SessionLayer;
#[cfg(feature = "axum")]
pub use recent_login::{RecentLogin, RecentLoginRejection};
#[cfg(feature = "axum")]
pub use same_origin::{CrossOrigin, SameOrigin};
pub use service::SessionService;
pub use token_header::TokenHeader;
pub use transport::{AmbiguityPolicy, Transport};

#[cfg(any(test, fuzzing))]
pub(crate) use bearer::{BearerToken as FoundBearer, find_in as find_bearer_in};
#[cfg(any(test, fuzzing))]
pub(crate) use cookie::{CookieToken, find_in};
#[cfg(any(test, fuzzing))]
pub(crate) use set_cookie::{issue, remove};

use crate::session::Session;

impl Session {
    /// Returns the session of a request that came through a [`SessionLayer`], for plain `tower`
    /// services.
    ///
    /// `None` if no layer wraps the service.
    #[must_use]
    pub fn from_extensions(extensions: &http::Extensions) -> Option<Self> {
        extensions.get::<Self>().cloned()
    }
}
