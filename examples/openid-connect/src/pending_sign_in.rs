use std::fmt;

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// What the session keeps while its visitor is at the provider.
///
/// The callback takes it, so it is used once, whether the sign-in succeeds or not. The ttl limits
/// how long a visitor may stay at the provider. A second sign-in in the same session replaces it.
#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "10m")]
pub(crate) struct PendingSignIn {
    /// Returned by the provider: the callback belongs to this session (RFC 6749 §10.12).
    pub(crate) state: String,
    /// In the ID token: it was issued for this sign-in (OpenID Connect Core §15.5.2).
    pub(crate) nonce: String,
    /// Sent with the code: whoever intercepts the code cannot use it (RFC 7636).
    pub(crate) pkce_verifier: String,
    /// The page to return to.
    pub(crate) next: String,
}

impl PendingSignIn {
    pub(crate) fn has_state(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }
}

/// Redacted.
impl fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSignIn").finish_non_exhaustive()
    }
}
