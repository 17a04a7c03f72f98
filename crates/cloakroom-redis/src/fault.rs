//! Translation of server errors into the errors of the store contract.

use cloakroom::store::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Whether a command may have changed data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

/// The error of a command that was sent.
pub(crate) fn after_send(error: RedisError, effect: Effect) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::TryAgain,
        ) => StoreErrorKind::Unavailable,
        // The scripts report these before they change anything.
        _ if error.code() == Some("FORMAT") || error.code() == Some("WRONGTYPE") => StoreErrorKind::Corrupt,
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => StoreErrorKind::Refused,
        _ if effect == Effect::Writes => StoreErrorKind::Unknown,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}

/// The error of a command whose reply will never be known.
pub(crate) fn lost(error: impl Into<Box<dyn std::error::Error + Send + Sync>>, effect: Effect) -> StoreError {
    let kind = match effect {
        Effect::Reads => StoreErrorKind::Unavailable,
        Effect::Writes => StoreErrorKind::Unknown,
    };
    StoreError::new(kind, error)
}

/// The error of a command that was not sent, because there is no connection.
pub(crate) fn before_send(error: std::sync::Arc<RedisError>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, error)
}

/// The error for a reply that cannot be understood. The command may still have been executed.
pub(crate) fn unexpected_reply(effect: Effect) -> impl FnOnce(crate::wire::UnexpectedReply) -> StoreError {
    let kind = match effect {
        Effect::Reads => StoreErrorKind::Unavailable,
        Effect::Writes => StoreErrorKind::Unknown,
    };
    move |error| StoreError::new(kind, error)
}

/// The error for a record that cannot be decoded.
pub(crate) fn malformed(error: crate::wire::Malformed) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}
