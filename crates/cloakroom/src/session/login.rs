use std::borrow::Cow;
use std::time::Duration;

use crate::config::MAX_LIFETIME;
use crate::engine::LoginRequest;
use crate::sync::Arc;
use crate::token::Principal;

use super::value::{SessionValue, key};

/// The shortest lifetime that a session can have.
const MIN_LIFETIME: Duration = Duration::from_secs(1);

/// The principal and the options of a login. Anything that converts into a [`Principal`] is enough
/// for a plain login.
///
/// ```
/// # use cloakroom::{Login, SessionValue};
/// # use std::time::Duration;
/// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize, SessionValue)]
/// # struct Cart;
/// let login = Login::new("user-17")
///     .keep::<Cart>()
///     .label("Firefox on Linux")
///     .remember(Duration::from_secs(30 * 24 * 60 * 60));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a login does nothing until it is given to `Session::login`"]
pub struct Login(LoginRequest);

impl Login {
    /// Creates a plain login as `principal`.
    ///
    /// A principal may have at most 1024 bytes: with a longer one, the login fails with
    /// [`TooLarge`](crate::error::SessionErrorKind::TooLarge).
    pub fn new(principal: impl Into<Principal>) -> Self {
        Self(LoginRequest {
            principal: principal.into(),
            label: None,
            keep: Vec::new(),
            keep_prefix: None,
            remember: None,
            idle: None,
            ends_others: false,
        })
    }

    /// Keeps the value of type `T` when an anonymous session becomes a logged-in one.
    ///
    /// All other values of the anonymous session are dropped: a victim must not work on data that
    /// an attacker planted together with the session (session fixation). Values of an earlier login
    /// of the same principal are always kept, values of another principal never.
    pub fn keep<T: SessionValue>(mut self) -> Self {
        self.0.keep.push(Cow::Borrowed(key::<T>()));
        self
    }

    /// Keeps the value under a key that is known only at run time, as [`keep`](Self::keep) does.
    ///
    /// For adapters of other libraries; an application has types.
    #[doc(hidden)]
    pub fn keep_named(mut self, key: impl Into<String>) -> Self {
        self.0.keep.push(Cow::Owned(key.into()));
        self
    }

    /// Keeps the values under all keys that begin with `prefix`, as [`keep`](Self::keep) does.
    ///
    /// For adapters of other libraries, which name no types.
    #[doc(hidden)]
    pub fn keep_prefixed(mut self, prefix: &'static str) -> Self {
        self.0.keep_prefix = Some(prefix);
        self
    }

    /// Sets the session's label in a list of devices, such as "Firefox on Linux".
    ///
    /// Default: if the same principal is logged in already, the label of that login; otherwise none.
    ///
    /// Choose a label that users recognise; do not store a full `User-Agent` or an address. At most
    /// 256 bytes: with a longer one, the login fails with
    /// [`TooLarge`](crate::error::SessionErrorKind::TooLarge).
    pub fn label(mut self, label: impl Into<Arc<str>>) -> Self {
        self.0.label = Some(label.into());
        self
    }

    /// Applies "remember me": the session ends this long after the login, even if it is unused
    /// until then, and its cookie outlives the browser.
    ///
    /// At most 400 days; a longer lifetime counts as 400 days. A remembered session stays
    /// remembered when the same principal logs in again without this option.
    pub fn remember(mut self, lifetime: Duration) -> Self {
        self.0.remember = Some(lifetime.min(MAX_LIFETIME));
        self
    }

    /// Sets an idle timeout for this session, instead of that of
    /// [`Sessions`](crate::application::Sessions).
    ///
    /// Limited to the lifetime of the session. Useful with [`remember`](Self::remember), whose
    /// session otherwise ends at a fixed time, used or not: this adds a sliding timeout within that
    /// lifetime. "Stay signed in for 90 days, unless you were away for 14":
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

    /// Ends all other sessions of the principal first: after a change of the password or of a
    /// second factor (OWASP ASVS 7.4.3).
    ///
    /// Change the credential first, so that nobody logs in with the old one meanwhile. Ends the
    /// sessions that are logged in when the login begins. If one of them cannot be ended, the login
    /// fails, nobody is logged in, and the login can be repeated.
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
