//! Access tokens of another issuer, verified once per session.

use std::future::Future;
use std::sync::Arc;

use cloakroom::{Derived, LoadResult, Session, SessionValue};
use serde::de::DeserializeOwned;

use super::access_error::VerifyError;
use super::{AccessError, AccessToken, AccessTokenVerifier};

impl AccessTokenVerifier {
    /// Returns the value derived from an access token, verified and derived once per session and
    /// token.
    ///
    /// The value is cached for as long as the token and the value's
    /// [`CachePolicy`](cloakroom::CachePolicy) allow, whichever ends first. Another token in the
    /// same session is verified again, and so is the same token in another session. Concurrent
    /// requests share one verification. An invalid token is verified each time it is presented. If
    /// there is no session, the loader runs and nothing is stored: reading creates none.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionValue};
    /// # use cloakroom_jwt::{AccessError, AccessToken, AccessTokenVerifier};
    /// #[derive(serde::Deserialize)]
    /// struct Claims {
    ///     sub: String,
    /// }
    ///
    /// #[derive(Clone, serde::Serialize, serde::Deserialize, SessionValue)]
    /// #[session(ttl = "5m")]
    /// struct Roles(Vec<String>);
    ///
    /// async fn roles(session: &Session, tokens: &AccessTokenVerifier, bearer: &str) -> Result<Vec<String>, AccessError> {
    ///     let derive = |token: AccessToken<Claims>| async move { query_roles(&token.claims.sub).await };
    ///     Ok(tokens.verify_once(session, bearer, derive).await?.0.clone())
    /// }
    ///
    /// async fn query_roles(user: &str) -> std::io::Result<Roles> {
    ///     # let _ = user;
    ///     Ok(Roles(vec!["editor".to_owned()])) // your database
    /// }
    /// ```
    ///
    /// The library does not compare the token's user with the [logged-in
    /// principal](Session::principal): if a request can have both, do that in the handler.
    ///
    /// # Errors
    /// [`AccessError::Refused`] if the token is invalid, and otherwise as
    /// [`Session::get_or_load`].
    pub async fn verify_once<T, C, D, F>(
        &self,
        session: &Session,
        token: &str,
        derive: D,
    ) -> Result<Arc<Derived<T>>, AccessError>
    where
        T: SessionValue,
        C: DeserializeOwned + Send + 'static,
        D: FnOnce(AccessToken<C>) -> F + Send + 'static,
        F: Future<Output: LoadResult<T>> + Send + 'static,
    {
        let (verifier, shown) = (self.clone(), token.to_owned());
        let loader = move || async move {
            let token = verifier.verify::<C>(&shown).map_err(VerifyError::Refused)?;
            let until = token.expires_at;
            let value = derive(token).await.boxed().map_err(VerifyError::Failed)?;
            Ok::<_, VerifyError>((value, until))
        };
        session.get_or_derive_until(token, loader).await.map_err(AccessError::from)
    }
}
