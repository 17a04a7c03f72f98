use std::fmt;
use std::ops::Deref;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use cloakroom::{Principal, Session, SessionValue};
use http::request::Parts;

use crate::AuthRejection;
use crate::auth_layer::source_of;
use crate::client::has_bearer_token;
use crate::current_user::{CheckedUser, Current, CurrentUser};

/// An extractor for the signed-in user, loaded by an [`AuthLayer`](crate::AuthLayer) and cached in
/// the session.
///
/// Derefs to the application's own type. `Option<User<U>>` is `None` for a visitor who is not signed
/// in; the source being down is still a rejection.
///
/// ```
/// # use cloakroom::SessionValue;
/// # use cloakroom_auth::User;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize, SessionValue)]
/// # #[session(ttl = "1m")]
/// struct Account { name: String }
///
/// async fn profile(account: User<Account>) -> String {
///     format!("You are {}.", account.name)
/// }
///
/// async fn home(account: Option<User<Account>>) -> String {
///     account.map_or_else(|| "Welcome.".to_owned(), |account| format!("Welcome back, {}.", account.name))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(home).post(profile));
/// ```
///
/// Reading it again in one session is a read of the session, without a query, until the ttl of `U`
/// ends or `session.invalidate::<U>()` or `sessions.of(user).invalidate::<U>()` drops it. If the
/// source has no such user any more, or its [`AuthHash`](crate::AuthHash) has changed since the
/// login, the session ends on every node and the request continues without one. A request with a
/// bearer token does not: its response is 401 with `error="invalid_token"`.
///
/// Read the user with this type only: the session stores more under the key of `U` than a `U`.
///
/// # Rejections
/// [`AuthRejection`]: a redirect to the login page or 401 if nobody is signed in; 503 if the source
/// or the store of sessions is down; 500 if a layer is missing.
pub struct User<U>(CurrentUser<U>);

impl<U> User<U> {
    /// The principal of the user.
    #[must_use]
    pub const fn principal(&self) -> &Principal {
        &self.0.principal
    }
}

impl<U: SessionValue> User<U> {
    /// Returns the signed-in user of a request. `None` if nobody is signed in.
    ///
    /// Does what the extractor `Option<User<U>>` does, for services without axum.
    ///
    /// # Errors
    /// As the extractor.
    pub async fn read(parts: &mut Parts) -> Result<Option<Self>, AuthRejection> {
        let session = <Session as FromRequestParts<()>>::from_request_parts(parts, &()).await?;
        let source = source_of::<U>(parts)?;
        match source.current(&session).await? {
            Current::User(user) => Ok(Some(Self(user))),
            // A program expects the session that it names, not a visitor's.
            Current::Ended if has_bearer_token(&parts.headers) => Err(AuthRejection::invalid_token()),
            Current::Ended | Current::Nobody => Ok(None),
        }
    }
}

impl<U: SessionValue> Deref for User<U> {
    type Target = U;

    fn deref(&self) -> &U {
        match &**self.0.user {
            CheckedUser::Valid(user) => user,
            CheckedUser::Unknown | CheckedUser::Outdated | CheckedUser::Incomparable => {
                unreachable!("only a valid user is returned")
            }
        }
    }
}

/// Omits the user, whose data does not belong in logs.
impl<U> fmt::Debug for User<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").finish_non_exhaustive()
    }
}

impl<S: Sync, U: SessionValue> FromRequestParts<S> for User<U> {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, AuthRejection> {
        Self::read(parts).await?.ok_or_else(|| AuthRejection::sign_in(parts))
    }
}

impl<S: Sync, U: SessionValue> OptionalFromRequestParts<S> for User<U> {
    type Rejection = AuthRejection;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, AuthRejection> {
        Self::read(parts).await
    }
}
