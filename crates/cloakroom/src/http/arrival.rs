//! What a request shows to a layer, and by which way.

use http::HeaderMap;

use crate::identity::Token;
use crate::session::Shown;
use crate::sessions::{EventKind, Ledger};

use super::transport::{Accepts, OnBoth, Transport, Way};
use super::{bearer, cookie};

/// A request's token, and the way by which its client is to be answered.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) shown: Shown,
    pub(super) way: Way,
}

impl Transport {
    /// What the request shows, if that is exactly one token that is well-formed.
    pub(super) fn receive(&self, headers: &HeaderMap, ledger: &Ledger) -> Arrival {
        match &self.accepts {
            Accepts::Cookie(config) => by_cookie(cookie::find(headers, config.name()), ledger),
            Accepts::Header(_) => by_bearer(bearer::find(headers), ledger),
            Accepts::Either(config, _) => self.receive_either(cookie::find(headers, config.name()), headers, ledger),
        }
    }

    fn receive_either(&self, cookie: cookie::Found<'_>, headers: &HeaderMap, ledger: &Ledger) -> Arrival {
        let bearer = bearer::find(headers);
        match (cookie, bearer) {
            (cookie::Found::Absent, bearer::Found::Absent) => Arrival { shown: Shown::Nothing, way: self.first },
            (cookie::Found::Absent, bearer) => by_bearer(bearer, ledger),
            (cookie, bearer::Found::Absent) => by_cookie(cookie, ledger),
            // Which of the fields a proxy in front of us has judged nobody knows.
            (_, bearer::Found::Several) => by_bearer(bearer, ledger),
            (cookie, bearer) => match self.on_both {
                OnBoth::PreferCookie => by_cookie(cookie, ledger),
                OnBoth::PreferBearer => by_bearer(bearer, ledger),
                OnBoth::Refuse => contradiction(Way::Cookie, ledger),
            },
        }
    }
}

fn by_cookie(found: cookie::Found<'_>, ledger: &Ledger) -> Arrival {
    let shown = match found {
        cookie::Found::Absent => Shown::Nothing,
        cookie::Found::One(value) => token(value, ledger),
        cookie::Found::Ambiguous => {
            ledger.counters.cookies_ambiguous.count();
            ledger.record(EventKind::CookiesAmbiguous, None, None);
            Shown::Nothing
        }
        cookie::Found::Oversized => {
            ledger.counters.cookies_oversized.count();
            Shown::Nothing
        }
    };
    Arrival { shown, way: Way::Cookie }
}

fn by_bearer(found: bearer::Found<'_>, ledger: &Ledger) -> Arrival {
    let shown = match found {
        bearer::Found::Absent => Shown::Nothing,
        bearer::Found::One(text) => token(text, ledger),
        bearer::Found::Several => return contradiction(Way::Header, ledger),
        bearer::Found::Oversized => malformed(ledger),
    };
    Arrival { shown, way: Way::Header }
}

fn token(text: &[u8], ledger: &Ledger) -> Shown {
    Token::parse(text).map_or_else(|| malformed(ledger), Shown::Token)
}

fn malformed(ledger: &Ledger) -> Shown {
    ledger.counters.tokens_malformed.count();
    Shown::Nothing
}

fn contradiction(way: Way, ledger: &Ledger) -> Arrival {
    ledger.counters.tokens_ambiguous.count();
    ledger.record(EventKind::TokensAmbiguous, None, None);
    Arrival { shown: Shown::Contradiction, way }
}
