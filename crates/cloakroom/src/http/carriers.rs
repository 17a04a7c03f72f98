//! The carriers of a layer, each with its token format.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

use crate::crypto::ActiveKeyRing;
use crate::session::CarrierKind;
use crate::time::Timestamp;

use super::cookie_config::CookieConfig;
use super::token_format::TokenFormat;
use super::token_header::TokenHeader;
use super::transport::{Accepts, AmbiguityPolicy, Transport};

/// Everything about tokens that a layer's requests and responses need.
#[derive(Clone, Debug)]
pub(super) struct Carriers {
    pub(super) accepts: Accepts<Carrier<CookieConfig>, Carrier<TokenHeader>>,
    pub(super) on_ambiguity: AmbiguityPolicy,
    pub(super) first: CarrierKind,
}

/// One carrier and its token format.
#[derive(Clone, Debug)]
pub(super) struct Carrier<C> {
    pub(super) config: C,
    pub(super) form: TokenFormat,
}

impl Carriers {
    pub(super) fn new(transport: &Transport, keys: Option<&ActiveKeyRing>, unsigned_until: Option<Timestamp>) -> Self {
        let form = |carrier: &str, name: &str| {
            transport.form().unwrap_or_else(|| TokenFormat::new(keys, carrier, name, unsigned_until))
        };
        let cookie = |config: &CookieConfig| Carrier { form: form("cookie", config.name()), config: config.clone() };
        let header = |config: &TokenHeader| Carrier { form: form("header", config.name()), config: config.clone() };
        let accepts = match &transport.accepts {
            Accepts::Cookie(config) => Accepts::Cookie(cookie(config)),
            Accepts::Header(config) => Accepts::Header(header(config)),
            Accepts::Either(one, other) => Accepts::Either(cookie(one), header(other)),
        };
        Self { accepts, on_ambiguity: transport.on_ambiguity, first: transport.first }
    }
}

impl Carriers {
    /// The cookie that may carry tokens.
    pub(super) const fn cookie(&self) -> Option<&CookieConfig> {
        match &self.accepts {
            Accepts::Cookie(cookie) | Accepts::Either(cookie, _) => Some(&cookie.config),
            Accepts::Header(_) => None,
        }
    }

    /// Marks the headers with tokens as sensitive, so that inner services do not print them.
    /// Visiting every field costs less than looking up two names, and also finds a name that occurs
    /// twice.
    pub(super) fn hide_tokens(&self, headers: &mut HeaderMap) {
        let (cookie, header) = match self.accepts {
            Accepts::Cookie(_) => (true, false),
            Accepts::Header(_) => (false, true),
            Accepts::Either(..) => (true, true),
        };
        for (name, value) in headers {
            if (cookie && name == COOKIE) || (header && name == AUTHORIZATION) {
                value.set_sensitive(true);
            }
        }
    }
}

impl<C: PartialEq> Carrier<C> {
    /// Returns `true` if tokens are read and written alike on both.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.config == other.config && self.form.is_like(&other.form)
    }
}

impl Transport {
    /// The format that was configured, if any.
    fn form(&self) -> Option<TokenFormat> {
        self.codec.clone().map(TokenFormat::Codec)
    }
}
