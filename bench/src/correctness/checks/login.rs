//! Login, logout, and session ids that a client chooses.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::Result;
use crate::targets::SLOW_WRITE_DELAY;

use super::super::setup::Context;
use super::{FULL_CART, Outcome};

pub(super) async fn changes_id(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    let before = browser.cookies();
    let user = browser.read(cx.first(), "POST /login").await?;
    let old = cx.read(cx.first(), "GET /who", &before).await?;
    let new = browser.read(cx.first(), "GET /who").await?;
    let passed = before != browser.cookies() && old != user && new == user;
    Ok(Outcome::new(passed, format!("user {user} logs in; then the old id is user {old}, the new one user {new}")))
}

pub(super) async fn late_read(cx: &Context<'_>) -> Result<Outcome> {
    late_request(cx, "GET /count").await
}

pub(super) async fn late_write(cx: &Context<'_>) -> Result<Outcome> {
    late_request(cx, "POST /count").await
}

/// A request with the cookies from before the login is answered after it, and the browser applies
/// the response.
async fn late_request(cx: &Context<'_>, line: &str) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    let before = browser.cookies();
    let user = browser.read(cx.first(), "POST /login").await?;
    let late = cx.send(cx.first(), line, &before).await?;
    browser.keep_cookies(&late);
    let current = browser.read(cx.first(), "GET /who").await?;
    let cookies = late.set_cookies.len();
    let summary =
        format!("user {user} logs in; after a late response that sets {cookies} cookies it is user {current}");
    Ok(Outcome::new(current == user, summary))
}

pub(super) async fn switch_user(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    browser.send(cx.first(), "POST /login").await?;
    let before = browser.cookies();
    let user = browser.read(cx.first(), "POST /switch").await?;
    let old = cx.read(cx.first(), "GET /who", &before).await?;
    let new = browser.read(cx.first(), "GET /who").await?;
    let passed = before != browser.cookies() && old != user && new == user;
    Ok(Outcome::new(passed, format!("the next user is {user}; then the old id is user {old}, the browser user {new}")))
}

pub(super) async fn rotate_and_fail(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    let status = browser.send(cx.first(), "POST /rotate/fail").await?.status;
    let items = browser.read(cx.first(), "GET /cart").await?;
    let passed = status == 500 && items == FULL_CART;
    Ok(Outcome::new(passed, format!("the response is {status}; items in the cart then: {items}")))
}

pub(super) async fn write_during_logout(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    let before = browser.cookies();
    let logout = async {
        sleep(SLOW_WRITE_DELAY / 3).await;
        browser.send(cx.first(), "POST /logout").await
    };
    let (late, logout) = tokio::join!(cx.send(cx.first(), "POST /late", &before), logout);
    let (late, _) = (late?, logout?);
    let mut items = vec![cx.read(cx.first(), "GET /cart", &before).await?];
    // The late response may also set a cookie.
    browser.keep_cookies(&late);
    items.push(browser.read(cx.first(), "GET /cart").await?);
    if cx.read(cx.second(), "GET /cart", &before).await? == FULL_CART {
        items.push(format!("{FULL_CART} on the other node"));
    }
    let passed = items.iter().all(|items| !items.starts_with(FULL_CART));
    Ok(Outcome::new(passed, format!("items in the cart after the logout: {}", items.join(", "))))
}

pub(super) async fn logout_after_abort(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    let before = browser.cookies();
    let aborted = cx.first().send_and_abort("POST /late", &before, SLOW_WRITE_DELAY / 3).await?;
    cx.note(format!("POST /late, {}", if aborted { "aborted by the client" } else { "answered before the abort" }));
    // Gives the server time to notice.
    sleep(SLOW_WRITE_DELAY).await;
    browser.send(cx.first(), "POST /logout").await?;
    let items = cx.read(cx.first(), "GET /cart", &before).await?;
    Ok(Outcome::new(items != FULL_CART, format!("items in the cart after the logout: {items}")))
}

pub(super) async fn logout_elsewhere(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    let cookies = browser.cookies();
    let before = cx.read(cx.second(), "GET /cart", &cookies).await?;
    browser.send(cx.first(), "POST /logout").await?;
    let began = Instant::now();
    let mut after = cx.read(cx.second(), "GET /cart", &cookies).await?;
    while after == FULL_CART && began.elapsed() < Duration::from_secs(3) {
        sleep(Duration::from_millis(10)).await;
        after = cx.read(cx.second(), "GET /cart", &cookies).await?;
    }
    let took = began.elapsed();
    let summary = format!("items on the other node before the logout: {before}, {took:.1?} after it: {after}");
    Ok(Outcome::new(before == FULL_CART && after != FULL_CART, summary))
}

pub(super) async fn unknown_id(cx: &Context<'_>) -> Result<Outcome> {
    let cookie = cx.session_cookies(cx.first()).await?;
    // Changes the first character of the value.
    let at = cookie.find('=').map_or(0, |at| at + 1);
    let other = if cookie[at..].starts_with('a') { "b" } else { "a" };
    start_session_with(cx, &format!("{}{other}{}", &cookie[..at], &cookie[at + 1..])).await
}

pub(super) async fn ended_id(cx: &Context<'_>) -> Result<Outcome> {
    let mut browser = cx.browser(cx.first()).await?;
    let ended = browser.cookies();
    browser.send(cx.first(), "POST /logout").await?;
    start_session_with(cx, &ended).await
}

async fn start_session_with(cx: &Context<'_>, cookie: &str) -> Result<Outcome> {
    let response = cx.send(cx.first(), "POST /start", cookie).await?;
    let items = cx.read(cx.first(), "GET /cart", cookie).await?;
    let is_new = response.set_cookies.iter().any(|set| set.split(';').next() != Some(cookie));
    let summary = format!("a session is started with it; items under that id then: {items}");
    Ok(Outcome::new(is_new && items != FULL_CART, summary))
}
