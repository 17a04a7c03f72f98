use super::Verifier;

/// The secret that must have been presented for a commit, a touch or a destruction to hold.
///
/// A secret is named by its [`Verifier`] in a store. The local tier names it by a fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard<S = Verifier> {
    /// No secret: the application itself writes, for example to revoke.
    Anyone,
    /// The current secret, or the previous one within its grace.
    Holder(S),
    /// The current secret only.
    Current(S),
}
