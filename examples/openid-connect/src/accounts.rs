use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use cloakroom::{Principal, SessionValue};
use cloakroom_auth::{UserRecord, UserSource};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// A user as the pages show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "1m")]
pub struct Account {
    /// The name that the provider stated at the last sign-in.
    pub name: String,
}

/// The users that have signed in. In your application, a table.
#[derive(Clone, Debug, Default)]
pub struct Accounts(Arc<Mutex<BTreeMap<Principal, Account>>>);

impl Accounts {
    /// Adds a user, or replaces what was known of it.
    pub fn upsert(&self, principal: Principal, account: Account) {
        self.0.lock().insert(principal, account);
    }
}

/// Has no password, so no `AuthHash`: the provider decides how users prove who they are.
impl UserSource for Accounts {
    type User = Account;
    type Error = Infallible;

    async fn load(&self, principal: &Principal) -> Result<Option<UserRecord<Account>>, Infallible> {
        Ok(self.0.lock().get(principal).cloned().map(UserRecord::new))
    }
}
