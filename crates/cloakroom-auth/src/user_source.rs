use std::error::Error;
use std::future::Future;

use cloakroom::{Principal, SessionValue};

use crate::AuthHash;

/// The source of an application's users: a connection pool, or a client of another service.
///
/// A user is loaded once for all waiting requests of a session and cached there, by the policy of
/// its type. See [the crate's example](crate).
///
/// Load from the primary database. A replica that lags behind returns the password hash from before
/// a change, and the session that the user has just opened with the new password ends.
pub trait UserSource: Clone + Send + Sync + 'static {
    /// The user as handlers see it: a cached value.
    ///
    /// The ttl bounds how long a session keeps a role that was withdrawn, or stays signed in after
    /// its password was changed elsewhere; so do `stale_while_revalidate` and `stale_if_error`.
    /// `sessions.of(user).invalidate::<Account>()` makes a change effective at once. Do not put the
    /// password hash into this type, because the session stores it.
    type User: SessionValue;

    /// The error of a source that cannot be reached. As a response: 503.
    type Error: Into<Box<dyn Error + Send + Sync>>;

    /// Loads the user of a principal. `None` if there is no such user, or if the user may not be
    /// signed in any more: the session then ends.
    ///
    /// Runs in a task of its own, so it outlives the request.
    fn load(
        &self,
        principal: &Principal,
    ) -> impl Future<Output = Result<Option<UserRecord<Self::User>>, Self::Error>> + Send;
}

/// A user as its source has it.
#[derive(Clone, Debug)]
pub struct UserRecord<U> {
    pub(crate) user: U,
    pub(crate) auth_hash: Option<AuthHash>,
}

impl<U> UserRecord<U> {
    /// A user whose sessions do not depend on a password.
    ///
    /// A session that was logged in with a digest ends, because it does.
    pub const fn new(user: U) -> Self {
        Self { user, auth_hash: None }
    }

    /// Sets the digest of the data that proves the user's identity now. Default: none.
    ///
    /// With one, only logins by [`log_in`](crate::log_in) with an equal digest stay signed in. A
    /// session without a digest ends too, for example one that was logged in before the application
    /// used this.
    #[must_use]
    pub fn auth_hash(self, auth_hash: AuthHash) -> Self {
        Self { auth_hash: Some(auth_hash), ..self }
    }
}
