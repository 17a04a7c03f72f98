//! Cookies and headers of responses, and cookies that a client should not have sent.

use crate::Result;

use super::super::client::Browser;
use super::super::setup::Context;
use super::{FULL_CART, Outcome};

pub(super) async fn read_sets_none(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    let mut count = 0;
    for _ in 0..10 {
        count += u32::from(!browser.send(cx.first(), "GET /cart").await?.set_cookies.is_empty());
    }
    Ok(Outcome::new(count == 0, format!("{count} of 10 responses set a cookie")))
}

pub(super) async fn cache_headers(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = Browser::new(cx);
    let started = browser.send(cx.first(), "POST /start").await?;
    let read = browser.send(cx.first(), "GET /cart").await?;
    let passed = started.cache_control.contains("no-store")
        && ["private", "no-store"].iter().any(|directive| read.cache_control.contains(directive))
        && read.vary.to_ascii_lowercase().contains("cookie");
    let [with_cookie, after_read, vary] = [&started.cache_control, &read.cache_control, &read.vary]
        .map(|header| if header.is_empty() { "none" } else { header.as_str() });
    let summary = format!("Cache-Control with the cookie: {with_cookie}; after a read: {after_read}, Vary: {vary}");
    Ok(Outcome::new(passed, summary))
}

/// An attacker on a sibling domain plants the cookie of their own session to read what the victim
/// stores.
pub(super) async fn planted(cx: &Context<'_>) -> Result<Outcome> {
    let own = cx.session_cookies(cx.first()).await?;
    let planted = cx.session_cookies(cx.first()).await?;
    cx.send(cx.first(), "POST /count", &format!("{planted}; {own}")).await?;
    let first = cx.read(cx.first(), "GET /count", &planted).await?;
    cx.send(cx.first(), "POST /count", &format!("{own}; {planted}")).await?;
    let last = cx.read(cx.first(), "GET /count", &planted).await?;
    let summary = format!("counter of the planted session after an update with it first: {first}, and last: {last}");
    Ok(Outcome::new(first == "0" && last == "0", summary))
}

/// A percent-encoded name circumvents the browsers' rules for `__Host-` cookies.
pub(super) async fn encoded_name(cx: &Context<'_>) -> Result<Outcome> {
    let cookie = cx.session_cookies(cx.first()).await?;
    let first = cookie.bytes().next().unwrap_or_default();
    let items = cx.read(cx.first(), "GET /cart", &format!("%{first:02X}{}", &cookie[1..])).await?;
    Ok(Outcome::new(items != FULL_CART, format!("items in the cart: {items}")))
}

pub(super) async fn duplicate_name(cx: &Context<'_>) -> Result<Outcome> {
    let cookie = cx.session_cookies(cx.first()).await?;
    let name = cookie.split('=').next().unwrap_or_default();
    let first = cx.read(cx.first(), "GET /cart", &format!("{name}=unknown; {cookie}")).await?;
    let last = cx.read(cx.first(), "GET /cart", &format!("{cookie}; {name}=unknown")).await?;
    let summary = format!("items with the unknown cookie first: {first}, and last: {last}");
    Ok(Outcome::new(first == FULL_CART && last == FULL_CART, summary))
}

pub(super) async fn malformed(cx: &Context<'_>) -> Result<Outcome> {
    let cookie = cx.session_cookies(cx.first()).await?;
    let items = cx.read(cx.first(), "GET /cart", &format!("no-equals-sign; =x; %zz=%; {cookie}")).await?;
    Ok(Outcome::new(items == FULL_CART, format!("items in the cart: {items}")))
}
