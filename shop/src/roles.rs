//! What a user may do, derived from the sign-in and cached for a minute.

use std::sync::Arc;
use std::time::Duration;

use cloakroom::{CachePolicy, SessionValue};
use serde::{Deserialize, Serialize};

use crate::error::{Problem, ShopError};
use crate::request_context::{Loaded, RequestContext};
use crate::shop::Sources;

/// The word for shop staff in the database.
pub(crate) const STAFF: &str = "staff";
const ADMIN: &str = "admin";

/// The roles of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Roles(Vec<String>);

/// A role that is withdrawn by other means than the staff page works for a minute longer at most.
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(60)).jitter(10);
}

impl Loaded for Roles {
    const QUERIES: u32 = 1;
}

impl Roles {
    fn has(&self, role: &str) -> bool {
        self.0.iter().any(|own| own == role)
    }

    pub(crate) fn is_staff(&self) -> bool {
        self.has(STAFF) || self.is_admin()
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.has(ADMIN)
    }
}

impl RequestContext {
    /// A guest has none.
    pub(crate) async fn roles(&self) -> Result<Arc<Roles>, ShopError> {
        let Some(user) = self.user().await? else { return Ok(Arc::default()) };
        let load = move |from: Sources| async move { Ok(Roles(from.db.roles(user.0).await?)) };
        self.cached(&self.slots().roles, load).await
    }

    /// Refuses everybody without the role that `allowed` looks for.
    pub(crate) async fn require(&self, allowed: fn(&Roles) -> bool) -> Result<(), ShopError> {
        self.signed_in().await?;
        if allowed(&*self.roles().await?) { Ok(()) } else { Err(Problem::NotAllowed.into()) }
    }
}
