use std::sync::atomic::{AtomicU64, Ordering};

use cloakroom::{RandomError, RandomSource};

/// A source of randomness that repeats in every run with the same seed, so that a failing test can
/// be reproduced.
///
/// **Never use it in a service**: anyone who knows or guesses the seed knows every token. It is
/// SplitMix64, which is not a cryptographic generator.
///
/// Threads may share it; the scheduler then decides which thread draws which number.
#[derive(Debug)]
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    /// A source whose bytes follow from `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number.
    pub fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

impl RandomSource for SeededRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        for chunk in buffer.chunks_mut(8) {
            let bytes = self.next_u64().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

/// A source of randomness that fails after a number of calls, to test the failure. Seeded; never
/// use it in a service.
#[derive(Debug)]
pub struct FailingRandom {
    left: AtomicU64,
    source: SeededRandom,
}

impl FailingRandom {
    /// A source that fills `fills` buffers and then fails.
    #[must_use]
    pub const fn after(fills: u64) -> Self {
        Self { left: AtomicU64::new(fills), source: SeededRandom::new(fills) }
    }
}

impl RandomSource for FailingRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1))
            .map_err(|_| RandomError::new("the test's source of randomness is exhausted"))?;
        self.source.fill(buffer)
    }
}
