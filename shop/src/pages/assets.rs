//! Style sheet, script and drawings, embedded in the binary.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::error::Problem;

/// Name, media type, content.
const ASSETS: [(&str, &str, &str); 4] = [
    ("art.svg", "image/svg+xml", include_str!("../../static/art.svg")),
    ("icon.svg", "image/svg+xml", include_str!("../../static/icon.svg")),
    ("shop.css", "text/css; charset=utf-8", include_str!("../../static/shop.css")),
    ("shop.js", "text/javascript; charset=utf-8", include_str!("../../static/shop.js")),
];

/// A hash of all assets. It is part of their URLs, so that browsers may cache them forever.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let bytes = ASSETS.iter().flat_map(|(_, _, content)| content.bytes());
    // FNV-1a is enough to detect a change.
    let hash =
        bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
});

/// Returns the URL of the asset `name`.
pub(super) fn url(name: &str) -> String {
    format!("/static/{name}?v={}", *VERSION)
}

/// `GET /static/{name}`
pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    let Some((_, media_type, content)) = ASSETS.iter().find(|(known, ..)| *known == name) else {
        return Problem::NoSuchPage.into_response();
    };
    let headers = [(header::CONTENT_TYPE, *media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    (headers, *content).into_response()
}
