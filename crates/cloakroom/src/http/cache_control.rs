//! stand-in
use http::{HeaderMap, HeaderValue};
pub(super) enum Exposure { Used, TokenIssued }
pub(super) fn restrict(h: &mut HeaderMap, e: Exposure) {
    h.insert("cache-control", HeaderValue::from_static(match e { Exposure::Used => "private", Exposure::TokenIssued => "no-store" }));
    h.insert("vary", HeaderValue::from_static("Cookie"));
}
