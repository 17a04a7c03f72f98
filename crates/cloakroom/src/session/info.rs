//! Read-only queries on a `Session`. None of them creates anything.

use std::time::Duration;

use crate::engine::OpenSession;
use crate::error::SessionError;
use crate::time::{SKEW, Timestamp};
use crate::token::{Authentication, Principal, PublicId};

use super::Session;
use super::client_token::SessionSource;

impl Session {
    /// Returns `true` if there is a live session. Reads no value.
    ///
    /// Agrees with all other reads of the request: once the request has been given the session, a
    /// later end returns [`Ended`](crate::error::SessionErrorKind::Ended) and not `false`.
    ///
    /// Not for access control: an anonymous visitor with a cart has a session too. Use the
    /// [`principal`](Self::principal) there.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn banner(session: Session) -> Result<&'static str, SessionError> {
    ///     Ok(if session.exists().await? { "Welcome back" } else { "We will set a cookie once you put something in your cart" })
    /// }
    /// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(banner));
    /// ```
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn exists(&self) -> Result<bool, SessionError> {
        Ok(self.request.open_to_read().await?.is_some())
    }

    /// Returns `true` if the request carried a well-formed token, whatever the token opens.
    ///
    /// Together with [`exists`](Self::exists), this distinguishes a visitor whose session has ended
    /// from a new one.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn sign_in_page(session: Session) -> Result<&'static str, SessionError> {
    ///     let is_over = session.has_token() && !session.exists().await?;
    ///     Ok(if is_over { "Your session has expired. Please sign in again." } else { "Please sign in." })
    /// }
    /// # let _: axum::Router = axum::Router::new().route("/sign-in", axum::routing::get(sign_in_page));
    /// ```
    ///
    /// Only for the wording of a page. Anyone can send a well-formed token, so `true` is no
    /// information about the visitor. It deliberately does not distinguish tokens that were once
    /// valid from invented ones, which would be an oracle for guessing tokens.
    ///
    /// A cookie that is not well-formed counts as none, and so do several cookies that contradict
    /// each other. No I/O; later actions of the request do not change the result.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.request.has_token()
    }

    /// Returns the tier that this request's session was read from.
    ///
    /// `None` until the request has accessed its session, and if there is no session. For
    /// diagnosis: a panel, a trace, a test. No I/O.
    #[must_use]
    pub fn source(&self) -> Option<SessionSource> {
        self.request.source()
    }

    /// Returns the logged-in principal, or `None` for an anonymous session.
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn principal(&self) -> Result<Option<Principal>, SessionError> {
        let open = self.request.open_to_read().await?;
        Ok(open.and_then(|open| open.snapshot()?.principal().cloned()))
    }

    /// Returns when the principal logged in, or `None` if no principal is logged in.
    ///
    /// For pages that demand a recent login (OWASP ASVS 7.5.1). A renewal does not change it.
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn authenticated_at(&self) -> Result<Option<Timestamp>, SessionError> {
        let open = self.request.open_to_read().await?;
        Ok(open.and_then(|open| Some(open.snapshot()?.authentication()?.at)))
    }

    /// Returns `true` if a principal is logged in, and logged in less than `recent` ago.
    ///
    /// For use before changes of passwords, addresses and payments (OWASP ASVS 7.5.1, 7.5.3).
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// # use std::time::Duration;
    /// # fn ask_for_the_password() -> &'static str { "" }
    /// async fn change_address(session: Session) -> Result<&'static str, SessionError> {
    ///     if !session.authenticated_within(Duration::from_secs(10 * 60)).await? {
    ///         return Ok(ask_for_the_password());
    ///     }
    ///     Ok("changed")
    /// }
    /// # let _: axum::Router = axum::Router::new().route("/address", axum::routing::post(change_address));
    /// ```
    ///
    /// An error of the shared tier is returned as an error, whatever the layer's
    /// [`OnStoreError`](crate::config::OnStoreError). A renewal, a request and "remember me" do not
    /// make a login more recent; only [`login`](Self::login) does, so call it after the page has
    /// asked for the password again.
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn authenticated_within(&self, recent: Duration) -> Result<bool, SessionError> {
        // Not `open_to_read`: a session that is served while the shared tier is down may have been
        // revoked.
        Ok(self.younger_than(recent, self.request.open_or_ended().await?.as_ref()).is_some())
    }

    /// Returns the login if it is more recent than `recent`, according to the shared tier now.
    #[cfg(feature = "axum")]
    pub(crate) async fn recent_login(&self, recent: Duration) -> Result<Option<Authentication>, SessionError> {
        Ok(self.younger_than(recent, self.request.refresh_or_ended().await?.as_ref()))
    }

    fn younger_than(&self, recent: Duration, open: Option<&OpenSession>) -> Option<Authentication> {
        let authentication = open?.snapshot()?.authentication()?;
        let now = self.request.engine().now();
        // A login further in the future than clocks may differ would count as recent for that long.
        let is_recent = now.after(SKEW) >= authentication.at && now < authentication.at.after(recent);
        is_recent.then(|| authentication.clone())
    }

    /// Returns when the session was created, or `None` if there is none.
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn created_at(&self) -> Result<Option<Timestamp>, SessionError> {
        let open = self.request.open_to_read().await?;
        Ok(open.and_then(|open| Some(open.snapshot()?.lifetimes.created_at())))
    }

    /// Returns when the session ends if no more requests arrive, or `None` if there is none.
    ///
    /// Counted from now, because this request is activity, unless it does [not
    /// count](Self::without_activity).
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn expires_at(&self) -> Result<Option<Timestamp>, SessionError> {
        let seen = self.request.activity();
        let open = self.request.open_to_read().await?;
        Ok(open.and_then(|open| Some(open.snapshot()?.lifetimes.deadline(seen.max(open.entry.last_seen())))))
    }

    /// Returns the public id of the session, or `None` if there is none: to mark "this device" in a
    /// list.
    ///
    /// # Errors
    /// The errors of a shared tier.
    pub async fn public_id(&self) -> Result<Option<PublicId>, SessionError> {
        let open = self.request.open_to_read().await?;
        Ok(open.map(|open| PublicId::of(&open.entry.selector)))
    }
}
