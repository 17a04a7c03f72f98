//! By which ways the tokens of a layer travel.

use super::cookie_config::CookieConfig;
#[cfg(feature = "jwt")]
use super::cookie_config::CookieConfigError;
use super::token_header::TokenHeader;
#[cfg(feature = "jwt")]
use crate::jwt::JwtCodec;
use crate::session::CarrierKind;

/// How clients show their token to a layer, and how they get it. Default: the [cookie](CookieConfig).
///
/// ```
/// use cloakroom::{CookieConfig, OnBoth, SessionLayer, Sessions, TokenHeader, Transport};
///
/// let sessions = Sessions::in_memory();
/// let pages = SessionLayer::new(sessions.clone()); // a cookie
/// let api = SessionLayer::new(sessions.clone()).transport(Transport::bearer(TokenHeader::default()));
/// let both = SessionLayer::new(sessions)
///     .transport(Transport::either(CookieConfig::default(), TokenHeader::default()).on_ambiguity(OnBoth::PreferBearer));
/// # drop((pages, api, both));
/// ```
///
/// | | cookie | bearer | either |
/// |---|---|---|---|
/// | a request shows its token as | `Cookie` | `Authorization: Bearer` | one of them |
/// | the other one is | ignored | ignored | refused, unless [`on_ambiguity`](Self::on_ambiguity) says otherwise |
/// | the response brings a token as | `Set-Cookie` | [`TokenHeader`] | the way the request showed its own |
/// | cross-site requests | need a [guard](https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html) | carry no token | need the guard |
///
/// A cookie-only layer never looks at `Authorization`, so an access token of the application's own may stand there.
#[derive(Clone, Debug)]
pub struct Transport {
    pub(super) accepts: Accepts<CookieConfig, TokenHeader>,
    pub(super) on_ambiguity: AmbiguityPolicy,
    pub(super) first: CarrierKind,
    #[cfg(feature = "jwt")]
    pub(super) jwt: Option<JwtCodec>,
}

/// What a layer that takes either does with a request that has both a session cookie and a bearer token.
///
/// The two may be of two clients, and whoever can add one of them to a request must not get the data of
/// the one with the rights of the other. So at most one is ever looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AmbiguityPolicy {
    /// Believes neither: whatever asks for the session gets
    /// [`Ambiguous`](crate::error::SessionErrorKind::Ambiguous), a 400. Requests that never ask are served. The default.
    #[default]
    Refuse,
    /// Ignores the bearer token.
    PreferCookie,
    /// Ignores the cookie.
    PreferBearer,
}

/// The ways that a layer takes, with what belongs to each.
#[derive(Clone, Debug)]
pub(super) enum Accepts<C, H> {
    Cookie(C),
    Header(H),
    Either(C, H),
}

impl Default for Transport {
    fn default() -> Self {
        Self::cookie(CookieConfig::default())
    }
}

impl Transport {
    /// By cookie alone. `Authorization` is not looked at. For browsers.
    #[must_use]
    pub const fn cookie(config: CookieConfig) -> Self {
        Self::of(Accepts::Cookie(config), CarrierKind::Cookie)
    }

    /// By `Authorization: Bearer` alone (RFC 6750). Cookies are not looked at. For programs.
    #[must_use]
    pub const fn bearer(header: TokenHeader) -> Self {
        Self::of(Accepts::Header(header), CarrierKind::Header)
    }

    /// By either, never by both in one request. For an API that pages and programs share.
    ///
    /// Who comes with a token is answered the way it came. Who comes without one and gets a session, gets
    /// a cookie; see [`prefer_header`](Self::prefer_header).
    #[must_use]
    pub const fn either(cookie: CookieConfig, header: TokenHeader) -> Self {
        Self::of(Accepts::Either(cookie, header), CarrierKind::Cookie)
    }

    const fn of(accepts: Accepts<CookieConfig, TokenHeader>, first: CarrierKind) -> Self {
        Self {
            accepts,
            on_ambiguity: AmbiguityPolicy::Refuse,
            first,
            #[cfg(feature = "jwt")]
            jwt: None,
        }
    }

    /// What happens to a request that shows both. Of no consequence where a layer takes one of them. Default: [`AmbiguityPolicy::Refuse`].
    #[must_use]
    pub const fn on_ambiguity(mut self, answer: AmbiguityPolicy) -> Self {
        self.on_ambiguity = answer;
        self
    }

    /// Makes the tokens signed JWTs, and accepts nothing else. Default: they are short and opaque, and have a MAC where
    /// the sessions have [keys](crate::application::SessionsBuilder::keys).
    ///
    /// For clients whose tokens other services are to verify. Where nobody does, the default is shorter and
    /// costs a hash in place of a signature. Turning it on or off logs everybody out.
    ///
    /// # Errors
    /// If a JWT could make the cookie longer than the 4096 bytes that browsers keep (RFC 6265bis §5.6).
    #[cfg(feature = "jwt")]
    pub fn jwt(mut self, format: JwtCodec) -> Result<Self, CookieConfigError> {
        if let Accepts::Cookie(config) | Accepts::Either(config, _) = &self.accepts {
            config.fits(format.longest())?;
        }
        self.jwt = Some(format);
        Ok(self)
    }

    /// Gives clients that come without a token theirs in the header and not in a cookie. Of no consequence where a
    /// layer takes cookies alone.
    #[must_use]
    pub const fn prefer_header(mut self) -> Self {
        if !matches!(self.accepts, Accepts::Cookie(_)) {
            self.first = CarrierKind::Header;
        }
        self
    }
}
