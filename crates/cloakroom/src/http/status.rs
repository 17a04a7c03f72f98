use http::StatusCode;

use crate::error::SessionErrorKind;

impl SessionErrorKind {
    /// Returns the status of a response for such an error, for applications with an error type of
    /// their own.
    ///
    /// Send 503 with `Retry-After`, and 401 to programs with `WWW-Authenticate`: the layer adds the
    /// latter if the kind is in the response's extensions.
    ///
    /// ```
    /// use cloakroom::SessionErrorKind;
    ///
    /// assert_eq!(SessionErrorKind::Ended.status(), http::StatusCode::UNAUTHORIZED);
    /// ```
    #[must_use]
    pub const fn status(self) -> StatusCode {
        answer(self).0
    }
}

/// The status and the body for clients: enough to act on, nothing about the internals (OWASP ASVS
/// 16.5.1).
pub(super) const fn answer(kind: SessionErrorKind) -> (StatusCode, &'static str) {
    use SessionErrorKind as Kind;
    match kind {
        Kind::Ended => (StatusCode::UNAUTHORIZED, "The session is over.\n"),
        Kind::Ambiguous => (StatusCode::BAD_REQUEST, "Send one session token, not several.\n"),
        Kind::TooManyCookies => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Send fewer cookies.\n"),
        Kind::InvalidCursor => (StatusCode::BAD_REQUEST, "There is no such page. Start with the first one.\n"),
        Kind::Conflict => (StatusCode::CONFLICT, "The data was changed by another request. Try again.\n"),
        Kind::TooManySessions => (StatusCode::CONFLICT, "Too many sessions. End another one first.\n"),
        Kind::TooManyWatches => (StatusCode::TOO_MANY_REQUESTS, "Too many open pages. Close another one first.\n"),
        Kind::CsrfRefused => (StatusCode::FORBIDDEN, "This page is out of date. Load it again.\n"),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "The session cannot hold that much data.\n"),
        Kind::Full
        | Kind::StoreUnavailable
        | Kind::OutcomeUnknown
        | Kind::LoadFailed
        | Kind::LoadTimedOut
        | Kind::TooManyLoads
        | Kind::NoRandomness => (StatusCode::SERVICE_UNAVAILABLE, "Not available right now. Try again.\n"),
        Kind::Decode
        | Kind::UnknownKey
        | Kind::SealBroken
        | Kind::Encode
        | Kind::LoadPanicked
        | Kind::LoadCycle
        | Kind::NoLayer
        | Kind::ResponseBegun => (StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong.\n"),
    }
}
