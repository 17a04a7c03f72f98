//! "My devices": the sessions of a user, listed by public ids (OWASP ASVS 7.5.2).

use std::cmp::Reverse;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::SystemTime;

use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use cloakroom::{RecentLogin, SessionInfo, SessionValue};
use humantime::format_rfc3339_seconds;
use serde::{Deserialize, Serialize};

use crate::accounts::{self, UserId};
use crate::error::{Problem, ShopError};
use crate::pages::{Frame, Notice, Page, Texts, render};
use crate::request_context::{Accept, RequestContext};

/// Ending sessions of other devices takes a sign-in within the last ten minutes, so that it is not
/// possible from an unlocked screen (OWASP ASVS 7.5.1). Signing out everywhere, including this
/// device, is for emergencies and always possible.
type Recent = RecentLogin<600>;

/// Where a session was signed in. It is not in the label, which logs may contain.
#[derive(Clone, Debug, Serialize, Deserialize, SessionValue)]
#[session(key = "sign-in-place")]
pub(crate) struct SignInPlace {
    address: Option<IpAddr>,
}

impl SignInPlace {
    pub(crate) fn of(ctx: &RequestContext) -> Self {
        // An IPv4 address as IPv4, if the socket takes both.
        Self { address: ctx.address.map(|address| address.to_canonical()) }
    }
}

/// One session of the user.
#[derive(Debug, Serialize)]
struct Device {
    public_id: String,
    label: String,
    /// Distinguishes devices with one label, in the order of their sign-ins; `None` if it is the only one.
    number: Option<usize>,
    /// The address from which it was signed in, if it is known.
    address: Option<IpAddr>,
    /// In UTC, as RFC 3339 writes it.
    signed_in_at: Option<String>,
    /// Whether it is the session of this request.
    this: bool,
    signed_in_seconds_ago: u64,
    seen_seconds_ago: u64,
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    frame: Frame,
    devices: Vec<Device>,
}

#[derive(Deserialize)]
pub(crate) struct ShowQuery {
    ended: Option<usize>,
}

/// `GET /devices`
pub(crate) async fn show(ctx: RequestContext, Query(query): Query<ShowQuery>) -> Result<Response, ShopError> {
    let devices = devices(&ctx, ctx.signed_in().await?).await?;
    Ok(match ctx.accept {
        Accept::Html => {
            let notice = query.ended.map(|count| Notice::DevicesEnded { count });
            render(&DevicesPage { frame: Frame::new(&ctx, Page::Devices, notice).await?, devices })?
        }
        Accept::Json => Json(devices).into_response(),
        Accept::Text => devices.iter().map(Device::text).collect::<String>().into_response(),
    })
}

#[derive(Deserialize)]
pub(crate) struct RevokeForm {
    public_id: String,
}

/// `POST /devices/revoke` with the field `public_id`
pub(crate) async fn revoke(
    ctx: RequestContext,
    _: Recent,
    Form(form): Form<RevokeForm>,
) -> Result<Response, ShopError> {
    let user = ctx.signed_in().await?;
    // The id of another user's session gets the same error as an invalid one.
    let id = form.public_id.parse().map_err(|_| Problem::NoSuchDevice)?;
    if !ctx.change("device (sign out)", ctx.shop.sessions().of(user).revoke(id)).await? {
        return Err(Problem::NoSuchDevice.into());
    }
    Ok(signed_out(&ctx, 1))
}

/// `POST /devices/sign-out-others`
pub(crate) async fn sign_out_others(ctx: RequestContext, _: Recent) -> Result<Response, ShopError> {
    let sessions = ctx.shop.sessions().of(ctx.signed_in().await?);
    let count = ctx.change("devices (sign out)", sessions.revoke_others(&ctx.session)).await?;
    Ok(signed_out(&ctx, count))
}

/// `POST /devices/sign-out-everywhere`: ends this session last, so that the user can try again if
/// ending the others fails.
pub(crate) async fn sign_out_everywhere(ctx: RequestContext) -> Result<Response, ShopError> {
    let sessions = ctx.shop.sessions().of(ctx.signed_in().await?);
    ctx.change("devices (sign out)", sessions.revoke_others(&ctx.session)).await?;
    accounts::sign_out(ctx).await
}

fn signed_out(ctx: &RequestContext, count: usize) -> Response {
    let json = serde_json::json!({ "ended": count });
    ctx.done(&format!("/devices?ended={count}"), json, format!("Signed out on {count} devices"))
}

/// Returns the user's sessions: this one first, then the others, last used first.
async fn devices(ctx: &RequestContext, user: UserId) -> Result<Vec<Device>, ShopError> {
    let mut list = ctx.change("devices", ctx.shop.sessions().of(user).list()).await?;
    let this = ctx.session.public_id().await?;
    let now = list.iter().map(|info| info.last_seen).max().unwrap_or_default();
    list.sort_by_key(|info| (Some(info.id) != this, Reverse(info.last_seen)));
    let mut devices = Vec::with_capacity(list.len());
    for info in &list {
        devices.push(Device {
            public_id: info.id.to_string(),
            label: label_of(info).to_owned(),
            number: number(info, &list),
            address: address(ctx, user, info).await?,
            signed_in_at: info.authenticated_at.to_system_time().and_then(rfc3339),
            this: Some(info.id) == this,
            signed_in_seconds_ago: now.since(info.authenticated_at).as_secs(),
            seen_seconds_ago: now.since(info.last_seen).as_secs(),
        });
    }
    Ok(devices)
}

/// Formats an instant; `None` after the year 9999, for which RFC 3339 has no room.
fn rfc3339(at: SystemTime) -> Option<String> {
    let mut text = String::new();
    write!(text, "{}", format_rfc3339_seconds(at)).ok()?;
    Some(text)
}

fn label_of(info: &SessionInfo) -> &str {
    info.label.as_deref().unwrap_or("Unknown device")
}

/// Returns the position of a session among those with its label, by the time of the sign-in.
fn number(info: &SessionInfo, list: &[SessionInfo]) -> Option<usize> {
    let alike = || list.iter().filter(|other| label_of(other) == label_of(info));
    let order = |info: &SessionInfo| (info.authenticated_at, info.id.to_string());
    (alike().count() > 1).then(|| alike().filter(|other| order(other) <= order(info)).count())
}

/// Returns the address from which a session was signed in.
async fn address(ctx: &RequestContext, user: UserId, info: &SessionInfo) -> Result<Option<IpAddr>, ShopError> {
    let Some(session) = ctx.shop.sessions().of(user).by_id(info.id).await? else { return Ok(None) };
    Ok(session.get::<SignInPlace>().await?.and_then(|place| place.address))
}

impl Device {
    fn name(&self) -> String {
        self.number.map_or_else(|| self.label.clone(), |number| format!("{} #{number}", self.label))
    }

    /// Returns where the device was signed in, in the words of its list.
    fn place(&self, t: &Texts) -> Option<String> {
        let place =
            |address: IpAddr| if address.is_loopback() { t.this_machine.to_owned() } else { address.to_string() };
        self.address.map(|address| t.place(&place(address)))
    }

    /// Returns the time of the sign-in as the page shows it where no script translates it.
    fn signed_in_at(&self) -> String {
        self.signed_in_at.as_deref().unwrap_or_default().replace('T', " ").replace('Z', " UTC")
    }

    fn text(&self) -> String {
        let address = self.address.map_or_else(|| "unknown address".to_owned(), |address| address.to_string());
        format!("{} {}, {address}, signed in {}\n", self.public_id, self.name(), self.signed_in_at())
    }
}

/// The first match wins, as browsers also name those that they are compatible with.
const BROWSERS: [(&str, &str); 8] = [
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("CriOS/", "Chrome"),
    ("Safari/", "Safari"),
    ("curl/", "curl"),
];

const SYSTEMS: [(&str, &str); 7] = [
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
];

/// Returns a label such as "Firefox on Linux" for a `User-Agent`.
///
/// It consists only of the words above, so that no text of the client gets into a page or a log.
pub(crate) fn label(user_agent: &str) -> String {
    let find = |words: &[(&str, &'static str)]| {
        words.iter().find(|(word, _)| user_agent.contains(word)).map(|(_, name)| *name)
    };
    match (find(&BROWSERS), find(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{label, rfc3339};

    #[test]
    fn a_browser_that_names_others_too_gets_its_own_name() {
        let edge = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36 Edg/140.0";
        assert_eq!(label(edge), "Edge on Windows");
        assert_eq!(label("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"), "Firefox on Linux");
        let android =
            "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36";
        assert_eq!(label(android), "Chrome on Android");
    }

    #[test]
    fn a_label_contains_no_text_of_the_client() {
        assert_eq!(label("curl/8.1"), "curl");
        assert_eq!(label("<script>\r\n\u{1b}[2J"), "Unknown device");
    }

    #[test]
    fn every_instant_of_a_sign_in_is_shown_or_left_out() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(253_402_300_799).as_deref(), Some("9999-12-31T23:59:59Z"));
        assert_eq!(at(253_402_300_800), None);
    }
}
