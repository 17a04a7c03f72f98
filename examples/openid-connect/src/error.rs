use std::error::Error;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloakroom::SessionError;

/// The reason why a callback of the provider signs nobody in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignInError {
    /// The session waits for no callback: it was used already, is too old, belongs to another
    /// browser, or the request came without its cookie.
    #[error("no sign-in is in progress in this session")]
    NotInProgress,
    /// The callback belongs to another sign-in.
    #[error("the state is not that of this session's sign-in")]
    WrongState,
    /// The provider reports an error, for example because the user declined.
    #[error("the provider refused: {0}")]
    Refused(String),
    /// The provider did not exchange the code.
    #[error("the code was not exchanged")]
    Exchange(#[source] Box<dyn Error + Send + Sync>),
    /// The ID token is missing, or is not for this sign-in.
    #[error("the ID token is not valid")]
    IdToken(#[source] Box<dyn Error + Send + Sync>),
    /// The session could not be read or changed.
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// The same page for all of them, because nothing else helps the visitor. The log has the reason.
impl IntoResponse for SignInError {
    fn into_response(self) -> Response {
        if let Self::Session(error) = self {
            return error.into_response();
        }
        tracing::info!(error = ?self, "a sign-in failed");
        (StatusCode::BAD_REQUEST, "You are not signed in. Start again at /sign-in.\n").into_response()
    }
}
