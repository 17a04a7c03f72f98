//! Sources of randomness: the operating system, or a seed in tests.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random bytes.
///
/// The default is [`OsRandom`]. Replace it only in tests: sessions are exactly as unguessable as
/// this source (OWASP ASVS 7.2.3).
pub trait RandomSource: Send + Sync + 'static {
    /// Fills `buffer` with random bytes.
    ///
    /// # Errors
    /// If the source fails. Nothing is created then; there is no fallback.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError>;
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl RandomSource for OsRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        getrandom::fill(buffer).map_err(|error| RandomError::new(error.to_string()))
    }
}

/// A failure of the source of randomness.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("the random source failed: {0}")]
pub struct RandomError(String);

impl RandomError {
    /// An error with the reason that the source gave.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Debug for RandomError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A SplitMix64 generator: numbers that do not repeat before all others occurred, at a few
/// instructions each.
///
/// See Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014. It is not a
/// cryptographic generator: one number reveals all others.
#[derive(Debug)]
pub(crate) struct SplitMix(AtomicU64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl SplitMix {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    pub(crate) fn next(&self) -> u64 {
        Self::mixed(self.0.fetch_add(STEP, Ordering::Relaxed))
    }

    /// The number that follows `state`.
    pub(crate) const fn mixed(state: u64) -> u64 {
        let state = state.wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
