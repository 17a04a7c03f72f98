//! What a response tells its client of the token, by the way that the client uses.

use std::time::Duration;

use http::header::{SET_COOKIE, WWW_AUTHENTICATE};
use http::{Extensions, HeaderMap, HeaderValue, Response};

use crate::identity::Token;
use crate::session::{Handle, Reply, Way};
use crate::sessions::SessionErrorKind;

use super::cache_control::{Exposure, restrict};
use super::channel::{Channel, Channels};
use super::cookie_config::CookieConfig;
use super::set_cookie;
use super::token_header::TokenHeader;
use super::transport::Accepts;

/// Not a token, as no token has `!` in it.
const ENDED: &str = "!ended";

/// Tells the client what became of its token, and caches what became of the response. Answers whether
/// that is known; if not, it has to be asked for first.
pub(super) fn answer<B>(handle: &Handle, response: &mut Response<B>) -> bool {
    // Where the session lives on in the body, what that will say may depend on it.
    if !handle.was_used() && !handle.outlives_its_response() {
        return true;
    }
    let Some(channels) = handle.transport::<Channels>() else { return true };
    let way = handle.way();
    let is_over = says_that_it_is_over(way, response.extensions());
    let headers = response.headers_mut();
    let exposure = match handle.reply() {
        Reply::Unsettled => return false,
        Reply::Unchanged => Exposure::Used,
        Reply::Keep { token, lifetime, persistent } => {
            if channels.outlet(way).issue(headers, &token, lifetime, persistent, handle) {
                handle.delivered();
            }
            Exposure::TokenIssued
        }
        Reply::Forget => {
            channels.outlet(way).remove(headers);
            Exposure::TokenIssued
        }
    };
    restrict(headers, exposure, channels.varies());
    if is_over && !headers.contains_key(WWW_AUTHENTICATE) {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
    }
    true
}

/// Whether the response is the error that a token gets which opens nothing any more: to programs RFC 6750 §3 says how
/// to call it.
fn says_that_it_is_over(way: Way, extensions: &Extensions) -> bool {
    way == Way::Header && extensions.get::<SessionErrorKind>() == Some(&SessionErrorKind::Ended)
}

/// Where a token goes out.
enum Outlet<'a> {
    Cookie(&'a Channel<CookieConfig>),
    Header(&'a Channel<TokenHeader>),
}

impl Channels {
    const fn outlet(&self, way: Way) -> Outlet<'_> {
        match (&self.accepts, way) {
            (Accepts::Cookie(channel), _) | (Accepts::Either(channel, _), Way::Cookie) => Outlet::Cookie(channel),
            (Accepts::Header(channel), _) | (Accepts::Either(_, channel), Way::Header) => Outlet::Header(channel),
        }
    }

    /// The fields that a response depends on which depends on the session.
    const fn varies(&self) -> &'static [&'static str] {
        match self.accepts {
            Accepts::Cookie(_) => &["Cookie"],
            Accepts::Header(_) => &["Authorization"],
            Accepts::Either(..) => &["Cookie", "Authorization"],
        }
    }
}

impl Outlet<'_> {
    /// Whether the response carries the token.
    fn issue(&self, headers: &mut HeaderMap, token: &Token, left: Duration, persistent: bool, handle: &Handle) -> bool {
        match self {
            Self::Cookie(Channel { config, form }) => {
                let Some((text, left)) = form.write(token, left, handle) else { return false };
                let max_age = (persistent || config.is_persistent()).then_some(left);
                headers.append(SET_COOKIE, set_cookie::issue(config, text.as_str(), max_age));
            }
            Self::Header(Channel { config, form }) => {
                let Some((text, left)) = form.write(token, left, handle) else { return false };
                tell(config, headers, text.as_str(), left);
            }
        }
        true
    }

    fn remove(&self, headers: &mut HeaderMap) {
        match self {
            Self::Cookie(Channel { config, .. }) => drop(headers.append(SET_COOKIE, set_cookie::remove(config))),
            Self::Header(Channel { config, .. }) => tell(config, headers, ENDED, Duration::ZERO),
        }
    }
}

fn tell(header: &TokenHeader, headers: &mut HeaderMap, text: &str, left: Duration) {
    // Tokens and the word for their end are visible ASCII, so there is always a value.
    let Ok(mut value) = HeaderValue::from_str(text) else { return };
    // Keeps it out of `Debug`, and out of the compression tables of HTTP/2 and HTTP/3.
    value.set_sensitive(true);
    headers.insert(header.header(), value);
    headers.insert(header.expires_in(), HeaderValue::from(left.as_secs()));
}
