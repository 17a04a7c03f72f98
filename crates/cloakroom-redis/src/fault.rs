//! What a fault of the server means to a caller of the store.

use cloakroom::store::{StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Whether a command may have changed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Reads,
    Writes,
}

/// The fault of a command that was sent.
pub(crate) fn after_send(error: RedisError, effect: Effect) -> StoreError {
    let kind = match error.kind() {
        ErrorKind::Server(
            ServerErrorKind::BusyLoading
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::TryAgain,
        ) => StoreErrorKind::Unavailable,
        // The scripts say so before they do anything.
        _ if error.code() == Some("FORMAT") || error.code() == Some("WRONGTYPE") => StoreErrorKind::Corrupt,
        ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => StoreErrorKind::Refused,
        _ if effect == Effect::Writes => StoreErrorKind::Unknown,
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, error)
}

/// The answer to a command will never be known.
pub(crate) fn lost(error: impl Into<Box<dyn std::error::Error + Send + Sync>>, effect: Effect) -> StoreError {
    let kind = match effect {
        Effect::Reads => StoreErrorKind::Unavailable,
        Effect::Writes => StoreErrorKind::Unknown,
    };
    StoreError::new(kind, error)
}

/// The fault of a command that was not sent, because there is no connection.
pub(crate) fn before_send(error: std::sync::Arc<RedisError>) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, error)
}

/// The reply cannot be understood. What was asked for may have been done.
pub(crate) fn unexpected_reply(effect: Effect) -> impl FnOnce(crate::wire::UnexpectedReply) -> StoreError {
    let kind = match effect {
        Effect::Reads => StoreErrorKind::Unavailable,
        Effect::Writes => StoreErrorKind::Unknown,
    };
    move |error| StoreError::new(kind, error)
}

/// The record cannot be understood.
pub(crate) fn malformed(error: crate::wire::Malformed) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, error)
}
