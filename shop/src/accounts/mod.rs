//! Accounts: the signed-in user, sign-in and sign-out, passwords.

mod login;
mod password;

use std::sync::Arc;

use cloakroom::{Principal, SessionValue};
use serde::{Deserialize, Serialize};

pub(crate) use self::login::{Throttle, sign_in, sign_in_form, sign_out};
pub(crate) use self::password::{Passwords, change_password, password_form};
use crate::error::{Problem, ShopError};
use crate::request_context::RequestContext;
use crate::shop::Sources;

/// A user's id in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserId(pub(crate) i64);

impl From<UserId> for Principal {
    fn from(id: UserId) -> Self {
        Self::from(id.0)
    }
}

/// The data of a user that every page shows.
#[derive(Clone, Debug, Serialize, Deserialize, SessionValue)]
#[session(ttl = "5m", jitter = 10, stale_if_error = "1h")]
pub(crate) struct Account {
    pub(crate) full_name: String,
}

impl RequestContext {
    /// Returns the signed-in user. The session stores the id, so this makes no query.
    pub(crate) async fn user(&self) -> Result<Option<UserId>, ShopError> {
        let principal = self.session.principal().await?;
        Ok(principal.and_then(|principal| principal.as_str().parse().ok()).map(UserId))
    }

    /// Returns the signed-in user, or the error that asks a guest to sign in.
    pub(crate) async fn signed_in(&self) -> Result<UserId, ShopError> {
        Ok(self.user().await?.ok_or(Problem::SignInFirst)?)
    }

    /// Returns the account of the signed-in user.
    pub(crate) async fn account(&self) -> Result<Option<Arc<Account>>, ShopError> {
        let Some(user) = self.user().await? else { return Ok(None) };
        let load = move |sources: Sources| async move {
            Ok(Account { full_name: sources.db.full_name(user.0).await?.unwrap_or_default() })
        };
        self.cached(1, load).await.map(Some)
    }
}
