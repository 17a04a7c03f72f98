use cloakroom::{Login, Session, SessionError, SessionValue};
use serde::{Deserialize, Serialize};

use crate::AuthHash;

/// The digest of the data by which the user of a session authenticated.
#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(key = "auth.login.hash")]
pub(crate) struct LoginHash(pub(crate) AuthHash);

/// Logs a principal in, like [`Session::login`], and stores by which data it authenticated.
///
/// Pass the digest of the record that the password was *verified* against, not of one that is loaded
/// afterwards: if the password is changed in between, the new session ends at its first use.
///
/// ```
/// # use cloakroom::{Login, Session, SessionError};
/// # use cloakroom_auth::{AuthHash, log_in};
/// # struct Row { id: i64, password_hash: String }
/// async fn sign_in(session: &Session, row: &Row) -> Result<(), SessionError> {
///     // after `row.password_hash` matched the password
///     log_in(session, Login::new(row.id), AuthHash::of(&row.password_hash)).await
/// }
///
/// /// All other sessions of the user end now, and this one gets a new token.
/// async fn password_changed(session: &Session, row: &Row) -> Result<(), SessionError> {
///     log_in(session, Login::new(row.id).ending_others(), AuthHash::of(&row.password_hash)).await
/// }
/// ```
///
/// Use [`Session::login`] for users without an [`AuthHash`], such as those of an identity provider,
/// and to confirm a login whose digest has not changed.
///
/// # Errors
/// As [`Session::login`] and [`Session::set`]. The principal is then not logged in.
pub async fn log_in(session: &Session, login: impl Into<Login>, auth_hash: AuthHash) -> Result<(), SessionError> {
    session.login(login).await?;
    // The client does not have the new token yet, so no request sees the login without its digest.
    let Err(error) = session.set(LoginHash(auth_hash)).await else { return Ok(()) };
    // If this fails too, the session ends when its user is loaded: its digest is missing, or that of
    // an earlier login.
    if let Err(error) = session.destroy().await {
        tracing::debug!(?error, "a login without its digest could not be ended yet");
    }
    Err(error)
}
