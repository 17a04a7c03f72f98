//! What can go wrong while servers are started, steered and asked.

use std::{io, time::Duration};

/// Why the testbed could not do what a test asked of it.
///
/// A test has one use for it: to fail with its text.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The program of the server is neither on the `PATH` nor where the environment says.
    #[error("`{program}` is not installed: {remedy}")]
    NotInstalled {
        /// What was looked for.
        program: String,
        /// How to get it.
        remedy: &'static str,
    },
    /// A server program of a certain version is not in the target folder.
    #[error("`{program}` is missing in the target folder: run `scripts/provide valkey old-redis`, which brings it")]
    NotBrought {
        /// What was looked for.
        program: String,
    },
    /// A setting cannot be written into the server's configuration.
    #[error("`{field}` cannot be used: {remedy}")]
    Setting {
        /// The method of the builder.
        field: &'static str,
        /// What to pass instead.
        remedy: &'static str,
    },
    /// The server ended, or never answered, before it was ready.
    #[error("the server on port {port} did not start ({reason}); it wrote:\n{log}")]
    NotStarted {
        /// The port it should have listened on.
        port: u16,
        /// What was seen from outside.
        reason: String,
        /// Everything the server wrote.
        log: String,
    },
    /// Something did not come true in time.
    #[error("waited {limit:?} in vain until {what}; the last look said: {last}")]
    TimedOut {
        /// What was waited for, in words that follow "until".
        what: String,
        /// How long.
        limit: Duration,
        /// Why the last look was not content.
        last: String,
    },
    /// The server did not answer a command, or answered with an error.
    #[error("`{command}` failed on port {port}: {reason}")]
    Command {
        /// The first words of the command.
        command: String,
        /// The server's port.
        port: u16,
        /// The server's or the connection's error.
        reason: String,
    },
    /// An answer of a server, or the state of a deployment, is not what the operation needs.
    #[error("{0}")]
    Unexpected(String),
    /// The operating system refused.
    #[error("cannot {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    pub(crate) fn unexpected(text: impl Into<String>) -> Self {
        Self::Unexpected(text.into())
    }
}
