//! Errors from starting, controlling and querying servers.

use std::{io, time::Duration};

/// The reason why the testbed could not do what a test asked for.
///
/// A test only ever fails with its message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The server program is neither on the `PATH` nor where the environment variable points.
    #[error("`{program}` is not installed: {remedy}")]
    NotInstalled {
        /// The program that was looked for.
        program: String,
        /// How to install it.
        remedy: &'static str,
    },
    /// A server program of a particular version is not in the target folder.
    #[error("`{program}` is missing in the target folder: run `scripts/provide valkey old-redis` to install it")]
    NotProvided {
        /// The program that was looked for.
        program: String,
    },
    /// A setting cannot be written into the server's configuration.
    #[error("`{field}` cannot be used: {remedy}")]
    Setting {
        /// The builder method.
        field: &'static str,
        /// The value to pass instead.
        remedy: &'static str,
    },
    /// The server exited, or did not answer, before it was ready.
    #[error("the server on port {port} did not start ({reason}); it wrote:\n{log}")]
    NotStarted {
        /// The port it was to listen on.
        port: u16,
        /// The observed failure.
        reason: String,
        /// The complete log of the server.
        log: String,
    },
    /// A condition was not met in time.
    #[error("timed out after {limit:?} waiting until {what}; last error: {last}")]
    TimedOut {
        /// The condition, in words that follow "until".
        what: String,
        /// The time limit.
        limit: Duration,
        /// The error of the last attempt.
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
    /// A reply of a server, or the state of a deployment, is not what the operation needs.
    #[error("{0}")]
    Unexpected(String),
    /// The operating system reported an error.
    #[error("cannot {what}: {source}")]
    Io {
        /// The operation that failed.
        what: &'static str,
        /// The error of the operating system.
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
