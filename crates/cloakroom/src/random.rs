//! Where randomness comes from: the operating system, or a seed in tests.

use std::fmt;

/// A source of random bytes.
///
/// The default asks the operating system. Replace it only in tests: sessions are exactly as
/// unguessable as this source (OWASP ASVS 7.2.3).
pub trait RandomSource: Send + Sync + 'static {
    /// Fills `buffer` with random bytes.
    ///
    /// # Errors
    /// When no randomness can be had. Nothing is created then; there is no fallback.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl RandomSource for OsRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(buffer).map_err(|error| RandomError::new(error.to_string()))?;
        #[cfg(feature = "testkit")]
        crate::witness::saw("random number", || &*buffer);
        Ok(())
    }
}

/// Randomness could not be had.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("no randomness: {0}")]
pub struct RandomError(String);

impl RandomError {
    /// An error with the reason of the source.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Debug for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
