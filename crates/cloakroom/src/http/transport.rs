//! The carriers that a layer accepts.

use super::cookie_config::CookieConfig;
use super::token_header::TokenHeader;
use crate::codec::{DynCodec, TokenCodec};
use crate::config_error::ConfigError;
use crate::session::CarrierKind;
use crate::sync::Arc;

/// How clients send their token to a layer, and how they receive it. Default: the
/// [cookie](CookieConfig).
///
/// ```
/// use cloakroom::{CookieConfig, AmbiguityPolicy, SessionLayer, Sessions, TokenHeader, Transport};
///
/// let sessions = Sessions::in_memory();
/// let pages = SessionLayer::new(sessions.clone()); // a cookie
/// let api = SessionLayer::new(sessions.clone()).transport(Transport::bearer(TokenHeader::default()));
/// let both = SessionLayer::new(sessions)
///     .transport(Transport::either(CookieConfig::default(), TokenHeader::default()).on_ambiguity(AmbiguityPolicy::PreferBearer));
/// # drop((pages, api, both));
/// ```
///
/// | | cookie | bearer | either |
/// |---|---|---|---|
/// | a request sends its token in | `Cookie` | `Authorization: Bearer` | one of them |
/// | the other carrier is | ignored | ignored | refused, unless [`on_ambiguity`](Self::on_ambiguity) is set |
/// | the response sends a token in | `Set-Cookie` | [`TokenHeader`] | the carrier of the request |
/// | cross-site requests | need a [guard](https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html) | carry no token | need the guard |
///
/// A cookie-only layer never reads `Authorization`, so that header may contain an access token of
/// the application's own.
#[derive(Clone, Debug)]
pub struct Transport {
    pub(super) accepts: Accepts<CookieConfig, TokenHeader>,
    pub(super) on_ambiguity: AmbiguityPolicy,
    pub(super) first: CarrierKind,
    pub(super) codec: Option<Arc<dyn DynCodec>>,
}

/// The policy of a layer that accepts either carrier, for a request with both a session cookie and
/// a bearer token.
///
/// The two may belong to two clients. An attacker who can add one of them to a request must not get
/// the data of one client with the rights of the other, so at most one is ever used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AmbiguityPolicy {
    /// Accepts neither: any use of the session fails with
    /// [`Ambiguous`](crate::error::SessionErrorKind::Ambiguous), a 400. Requests that do not use
    /// the session are served. The default.
    #[default]
    Refuse,
    /// Ignores the bearer token.
    PreferCookie,
    /// Ignores the cookie.
    PreferBearer,
}

/// The carriers that a layer accepts, each with its configuration.
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
    /// The cookie only; `Authorization` is ignored. For browsers.
    #[must_use]
    pub const fn cookie(config: CookieConfig) -> Self {
        Self::of(Accepts::Cookie(config), CarrierKind::Cookie)
    }

    /// `Authorization: Bearer` only (RFC 6750); cookies are ignored. For programs.
    #[must_use]
    pub const fn bearer(header: TokenHeader) -> Self {
        Self::of(Accepts::Header(header), CarrierKind::Header)
    }

    /// Either carrier, but not both in one request. For an API that pages and programs share.
    ///
    /// A response uses the carrier of its request. A new session is sent in a cookie, unless
    /// [`prefer_header`](Self::prefer_header) is set.
    #[must_use]
    pub const fn either(cookie: CookieConfig, header: TokenHeader) -> Self {
        Self::of(Accepts::Either(cookie, header), CarrierKind::Cookie)
    }

    const fn of(accepts: Accepts<CookieConfig, TokenHeader>, first: CarrierKind) -> Self {
        Self { accepts, on_ambiguity: AmbiguityPolicy::Refuse, first, codec: None }
    }

    /// Sets the policy for a request with both tokens. Default: [`AmbiguityPolicy::Refuse`].
    ///
    /// Has no effect if the layer accepts one carrier.
    #[must_use]
    pub const fn on_ambiguity(mut self, answer: AmbiguityPolicy) -> Self {
        self.on_ambiguity = answer;
        self
    }

    /// Encodes the tokens with a codec, and accepts no others. Default: tokens are short and opaque,
    /// and have a MAC if the sessions have [keys](crate::application::SessionsBuilder::keys).
    ///
    /// For clients whose tokens other services read: the crate `cloakroom-jwt` has a codec for
    /// signed JWTs. Otherwise the default is better: it is shorter and costs a hash. Turning it on
    /// or off logs all users out.
    ///
    /// # Errors
    /// If a token could make the cookie longer than the 4096 bytes that browsers keep (RFC 6265bis
    /// §5.6).
    pub fn codec(mut self, codec: impl TokenCodec) -> Result<Self, ConfigError> {
        if let Accepts::Cookie(config) | Accepts::Either(config, _) = &self.accepts {
            config.fits(codec.max_len())?;
        }
        self.codec = Some(Arc::new(codec));
        Ok(self)
    }

    /// Sends new tokens in the header instead of a cookie to clients that come without a token.
    ///
    /// Has no effect if the layer accepts cookies only.
    #[must_use]
    pub const fn prefer_header(mut self) -> Self {
        if !matches!(self.accepts, Accepts::Cookie(_)) {
            self.first = CarrierKind::Header;
        }
        self
    }
}
