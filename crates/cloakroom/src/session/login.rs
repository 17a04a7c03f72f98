use std::time::Duration;

use crate::config::MAX_LIFETIME;
use crate::engine::LoginRequest;
use crate::sync::Arc;
use crate::token::Principal;

use super::value::{SessionValue, key};

/// The shortest lifetime that a session can have.
const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// Who logs in, and how. Anything that is a [`Principal`] will do where nothing special is asked for.
///
/// ```
/// # use cloakroom::{Login, SessionValue};
/// # use std::time::Duration;
/// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
/// # struct Cart;
/// # impl SessionValue for Cart { const KEY: &'static str = "cart"; }
/// let login = Login::new("user-17")
///     .keep::<Cart>()
///     .label("Firefox on Linux")
///     .remember(Duration::from_secs(30 * 24 * 60 * 60));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a login does nothing until it is given to `Session::login`"]
pub struct Login(LoginRequest);

impl Login {
    /// A login as `principal`, with nothing special. A principal has at most 1024 bytes: with a
    /// longer one, the login fails with [`TooLarge`](crate::error::SessionErrorKind::TooLarge).
    pub fn new(principal: impl Into<Principal>) -> Self {
        Self(LoginRequest {
            principal: principal.into(),
            label: None,
            keep: Vec::new(),
            remember: None,
            idle: None,
            ends_others: false,
        })
    }

    /// Lets the value of type `T` survive when an anonymous session becomes a logged-in one.
    ///
    /// Everything else that the anonymous session held is dropped: whoever planted a session on a
    /// victim must not find the victim working on planted data (session fixation). What the same
    /// principal left in the session before is always kept, what another principal left never.
    pub fn keep<T: SessionValue>(mut self) -> Self {
        self.0.keep.push(key::<T>());
        self
    }

    /// What to call the session in a list of devices. Show users something they recognise, such as
    /// "Firefox on Linux"; do not keep a full `User-Agent` or an address. At most 256 bytes: with a
    /// longer one, the login fails with [`TooLarge`](crate::error::SessionErrorKind::TooLarge).
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.0.label = Some(label.into());
        self
    }

    /// "Remember me": the session ends this long after the login, also if no request is seen
    /// meanwhile, and its cookie outlives the browser. At most 400 days; more counts as that.
    /// A session that is remembered stays so when the same principal logs in again without this.
    pub fn remember(mut self, lifetime: Duration) -> Self {
        self.0.remember = Some(lifetime.min(MAX_LIFETIME));
        self
    }

    /// An idle timeout of this session's own, in place of that of [`Sessions`](crate::application::Sessions). At most as long as the session may
    /// last.
    ///
    /// With [`remember`](Self::remember), whose session otherwise ends at its time whether it is used or not: it slides
    /// under that end. "Stay signed in for 90 days, unless you were away for 14":
    ///
    /// ```
    /// # use cloakroom::Login;
    /// # use std::time::Duration;
    /// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    /// let login = Login::new("user-17").remember(90 * DAY).idle_timeout(14 * DAY);
    /// ```
    pub fn idle_timeout(mut self, idle: Duration) -> Self {
        self.0.idle = Some(idle.clamp(MIN_LIFETIME, MAX_LIFETIME));
        self
    }

    /// Ends all other sessions of the principal first: after a change of password or of a second factor (OWASP
    /// ASVS 7.4.3). Change that first, so that nobody logs in with the old one meanwhile.
    ///
    /// Ended are the sessions that are logged in when the login begins. If one of them cannot be ended, the login
    /// fails and can be repeated; nobody is logged in then.
    pub const fn ending_others(mut self) -> Self {
        self.0.ends_others = true;
        self
    }

    pub(super) const fn request(&self) -> &LoginRequest {
        &self.0
    }
}

impl<P: Into<Principal>> From<P> for Login {
    fn from(principal: P) -> Self {
        Self::new(principal)
    }
}
