use http::StatusCode;

use crate::error::SessionErrorKind;

impl SessionErrorKind {
    /// The status of a response that is made of such an error, for applications with an error type of their own.
    ///
    /// Answer 503 with `Retry-After`, and to programs 401 with `WWW-Authenticate`: with the kind in the response's
    /// extensions, the layer adds the latter.
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

/// What a client reads: enough to act on, nothing about the inside (OWASP ASVS 16.5.1).
pub(super) const fn answer(kind: SessionErrorKind) -> (StatusCode, &'static str) {
    use SessionErrorKind as Kind;
    match kind {
        Kind::Ended => (StatusCode::UNAUTHORIZED, "The session is over.\n"),
        Kind::Ambiguous => (StatusCode::BAD_REQUEST, "Show one session token, not several.\n"),
        Kind::TooManyCookies => (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "Send fewer cookies.\n"),
        Kind::InvalidCursor => (StatusCode::BAD_REQUEST, "There is no such page. Begin with the first.\n"),
        Kind::Conflict => (StatusCode::CONFLICT, "Somebody else changed the same thing. Try again.\n"),
        Kind::TooManySessions => (StatusCode::CONFLICT, "Too many sessions. End another one first.\n"),
        Kind::CsrfRefused => (StatusCode::FORBIDDEN, "This page is out of date. Load it again.\n"),
        Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "That is more than a session can hold.\n"),
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
