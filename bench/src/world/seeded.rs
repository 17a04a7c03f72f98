use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use cloakroom::{RandomError, RandomSource};

/// Reproducible tokens, for populations whose making is not what is measured.
#[derive(Debug)]
pub(crate) struct Seeded(AtomicU64);

impl Seeded {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl RandomSource for Seeded {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        fastrand::Rng::with_seed(self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Relaxed)).fill(buffer);
        Ok(())
    }
}
