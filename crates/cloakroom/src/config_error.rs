use std::borrow::Cow;

/// An invalid setting, reported when it is set rather than when a request needs it.
///
/// Names the setting and the remedy: "`idle_timeout` is 0ns and must be between 1s and 34560000
/// seconds". Never shows any part of a secret. Other crates report their own settings with it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` {problem}")]
pub struct ConfigError {
    setting: &'static str,
    problem: Cow<'static, str>,
}

plain_debug!(ConfigError);

impl ConfigError {
    /// An error about `setting`. The problem continues a sentence that begins with the setting, and
    /// gives the remedy: "is empty; leave it out for the default".
    pub fn new(setting: &'static str, problem: impl Into<Cow<'static, str>>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// Returns the name of the setting: that of the method or the address parameter which sets it.
    /// Settings of cookies begin with `cookie.`, and those of JWTs with `jwt.`. `session(key)` is the
    /// key of a value's type.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }

    /// Returns the problem and its remedy, without the name of the setting.
    #[must_use]
    pub fn problem(&self) -> &str {
        &self.problem
    }
}
