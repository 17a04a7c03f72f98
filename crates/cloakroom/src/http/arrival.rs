//! What a request shows to a layer, and by which way.

use http::HeaderMap;

use crate::session::{Shown, Way};
use crate::sessions::{Engine, EventKind};

use super::channel::Channels;
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
            Accepts::Cookie(cookie) => by_cookie(cookie::find(headers, cookie.config.name()), &cookie.form, engine),
            Accepts::Header(header) => by_bearer(bearer::find(headers), &header.form, engine),
            Accepts::Either(cookie, header) => {
                let found = (cookie::find(headers, cookie.config.name()), bearer::find(headers));
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

fn by_cookie(found: cookie::Found<'_>, form: &Form, engine: &Engine) -> Arrival {
    let shown = match found {
        cookie::Found::Absent => Shown::Nothing,
        cookie::Found::One(value) => token(value, form, engine),
        cookie::Found::Ambiguous => {
            engine.ledger.counters.cookies_ambiguous.count();
            engine.ledger.record(EventKind::CookiesAmbiguous, None, None);
            Shown::Nothing
        }
        cookie::Found::Oversized => {
            engine.ledger.counters.cookies_oversized.count();
            Shown::Nothing
        }
    };
    Arrival { shown, way: Way::Cookie }
}

fn by_bearer(found: bearer::Found<'_>, form: &Form, engine: &Engine) -> Arrival {
    let shown = match found {
        bearer::Found::Absent => Shown::Nothing,
        bearer::Found::One(text) => token(text, form, engine),
        bearer::Found::Several => return contradiction(Way::Header, engine),
        bearer::Found::Oversized => {
            engine.ledger.counters.tokens_malformed.count();
            Shown::Nothing
        }
    };
    Arrival { shown, way: Way::Header }
}

fn token(text: &[u8], form: &Form, engine: &Engine) -> Shown {
    let counters = &engine.ledger.counters;
    match form.read(text, || engine.now()) {
        Reading::Token(token) => return Shown::Token(token),
        Reading::Outdated(token) => return Shown::Outdated(token),
        Reading::Plain(token) => {
            counters.tokens_plain.count();
            return Shown::Outdated(token);
        }
        Reading::Malformed => counters.tokens_malformed.count(),
        Reading::Forged => counters.tokens_forged.count(),
        #[cfg(feature = "jwt")]
        Reading::OutOfTime => counters.tokens_out_of_time.count(),
        Reading::UnknownKey => {
            counters.tokens_of_unknown_keys.count();
            engine.ledger.record(EventKind::TokenOfUnknownKey, None, None);
        }
    }
    Shown::Nothing
}

fn contradiction(way: Way, engine: &Engine) -> Arrival {
    engine.ledger.counters.tokens_ambiguous.count();
    engine.ledger.record(EventKind::TokensAmbiguous, None, None);
    Arrival { shown: Shown::Contradiction, way }
}
