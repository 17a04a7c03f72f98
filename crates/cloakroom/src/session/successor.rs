//! Sessions that continue a session of another library: for the adapter that takes them over.
//!
//! Hidden from the documentation, because the order of the calls matters, and because whoever can
//! compute a [`Successor`] has the token of its session.

use serde_json::Value;

use crate::engine::SuccessorIdentity;
use crate::error::SessionError;
use crate::token::{Secret, Selector, Token};

use super::json_values::edits;
use super::{Login, Session};

/// The session that continues one of another library.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Successor(SuccessorIdentity);

impl Successor {
    /// The session of these bytes, which must follow from the id of the other session and from a
    /// secret, and must look random to whoever does not have the secret.
    #[must_use]
    pub fn from_bytes(bytes: [[u8; 16]; 3]) -> Self {
        let [selector, unconfirmed, confirmed] = bytes;
        Self(SuccessorIdentity {
            selector: Selector::from_bytes(selector),
            unconfirmed: Secret::from_bytes(unconfirmed),
            confirmed: Secret::from_bytes(confirmed),
        })
    }
}

impl Session {
    /// Gives the request the successor as its session, and the client its token. Returns `false` if
    /// it does not live, or was not confirmed.
    ///
    /// If the successor's token was replaced since, by a login for example, the request has a
    /// superseded token afterwards: reads find nothing, and writes fail.
    ///
    /// # Errors
    /// The errors of a shared tier.
    #[doc(hidden)]
    pub async fn open_successor(&self, successor: &Successor) -> Result<bool, SessionError> {
        // A session that is not confirmed rejects this token too, as one whose token was replaced.
        if !self.request().engine().is_confirmed(&successor.0).await? {
            return Ok(false);
        }
        let token = Token { selector: successor.0.selector, secret: successor.0.confirmed, hint: None };
        self.request().replace_presented(&token).await
    }

    /// Creates the successor with these values, unless it exists.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    ///
    /// # Panics
    /// If a key is not as [`SessionValue::KEY`](crate::SessionValue::KEY) has to be.
    #[doc(hidden)]
    pub async fn create_successor(
        &self,
        successor: &Successor,
        values: Vec<(String, Value)>,
    ) -> Result<(), SessionError> {
        let engine = self.request().engine();
        let edits = edits(engine, values.into_iter().map(|(key, value)| (key, Some(value))))?;
        engine.create_successor(&successor.0, &edits).await
    }

    /// Makes the successor usable, and logs it in. Does nothing if that has happened.
    ///
    /// # Errors
    /// As [`login`](Self::login).
    #[doc(hidden)]
    pub async fn confirm_successor(&self, successor: &Successor, login: Option<Login>) -> Result<(), SessionError> {
        let login = login.as_ref().map(Login::request);
        if let Some(request) = login {
            request.check()?;
        }
        self.request().engine().confirm_successor(&successor.0, login).await
    }

    /// Ends the successor unless it was confirmed.
    ///
    /// # Errors
    /// The errors of a shared tier.
    #[doc(hidden)]
    pub async fn discard_successor(&self, successor: &Successor) -> Result<(), SessionError> {
        self.request().engine().discard_successor(&successor.0).await
    }
}
