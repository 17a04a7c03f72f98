use std::error::Error;
use std::fmt;

use cloakroom::{SessionError, SessionErrorKind};

use super::JwtError;

/// The reason why no value could be derived from an access token.
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

/// Distinguishes an invalid token from a failed loader, as the error passes through the session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerifyError {
    #[error("invalid access token")]
    Refused(#[source] JwtError),
    #[error("the value derived from the access token could not be loaded")]
    Failed(#[source] Box<dyn Error + Send + Sync>),
}

/// Prints the text of `Display` and the cause, because `main` prints errors with `Debug`.
impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(because) => write!(f, "{self}: {because}"),
            Self::Session(error) => fmt::Debug::fmt(error, f),
        }
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
