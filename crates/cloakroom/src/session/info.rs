//! `Session`: what a handler may ask of it. No question creates anything.

use std::time::Duration;

use crate::engine::OpenSession;
use crate::error::SessionError;
use crate::time::{SKEW, Timestamp};
use crate::token::{Authentication, Principal, PublicId};

use super::Session;
use super::client_token::SessionSource;

impl Session {
    /// Whether there is a live session. No value is read.
    ///
    /// Agrees with all other reads of the request: once it was shown the session, a later end is
    /// [`Ended`](crate::error::SessionErrorKind::Ended) and not `false`.
    ///
    /// Not for access control: an anonymous visitor with a cart has one too. Ask for the
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
    /// The faults of a shared tier.
    pub async fn exists(&self) -> Result<bool, SessionError> {
        Ok(self.request.open_to_read().await?.is_some())
    }

    /// Whether the request came with something that looks like a token, whatever that opens: with
    /// [`exists`](Self::exists), to tell a visitor whose session is over from a new one.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn sign_in_page(session: Session) -> Result<&'static str, SessionError> {
    ///     let is_over = session.came_with_token() && !session.exists().await?;
    ///     Ok(if is_over { "Your session has expired. Please sign in again." } else { "Please sign in." })
    /// }
    /// # let _: axum::Router = axum::Router::new().route("/sign-in", axum::routing::get(sign_in_page));
    /// ```
    ///
    /// For the wording of a page and for nothing else. Anybody can send a well-formed token, so `true` says
    /// nothing about the visitor; and an answer that told tokens that once were good from invented ones would be
    /// an oracle for guessing them, which is why this cannot. A cookie that is not well-formed, and several
    /// that contradict each other, count as none. No I/O; what the request does later changes nothing.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.request.has_token()
    }

    /// Which tier this request had its session from, once it asked for something in it; `None` before, and where
    /// there is none. For diagnosis: a panel, a trace, a test. No I/O.
    #[must_use]
    pub fn source(&self) -> Option<SessionSource> {
        self.request.source()
    }

    /// Who is logged in, if anybody.
    ///
    /// # Errors
    /// The faults of a shared tier.
    pub async fn principal(&self) -> Result<Option<Principal>, SessionError> {
        let open = self.request.open_to_read().await?;
        Ok(open.and_then(|(_, state)| state.snapshot()?.principal().cloned()))
    }

    /// When the principal logged in, if anybody is: for pages that demand a recent login
    /// (OWASP ASVS 7.5.1). A renewal does not change it.
    ///
    /// # Errors
    /// The faults of a shared tier.
    pub async fn authenticated_at(&self) -> Result<Option<Timestamp>, SessionError> {
        let open = self.request.open_to_read().await?;
        Ok(open.and_then(|(_, state)| Some(state.snapshot()?.authentication()?.at)))
    }

    /// Whether somebody is logged in, and did so less than `recent` ago: before changes of passwords, addresses
    /// and payments (OWASP ASVS 7.5.1, 7.5.3). `false` too where nobody is logged in.
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
    /// A fault of the shared tier is an error, whatever the layer says about reading without it.
    /// A renewal, a request and "remember me" do not make a login more recent; only
    /// [`login`](Self::login) does, which is therefore what a page does that has asked for the password again.
    ///
    /// # Errors
    /// The faults of a shared tier.
    pub async fn authenticated_within(&self, recent: Duration) -> Result<bool, SessionError> {
        // Not `open_to_read`: what is served while the shared tier is away may have been revoked.
        Ok(self.younger_than(recent, self.request.open_or_ended().await?.as_ref()).is_some())
    }

    /// The login, if it is more recent than that by what the shared tier says now.
    #[cfg(feature = "axum")]
    pub(crate) async fn recent_login(&self, recent: Duration) -> Result<Option<Authentication>, SessionError> {
        Ok(self.younger_than(recent, self.request.refresh_or_ended().await?.as_ref()))
    }

    fn younger_than(&self, recent: Duration, open: Option<&OpenSession>) -> Option<Authentication> {
        let authentication = open?.1.snapshot()?.authentication()?;
        let now = self.request.engine().now();
        // One that seems to come from further ahead than clocks may differ by would be recent for as long.
        let is_recent = now.after(SKEW) >= authentication.at && now < authentication.at.after(recent);
        is_recent.then(|| authentication.clone())
    }

    /// When the session was created, if there is one.
    ///
    /// # Errors
    /// The faults of a shared tier.
    pub async fn created_at(&self) -> Result<Option<Timestamp>, SessionError> {
        let open = self.request.open_to_read().await?;
        Ok(open.and_then(|(_, state)| Some(state.snapshot()?.created_at)))
    }

    /// When the session ends if no more requests are seen, if there is one: counted from now, as this request is one,
    /// unless it does [not count](Self::without_activity).
    ///
    /// # Errors
    /// The faults of a shared tier.
    pub async fn expires_at(&self) -> Result<Option<Timestamp>, SessionError> {
        let seen = self.request.activity();
        let open = self.request.open_to_read().await?;
        Ok(open.and_then(|(entry, state)| Some(state.snapshot()?.deadline(seen.max(entry.last_seen())))))
    }

    /// The public name of the session, if there is one: to mark "this device" in a list.
    ///
    /// # Errors
    /// The faults of a shared tier.
    pub async fn public_id(&self) -> Result<Option<PublicId>, SessionError> {
        let open = self.request.open_to_read().await?;
        Ok(open.map(|(entry, _)| PublicId::of(&entry.selector)))
    }
}
