use axum_core::body::Body;
use http::header::LOCATION;
use http::{Method, Response, StatusCode};

use super::origin::Origin;

/// A redirect to another path of the application.
pub(super) struct Redirect {
    status: StatusCode,
    pub(super) path: String,
}

impl Redirect {
    /// `None` if the response is no redirect, or one to another site.
    pub(super) fn of(response: &Response<Body>, origin: &Origin, from: &str) -> Option<Self> {
        let status = response.status();
        if !matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = response.headers().get(LOCATION)?.to_str().ok()?;
        let location = location.split('#').next().unwrap_or_default();
        Some(Self { status, path: resolve(location, origin, from)? })
    }

    /// Returns `true` if the next request is a `GET`, as browsers make of a form (RFC 9110 §15.4).
    pub(super) fn becomes_get(&self, method: &Method) -> bool {
        match self.status {
            StatusCode::SEE_OTHER => method != Method::HEAD,
            StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND => method == Method::POST,
            _ => false,
        }
    }
}

/// The path that a location means, seen from the path `from`.
fn resolve(location: &str, origin: &Origin, from: &str) -> Option<String> {
    let here = from.split('?').next().unwrap_or_default();
    let location = match location.strip_prefix(&origin.to_string()) {
        Some("") => "/",
        Some(path) if path.starts_with(['/', '?']) => path,
        _ => location,
    };
    if location.starts_with("//") || location.contains("://") {
        return None;
    }
    if location.starts_with('/') {
        return Some(location.to_owned());
    }
    if location.is_empty() || location.starts_with('?') {
        return Some(format!("{here}{location}"));
    }
    let folder = here.rfind('/').map_or("/", |end| &here[..=end]);
    Some(format!("{folder}{location}"))
}
