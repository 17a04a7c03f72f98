use std::path::PathBuf;

use cloakroom::SessionError;
use cloakroom::store::StoreError;

/// Why a command failed. Messages name the remedy.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("no store is given; use `--store ADDRESS` or the variable CLOAKROOM_STORE")]
    NoStore,
    // Without the address, which may contain a password.
    #[error("the store {0}; write `redis://localhost:6379/`, `postgres://localhost/shop` or `sqlite:sessions.db`")]
    Address(&'static str),
    #[error(
        "the address names the namespace {0:?}, and `--namespace` or CLOAKROOM_NAMESPACE another one; name it once"
    )]
    TwoNamespaces(String),
    #[error(
        "{}: {} uses the sessions in this file; end it first, use its admin page, or run `doctor`, which only looks",
        path.display(), holder.map_or("another process".to_owned(), |id| format!("process {id}"))
    )]
    InUse { path: PathBuf, holder: Option<u32> },
    #[error("{0}")]
    Connect(String),
    #[error("{}", with_sources(.0))]
    Store(#[from] StoreError),
    #[error("{}", with_sources(.0))]
    Session(#[from] SessionError),
    #[error("{0}")]
    Config(#[from] cloakroom::ConfigError),
    #[error("there is no session with this id; it may have ended")]
    NoSession,
    #[error("this user has no sessions; check the user and the namespace")]
    NoSessions,
    #[error("nothing was ended; confirm with `y`, or pass `--yes`")]
    NotConfirmed,
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

/// Returns the text of an error with those of its sources, which have the details.
pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text += &format!(": {error}");
        next = error.source();
    }
    text
}
