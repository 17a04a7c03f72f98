//! "My devices": the user's sessions, by names that open nothing (OWASP ASVS 7.5.2).

mod label;

use std::time::Duration;

use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use cloakroom::{RecentLogin, SessionInfo};
use serde::{Deserialize, Serialize};

pub(crate) use self::label::label;
use crate::accept::Accept;
use crate::accounts::{self, UserId};
use crate::error::{Problem, ShopError};
use crate::pages::{DevicesPage, Notice};
use crate::request_context::RequestContext;

/// One of the user's sessions.
#[derive(Debug, Serialize)]
pub(crate) struct Device {
    pub(crate) handle: String,
    pub(crate) label: String,
    /// Whether it is the one that asks.
    pub(crate) this: bool,
    #[serde(rename = "signed_in_seconds_ago", serialize_with = "as_seconds")]
    pub(crate) signed_in: Duration,
    #[serde(rename = "seen_seconds_ago", serialize_with = "as_seconds")]
    pub(crate) seen: Duration,
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(duration.as_secs())
}

#[derive(Deserialize)]
pub(crate) struct Which {
    handle: String,
}

#[derive(Deserialize)]
pub(crate) struct Ended {
    ended: Option<usize>,
}

/// `GET /devices`
pub(crate) async fn show(visit: RequestContext, Query(query): Query<Ended>) -> Result<Response, ShopError> {
    let devices = devices(&visit, visit.signed_in().await?).await?;
    Ok(match visit.wants() {
        Accept::Html => {
            let notice = query.ended.map(|count| Notice::DevicesEnded { count });
            DevicesPage::respond(&visit, devices, notice).await?
        }
        Accept::Json => Json(devices).into_response(),
        Accept::Text => devices
            .iter()
            .map(|device| format!("{} {}\n", device.handle, device.label))
            .collect::<String>()
            .into_response(),
    })
}

/// Who finds a screen that was left open must not sign its owner out elsewhere: a sign-in of the last ten
/// minutes is needed (OWASP ASVS 7.5.1). Signing out everywhere, this device included, is for emergencies and needs none.
type Recent = RecentLogin<600>;

/// `POST /devices/revoke` with the field `public_id`
pub(crate) async fn revoke(visit: RequestContext, _: Recent, Form(which): Form<Which>) -> Result<Response, ShopError> {
    let user = visit.signed_in().await?;
    // A handle of somebody else is as unknown here as one that never was.
    let handle = which.handle.parse().map_err(|_| Problem::NoSuchDevice)?;
    let revoked = visit.change("device (sign out)", visit.shop().sessions().of(user).revoke(handle)).await?;
    if !revoked {
        return Err(Problem::NoSuchDevice.into());
    }
    answer(&visit, 1)
}

/// `POST /devices/sign-out-others`
pub(crate) async fn sign_out_others(visit: RequestContext, _: Recent) -> Result<Response, ShopError> {
    let user = visit.signed_in().await?;
    let sessions = visit.shop().sessions().of(user);
    let count = visit.change("devices (sign out)", sessions.revoke_others(visit.session())).await?;
    answer(&visit, count)
}

/// `POST /devices/sign-out-everywhere`: ends this session too, and that one last, so that whatever
/// fails on the way can be repeated.
pub(crate) async fn sign_out_everywhere(visit: RequestContext) -> Result<Response, ShopError> {
    let user = visit.signed_in().await?;
    let sessions = visit.shop().sessions().of(user);
    visit.change("devices (sign out)", sessions.revoke_others(visit.session())).await?;
    accounts::sign_out(visit).await
}

fn answer(visit: &RequestContext, count: usize) -> Result<Response, ShopError> {
    Ok(match visit.wants() {
        Accept::Html => Redirect::to(&format!("/devices?ended={count}")).into_response(),
        Accept::Json => Json(serde_json::json!({ "ended": count })).into_response(),
        Accept::Text => format!("Signed out on {count} devices").into_response(),
    })
}

/// This device first, then the others as they were used last.
async fn devices(visit: &RequestContext, user: UserId) -> Result<Vec<Device>, ShopError> {
    let list = visit.change("devices", visit.shop().sessions().of(user).list()).await?;
    let this = visit.session().public_id().await?;
    let now = list.iter().map(|info| info.last_seen).max().unwrap_or_default();
    let device = |info: SessionInfo| Device {
        handle: info.id.to_string(),
        label: info.label.as_deref().unwrap_or("Unknown device").to_owned(),
        this: Some(info.id) == this,
        signed_in: now.since(info.authenticated_at),
        seen: now.since(info.last_seen),
    };
    let mut devices: Vec<Device> = list.into_iter().map(device).collect();
    devices.sort_by_key(|device| (!device.this, device.seen));
    Ok(devices)
}
