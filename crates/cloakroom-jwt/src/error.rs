/// The reason why a JWT is invalid. Reveals nothing of its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// Not three parts of canonical base64url with JSON objects, or a member occurs twice.
    #[error("it is not a JWT in its compact form")]
    Malformed,
    /// Longer than 4 KiB.
    #[error("it is longer than 4096 bytes")]
    TooLong,
    /// The header requires something that is not supported, or lacks `alg` or `kid`.
    #[error("its header is not accepted")]
    Header,
    /// The type is missing or not the expected one.
    #[error("it is not a token of the expected type")]
    Type,
    /// The key is unknown, or no longer accepted.
    #[error("its key is not known")]
    UnknownKey,
    /// The key was revoked.
    #[error("its key was revoked")]
    RevokedKey,
    /// The algorithm is not that of the key.
    #[error("its algorithm is not that of its key")]
    Algorithm,
    /// The signature does not match.
    #[error("its signature is wrong")]
    Signature,
    /// The token has another issuer.
    #[error("it has an unexpected issuer")]
    Issuer,
    /// The token is for another audience.
    #[error("it has an unexpected audience")]
    Audience,
    /// A date is missing, is not a whole number, or contradicts another.
    #[error("its dates are missing, not whole numbers, or contradict each other")]
    Dates,
    /// The token is not valid yet.
    #[error("it is not valid yet")]
    NotYetValid,
    /// The token has expired.
    #[error("it has expired")]
    Expired,
    /// The token is valid for longer than the configured maximum.
    #[error("its validity period is too long")]
    TooLongLived,
    /// The other claims do not have the expected form.
    #[error("its claims do not have the expected form")]
    Claims,
}
