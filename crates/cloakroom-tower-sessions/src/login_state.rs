//! The principal that the data of a session names, compared with the principal of the session.

use cloakroom::{Principal, Session, SessionError};

use crate::Data;
use crate::layer::PrincipalOf;

/// What has to happen to a session before data is written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoginStep {
    /// The session belongs to the principal of the data already.
    None,
    LogIn {
        principal: Principal,
        /// `true` if another principal is logged in, whose values are not carried over.
        replaces: bool,
    },
    /// Somebody is logged in, and nobody according to the data.
    LogOut,
}

impl LoginStep {
    /// Compares the principal that the application finds in `data` with that of the session.
    pub(crate) async fn towards(
        data: &Data,
        principal_of: Option<&PrincipalOf>,
        session: &Session,
    ) -> Result<Self, SessionError> {
        let Some(principal_of) = principal_of else { return Ok(Self::None) };
        Ok(match (principal_of.call(data), session.principal().await?) {
            (Some(principal), present) if present.as_ref() != Some(&principal) => {
                Self::LogIn { principal, replaces: present.is_some() }
            }
            (None, Some(_)) => Self::LogOut,
            _ => Self::None,
        })
    }
}
