//! The token of a request and its carrier.

use http::HeaderMap;

use crate::codec::{DecodedToken, PlainToken};
use crate::engine::Engine;
use crate::session::{CarrierKind, PresentedToken, TokenRefusal};
use crate::telemetry::EventKind;

use super::carriers::{Carrier, Carriers};
use super::cookie_config::CookieConfig;
use super::token_format::TokenFormat;
use super::transport::{Accepts, AmbiguityPolicy};
use super::{bearer, cookie};

/// A request's token, and the carrier for the response to its client.
#[derive(Clone, Copy, Debug)]
pub(super) struct RequestToken {
    pub(super) presented: PresentedToken,
    pub(super) carrier: CarrierKind,
}

impl Carriers {
    /// Extracts the token of the request, if it has exactly one that is well-formed.
    pub(super) fn extract(&self, headers: &HeaderMap, engine: &Engine) -> RequestToken {
        match &self.accepts {
            Accepts::Cookie(cookie) => by_cookie(find_cookie(headers, cookie), &cookie.form, engine),
            Accepts::Header(header) => by_bearer(bearer::find(headers), &header.form, engine),
            Accepts::Either(cookie, header) => {
                let found = (find_cookie(headers, cookie), bearer::find(headers));
                self.extract_either(found, (&cookie.form, &header.form), engine)
            }
        }
    }

    fn extract_either(
        &self,
        (cookie, bearer): (cookie::CookieToken<'_>, bearer::BearerToken<'_>),
        (in_cookie, in_header): (&TokenFormat, &TokenFormat),
        engine: &Engine,
    ) -> RequestToken {
        let cookie = match cookie {
            // As with several cookies: a value without the format of a token must not prevent a
            // token from being accepted.
            cookie::CookieToken::One(value)
                if bearer != bearer::BearerToken::Absent && !in_cookie.is_well_formed(value) =>
            {
                cookie::CookieToken::Absent
            }
            cookie::CookieToken::NoToken if bearer != bearer::BearerToken::Absent => cookie::CookieToken::Absent,
            cookie => cookie,
        };
        match (cookie, bearer) {
            (cookie::CookieToken::Absent, bearer::BearerToken::Absent) => {
                RequestToken { presented: PresentedToken::Missing, carrier: self.first }
            }
            (cookie, bearer::BearerToken::Absent) => by_cookie(cookie, in_cookie, engine),
            // With two fields, a proxy in front may have checked the other one, whatever is
            // preferred.
            (cookie::CookieToken::Absent, bearer) | (_, bearer @ bearer::BearerToken::Several) => {
                by_bearer(bearer, in_header, engine)
            }
            (cookie, bearer) => match self.on_ambiguity {
                AmbiguityPolicy::PreferCookie => by_cookie(cookie, in_cookie, engine),
                AmbiguityPolicy::PreferBearer => by_bearer(bearer, in_header, engine),
                AmbiguityPolicy::Refuse => contradiction(CarrierKind::Cookie, engine),
            },
        }
    }
}

fn find_cookie<'a>(headers: &'a HeaderMap, carrier: &Carrier<CookieConfig>) -> cookie::CookieToken<'a> {
    cookie::find(headers, carrier.config.name(), |value| carrier.form.is_well_formed(value))
}

fn by_cookie(found: cookie::CookieToken<'_>, form: &TokenFormat, engine: &Engine) -> RequestToken {
    let presented = match found {
        cookie::CookieToken::Absent => PresentedToken::Missing,
        cookie::CookieToken::One(value) => token(value, form, engine).unwrap_or_else(|| malformed(value, form)),
        cookie::CookieToken::NoToken => {
            engine.counters().tokens_malformed.count();
            PresentedToken::Missing
        }
        cookie::CookieToken::Ambiguous => {
            engine.counters().cookies_ambiguous.count();
            engine.telemetry().announce(EventKind::CookiesAmbiguous, None, None);
            PresentedToken::Refused(TokenRefusal::SeveralCookies)
        }
        cookie::CookieToken::Oversized => {
            engine.counters().cookies_oversized.count();
            PresentedToken::Refused(TokenRefusal::OversizedCookies)
        }
    };
    RequestToken { presented, carrier: CarrierKind::Cookie }
}

fn by_bearer(found: bearer::BearerToken<'_>, form: &TokenFormat, engine: &Engine) -> RequestToken {
    let presented = match found {
        bearer::BearerToken::Absent => PresentedToken::Missing,
        bearer::BearerToken::One(text) => {
            token(text, form, engine).unwrap_or(PresentedToken::Refused(TokenRefusal::Invalid))
        }
        bearer::BearerToken::Several => return contradiction(CarrierKind::Header, engine),
        bearer::BearerToken::Oversized => {
            engine.counters().tokens_malformed.count();
            PresentedToken::Refused(TokenRefusal::Invalid)
        }
    };
    RequestToken { presented, carrier: CarrierKind::Header }
}

/// No client was ever given a value without the format of a token, and any host can plant one, so
/// it is ignored.
fn malformed(value: &[u8], form: &TokenFormat) -> PresentedToken {
    if form.is_well_formed(value) { PresentedToken::Refused(TokenRefusal::Invalid) } else { PresentedToken::Missing }
}

/// Decodes a text; `None` if it does not have the format of a token.
fn token(text: &[u8], form: &TokenFormat, engine: &Engine) -> Option<PresentedToken> {
    let counters = &engine.counters();
    match form.decode(text, || engine.now()) {
        DecodedToken::Valid(PlainToken(token)) => return Some(PresentedToken::Valid(token)),
        DecodedToken::NeedsReissue(PlainToken(token)) => return Some(PresentedToken::NeedsReissue(token)),
        DecodedToken::Malformed => {
            let Some(token) = form.decode_unsigned(text, || engine.now()) else {
                counters.tokens_malformed.count();
                return None;
            };
            counters.tokens_unsigned.count();
            return Some(PresentedToken::NeedsReissue(token));
        }
        DecodedToken::Forged => counters.tokens_forged.count(),
        DecodedToken::Expired => counters.tokens_out_of_time.count(),
        DecodedToken::UnknownKey => {
            counters.tokens_unknown_key.count();
            engine.telemetry().announce(EventKind::TokenOfUnknownKey, None, None);
        }
    }
    Some(PresentedToken::Refused(TokenRefusal::Invalid))
}

fn contradiction(carrier: CarrierKind, engine: &Engine) -> RequestToken {
    engine.counters().tokens_ambiguous.count();
    engine.telemetry().announce(EventKind::TokensAmbiguous, None, None);
    RequestToken { presented: PresentedToken::Refused(TokenRefusal::ConflictingTokens), carrier }
}
