//! What a request shows to a layer, and by which way.

use http::HeaderMap;

use crate::session::{Refusal, Shown, Way};
use crate::sessions::{Engine, EventKind};

use super::channel::{Channel, Channels};
use super::cookie_config::CookieConfig;
use super::form::{Form, Reading};
use super::transport::{Accepts, OnBoth};
use super::{bearer, cookie};

/// A request's token, and the way by which its client is to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) shown: Shown,
    pub(super) way: Way,
}

impl Channels {
    /// What the request shows, if that is exactly one token that is well-formed.
    pub(super) fn receive(&self, headers: &HeaderMap, engine: &Engine) -> Arrival {
        match &self.accepts {
            Accepts::Cookie(cookie) => by_cookie(find_cookie(headers, cookie), &cookie.form, engine),
            Accepts::Header(header) => by_bearer(bearer::find(headers), &header.form, engine),
            Accepts::Either(cookie, header) => {
                let found = (find_cookie(headers, cookie), bearer::find(headers));
                self.receive_either(found, (&cookie.form, &header.form), engine)
            }
        }
    }

    fn receive_either(
        &self,
        (cookie, bearer): (cookie::Found<'_>, bearer::Found<'_>),
        (in_cookie, in_header): (&Form, &Form),
        engine: &Engine,
    ) -> Arrival {
        let cookie = match cookie {
            // As beside another cookie: what is no token must not keep one from being believed.
            cookie::Found::One(value) if bearer != bearer::Found::Absent && !in_cookie.is_well_formed(value) => {
                cookie::Found::Absent
            }
            cookie::Found::NoToken if bearer != bearer::Found::Absent => cookie::Found::Absent,
            cookie => cookie,
        };
        match (cookie, bearer) {
            (cookie::Found::Absent, bearer::Found::Absent) => Arrival { shown: Shown::Nothing, way: self.first },
            (cookie, bearer::Found::Absent) => by_cookie(cookie, in_cookie, engine),
            // Of two fields a proxy in front of us may have judged the other one, whatever is preferred.
            (cookie::Found::Absent, bearer) | (_, bearer @ bearer::Found::Several) => {
                by_bearer(bearer, in_header, engine)
            }
            (cookie, bearer) => match self.on_both {
                OnBoth::PreferCookie => by_cookie(cookie, in_cookie, engine),
                OnBoth::PreferBearer => by_bearer(bearer, in_header, engine),
                OnBoth::Refuse => contradiction(Way::Cookie, engine),
            },
        }
    }
}

fn find_cookie<'a>(headers: &'a HeaderMap, channel: &Channel<CookieConfig>) -> cookie::Found<'a> {
    cookie::find(headers, channel.config.name(), |value| channel.form.is_well_formed(value))
}

fn by_cookie(found: cookie::Found<'_>, form: &Form, engine: &Engine) -> Arrival {
    let shown = match found {
        cookie::Found::Absent => Shown::Nothing,
        cookie::Found::One(value) => token(value, form, engine).unwrap_or_else(|| malformed(value, form)),
        cookie::Found::NoToken => {
            engine.ledger.counters.tokens_malformed.count();
            Shown::Nothing
        }
        cookie::Found::Ambiguous => {
            engine.ledger.counters.cookies_ambiguous.count();
            engine.ledger.record(EventKind::CookiesAmbiguous, None, None);
            Shown::Refused(Refusal::SeveralCookies)
        }
        cookie::Found::Oversized => {
            engine.ledger.counters.cookies_oversized.count();
            Shown::Refused(Refusal::OversizedCookies)
        }
    };
    Arrival { shown, way: Way::Cookie }
}

fn by_bearer(found: bearer::Found<'_>, form: &Form, engine: &Engine) -> Arrival {
    let shown = match found {
        bearer::Found::Absent => Shown::Nothing,
        bearer::Found::One(text) => token(text, form, engine).unwrap_or(Shown::Refused(Refusal::Invalid)),
        bearer::Found::Several => return contradiction(Way::Header, engine),
        bearer::Found::Oversized => {
            engine.ledger.counters.tokens_malformed.count();
            Shown::Refused(Refusal::Invalid)
        }
    };
    Arrival { shown, way: Way::Header }
}

/// Nobody was ever given what cannot be a token by its form, and anybody can plant it: as if it were not there.
fn malformed(value: &[u8], form: &Form) -> Shown {
    if form.is_well_formed(value) { Shown::Refused(Refusal::Invalid) } else { Shown::Nothing }
}

/// What a text shows; `None` if it cannot be a token by its form.
fn token(text: &[u8], form: &Form, engine: &Engine) -> Option<Shown> {
    let counters = &engine.ledger.counters;
    match form.read(text, || engine.now()) {
        Reading::Token(token) => return Some(Shown::Token(token)),
        Reading::Outdated(token) => return Some(Shown::Outdated(token)),
        Reading::Plain(token) => {
            counters.tokens_plain.count();
            return Some(Shown::Outdated(token));
        }
        Reading::Malformed => {
            counters.tokens_malformed.count();
            return None;
        }
        Reading::Forged => counters.tokens_forged.count(),
        #[cfg(feature = "jwt")]
        Reading::OutOfTime => counters.tokens_out_of_time.count(),
        Reading::UnknownKey => {
            counters.tokens_of_unknown_keys.count();
            engine.ledger.record(EventKind::TokenOfUnknownKey, None, None);
        }
    }
    Some(Shown::Refused(Refusal::Invalid))
}

fn contradiction(way: Way, engine: &Engine) -> Arrival {
    engine.ledger.counters.tokens_ambiguous.count();
    engine.ledger.record(EventKind::TokensAmbiguous, None, None);
    Arrival { shown: Shown::Refused(Refusal::Contradiction), way }
}
