/// Why a JWT is not believed. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// Not three parts of canonical base64url with JSON objects in them, or one member twice.
    #[error("it is not a JWT in its compact form")]
    Malformed,
    /// More than 4 KiB.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// Its header wants something that is not supported, or lacks `alg` or `kid`.
    #[error("its header is not one that is accepted")]
    Header,
    /// It does not say what kind of token it is, or says another.
    #[error("it is not a token of the expected type")]
    Type,
    /// Its key is not one of ours, or not any more.
    #[error("its key is not known")]
    UnknownKey,
    /// Its key was revoked.
    #[error("its key was revoked")]
    RevokedKey,
    /// Its algorithm is not that of its key.
    #[error("its algorithm is not that of its key")]
    Algorithm,
    /// Its signature is not that of its key.
    #[error("its signature is wrong")]
    Signature,
    /// It is of somebody else.
    #[error("its issuer is not the expected one")]
    Issuer,
    /// It is for somebody else.
    #[error("it is not for us")]
    Audience,
    /// A date is missing, is no whole number, or contradicts another.
    #[error("its dates are missing, no numbers, or contradict each other")]
    Dates,
    /// It is not valid yet.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is not valid any more.
    #[error("it has expired")]
    Expired,
    /// It is valid for longer than tokens may be.
    #[error("it is valid for longer than is accepted")]
    TooLongLived,
    /// What else it says is not what is asked for.
    #[error("its claims are not of the expected form")]
    Claims,
}

/// A setting about JWTs that cannot work, found when it was set. Shows no key.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("JWT setting `{setting}` {problem}")]
pub struct JwtConfigError {
    setting: &'static str,
    problem: String,
}

plain_debug!(JwtConfigError);

impl JwtConfigError {
    pub(crate) fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// Which setting.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}
