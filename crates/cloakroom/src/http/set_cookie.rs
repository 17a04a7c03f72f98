//! stand-in
use super::cookie_config::CookieConfig; use crate::identity::Token; use http::HeaderValue; use std::time::Duration;
pub(super) fn issue(c: &CookieConfig, t: &Token, a: Option<Duration>) -> HeaderValue { mk(c, &t.encode(), a.map(|a| a.as_secs())) }
pub(super) fn remove(c: &CookieConfig) -> HeaderValue { mk(c, "", Some(0)) }
fn mk(c: &CookieConfig, v: &str, a: Option<u64>) -> HeaderValue {
    let s = format!("{}={v}; Path=/; HttpOnly; SameSite=Lax{}{}", c.name(), if c.secure() { "; Secure" } else { "" }, a.map_or(String::new(), |a| format!("; Max-Age={a}")));
    HeaderValue::try_from(s).unwrap_or_else(|_| HeaderValue::from_static(""))
}
