//! Access tokens of another issuer, verified once per session.

use std::error::Error;
use std::future::Future;

use serde::de::DeserializeOwned;

use crate::error::{SessionError, SessionErrorKind};
use crate::jwt::{AccessToken, AccessTokenVerifier, JwtError};
use crate::sync::Arc;

use super::{Derived, Session, SessionValue};

/// Reason why no value could be derived from an access token.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The token is invalid. Response: 401 with `WWW-Authenticate: Bearer error="invalid_token"`.
    #[error("invalid access token")]
    Refused(#[source] JwtError),
    /// The token is valid, but something else failed. Response: that of the error.
    #[error(transparent)]
    Session(SessionError),
}

plain_debug!(AccessError);

/// Distinguishes an invalid token from a failed loader, as the error passes through the session.
#[derive(Debug, thiserror::Error)]
enum VerifyError {
    #[error("invalid access token")]
    Refused(#[source] JwtError),
    #[error("the value derived from the access token could not be loaded")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

impl Session {
    /// Returns the value derived from an access token, verified and derived once per session and
    /// token.
    ///
    /// The value is cached for as long as the token and the value's
    /// [`CachePolicy`](crate::CachePolicy) allow, whichever ends first. Another token in the same
    /// session is verified again, and so is the same token in another session. Concurrent requests
    /// share one verification. An invalid token is verified each time it is presented. If there is
    /// no session, the loader runs and nothing is stored: reading creates none.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::jwt::{AccessToken, AccessTokenVerifier};
    /// # use cloakroom::{AccessError, CachePolicy, Session, SessionValue};
    /// #[derive(serde::Deserialize)]
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Roles(Vec<String>);
    /// impl SessionValue for Roles {
    ///     const KEY: &'static str = "roles";
    ///     const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(300));
    /// }
    ///
    /// async fn roles(session: &Session, tokens: &AccessTokenVerifier, bearer: &str) -> Result<Vec<String>, AccessError> {
    ///     let derive = |token: AccessToken<Claims>| async move { query_roles(&token.claims.sub).await };
    ///     Ok(session.verified::<Roles, _, _, _, _>(tokens, bearer, derive).await?.0.clone())
    /// }
    ///
    /// async fn query_roles(user: &str) -> std::io::Result<Roles> {
    ///     # let _ = user;
    ///     Ok(Roles(vec!["editor".to_owned()])) // your database
    /// }
    /// ```
    ///
    /// The library does not compare the token's user with the [logged-in
    /// principal](Self::principal): if a request can have both, do that in the handler.
    ///
    /// # Errors
    /// [`AccessError::Refused`] if the token is invalid, and otherwise as
    /// [`get_or_load`](Self::get_or_load).
    pub async fn verified<T, C, E, D, F>(
        &self,
        tokens: &AccessTokenVerifier,
        token: &str,
        derive: D,
    ) -> Result<Arc<Derived<T>>, AccessError>
    where
        T: SessionValue,
        C: DeserializeOwned + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
        D: FnOnce(AccessToken<C>) -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (tokens, shown) = (tokens.clone(), token.to_owned());
        let loader = move || async move {
            let token = tokens.verify::<C>(&shown).map_err(VerifyError::Refused)?;
            let until = token.expires_at;
            let value = derive(token).await.map_err(|error| VerifyError::Failed(error.into()))?;
            Ok::<_, VerifyError>((value, until))
        };
        self.get_or_derive_until(token, loader).await.map_err(AccessError::from)
    }
}

impl From<SessionError> for AccessError {
    fn from(error: SessionError) -> Self {
        match find_refusal(&error) {
            Some(because) if error.kind() == SessionErrorKind::LoadFailed => Self::Refused(because),
            _ => Self::Session(error),
        }
    }
}

fn find_refusal(error: &SessionError) -> Option<JwtError> {
    let mut cause = error.source();
    while let Some(present) = cause {
        if let Some(VerifyError::Refused(because)) = present.downcast_ref() {
            return Some(*because);
        }
        cause = present.source();
    }
    None
}
