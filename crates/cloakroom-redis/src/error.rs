use std::fmt;
use std::time::Duration;

use cloakroom::ConfigError;

use crate::warning::{Joined, Warning};

/// Why a store could not be created: every problem, each with its remedy.
///
/// `Debug` prints the same text as `Display`, because a `main` that returns this error prints
/// `Debug`.
pub struct ConnectError {
    /// At least one.
    pub(crate) problems: Vec<Problem>,
    /// Warnings that would not have prevented the start.
    pub(crate) warnings: Vec<Warning>,
    /// How long `connect_within` waited before it gave up.
    pub(crate) waited: Option<Duration>,
}

/// One problem of the configuration or of the server.
///
/// `Debug` prints the same text as `Display`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A setting cannot work: the `namespace`, the `address`, a parameter of it, or a setting of the
    /// [builder](crate::RedisStoreBuilder).
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The connection to the server would not be encrypted.
    #[error(
        "`address` leads to {0}, which is not a loopback address, and the connection would not be encrypted; use `rediss://` with the \
         feature `tls`, or `allow_plaintext()` if the network itself is trusted"
    )]
    Plaintext(String),
    /// The TLS handshake failed: one side does not trust or understand the other.
    #[error("server: the TLS connection failed: {detail}; {remedy}")]
    Untrusted {
        /// The cause.
        detail: String,
        /// The remedy.
        remedy: &'static str,
    },
    /// The connection would be encrypted, but the server does not speak TLS at this address.
    #[error(
        "server: {0} does not speak TLS; use its TLS port (`tls-port` in its configuration), or \
         `redis://` if the network itself is trusted"
    )]
    SpeaksPlain(String),
    /// The connection would not be encrypted, but the server speaks only TLS at this address.
    #[error("server: {0} speaks TLS; use `rediss://`, with the feature `tls` of cloakroom-redis")]
    SpeaksTls(String),
    /// The server cannot be reached.
    #[error(
        "server: cannot be reached: {0}; check the address and that the server is up, or wait for it with `connect_within`"
    )]
    Unreachable(String),
    /// The sentinels watch no master of this name.
    #[error("server: cannot be reached: {0}; check the master's name, in `&master=` or `.sentinels(…)`")]
    UnknownMaster(String),
    /// The server is reachable but not ready: it is loading its data, or running a long script.
    #[error("server: not ready yet: {0}; try again in a moment, or wait for it with `connect_within`")]
    NotReady(String),
    /// The server rejects the user or the password.
    #[error("server: rejected the user or the password: {0}; check both in the address")]
    Unauthorized(String),
    /// The server is too old.
    #[error("server: version {0} is too old; Redis 7.0 or Valkey 7.2 is required")]
    TooOld(String),
    /// The user lacks a right that the store needs.
    #[error(
        "server: the user may not {what} ({detail}); the guide's page on running many nodes lists the access rules"
    )]
    Forbidden {
        /// The operation that is not allowed.
        what: &'static str,
        /// The server's error message.
        detail: String,
    },
    /// A cluster was configured as one server, or the other way round.
    #[error("`address` {0}")]
    Topology(&'static str),
}

impl ConnectError {
    pub(crate) const fn new(problems: Vec<Problem>) -> Self {
        Self { problems, warnings: Vec::new(), waited: None }
    }

    /// Returns `true` if every problem may pass without any action.
    pub(crate) fn may_pass(&self) -> bool {
        self.problems.iter().all(|problem| matches!(problem, Problem::Unreachable(_) | Problem::NotReady(_)))
    }

    /// Every problem that was found, at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Further findings, which would only have been logged if the store had been created.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl From<Problem> for ConnectError {
    fn from(problem: Problem) -> Self {
        Self::new(vec![problem])
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the session store cannot be used")?;
        if let Some(waited) = self.waited {
            write!(f, ", after waiting for {waited:?}")?;
        }
        self.problems
            .iter()
            .enumerate()
            .try_for_each(|(n, problem)| write!(f, "{}{problem}", if n == 0 { ": " } else { "; " }))?;
        if self.warnings.is_empty() { Ok(()) } else { write!(f, "; also: {}", Joined(&self.warnings)) }
    }
}

impl fmt::Debug for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for ConnectError {}
