//! A complete example: sign in with OpenID Connect.
//!
//! The authorization code flow with PKCE, a `state` and a `nonce`, all kept in the visitor's session
//! and used once. `docs/guide/13-openid-connect.md` explains it; the tests run it against a provider
//! of their own.
//!
//! ```console
//! $ ISSUER=https://accounts.example.com CLIENT_ID=… CLIENT_SECRET=… cargo run -p cloakroom-openid-connect
//! ```

mod accounts;
mod error;
mod http_client;
mod pending_sign_in;
mod provider;
mod routes;

pub use accounts::{Account, Accounts};
pub use error::SignInError;
pub use http_client::HttpClient;
pub use provider::{DiscoveryError, Provider, ResponseMode, Settings};
pub use routes::routes;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/guide/13-openid-connect.md")]
mod guide {}
