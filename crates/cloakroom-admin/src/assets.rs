//! The style sheet and the script, which are part of the program.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A file that a page loads.
pub(crate) struct Asset {
    pub(crate) path: &'static str,
    media_type: &'static str,
    content: &'static str,
}

pub(crate) static STYLE: Asset = Asset {
    path: "/assets/admin.css",
    media_type: "text/css; charset=utf-8",
    content: include_str!("../assets/admin.css"),
};

pub(crate) static SCRIPT: Asset = Asset {
    path: "/assets/admin.js",
    media_type: "text/javascript; charset=utf-8",
    content: include_str!("../assets/admin.js"),
};

impl Asset {
    /// Returns the address below that of the router. A hash of the content is part of it, so that
    /// browsers may keep the file.
    pub(crate) fn address(&self) -> String {
        // FNV-1a, which is enough to detect a change.
        let hash = self
            .content
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        format!("{}?v={hash:016x}", self.path)
    }
}

impl IntoResponse for &'static Asset {
    fn into_response(self) -> Response {
        let kept = "private, max-age=31536000, immutable";
        ([(header::CONTENT_TYPE, self.media_type), (header::CACHE_CONTROL, kept)], self.content).into_response()
    }
}
