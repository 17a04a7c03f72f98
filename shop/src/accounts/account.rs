//! The signed-in user, and their name as a cached value.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::{CachePolicy, Principal, SessionValue};
use serde::{Deserialize, Serialize};

use crate::error::{Problem, ShopError};
use crate::request_context::{Loaded, RequestContext};

/// A user's id in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UserId(pub(crate) i64);

impl From<UserId> for Principal {
    fn from(id: UserId) -> Self {
        Self::from(id.0)
    }
}

/// What a page shows of its user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) full_name: String,
}

impl SessionValue for Account {
    const KEY: &'static str = "account";
    const CACHE: CachePolicy =
        CachePolicy::ttl(Duration::from_secs(300)).jitter(10).stale_if_error(Duration::from_secs(3600));
}

impl Loaded for Account {
    const QUERIES: u32 = 1;
}

impl RequestContext {
    /// Who is signed in. The session knows; no database is asked.
    pub(crate) async fn user(&self) -> Result<Option<UserId>, ShopError> {
        let ask = async || {
            let principal = self.session().principal().await?;
            Ok(principal.and_then(|principal| principal.as_str().parse().ok()).map(UserId))
        };
        self.slots().user.get_or_try_init(ask).await.copied()
    }

    /// Who is signed in, on pages that are for signed-in users only.
    pub(crate) async fn signed_in(&self) -> Result<UserId, ShopError> {
        Ok(self.user().await?.ok_or(Problem::SignInFirst)?)
    }

    /// The user's account, if somebody is signed in.
    pub(crate) async fn account(&self) -> Result<Option<Arc<Account>>, ShopError> {
        let Some(user) = self.user().await? else { return Ok(None) };
        let load = move |from: crate::shop::Sources| async move {
            Ok(Account { full_name: from.db.full_name(user.0).await?.unwrap_or_default() })
        };
        self.cached(&self.slots().account, load).await.map(Some)
    }
}
