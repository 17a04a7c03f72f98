//! The user of a session: loaded by its principal, cached, and checked against the login.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cloakroom::{CachePolicy, Derived, Principal, Session, SessionError, SessionValue, Timestamp};
use serde::{Deserialize, Serialize};

use crate::log_in::LoginHash;
use crate::{AuthHash, UserSource};

/// A user, or the answer that the session has none any more.
///
/// Stored under the key of the user's type, so that `invalidate::<U>()` drops it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(bound = "U: SessionValue")]
pub(crate) enum CheckedUser<U> {
    /// The user, whose login is still valid.
    Valid(U),
    /// There is no such user.
    Unknown,
    /// The data that proves the user's identity has changed since the login.
    Outdated,
    /// The user's record has no digest of that data, or the login stored none.
    Incomparable,
}

impl<U: SessionValue> SessionValue for CheckedUser<U> {
    const KEY: &'static str = U::KEY;
    const CACHE: CachePolicy = U::CACHE;

    fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Valid(user) => user.expires_at(),
            Self::Unknown | Self::Outdated | Self::Incomparable => None,
        }
    }

    fn size(&self) -> Option<usize> {
        match self {
            Self::Valid(user) => user.size(),
            Self::Unknown | Self::Outdated | Self::Incomparable => None,
        }
    }
}

/// The signed-in user, as the session caches it.
pub(crate) struct CurrentUser<U> {
    pub(crate) principal: Principal,
    pub(crate) user: Arc<Derived<CheckedUser<U>>>,
}

/// The user of a session, if it has one.
pub(crate) enum Current<U> {
    User(CurrentUser<U>),
    /// Nobody is signed in.
    Nobody,
    /// The session had a principal but no user any more, and was ended.
    Ended,
}

const NO_LOGIN_HASH: &str = "its login stored no digest, but the record of its user has one: log in with \
    `cloakroom_auth::log_in`";
const NO_RECORD_HASH: &str = "its login stored a digest, but the record of its user has none: set it with \
    `UserRecord::auth_hash`";

type Loading<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionError>> + Send + 'a>>;

/// A [`UserSource`] without its type.
pub(crate) trait DynUserSource<U>: Send + Sync {
    /// Returns the user of the session; ends the session if it has a principal but no user.
    fn current<'a>(&'a self, session: &'a Session) -> Loading<'a, Current<U>>;
}

impl<S: UserSource> DynUserSource<S::User> for S {
    fn current<'a>(&'a self, session: &'a Session) -> Loading<'a, Current<S::User>> {
        Box::pin(async move {
            let Some(principal) = session.principal().await? else { return Ok(Current::Nobody) };
            let login_hash = session.get::<LoginHash>().await?.map(|hash| hash.0);
            let user = load(self, session, &principal, login_hash).await?;
            let reason = match &**user {
                CheckedUser::Valid(_) => return Ok(Current::User(CurrentUser { principal, user })),
                CheckedUser::Unknown => "its user does not exist any more",
                CheckedUser::Outdated => "the password of its user has changed since the login",
                CheckedUser::Incomparable if login_hash.is_none() => NO_LOGIN_HASH,
                CheckedUser::Incomparable => NO_RECORD_HASH,
            };
            session.revoke().await?;
            match &**user {
                // Usually a mistake: the next login ends in the same way.
                CheckedUser::Incomparable => tracing::warn!(reason, "a session was ended"),
                _ => tracing::info!(reason, "a session was ended"),
            }
            Ok(Current::Ended)
        })
    }
}

/// Returns the user from the session, or loads it.
///
/// The user is derived from the login: after a login with another digest, the cached one is not used.
async fn load<S: UserSource>(
    source: &S,
    session: &Session,
    principal: &Principal,
    login_hash: Option<AuthHash>,
) -> Result<Arc<Derived<CheckedUser<S::User>>>, SessionError> {
    let mut input = login_hash.map_or_else(Vec::new, |hash| hash.as_bytes().to_vec());
    input.extend_from_slice(principal.as_str().as_bytes());
    let (source, principal) = (source.clone(), principal.clone());
    let loader = move || async move {
        Ok::<_, S::Error>(match source.load(&principal).await? {
            None => CheckedUser::Unknown,
            Some(record) => match (record.auth_hash, login_hash) {
                (None, Some(_)) | (Some(_), None) => CheckedUser::Incomparable,
                (present, at_login) if present != at_login => CheckedUser::Outdated,
                _ => CheckedUser::Valid(record.user),
            },
        })
    };
    session.get_or_derive(input, loader).await
}
