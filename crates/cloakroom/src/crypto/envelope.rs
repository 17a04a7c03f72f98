//! The form of encrypted data, an envelope.
//!
//! ```text
//! 0        1        2              26                            n - 16    n
//! ┌────────┬────────┬──────────────┬─────────────────────────────┬─────────┐
//! │format 1│ key id │ nonce        │ XChaCha20 of the bytes      │ Poly1305│
//! └────────┴────────┴──────────────┴─────────────────────────────┴─────────┘
//! ```

pub(super) const HEAD: usize = 2;
pub(super) const NONCE: usize = 24;
pub(super) const MAC: usize = 16;

/// The number of bytes that an envelope adds to its content.
pub(crate) const OVERHEAD: usize = HEAD + NONCE + MAC;

/// The reason why data from a store was not opened. The data stays unchanged.
#[cfg_attr(not(feature = "keys"), expect(dead_code, reason = "only a cipher finds out most of these"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    /// The ring has no such key.
    #[error("it is encrypted with a key that is not in the key ring")]
    UnknownKey,
    /// These sessions are configured without encryption, and so have no key for it.
    #[error("it is encrypted, but these sessions were built without `seal`")]
    NoKeys,
    /// The data was altered, truncated, or sealed for another place.
    #[error("it cannot be authenticated: it was altered, or belongs somewhere else")]
    Broken,
    /// The data is not encrypted, but must be.
    #[error("it is not encrypted")]
    Unsealed,
}
