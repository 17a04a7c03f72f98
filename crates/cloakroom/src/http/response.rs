//! Applies the token update to a response, by the carrier of its request.

use std::time::Duration;

use http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use http::{Extensions, HeaderMap, HeaderValue, Response};

use crate::error::SessionErrorKind;
use crate::session::{CarrierKind, RequestSession, TokenUpdate};
use crate::token::Token;

use super::cache_control::{Privacy, enforce};
use super::carriers::{Carrier, Carriers};
use super::cookie_config::CookieConfig;
use super::set_cookie;
use super::token_header::TokenHeader;
use super::transport::Accepts;

/// Not a token, because no token contains `!`.
const ENDED: &str = "!ended";

/// Applies the token update and the cache headers to a response.
///
/// Returns `true` if they are applied; `false` if the update has to be resolved first.
pub(super) fn apply<B>(handle: &RequestSession, response: &mut Response<B>) -> bool {
    // If the body still holds the session, its content may depend on it.
    if !handle.was_used() && !handle.is_shared() {
        return true;
    }
    let Some(carriers) = handle.transport::<Carriers>() else { return true };
    let carrier = handle.carrier();
    let is_over = is_ended_error(carrier, response.extensions());
    let headers = response.headers_mut();
    let exposure = match handle.token_update() {
        TokenUpdate::Pending => return false,
        TokenUpdate::None => Privacy::Used,
        TokenUpdate::Issue { token, lifetime, persistent } => {
            if carriers.sink(carrier).issue(headers, &token, lifetime, persistent, handle) {
                handle.token_delivered();
            }
            Privacy::TokenIssued
        }
        TokenUpdate::Remove => {
            carriers.sink(carrier).remove(headers);
            Privacy::TokenIssued
        }
    };
    enforce(headers, exposure, carriers.varies());
    if is_over && !headers.contains_key(WWW_AUTHENTICATE) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
    }
    true
}

/// Returns `true` if the response is the error for an invalid bearer token, which needs the header
/// of RFC 6750 §3.
fn is_ended_error(carrier: CarrierKind, extensions: &Extensions) -> bool {
    carrier == CarrierKind::Header && extensions.get::<SessionErrorKind>() == Some(&SessionErrorKind::Ended)
}

/// The place of the token in a response.
enum TokenSink<'a> {
    Cookie(&'a Carrier<CookieConfig>),
    Header(&'a Carrier<TokenHeader>),
}

impl Carriers {
    const fn sink(&self, carrier: CarrierKind) -> TokenSink<'_> {
        match (&self.accepts, carrier) {
            (Accepts::Cookie(carrier), _) | (Accepts::Either(carrier, _), CarrierKind::Cookie) => {
                TokenSink::Cookie(carrier)
            }
            (Accepts::Header(carrier), _) | (Accepts::Either(_, carrier), CarrierKind::Header) => {
                TokenSink::Header(carrier)
            }
        }
    }

    /// The request fields on which a response depends if it depends on the session.
    const fn varies(&self) -> &'static [&'static str] {
        match self.accepts {
            Accepts::Cookie(_) => &["Cookie"],
            Accepts::Header(_) => &["Authorization"],
            Accepts::Either(..) => &["Cookie", "Authorization"],
        }
    }
}

impl TokenSink<'_> {
    /// Returns `true` if the response carries the token.
    fn issue(
        &self,
        headers: &mut HeaderMap,
        token: &Token,
        left: Duration,
        persistent: bool,
        handle: &RequestSession,
    ) -> bool {
        match self {
            Self::Cookie(Carrier { config, form }) => {
                let Some((text, left)) = form.encode(token, left, handle) else { return false };
                let max_age = (persistent || config.is_persistent()).then_some(left);
                headers.append(SET_COOKIE, set_cookie::issue(config, text.as_str(), max_age));
            }
            Self::Header(Carrier { config, form }) => {
                let Some((text, left)) = form.encode(token, left, handle) else { return false };
                insert_headers(config, headers, text.as_str(), left);
            }
        }
        true
    }

    fn remove(&self, headers: &mut HeaderMap) {
        match self {
            Self::Cookie(Carrier { config, .. }) => drop(headers.append(SET_COOKIE, set_cookie::remove(config))),
            Self::Header(Carrier { config, .. }) => insert_headers(config, headers, ENDED, Duration::ZERO),
        }
    }
}

fn insert_headers(header: &TokenHeader, headers: &mut HeaderMap, text: &str, left: Duration) {
    // Tokens and `ENDED` are visible ASCII, so this is always a valid value.
    let Ok(mut value) = HeaderValue::from_str(text) else { return };
    // Keeps the token out of `Debug`, and out of the compression tables of HTTP/2 and HTTP/3.
    value.set_sensitive(true);
    headers.insert(header.header(), value);
    headers.insert(header.expires_in(), HeaderValue::from(left.as_secs()));
}
