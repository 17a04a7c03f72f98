use std::fmt;
use std::time::Duration;

use crate::namespace::InvalidNamespace;
use crate::warning::{Joined, Warning};

/// Why a store was not made: everything that is wrong, each with its remedy.
///
/// Its `Debug` says the same as its `Display`, as that is what a `main` which returns it prints.
pub struct ConnectError {
    /// At least one.
    pub(crate) problems: Vec<Problem>,
    /// What would have worked.
    pub(crate) warnings: Vec<Warning>,
    /// For how long it was waited for in vain.
    pub(crate) waited: Option<Duration>,
}

/// One thing that is wrong with the configuration or with the server.
///
/// Its `Debug` says the same as its `Display`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The namespace is missing or not one.
    #[error("namespace: {0}")]
    Namespace(#[from] InvalidNamespace),
    /// The address does not name its namespace.
    #[error("namespace: missing; add it to the address, as in `redis://localhost/?namespace=shop`")]
    NoNamespace,
    /// An address does not read.
    #[error("address: {0}")]
    Address(String),
    /// A setting is out of its bounds.
    #[error("{field}: {remedy}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What it may be.
        remedy: String,
    },
    /// The line to the server would not be encrypted.
    #[error(
        "address: {0} is not this machine and the connection would not be encrypted; use `rediss://` with the \
         feature `tls`, or `allow_plaintext()` if the network itself is trusted"
    )]
    Plaintext(String),
    /// The address asks not to check whom it reaches.
    #[error(
        "address: `#insecure` would let anybody pose as the server; leave it out, and give the certificate of the \
         authority that signed the server's with `tls_root_certificates`"
    )]
    Insecure,
    /// The two sides of an encrypted line do not trust or understand each other.
    #[error("server: no encrypted line: {detail}; {remedy}")]
    Untrusted {
        /// What is wrong.
        detail: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The line would be encrypted, and the server does not speak so at this address.
    #[error(
        "server: {0} does not speak TLS; give the port at which it does (`tls-port` in its configuration), or use \
         `redis://` if the network itself is trusted"
    )]
    SpeaksPlain(String),
    /// The line would not be encrypted, and the server speaks nothing but TLS at this address.
    #[error("server: {0} speaks TLS; use `rediss://`, with the feature `tls` of cloakroom-redis")]
    SpeaksTls(String),
    /// The server cannot be reached.
    #[error(
        "server: cannot be reached: {0}; check the address, and that the server is up, or wait for it with `connect_within`"
    )]
    Unreachable(String),
    /// The sentinels watch no master of this name.
    #[error("server: cannot be reached: {0}; check the master's name, in `&master=` or `.sentinels(…)`")]
    UnknownMaster(String),
    /// The server is there, and not ready: it reads its data, or runs somebody's script.
    #[error("server: is not ready yet: {0}; try again in a moment, or wait for it with `connect_within`")]
    NotReady(String),
    /// The server refuses the user or the password.
    #[error("server: refuses the user or the password: {0}; check both in the address")]
    Unauthorized(String),
    /// The server is too old.
    #[error("server: version {0} is too old; Redis 7.0 or Valkey 7.2 is the oldest that works")]
    TooOld(String),
    /// The credentials do not allow something that is needed.
    #[error("server: the user may not {what} ({detail}); the guide's page on running many nodes has the access rules")]
    Forbidden {
        /// What is not allowed.
        what: &'static str,
        /// What the server said.
        detail: String,
    },
    /// A cluster was given as one server, or the other way round.
    #[error("address: {0}")]
    Topology(&'static str),
}

impl ConnectError {
    pub(crate) const fn new(problems: Vec<Problem>) -> Self {
        Self { problems, warnings: Vec::new(), waited: None }
    }

    /// Whether all that is wrong may be right in a moment without anybody doing anything.
    pub(crate) fn may_pass(&self) -> bool {
        self.problems.iter().all(|problem| matches!(problem, Problem::Unreachable(_) | Problem::NotReady(_)))
    }

    /// Everything that was found, at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What else was found, that would have been logged if the store had been made.
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
        if self.warnings.is_empty() { Ok(()) } else { write!(f, "; besides, {}", Joined(&self.warnings)) }
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
